"""Entries, their bytes and leaves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.base64_text import encode_base64url
from chain.canonical import JsonError, canonicalize
from chain.entry import (
    ENTRY_TYPES,
    FIRST_PREVIOUS,
    MAX_AMOUNT,
    MAX_ENTRY_SIZE,
    ZERO_ADDRESS,
    ZERO_REF,
    Entry,
    EntryType,
    FieldError,
    Operation,
    OperationKind,
    SubjectLink,
    account_id,
    build_entry,
    check_entry,
    encode_entry,
    entry_commitment,
    leaf_data,
    parse_entry,
    parse_leaf_data,
)
from chain.entry_text import write_entry
from chain.errors import FormatError
from chain.hashing import sha256

ALICE, BOB = "acct_" + "a1" * 20, "acct_" + "b2" * 20
CODES = st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True)
HEX32 = st.binary(min_size=32, max_size=32).map(bytes.hex)
ACCOUNTS = st.binary(min_size=20, max_size=20).filter(any).map(account_id)
SUMS = st.integers(0, MAX_AMOUNT).map(str)
TIMES = st.datetimes().map(
    lambda at: f"{at:%Y}".zfill(4) + f"{at:-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
)
IDS = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)
BY_RULE: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.integers(1, MAX_AMOUNT).map(str),
    "sum": SUMS,
    "timestamp": TIMES,
    "bool": st.booleans(),
    "account": ACCOUNTS,
    "code": CODES,
    "hex20": st.binary(min_size=20, max_size=20).map(bytes.hex),
    "hex32": HEX32,
    "currency": st.from_regex(r"[A-Z]{3}", fullmatch=True),
    "entry_id": IDS,
    "origin": st.from_regex(r"[A-Za-z0-9._:/-]{1,255}", fullmatch=True),
    "vkey": st.just("log.example/1+00c0ffee+" + "A" * 44),
    "count": st.integers(0, 2**53 - 1),
    "basis_points": st.integers(0, 10_000),
    "date": st.dates().map(str),
    "month": st.dates().map(lambda day: f"{day.year:04d}-{day.month:02d}"),
    "codes": st.lists(CODES, max_size=3),
    "legs": st.lists(
        st.fixed_dictionaries({"role": CODES, "amount": SUMS}, optional={"account": ACCOUNTS}), max_size=3
    ),
    "shares": st.lists(
        st.fixed_dictionaries({"role": CODES, "basis_points": st.integers(0, 10_000)}), max_size=3
    ),
    "items": st.lists(st.fixed_dictionaries({}, optional={"product": CODES, "amount": SUMS}), max_size=3),
}


@st.composite
def operations(draw: st.DrawFn, kinds: frozenset[OperationKind]) -> Operation:
    kind = draw(st.sampled_from(sorted(kinds)))
    address = st.binary(min_size=20, max_size=20).filter(any)
    acts_on_earlier = kind in (OperationKind.RELEASE, OperationKind.CANCEL, OperationKind.REVERSE)
    no_ref = kind in (OperationKind.ISSUE, OperationKind.RECOVER)
    ref = draw(st.binary(min_size=32, max_size=32).filter(any))
    ends = kind in (OperationKind.BURN, OperationKind.CANCEL)
    ends = ends or (kind is OperationKind.REVERSE and draw(st.booleans()))
    return Operation(
        kind=kind,
        sender=ZERO_ADDRESS if kind is OperationKind.ISSUE else draw(address),
        receiver=ZERO_ADDRESS if ends else draw(address),
        amount=0 if kind is OperationKind.RECOVER else draw(st.integers(1, MAX_AMOUNT)),
        valid_until=draw(st.integers(0, 2**53 - 1)),
        ref=ZERO_REF if no_ref or not (acts_on_earlier or draw(st.booleans())) else ref,
    )


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    entry_type: EntryType = draw(st.sampled_from(list(ENTRY_TYPES.values())))
    fields = {name: BY_RULE[rule.name] for name, rule in entry_type.public.items()}
    essential = {name: fields.pop(name) for name in entry_type.essential}
    acts = entry_type.acts or (entry_type.operations and draw(st.booleans()))
    links = st.tuples(st.integers(2, 2**53 - 1), st.binary(min_size=32, max_size=32).filter(any))
    first = st.just((1, FIRST_PREVIOUS))
    digests = st.binary(min_size=32, max_size=32).map(encode_base64url)
    return dict(
        entry_id=draw(IDS),
        type_name=entry_type.name,
        chapter=draw(st.from_regex(r"[0-9]{4}-[0-9]{4}", fullmatch=True)),
        at=draw(TIMES),
        actor=draw(st.none() | ACCOUNTS),
        authority=draw(st.sampled_from(["operator", "device", "countersigned"])),
        subjects=draw(st.dictionaries(ACCOUNTS, links | first, max_size=3)),
        operation=draw(operations(entry_type.operations)) if acts else None,
        public=draw(st.fixed_dictionaries(essential, optional=fields)),
        refs=draw(st.lists(IDS, unique=True, max_size=2)),
        rule=draw(st.none() | CODES),
        sd=draw(st.sets(digests, max_size=3)),
    )


def test_every_form_of_a_field_is_drawn() -> None:
    named = {rule.name for entry_type in ENTRY_TYPES.values() for rule in entry_type.public.values()}
    assert named == BY_RULE.keys()


@given(entries())
def test_fast_encodings_are_the_canonical_one_and_read_back(parts: dict[str, Any]) -> None:
    entry = build_entry(**parts)
    data = encode_entry(entry)
    assert data == canonicalize(entry)
    assert data == write_entry(**parts)
    read = parse_entry(data)
    again = build_entry(
        entry_id=read.id,
        type_name=read.type,
        chapter=read.chapter,
        at=read.at,
        actor=read.actor,
        authority=read.authority,
        subjects={account: (link.sequence, link.previous) for account, link in read.subjects.items()},
        operation=read.operation,
        public=read.public,
        refs=read.refs,
        rule=read.rule,
        sd=read.sd,
    )
    assert encode_entry(again) == data


def gift(**changes: Any) -> dict[str, Any]:
    operation = Operation(OperationKind.TRANSFER, b"\xa1" * 20, b"\xb2" * 20, 2000, 0, ZERO_REF)  # type: ignore[arg-type]
    entry = build_entry(
        entry_id="01KAMJ5Z8D0000000000000001",  # type: ignore[arg-type]
        type_name="gift.sent",
        chapter="3101-0007",  # type: ignore[arg-type]
        at="2026-11-22T05:58:57.123Z",
        actor=ALICE,  # type: ignore[arg-type]
        authority="device",
        subjects={ALICE: (1, bytes(32)), BOB: (2, b"\x01" * 32)},  # type: ignore[dict-item]
        operation=operation,
        public={"reason": "thanks"},
        refs=["01KAMJ5Z8D0000000000000000"],  # type: ignore[list-item]
        rule="gift.v1",
        sd=["B" * 42 + "A", "A" * 43],
    )
    return {**entry, **changes}


def test_every_member_of_an_entry_is_read() -> None:
    assert parse_entry(encode_entry(gift())) == Entry(
        id="01KAMJ5Z8D0000000000000001",
        type="gift.sent",
        chapter="3101-0007",
        at="2026-11-22T05:58:57.123Z",
        actor=ALICE,
        authority="device",
        subjects={ALICE: SubjectLink(1, FIRST_PREVIOUS), BOB: SubjectLink(2, b"\x01" * 32)},
        operation=Operation(OperationKind.TRANSFER, b"\xa1" * 20, b"\xb2" * 20, 2000, 0, ZERO_REF),
        public={"reason": "thanks"},
        refs=("01KAMJ5Z8D0000000000000000",),
        rule="gift.v1",
        sd=("A" * 43, "B" * 42 + "A"),
    )


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"type": "gift.given"}, "entry.unknown_type", "type"),
        ({"note": 1}, "entry.unknown_field", "entry"),
        ({"public": {"message": "hi"}}, "entry.unknown_field", "public.message"),
        ({"public": {"生日": "hi"}}, "entry.unknown_field", "public"),
        ({"public": {"reason": "two words"}}, "entry.bad_field", "public.reason"),
        ({"op": None}, "entry.bad_field", "op"),
        ({"subjects": {ALICE: {"seq": 2**53, "prev": "11" * 32}}}, "entry.bad_field", "subjects.seq"),
        ({"refs": ["01KAMJ5Z8D0000000000000000", "x"]}, "entry.bad_field", "refs[1]"),
    ],
)
def test_errors_name_code_and_field(changes: dict[str, Any], code: str, where: str) -> None:
    with pytest.raises(FieldError) as caught:
        check_entry(gift(**changes))
    assert (caught.value.code, caught.value.where) == (code, where)


@pytest.mark.parametrize("value", [None, [], "entry", 1])
def test_an_entry_is_an_object(value: object) -> None:
    with pytest.raises(FieldError) as caught:
        check_entry(value)
    assert (caught.value.where, caught.value.reason) == ("entry", "not an object")


def test_length_limit_holds_both_ways() -> None:
    items = [{"product": "x" * 64, "quantity": number} for number in range(400)]
    entry = build_entry(**{**purchase(), "public": {"items": items}})
    for attempt in (lambda: encode_entry(entry), lambda: parse_entry(canonicalize(entry))):
        with pytest.raises(FormatError) as caught:
            attempt()
        assert (caught.value.where, caught.value.reason) == ("entry", f"longer than {MAX_ENTRY_SIZE} bytes")


def purchase() -> dict[str, Any]:
    return {
        "entry_id": "01KAMJ5Z8D0000000000000001",
        "type_name": "purchase.recorded",
        "chapter": "3101-0007",
        "at": "2026-11-22T05:58:57.123Z",
        "actor": None,
        "authority": "operator",
        "subjects": {},
        "operation": None,
    }


def test_deep_or_doubled_entries_are_json_errors() -> None:
    for data, code in ((b"[" * 70_000, "json.too_deep"), (b'{"v":1,"v":1}', "json.duplicate_key")):
        with pytest.raises(JsonError) as caught:
            parse_entry(data[:MAX_ENTRY_SIZE])
        assert caught.value.code == code


def test_commitment_is_salted_hash_of_the_bytes() -> None:
    data = encode_entry(gift())
    assert entry_commitment(b"\x07" * 32, data) == sha256(b"\x07" * 32 + data)
    with pytest.raises(FormatError) as caught:
        entry_commitment(b"\x07" * 31, data)
    assert (caught.value.where, caught.value.reason) == ("salt", "not 32 bytes")


def test_leaf_data_round_trip_and_limits() -> None:
    commitment, digest = b"\x01" * 32, b"\x02" * 32
    assert leaf_data(commitment, digest) == b"\x01" + commitment + digest
    assert parse_leaf_data(leaf_data(commitment, digest)) == (commitment, digest)
    assert leaf_data(commitment, None) == b"\x01" + commitment + bytes(32)
    assert parse_leaf_data(leaf_data(commitment, None)) == (commitment, None)
    for bad in ((commitment[:-1], digest), (commitment, digest + b"\0"), (commitment[:-1], digest + b"\0")):
        with pytest.raises(FormatError, match="not 32 bytes"):
            leaf_data(*bad)
    for bad_leaf, reason in (
        (bytes(65), "unknown version"),
        (b"\x01" * 64, "not 65 bytes"),
        (b"", "not 65 bytes"),
    ):
        with pytest.raises(FormatError) as caught:
            parse_leaf_data(bad_leaf)
        assert (caught.value.where, caught.value.reason) == ("leaf", reason)
