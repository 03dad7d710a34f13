"""Entries and leaves: what is recorded, and the 65 bytes of it that the log shows. FORMATS.md 2 and 3. Pure.

Must not create salts, ids or times: they are arguments. Names of operations and types are exported here too,
so callers need this module alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chain.canonical import MAX_SAFE_INTEGER, JsonValue, canonicalize, encode_plain, parse_json
from chain.entry_fields import CODE_PATTERN, ENTRY_ID_PATTERN, EntryType, FieldRule, is_timestamp
from chain.entry_types import ENTRY_TYPES, check_draft
from chain.errors import FormatError
from chain.hashing import HASH_SIZE, sha256
from chain.operation import (
    ACCOUNT_PATTERN,
    BAD_FIELD,
    CHAPTER_PATTERN,
    HEX32_PATTERN,
    MAX_AMOUNT,
    OP_SALT_SIZE,
    UNKNOWN_FIELD,
    ZERO_ADDRESS,
    ZERO_REF,
    FieldError,
    Operation,
    OperationKind,
    account_address,
    account_id,
    chapter_code,
    chapter_number,
    check_operation,
    encode_operands,
    format_operation,
    operation_digest,
    operation_from_entry,
    parse_amount,
    parse_kind,
    parse_operation,
)
from chain.types import AccountId, ChapterCode, Digest, EntryId, LeafHash

__all__ = [
    "AUTHORITIES",
    "ENTRY_TYPES",
    "ENTRY_VERSION",
    "FIRST_PREVIOUS",
    "LEAF_SIZE",
    "LEAF_VERSION",
    "MAX_AMOUNT",
    "MAX_ENTRY_SIZE",
    "OP_SALT_SIZE",
    "SALT_SIZE",
    "ZERO_ADDRESS",
    "ZERO_REF",
    "Entry",
    "EntryType",
    "FieldError",
    "FieldRule",
    "Operation",
    "OperationKind",
    "SubjectLink",
    "account_address",
    "account_id",
    "build_entry",
    "chapter_code",
    "chapter_number",
    "check_draft",
    "check_entry",
    "check_operation",
    "encode_entry",
    "encode_operands",
    "entry_commitment",
    "format_operation",
    "leaf_data",
    "operation_digest",
    "operation_from_entry",
    "parse_amount",
    "parse_entry",
    "parse_kind",
    "parse_leaf_data",
    "parse_operation",
]

ENTRY_VERSION = 1
LEAF_VERSION = b"\x01"
LEAF_SIZE = 65
"""Bytes of leaf data: version, commitment, operation digest."""

SALT_SIZE = 32
MAX_ENTRY_SIZE = 32_768
"""Bytes of one entry at most."""

AUTHORITIES = frozenset({"operator", "device", "countersigned"})
"""By whose authority an entry was made."""

FIRST_PREVIOUS = LeafHash(bytes(HASH_SIZE))
"""``prev`` of an account's first entry."""

_MEMBERS = frozenset("v id type chapter at actor authority subjects op public refs rule _sd _sd_alg".split())
_SD_PATTERN = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")
"""Canonical base64url of 32 bytes: the last character carries four bits."""

_NO_OPERATION = bytes(HASH_SIZE)


@dataclass(frozen=True, slots=True)
class SubjectLink:
    """Where an entry stands in one account's own chain: ``sequence`` from 1, ``previous`` leaf hash."""

    sequence: int
    previous: LeafHash


@dataclass(frozen=True, slots=True)
class Entry:
    """A checked entry. ``sd`` are the digests of its private fields, sorted."""

    id: EntryId
    type: str
    chapter: ChapterCode
    at: str
    actor: AccountId | None
    authority: str
    subjects: Mapping[AccountId, SubjectLink]
    operation: Operation | None
    public: Mapping[str, JsonValue]
    refs: tuple[EntryId, ...]
    rule: str | None
    sd: tuple[str, ...]


def build_entry(
    *,
    entry_id: EntryId,
    type_name: str,
    chapter: ChapterCode,
    at: str,
    actor: AccountId | None,
    authority: str,
    subjects: Mapping[AccountId, tuple[int, bytes]],
    operation: Operation | None,
    public: Mapping[str, JsonValue],
    refs: Sequence[EntryId] = (),
    rule: str | None = None,
    sd: Iterable[str] = (),
) -> dict[str, JsonValue]:
    """Return the entry as a value for :func:`encode_entry`.

    ``subjects`` maps accounts to (sequence, previous leaf hash). Checks nothing: drafts are checked by
    ``check_draft`` and ``check_operation`` when they come in, the rest is the sequencer's own.
    """
    return {
        "v": ENTRY_VERSION,
        "id": entry_id,
        "type": type_name,
        "chapter": chapter,
        "at": at,
        "actor": actor,
        "authority": authority,
        "subjects": {account: {"seq": seq, "prev": prev.hex()} for account, (seq, prev) in subjects.items()},
        "op": None if operation is None else format_operation(operation),
        "public": dict(public),
        "refs": list(refs),
        "rule": rule,
        "_sd": sorted(sd),  # type: ignore[dict-item]
        "_sd_alg": "sha-256",
    }


def encode_entry(entry: Mapping[str, JsonValue]) -> bytes:
    """Return the canonical bytes of a checked entry. Inverse of :func:`parse_entry`.

    Equal to ``canonicalize`` because everything the registry lets in is ASCII and free of floats.
    Raises FormatError above ``MAX_ENTRY_SIZE``.
    """
    data = encode_plain(entry)
    if len(data) > MAX_ENTRY_SIZE:
        raise FormatError("entry", f"longer than {MAX_ENTRY_SIZE} bytes")
    return data


def parse_entry(data: bytes) -> Entry:
    """Return the entry of its canonical bytes, checked whole. Inverse of :func:`encode_entry`.

    Raises FormatError when the bytes are not canonical, too long, or break a rule of :func:`check_entry`.
    """
    if len(data) > MAX_ENTRY_SIZE:
        raise FormatError("entry", f"longer than {MAX_ENTRY_SIZE} bytes")
    value = parse_json(data)
    if canonicalize(value) != data:
        raise FormatError("entry", "not canonical")
    return check_entry(value)


def check_entry(value: object) -> Entry:
    """Check every member of an entry's value and return it typed.

    Does not check that subjects, actor or refs exist, nor that they fit the operation: a ledger knows that.

    Raises FieldError (a FormatError with ``code``) naming the member.
    """
    if not isinstance(value, dict):
        raise FieldError(BAD_FIELD, "entry", "not an object")
    if value.keys() != _MEMBERS:
        unknown = value.keys() - _MEMBERS
        raise FieldError(
            UNKNOWN_FIELD if unknown else BAD_FIELD, "entry", "not exactly the members of version 1"
        )
    if type(value["v"]) is not int or value["v"] != ENTRY_VERSION:
        raise FieldError(BAD_FIELD, "v", f"not {ENTRY_VERSION}")
    public = value["public"]
    if not isinstance(public, dict):
        raise FieldError(BAD_FIELD, "public", "not an object")
    operation = operation_from_entry(value)
    entry_type = check_draft(value["type"], public, operation)
    actor = value["actor"]
    if actor is not None:
        _text(actor, ACCOUNT_PATTERN, "actor", "not an account")
    rule = value["rule"]
    if rule is not None:
        _text(rule, CODE_PATTERN, "rule", "not a code")
    if not isinstance(value["authority"], str) or value["authority"] not in AUTHORITIES:
        raise FieldError(BAD_FIELD, "authority", "not operator, device or countersigned")
    if not is_timestamp(value["at"]):
        raise FieldError(BAD_FIELD, "at", "not RFC 3339 UTC with three decimals")
    return Entry(
        id=EntryId(_text(value["id"], ENTRY_ID_PATTERN, "id", "not an entry id")),
        type=entry_type.name,
        chapter=ChapterCode(_text(value["chapter"], CHAPTER_PATTERN, "chapter", "not NNNN-NNNN")),
        at=value["at"],
        actor=actor,
        authority=value["authority"],
        subjects=_check_subjects(value["subjects"]),
        operation=operation,
        public=public,
        refs=tuple(
            EntryId(text) for text in _texts(value["refs"], ENTRY_ID_PATTERN, "refs", "not an entry id")
        ),
        rule=rule,
        sd=_check_digests(value["_sd"], value["_sd_alg"]),
    )


def entry_commitment(salt: bytes, entry_bytes: bytes) -> Digest:
    """Return SHA-256(salt || entry bytes) (FORMATS.md section 3). Requires a 32-byte salt."""
    if len(salt) != SALT_SIZE:
        raise FormatError("salt", "not 32 bytes")
    return sha256(salt + entry_bytes)


def leaf_data(commitment: bytes, digest: bytes | None) -> bytes:
    """Return the 65 bytes the log shows of an entry. Inverse of :func:`parse_leaf_data`.

    ``digest`` is the operation's digest, or None for an entry without one (32 zero bytes in the leaf).
    """
    data = LEAF_VERSION + commitment + (_NO_OPERATION if digest is None else digest)
    if len(data) != LEAF_SIZE or len(commitment) != HASH_SIZE:
        raise FormatError("leaf", "commitment or operation digest is not 32 bytes")
    return data


def parse_leaf_data(data: bytes) -> tuple[Digest, Digest | None]:
    """Return (commitment, operation digest or None). Inverse of :func:`leaf_data`. Raises FormatError."""
    if len(data) != LEAF_SIZE:
        raise FormatError("leaf", f"not {LEAF_SIZE} bytes")
    if data[:1] != LEAF_VERSION:
        raise FormatError("leaf", "unknown version")
    digest = data[1 + HASH_SIZE :]
    return Digest(data[1 : 1 + HASH_SIZE]), None if digest == _NO_OPERATION else Digest(digest)


def _text(value: object, pattern: re.Pattern[str], where: str, reason: str) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise FieldError(BAD_FIELD, where, reason)
    return value


def _texts(value: object, pattern: re.Pattern[str], where: str, reason: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise FieldError(BAD_FIELD, where, "not a list")
    texts = tuple(_text(item, pattern, f"{where}[{number}]", reason) for number, item in enumerate(value))
    if len(set(texts)) != len(texts):
        raise FieldError(BAD_FIELD, where, "names one twice")
    return texts


def _check_subjects(value: object) -> dict[AccountId, SubjectLink]:
    if not isinstance(value, dict):
        raise FieldError(BAD_FIELD, "subjects", "not an object")
    links: dict[AccountId, SubjectLink] = {}
    for account, link in value.items():
        _text(account, ACCOUNT_PATTERN, "subjects", "not an account")
        if not isinstance(link, dict) or link.keys() != {"seq", "prev"}:
            raise FieldError(BAD_FIELD, "subjects", "not exactly seq and prev")
        sequence = link["seq"]
        if type(sequence) is not int or not 1 <= sequence <= MAX_SAFE_INTEGER:
            raise FieldError(BAD_FIELD, "subjects.seq", "not an integer from 1")
        previous = bytes.fromhex(_text(link["prev"], HEX32_PATTERN, "subjects.prev", "not 64 hex digits"))
        if (sequence == 1) != (previous == FIRST_PREVIOUS):
            raise FieldError(BAD_FIELD, "subjects.prev", "zeros exactly for an account's first entry")
        links[AccountId(account)] = SubjectLink(sequence, LeafHash(previous))
    return links


def _check_digests(value: object, algorithm: object) -> tuple[str, ...]:
    if algorithm != "sha-256":
        raise FieldError(BAD_FIELD, "_sd_alg", "not sha-256")
    digests = _texts(value, _SD_PATTERN, "_sd", "not base64url of 32 bytes")
    if list(digests) != sorted(digests):
        raise FieldError(BAD_FIELD, "_sd", "not sorted")
    return digests
