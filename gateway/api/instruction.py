"""What a caller posts to have an entry made, read from a parsed body by hand (the hot path has no pydantic).

Only form is judged here: members, types, amounts, ids. What it says about accounts, balances and rights is
judged by the ledger inside its transaction.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256

from chain.canonical import JsonValue
from chain.case_types import CASE_TYPES
from chain.entry_fields import CODE_PATTERN, ENTRY_ID_PATTERN
from chain.entry_types import check_draft
from chain.errors import FormatError
from chain.operation import (
    ACCOUNT_PATTERN,
    AMOUNT_MALFORMED,
    AMOUNT_NEGATIVE,
    AMOUNT_TOO_LARGE,
    CHAPTER_PATTERN,
    HEX32_PATTERN,
    MAX_AMOUNT,
    UNKNOWN_FIELD,
    UNKNOWN_TYPE,
    ZERO_ADDRESS,
    FieldError,
    Operation,
    account_id,
    parse_operation,
)
from chain.types import AccountId, ChapterCode, EntryId
from gateway.errors import Refusal
from gateway.ledger.drafts import Authorization, Draft

MAX_SUBJECTS = 16
"""Accounts one entry may concern."""
MAX_REFS = 16
"""Earlier entries one entry may point at."""
MAX_PRIVATE = 32
"""Private fields of one entry."""

PRIVATE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
"""Name of a private field."""
_KEY_TEXT = re.compile(r"[\x20-\x7e]{1,255}\Z")
_KEY_HEADER = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,510})"\Z')
_SIGNATURE = re.compile(r"[0-9a-f]{130}\Z")
_MEMBERS = frozenset(
    {
        *("type", "chapter", "actor", "subjects", "op", "public", "private", "refs", "rule"),
        *("authorization", "idempotency_key", "idempotencyKey"),
    }
)
CASE_TYPE_NAMES = frozenset(name for name, _ in CASE_TYPES)
"""Types whose operation the rules of their case may add, so that a caller need not know it."""
CURRENCIES = frozenset({"CNY", "HKD", "USD"})
"""Currencies a recorded sum may be in; all have two decimals, so sums are hundredths."""
RESERVED_TYPES = frozenset(
    {
        *("log.genesis", "chapter.opened", "member.joined", "member.frozen", "member.unfrozen"),
        *("account.recovered", "quota.set", "cap.set", "period.close"),
        *("key.issued", "key.rotated", "key.revoked"),
    }
)
"""Types that only their own route writes, because each also acts on the chain or the gateway."""
UNIT = "0.01 coin"
"""The one unit of an operation's amount; a body may say it in ``op.unit``, to be held to it."""

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
).encode


def parse_key_header(value: str) -> str:
    """Return the text of an ``Idempotency-Key`` header: one structured-field String (RFC 9651), with quotes.

    Raises:
        Refusal: ``idempotency.malformed``.
    """
    match = _KEY_HEADER.match(value.strip(" "))
    if match is None:
        raise Refusal("idempotency.malformed")
    return check_key(re.sub(r'\\(["\\])', r"\1", match[1]))


def check_key(value: JsonValue) -> str:
    """Return a key given in a body when it is 1 to 255 printable ASCII characters.

    Raises:
        Refusal: ``idempotency.missing`` for None, else ``idempotency.malformed``.
    """
    if value is None:
        raise Refusal("idempotency.missing")
    if not isinstance(value, str) or not _KEY_TEXT.match(value):
        raise Refusal("idempotency.malformed")
    return value


def choose_key(header: str | None, body: JsonValue) -> str:
    """Return the one key of a request: the header's, or the body's ``idempotencyKey``, or both when equal.

    Raises:
        Refusal: ``idempotency.missing`` or ``idempotency.malformed``.
    """
    alias = body.get("idempotencyKey") if isinstance(body, dict) else None
    if header is None:
        return check_key(alias)
    key = parse_key_header(header)
    if alias is not None and alias != key:
        raise Refusal("idempotency.malformed")
    return key


def fingerprint(route: str, body: JsonValue) -> bytes:
    """Return SHA-256 over the route and the body without its key: equal for equal meaning, 32 bytes."""
    if isinstance(body, dict):
        body = {
            name: value for name, value in body.items() if name not in ("idempotency_key", "idempotencyKey")
        }
    return sha256(f"{route}\n{_encode(body)}".encode()).digest()


def field_refusal(error: FormatError) -> Refusal:
    """Return the refusal of a member that is not in form; the member is named, its value is not."""
    code = error.code if isinstance(error, FieldError) else ""
    field = error.where
    if code == UNKNOWN_TYPE:
        return Refusal("entry.unknown_type")
    if field.rpartition(".")[2] in ("currency", "unit"):
        return Refusal("unit.unknown", field=field)
    if code in (AMOUNT_MALFORMED, AMOUNT_NEGATIVE):
        return Refusal(code, field=field)
    if code == AMOUNT_TOO_LARGE:
        return Refusal("amount.too_large", field=field, limit=str(MAX_AMOUNT))
    if code == UNKNOWN_FIELD:
        return Refusal("entry.unknown_field", field=field)
    return Refusal("entry.bad_field", field=field, reason=error.reason)


def bad_field(field: str, reason: str) -> Refusal:
    """Return the refusal of one member of a body."""
    return Refusal("entry.bad_field", field=field, reason=reason)


def read_draft(body: JsonValue) -> Draft:
    """Return the draft a parsed body asks for.

    The operation's parties are subjects even when ``subjects`` does not name them: a statement leaves
    nothing out.

    Raises:
        Refusal: ``entry.*``, ``amount.*``, ``unit.unknown`` or ``signature.malformed``, naming the member.
    """
    if not isinstance(body, dict):
        raise bad_field("body", "not an object")
    unknown = body.keys() - _MEMBERS
    if unknown:
        raise Refusal("entry.unknown_field", field=_shown(min(unknown)))
    type_name = body.get("type")
    if not isinstance(type_name, str):
        raise Refusal("entry.unknown_type")
    if type_name in RESERVED_TYPES:
        raise bad_field("type", "written by its own route only")
    public = _object(body, "public")
    try:
        operation = _read_operation(body.get("op"))
        check_draft(type_name, public, operation, is_complete=type_name not in CASE_TYPE_NAMES)
    except FormatError as error:
        raise field_refusal(error) from None
    if public.get("currency", "CNY") not in CURRENCIES:
        raise Refusal("unit.unknown", field="public.currency")
    chapter = body.get("chapter")
    if not isinstance(chapter, str) or not CHAPTER_PATTERN.match(chapter):
        raise bad_field("chapter", "not NNNN-NNNN")
    actor = body.get("actor")
    if actor is not None and not (isinstance(actor, str) and ACCOUNT_PATTERN.match(actor)):
        raise bad_field("actor", "not an account")
    rule = body.get("rule")
    if rule is not None and not (isinstance(rule, str) and CODE_PATTERN.match(rule)):
        raise bad_field("rule", "not a code")
    return Draft(
        type=type_name,
        chapter=ChapterCode(chapter),
        actor=None if actor is None else AccountId(actor),
        subjects=_read_subjects(body.get("subjects"), operation),
        operation=operation,
        public=public,
        private=_read_private(body),
        refs=_read_refs(body.get("refs")),
        rule=rule,
        authorization=_read_authorization(body.get("authorization")),
    )


def _read_operation(value: JsonValue) -> Operation | None:
    if value is None:
        return None
    if isinstance(value, dict) and "unit" in value:
        if value["unit"] != UNIT:
            raise Refusal("unit.unknown", field="op.unit")
        value = {name: member for name, member in value.items() if name != "unit"}
    return parse_operation(value, defaults=True)


def _read_subjects(value: JsonValue, operation: Operation | None) -> tuple[AccountId, ...]:
    named = _strings(value, "subjects", ACCOUNT_PATTERN, MAX_SUBJECTS, "not an account")
    found = dict.fromkeys(map(AccountId, named))
    if operation is not None:
        for party in (operation.sender, operation.receiver):
            if party != ZERO_ADDRESS:
                found[account_id(party)] = None
    return tuple(found)


def _read_refs(value: JsonValue) -> tuple[EntryId, ...]:
    return tuple(map(EntryId, _strings(value, "refs", ENTRY_ID_PATTERN, MAX_REFS, "not an entry id")))


def _read_private(body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    private = _object(body, "private")
    if len(private) > MAX_PRIVATE:
        raise bad_field("private", f"more than {MAX_PRIVATE} fields")
    for name in private:
        if not PRIVATE_NAME.match(name):
            raise bad_field("private", "a name is not lower-case letters, digits and _")
    return private


def _read_authorization(value: JsonValue) -> Authorization | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"nonce", "signature"}:
        raise bad_field("authorization", "not exactly nonce and signature")
    nonce, signature = value["nonce"], value["signature"]
    if not isinstance(nonce, str) or not HEX32_PATTERN.match(nonce):
        raise bad_field("authorization.nonce", "not 64 lower-case hex digits")
    if not isinstance(signature, str) or not _SIGNATURE.match(signature):
        raise Refusal("signature.malformed")
    return Authorization(bytes.fromhex(nonce), bytes.fromhex(signature))


def _object(body: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_field(name, "not an object")
    return value


def _strings(value: JsonValue, name: str, pattern: re.Pattern[str], limit: int, reason: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > limit:
        raise bad_field(name, f"not a list of at most {limit}")
    found: list[str] = []
    for item in value:
        if not isinstance(item, str) or not pattern.match(item):
            raise bad_field(name, reason)
        found.append(item)
    if len(set(found)) != len(found):
        raise bad_field(name, "names one twice")
    return found


def _shown(name: str) -> str:
    """A member's name, unless it may itself be somebody's words."""
    return name if CODE_PATTERN.match(name) else "body"
