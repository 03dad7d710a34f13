"""Vectors for entries, their digests and leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from chain.canonical import JsonValue, canonicalize
from chain.entry import (
    ZERO_ADDRESS,
    ZERO_REF,
    Operation,
    OperationKind,
    account_id,
    build_entry,
    encode_entry,
    entry_commitment,
    leaf_data,
    operation_digest,
    parse_entry,
)
from chain.errors import FormatError
from chain.hashing import hash_leaf
from chain.types import AccountId, Address, ChapterCode, EntryId

Case = dict[str, JsonValue]
VectorFile = dict[str, JsonValue]


def build_entry_vectors() -> Iterator[tuple[str, VectorFile]]:
    """Yield (path below tests/vectors, file) of ``entry``."""
    sound: list[JsonValue] = [_sound_entry(*parts) for parts in _sound_entries()]
    what = "Entries, their digests and leaves."
    yield "entry/sound-entries.json", {"what": what, "valid": True, "cases": sound}
    for name, fault, entries in (*_broken_members(), *_broken_operations(), *_broken_fields()):
        broken: list[JsonValue] = [_broken_entry(text) for text in entries]
        yield f"entry/{name}.json", {"what": fault, "valid": False, "cases": broken}


def _address(label: str) -> Address:
    return Address(sha256(label.encode()).digest()[:20])


_A, _B = (account_id(_address(label)) for label in ("a", "b"))
_ID = EntryId("01KAMJ5Z8D0000000000000001")
_OTHER_ID = EntryId("01KAMJ5Z8D0000000000000002")
_CHAPTER = ChapterCode("3101-0007")
_SALT, _OP_SALT = sha256(b"salt").digest(), sha256(b"op salt").digest()[:16]
_AT = "2026-11-22T05:58:57.123Z"
_VKEY = "log.example/3101+7c5a0a01+" + "A" * 44
_TYPE_OF = {
    OperationKind.ISSUE: "credit.issued",
    OperationKind.TRANSFER: "gift.sent",
    OperationKind.REDEEM: "redemption.recorded",
    OperationKind.BURN: "credit.burned",
    OperationKind.LOCK: "credit.locked",
    OperationKind.RELEASE: "credit.released",
    OperationKind.CANCEL: "credit.cancelled",
    OperationKind.REVERSE: "credit.reversed",
    OperationKind.RECOVER: "credit.recovered",
}


def _operation(kind: OperationKind) -> Operation:
    earlier = kind in (OperationKind.RELEASE, OperationKind.CANCEL, OperationKind.REVERSE)
    return Operation(
        kind=kind,
        sender=ZERO_ADDRESS if kind is OperationKind.ISSUE else _address("a"),
        receiver=ZERO_ADDRESS if kind in (OperationKind.BURN, OperationKind.CANCEL) else _address("b"),
        amount=0 if kind is OperationKind.RECOVER else 2000 + kind,
        valid_until=0 if kind % 2 else 1_795_000_000,
        ref=sha256(b"earlier").digest() if earlier else ZERO_REF,
    )


def _entry(
    type_name: str = "purchase.recorded",
    operation: Operation | None = None,
    public: dict[str, JsonValue] | None = None,
    subjects: dict[AccountId, tuple[int, bytes]] | None = None,
) -> dict[str, JsonValue]:
    return build_entry(
        entry_id=_ID,
        type_name=type_name,
        chapter=_CHAPTER,
        at=_AT,
        actor=_A,
        authority="operator",
        subjects={_A: (1, bytes(32)), _B: (7, sha256(b"prev").digest())} if subjects is None else subjects,
        operation=operation,
        public={"amount": "40000", "currency": "CNY", "merchant": _B} if public is None else public,
        refs=[_OTHER_ID],
        sd=["n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"],
    )


def _sound_entries() -> Iterator[tuple[dict[str, JsonValue], Operation | None]]:
    yield _entry(), None
    yield _entry("log.genesis", None, {"origin": "log.example/3101", "vkey": _VKEY}, {}), None
    yield _entry("purchase.recorded", _operation(OperationKind.TRANSFER)), _operation(OperationKind.TRANSFER)
    for kind, type_name in _TYPE_OF.items():
        yield _entry(type_name, _operation(kind), {"occurred_at": _AT}), _operation(kind)
    back = replace(_operation(OperationKind.REVERSE), receiver=ZERO_ADDRESS)
    yield _entry("credit.reversed", back, {"occurred_at": _AT}), back


def _sound_entry(entry: dict[str, JsonValue], operation: Operation | None) -> Case:
    data = encode_entry(entry)
    if parse_entry(data).operation != operation:
        raise AssertionError("own builder and parser disagree")
    commitment = entry_commitment(_SALT, data)
    digest = None if operation is None else operation_digest(operation, _OP_SALT)
    leaf = leaf_data(commitment, digest)
    return {
        "entry": data.decode(),
        "salt": _SALT.hex(),
        "op_salt": None if operation is None else _OP_SALT.hex(),
        "commitment": commitment.hex(),
        "operation_digest": None if digest is None else digest.hex(),
        "leaf_data": leaf.hex(),
        "leaf_hash": hash_leaf(leaf).hex(),
    }


def _broken_entry(text: str) -> Case:
    try:
        parse_entry(text.encode())
    except FormatError as error:
        return {"entry": text, "where": error.where}
    raise AssertionError(f"parses: {text[:200]}")


def _with(name: str, *values: object) -> list[str]:
    """The sound entry with one member replaced by each value."""
    return [canonicalize({**_entry(), name: value}).decode() for value in values]


def _with_op(name: str, *values: object, kind: OperationKind = OperationKind.TRANSFER) -> list[str]:
    """An entry of that kind with one operand replaced by each value."""
    entry = _entry(_TYPE_OF[kind], _operation(kind), {})
    op = entry["op"]
    operands = op if isinstance(op, dict) else {}
    return [canonicalize({**entry, "op": {**operands, name: value}}).decode() for value in values]


def _with_public(name: str, *values: object) -> list[str]:
    """A purchase with one public field of each value."""
    return [canonicalize({**_entry(), "public": {name: value}}).decode() for value in values]


def _bare(type_name: str, operation: Operation | None = None, **public: JsonValue) -> str:
    return canonicalize(_entry(type_name, operation, public)).decode()


_Fault = tuple[str, str, list[str]]


def _broken_members() -> Iterator[_Fault]:
    sound = canonicalize(_entry()).decode()
    reordered = sound.replace('"_sd_alg":"sha-256",', "")[:-1] + ',"_sd_alg":"sha-256"}'
    respelled = [sound.replace('"v":1', '"v": 1'), sound.replace("CNY", "\\u0043NY")]
    yield (
        "not-canonical",
        "The bytes are not the canonical ones.",
        [" " + sound, sound + "\n", reordered, sound.replace('"v":1', '"v":1.0'), *respelled],
    )
    entry = _entry()
    missing = [canonicalize({k: v for k, v in entry.items() if k != name}).decode() for name in entry]
    yield "missing-member", "A member is missing.", missing
    unknown = [*_with("note", "x"), *_with("salt", "00"), *_with("V", 1)]
    yield "unknown-member", "A member is not of version 1.", unknown
    yield "wrong-version", "The version is not 1.", _with("v", 0, 2, "1", True, None)
    types = _with("type", "", "purchase", "purchase.recorded ", "Purchase.recorded", 1, None, [])
    yield "wrong-type", "The type is not registered.", types
    yield (
        "wrong-names",
        "Id, chapter, actor, authority or rule is malformed.",
        [
            *_with("id", "", _ID.lower(), _ID + "0", "8" + _ID[1:], _ID.replace("K", "I"), 1, None),
            *_with("chapter", "", "3101-007", "31010007", "3101-0007\n", "３101-0007", None),
            *_with("actor", "", _A.upper(), _A[:-1], "acct_" + "g" * 40, 0, {}),
            *_with("authority", "", "Operator", "root", None),
            *_with("rule", "", "two words", "规则", "x" * 65, 1),
        ],
    )
    yield "wrong-time", "The time is not UTC with three decimals, or no such time exists.", _broken_times()
    zeros = "00" * 32
    links: list[object] = [{_A: {"seq": seq, "prev": zeros}} for seq in (0, -1, 2, "1", True, 1.5)]
    links += [{_A: {"seq": 1, "prev": prev}} for prev in ("", "11" * 32, "00" * 31, "0G" * 32, None)]
    yield (
        "wrong-subjects",
        "A subject's link is malformed.",
        [
            *_with("subjects", [], None, {"x": {"seq": 1, "prev": zeros}}, {_A: None}, {_A: {"seq": 1}}),
            *_with("subjects", {_A: {"seq": 1, "prev": zeros, "more": 1}}, *links),
        ],
    )
    yield (
        "wrong-references",
        "References or digests are malformed, repeated or out of order.",
        [
            *_with("refs", None, {}, ["x"], [_ID, _ID], [1]),
            *_with("_sd", None, ["x"], ["A" * 42 + "B"], ["B" * 42 + "A", "A" * 43], ["A" * 43] * 2),
            *_with("_sd_alg", "sha-512", "SHA-256", None),
        ],
    )


def _broken_times() -> list[str]:
    return [
        *_with("at", "", "2026-11-22T05:58:57Z", "2026-11-22T05:58:57.12Z", "2026-11-22T05:58:57.1234Z"),
        *_with("at", 0, None, "2026-11-22T05:58:57.123+00:00", "2026-11-22 05:58:57.123Z"),
        *_with("at", "2026-02-29T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-04-31T00:00:00.000Z"),
        *_with("at", "2026-11-22T24:00:00.000Z", "2026-11-22T05:58:60.000Z", "0000-01-01T00:00:00.000Z"),
    ]


def _broken_operations() -> Iterator[_Fault]:
    malformed = ("-1", "+1", "01", "1.0", "1e3", "", " 1", "１", str(2**63), "9" * 40)
    yield (
        "wrong-amount",
        "An amount is not a plain positive decimal string up to 2^63 - 1.",
        _with_op("amount", 0, 2000, 20.5, None, "0", *malformed),
    )
    missing = [text for name in ("kind", "from", "to", "valid_until", "ref") for text in _with_op(name, None)]
    nobody = "acct_" + "0" * 40
    needs_ref = (OperationKind.RELEASE, OperationKind.CANCEL, OperationKind.REVERSE)
    takes_none = (OperationKind.ISSUE, OperationKind.RECOVER)
    yield (
        "wrong-operation",
        "An operand is missing, foreign or does not fit its kind.",
        [
            *missing,
            *_with_op("kind", "", "mint", "Transfer", 2),
            *_with_op("from", nobody, "", 1),
            *_with_op("to", nobody, "", 1),
            *_with_op("opSalt", "00" * 16),
            *_with_op("valid_until", -1, 1.5, "0", True),
            *_with_op("ref", "", "0x" + "00" * 31, "00" * 31, "AA" * 32),
            *_with_op("from", _A, nobody, kind=OperationKind.ISSUE),
            *_with_op("to", _B, nobody, kind=OperationKind.BURN),
            *_with_op("to", _B, kind=OperationKind.CANCEL),
            *(_with_op("to", None, kind=kind)[0] for kind in (OperationKind.LOCK, OperationKind.RECOVER)),
            *_with_op("from", None, kind=OperationKind.REVERSE),
            *_with_op("amount", "1", kind=OperationKind.RECOVER),
            *(text for kind in needs_ref for text in _with_op("ref", "00" * 32, kind=kind)),
            *(text for kind in takes_none for text in _with_op("ref", "11" * 32, kind=kind)),
            *_with("op", [], "transfer"),
        ],
    )
    yield (
        "operation-not-of-its-type",
        "The type may not order this operation, or must order one.",
        [
            _bare("gift.sent", _operation(OperationKind.BURN)),
            _bare("purchase.recorded", _operation(OperationKind.ISSUE)),
            _bare("member.joined", _operation(OperationKind.ISSUE), account=_A),
            *(_bare(type_name) for type_name in _TYPE_OF.values()),
        ],
    )


def _broken_fields() -> Iterator[_Fault]:
    strangers = ("name", "phone", "note", "Amount", "", "two words", "姓名")
    undeclared = [text for name in strangers for text in _with_public(name, "x")]
    undeclared += _with_public("items", [{"product": "1", "name": "milk"}])
    yield "undeclared-field", "A public field is not of its type.", undeclared
    yield (
        "free-text",
        "A public value is not a code, number, time or hash.",
        [
            *_with_public("channel", "", "two words", "李雷", "a" * 65, "a\nb", "a/b", 1, None, [], {}),
            *_with_public("amount", 1, 1.5, "-1", "1.5", "", None, str(2**63)),
            *_with_public("currency", "cny", "CNYX", "元", 1),
            *_with_public("merchant", "", "acct_", "0x" + "11" * 20, None),
            *_with_public("item_count", -1, 1.5, "1", True, None),
            *_with_public("rebate_basis_points", 10_001, -1, "5"),
            *_with_public("receipt", "11" * 31, "AA" * 32),
            *_with_public("occurred_at", "2026-11-22", 0),
            *_with_public("items", {}, [1], [{}] * 501),
        ],
    )
    needy = ("log.genesis", "member.joined", "account.recovered", "quota.set", "cap.set", "period.close")
    what = "A field its type needs is missing."
    yield "essential-field-missing", what, [_bare(name) for name in needy]
    yield "too-long", "More than 32,768 bytes.", _with_public("items", [{"product": "x" * 64}] * 420)
