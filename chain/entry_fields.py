"""The kinds of public values an entry may carry, and one row of the registry of entry types. Pure.

Public values are codes, numbers, times and hashes, never free text, so that no one can write a person's
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
    FieldError,
    OperationKind,
    parse_amount,
)

MAX_ITEMS = 500
"""Lines of a purchase's ``items``."""

MAX_LEGS = 32
"""Legs of one split."""

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

_LEG = {"role": CODE, "account": ACCOUNT, "amount": SUM}


def _check_legs(value: object, where: str) -> None:
    if not isinstance(value, list) or len(value) > MAX_LEGS:
        raise FieldError(BAD_FIELD, where, f"not a list of at most {MAX_LEGS}")
    for number, leg in enumerate(value):
        place = f"{where}[{number}]"
        if not isinstance(leg, dict) or not {"role", "amount"} <= leg.keys() <= _LEG.keys():
            raise FieldError(BAD_FIELD, place, "not an object of role, amount and perhaps account")
        for name, member in leg.items():
            _LEG[name].check(member, f"{place}.{name}")


LEGS = FieldRule("legs", _check_legs)
"""Who gets what of a split: role, sum in hundredths, and the account where it has one."""


_SHARE = {"role": CODE, "basis_points": BASIS_POINTS}


def _check_shares(value: object, where: str) -> None:
    if not isinstance(value, list) or len(value) > MAX_LEGS:
        raise FieldError(BAD_FIELD, where, f"not a list of at most {MAX_LEGS}")
    for number, share in enumerate(value):
        place = f"{where}[{number}]"
        if not isinstance(share, dict) or share.keys() != _SHARE.keys():
            raise FieldError(BAD_FIELD, place, "not an object of role and basis_points")
        for name, member in share.items():
            _SHARE[name].check(member, f"{place}.{name}")


SHARES = FieldRule("shares", _check_shares)
"""Lines of a split table: a role and its part in basis points."""


def _check_date(value: object, where: str) -> None:
    try:
        good = isinstance(value, str) and len(value) == 10 and str(date.fromisoformat(value)) == value
    except ValueError:
        good = False
    if not good:
        raise FieldError(BAD_FIELD, where, "not a day as YYYY-MM-DD")


DATE = FieldRule("date", _check_date)
MONTH = _matching("month", re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\Z"), "not a month as YYYY-MM")
_CODES_LIMIT = 32


def _check_codes(value: object, where: str) -> None:
    if not isinstance(value, list) or len(value) > _CODES_LIMIT:
        raise FieldError(BAD_FIELD, where, f"not a list of at most {_CODES_LIMIT} codes")
    for number, item in enumerate(value):
        CODE.check(item, f"{where}[{number}]")


CODES = FieldRule("codes", _check_codes)

_NO_OPERATIONS: frozenset[OperationKind] = frozenset()
SHARED = {"occurred_at": TIMESTAMP, "reason": CODE, "source": CODE, "order": HEX32, "about": ENTRY_ID}
"""Fields every type may carry: when it happened, why and from where by code, the deciding document, and the
entry that opened the case it is a step of."""


def entry_row(
    name: str,
    public: Mapping[str, FieldRule] = MappingProxyType({}),
    *,
    needs: tuple[str, ...] = (),
    may: tuple[OperationKind, ...] = (),
    does: OperationKind | None = None,
) -> tuple[str, EntryType]:
    """Return a row of the registry: the fields every type has, its own, and what it may or must order."""
    kinds = frozenset(may) if does is None else frozenset({does})
    fields = MappingProxyType({**SHARED, **public})
    return name, EntryType(name, fields, needs, kinds, does is not None)
