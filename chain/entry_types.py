"""The closed registry of entry types: which public fields and operations each may carry. Pure.

Public fields are codes, numbers, times and hashes, never free text, so that no one can write a person's
words into what regulators and neighbours read. Must not judge meaning: only form is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from chain.canonical import MAX_SAFE_INTEGER
from chain.operation import (
    ACCOUNT_PATTERN,
    BAD_FIELD,
    CHAPTER_PATTERN,
    HEX32_PATTERN,
    UNKNOWN_FIELD,
    UNKNOWN_TYPE,
    FieldError,
    Operation,
    OperationKind,
    parse_amount,
)

MAX_ITEMS = 500
"""Lines of a purchase's ``items``."""

ENTRY_ID_PATTERN = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
CODE_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
_TIME_PATTERN = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z\Z"
)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One kind of public value: ``check(value, where)`` returns or raises FieldError naming ``where``."""

    name: str
    check: Callable[[object, str], None]


@dataclass(frozen=True, slots=True)
class EntryType:
    """One row of the registry.

    ``public`` are the fields it may carry, ``essential`` those it must, ``operations`` the kinds it may order
    and ``acts`` whether it must order one.
    """

    name: str
    public: Mapping[str, FieldRule]
    essential: tuple[str, ...]
    operations: frozenset[OperationKind]
    acts: bool


def is_timestamp(value: object) -> bool:
    """Say whether ``value`` is RFC 3339 UTC with exactly three decimals and a day that exists."""
    match = _TIME_PATTERN.match(value) if isinstance(value, str) else None
    if match is None:
        return False
    if match[3] <= "28":
        return match[1] != "0000"
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return False
    return True


def _matching(name: str, pattern: re.Pattern[str], reason: str) -> FieldRule:
    def check(value: object, where: str) -> None:
        if not isinstance(value, str) or not pattern.match(value):
            raise FieldError(BAD_FIELD, where, reason)

    return FieldRule(name, check)


def _integer(name: str, limit: int) -> FieldRule:
    def check(value: object, where: str) -> None:
        if type(value) is not int or not 0 <= value <= limit:
            raise FieldError(BAD_FIELD, where, f"not an integer from 0 to {limit}")

    return FieldRule(name, check)


def _check_amount(value: object, where: str) -> None:
    parse_amount(value, where)


def _check_sum(value: object, where: str) -> None:
    parse_amount(value, where, zero_allowed=True)


def _check_bool(value: object, where: str) -> None:
    if type(value) is not bool:
        raise FieldError(BAD_FIELD, where, "not true or false")


def _check_timestamp(value: object, where: str) -> None:
    if not is_timestamp(value):
        raise FieldError(BAD_FIELD, where, "not RFC 3339 UTC with three decimals")


AMOUNT = FieldRule("amount", _check_amount)
SUM = FieldRule("sum", _check_sum)
TIMESTAMP = FieldRule("timestamp", _check_timestamp)
BOOL = FieldRule("bool", _check_bool)
ACCOUNT = _matching("account", ACCOUNT_PATTERN, "not an account")
CODE = _matching("code", CODE_PATTERN, "not a code of 1 to 64 letters, digits and . _ : -")
HEX20 = _matching("hex20", re.compile(r"[0-9a-f]{40}\Z"), "not 40 lower-case hex digits")
HEX32 = _matching("hex32", HEX32_PATTERN, "not 64 lower-case hex digits")
CHAPTER = _matching("chapter", CHAPTER_PATTERN, "not NNNN-NNNN")
CURRENCY = _matching("currency", re.compile(r"[A-Z]{3}\Z"), "not a three-letter currency code")
ENTRY_ID = _matching("entry_id", ENTRY_ID_PATTERN, "not an entry id")
ORIGIN = _matching("origin", re.compile(r"[A-Za-z0-9._:/-]{1,255}\Z"), "not a schema-less URL")
VKEY = _matching(
    "vkey", re.compile(r"[A-Za-z0-9._:/-]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}\Z"), "not a vkey"
)
COUNT = _integer("count", MAX_SAFE_INTEGER)
BASIS_POINTS = _integer("basis_points", 10_000)

_ITEM = {"product": CODE, "quantity": COUNT, "amount": SUM, "discount": SUM}


def _check_items(value: object, where: str) -> None:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise FieldError(BAD_FIELD, where, f"not a list of at most {MAX_ITEMS}")
    for number, item in enumerate(value):
        place = f"{where}[{number}]"
        if not isinstance(item, dict):
            raise FieldError(BAD_FIELD, place, "not an object")
        for name, member in item.items():
            rule = _ITEM.get(name)
            if rule is None:
                raise FieldError(UNKNOWN_FIELD, place, "member that items do not have")
            rule.check(member, f"{place}.{name}")


ITEMS = FieldRule("items", _check_items)

_NO_OPERATIONS: frozenset[OperationKind] = frozenset()
_SHARED = {"occurred_at": TIMESTAMP, "reason": CODE, "source": CODE, "order": HEX32}
"""Fields every type may carry: when it happened, why and from where by code, and the deciding document."""

_PURCHASE = {
    "amount": SUM,
    "currency": CURRENCY,
    "merchant": ACCOUNT,
    "store": CODE,
    "order_id": CODE,
    "basket": CODE,
    "channel": CODE,
    "receipt": HEX32,
    "items": ITEMS,
    "item_count": COUNT,
    "discount": SUM,
    "coupon": SUM,
    "rebate": SUM,
    "rebate_basis_points": BASIS_POINTS,
    "rounding": CODE,
    "rounded_from": CODE,
    "remainder": COUNT,
    "purchase": ENTRY_ID,
}
_CREDIT = {"case": HEX32, "period": CODE, "service": CODE, "campaign": CODE, "batch": CODE}
_RIGHTS = {"account": ACCOUNT, "may_send": BOOL, "may_receive": BOOL}


def _row(
    name: str,
    public: Mapping[str, FieldRule] = MappingProxyType({}),
    *,
    needs: tuple[str, ...] = (),
    may: tuple[OperationKind, ...] = (),
    does: OperationKind | None = None,
) -> tuple[str, EntryType]:
    kinds = frozenset(may) if does is None else frozenset({does})
    fields = MappingProxyType({**_SHARED, **public})
    return name, EntryType(name, fields, needs, kinds, does is not None)


_K = OperationKind
ENTRY_TYPES: Mapping[str, EntryType] = MappingProxyType(
    dict(
        (
            _row(
                "log.genesis",
                {"origin": ORIGIN, "vkey": VKEY, "chain_id": COUNT, "predecessor": HEX32},
                needs=("origin", "vkey"),
            ),
            _row("chapter.opened", {"pool": ACCOUNT, "city": CODE, "kind": CODE}),
            _row(
                "member.joined",
                {
                    "account": ACCOUNT,
                    "kind": CODE,
                    "custody": CODE,
                    "commitment": HEX32,
                    "industry": CODE,
                    "tier": CODE,
                },
                needs=("account",),
            ),
            _row("member.frozen", _RIGHTS, needs=("account",)),
            _row("member.unfrozen", _RIGHTS, needs=("account",)),
            _row(
                "account.recovered",
                {"from": ACCOUNT, "to": ACCOUNT, "commitment": HEX32},
                needs=("from", "to"),
            ),
            _row("purchase.recorded", _PURCHASE, may=(_K.TRANSFER,)),
            _row("purchase.refunded", _PURCHASE, may=(_K.REVERSE,)),
            _row("rebate.granted", {**_PURCHASE, **_CREDIT}, does=_K.TRANSFER),
            _row("redemption.recorded", {**_PURCHASE, **_CREDIT}, does=_K.REDEEM),
            _row("gift.sent", _CREDIT, does=_K.TRANSFER),
            _row(
                "service.recorded",
                {
                    **_CREDIT,
                    "provider": ACCOUNT,
                    "recipient": ACCOUNT,
                    "minutes": COUNT,
                    "coins": SUM,
                    "certificate": HEX32,
                },
                may=(_K.TRANSFER, _K.ISSUE),
            ),
            _row("credit.issued", _CREDIT, does=_K.ISSUE),
            _row("credit.transferred", _CREDIT, does=_K.TRANSFER),
            _row("credit.redeemed", _CREDIT, does=_K.REDEEM),
            _row("credit.burned", _CREDIT, does=_K.BURN),
            _row("credit.locked", _CREDIT, does=_K.LOCK),
            _row("credit.released", _CREDIT, does=_K.RELEASE),
            _row("credit.cancelled", _CREDIT, does=_K.CANCEL),
            _row("credit.reversed", _CREDIT, does=_K.REVERSE),
            _row("credit.recovered", _CREDIT, does=_K.RECOVER),
            _row("quota.set", {"period": CODE, "amount": SUM}, needs=("period", "amount")),
            _row("cap.set", {"cap": CODE, "amount": SUM}, needs=("cap", "amount")),
            _row(
                "key.rotated",
                {"role": CODE, "old_key": HEX32, "new_key": HEX32, "old_vkey": VKEY, "new_vkey": VKEY},
                needs=("role",),
            ),
            _row(
                "period.close",
                {"period": CODE, "start": COUNT, "end": COUNT, "statement": HEX32},
                needs=("period", "end"),
            ),
        )
    )
)
"""Every type an entry may have. Adding one is a change of format: FORMATS.md, version and vectors follow."""


def check_draft(type_name: str, public: Mapping[str, object], operation: Operation | None) -> EntryType:
    """Check a draft's type, public fields and kind of operation against the registry; return the type.

    Checks in this order: type known, fields known and well formed, essential fields there, operation
    allowed or required. Does not check the operands themselves (``check_operation``).

    Raises FieldError with code ``entry.unknown_type``, ``entry.unknown_field``, ``entry.bad_field`` or
    ``amount.*``; ``where`` is the field.
    """
    entry_type = ENTRY_TYPES.get(type_name) if isinstance(type_name, str) else None
    if entry_type is None:
        raise FieldError(UNKNOWN_TYPE, "type", "not a registered entry type")
    rules = entry_type.public
    for name, value in public.items():
        rule = rules.get(name)
        if rule is None:
            # The name is repeated only where it cannot itself be somebody's words.
            where = f"public.{name}" if isinstance(name, str) and CODE_PATTERN.match(name) else "public"
            raise FieldError(UNKNOWN_FIELD, where, f"not a public field of {type_name}")
        rule.check(value, f"public.{name}")
    for name in entry_type.essential:
        if name not in public:
            raise FieldError(BAD_FIELD, f"public.{name}", f"{type_name} needs it")
    if operation is None:
        if entry_type.acts:
            raise FieldError(BAD_FIELD, "op", f"{type_name} orders an operation")
    elif operation.kind not in entry_type.operations:
        raise FieldError(BAD_FIELD, "op.kind", f"{type_name} does not order {operation.kind.label}")
    return entry_type
