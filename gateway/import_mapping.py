"""From a row of somebody's file to a line of ``POST /v1/entries/batch``. Pure: no file, no network.

A mapping is a template of the line: strings may name columns in braces (``"acct_{holder}"``), everything else
stands for itself, and an object whose only member starts with ``$`` computes a value:

- ``{"$coins": "{total}"}``: a decimal number of coins (or yuan) becomes hundredths by the rounding rule;
- ``{"$time": ["{when}", "Asia/Shanghai"]}``: a local time becomes RFC 3339 UTC with milliseconds;
- ``{"$digest": "{shop}:{slip}"}``: SHA-256 of a text, as the receipt that provider and reference name;
- ``{"$integer": "{points}"}``: a JSON integer; ``{"$list": "{ids}"}``: a list from words separated by spaces;
- ``{"$optional": X}``: the member is left out where X comes out empty.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chain.canonical import JsonValue
from chain.errors import FormatError
from chain.hashing import sha256
from gateway.rules.amounts import DECIMALS, DUST_DECIMALS, parse_decimal

LIST_MEMBERS = ("subjects", "refs")
"""Members of a line that are lists; in a CSV file their words are separated by spaces."""
SUFFIXES = ("", "coins", "digest", "integer")
"""What may stand behind a column's name."""

_HUNDREDTH = 10 ** (DUST_DECIMALS - DECIMALS)
"""One hundredth of a coin, in units of dust."""


class RoundingRule(StrEnum):
    """What becomes of an amount finer than a hundredth."""

    REFUSE = "refuse"
    """The record is refused."""
    HALF_UP = "half-up"
    """To the nearest hundredth; half of one goes away from zero."""
    FLOOR = "floor"
    """Down towards zero."""


@dataclass(frozen=True, slots=True)
class MappedLine:
    """One line ready to send; ``dust`` is exact minus rounded over all its amounts, in 10^-18 coins."""

    body: dict[str, JsonValue]
    dust: int


class _Absent:
    """Marks a member that ``$optional`` leaves out."""


_ABSENT = _Absent()


@dataclass(slots=True)
class _Row:
    """One row being mapped: its columns, the rounding rule, and the dust so far."""

    columns: Mapping[str, str]
    rule: RoundingRule
    dust: int = 0


def map_row(mapping: Mapping[str, JsonValue], columns: Mapping[str, str], rule: RoundingRule) -> MappedLine:
    """Fill ``mapping`` from one row.

    Raises FormatError naming the column or member: an unknown column, a number or time that cannot be read,
    or (with the rule ``refuse``) an amount finer than a hundredth.
    """
    row = _Row(columns, rule)
    body = _fill_object(mapping, row, "")
    return MappedLine(body, row.dust)


def round_coins(text: str, rule: RoundingRule, where: str) -> tuple[int, int]:
    """Return hundredths and dust of a decimal number of coins; together they are exactly the number.

    Raises FormatError naming ``where`` for a number that is none or, with the rule ``refuse``, is too fine.
    """
    exact = parse_decimal(text, where)
    if exact.exact or rule is RoundingRule.FLOOR:
        return exact.amount, exact.dust
    if rule is RoundingRule.REFUSE:
        raise FormatError(where, "is finer than a hundredth; choose a rounding rule to take it")
    step = 0 if 2 * abs(exact.dust) < _HUNDREDTH else (1 if exact.dust > 0 else -1)
    return exact.amount + step, exact.dust - step * _HUNDREDTH


def format_dust(dust: int) -> str:
    """Return dust in coins as a plain decimal without trailing zeros."""
    text = format(Decimal(dust).scaleb(-DUST_DECIMALS), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def mapping_from_header(header: Sequence[str]) -> dict[str, JsonValue]:
    """Return the mapping a CSV header speaks for itself: ``op.amount:coins`` is member ``amount`` of ``op``.

    A suffix ``:coins``, ``:digest`` or ``:integer`` says how the cell reads; empty cells are left out.
    Raises FormatError for a name that is used twice, empty or deeper than two.
    """
    mapping: dict[str, JsonValue] = {}
    for column in header:
        name, _, kind = column.partition(":")
        outer, _, inner = name.partition(".")
        if not outer or "." in inner or kind not in SUFFIXES or set("{}") & set(column):
            raise FormatError(
                f"column {column}", "is not NAME or NAME.MEMBER, then :coins, :digest or :integer"
            )
        cell: JsonValue = "{" + column + "}"
        if kind:
            cell = {f"${kind}": cell}
        elif name in LIST_MEMBERS:
            cell = {"$list": cell}
        target, member = mapping, outer
        if inner:
            nested = mapping.setdefault(outer, {})
            if not isinstance(nested, dict) or "$optional" in nested:
                raise FormatError(f"column {column}", f"{outer} is also a column of its own")
            target, member = nested, inner
        if member in target:
            raise FormatError(f"column {column}", "is used twice")
        target[member] = {"$optional": cell}
    return mapping


def _fill(value: JsonValue, row: _Row, where: str) -> JsonValue | _Absent:
    if isinstance(value, str):
        return _fill_text(value, row, where)
    if isinstance(value, list):
        filled = [_fill(item, row, f"{where}[{position}]") for position, item in enumerate(value)]
        return [item for item in filled if not isinstance(item, _Absent)]
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith("$"):
            ((directive, argument),) = value.items()
            return _compute(directive, argument, row, where)
        return _fill_object(value, row, where)
    return value


def _fill_object(value: Mapping[str, JsonValue], row: _Row, where: str) -> dict[str, JsonValue]:
    filled: dict[str, JsonValue] = {}
    for name, item in value.items():
        result = _fill(item, row, f"{where}.{name}" if where else name)
        if isinstance(result, _Absent) or (isinstance(result, dict) and not result and item != {}):
            continue
        filled[name] = result
    return filled


def _fill_text(template: str, row: _Row, where: str) -> str:
    parts: list[str] = []
    try:
        pieces = list(_split(template))
    except ValueError as error:
        raise FormatError(where, "has an unmatched brace in the mapping") from error
    for literal, column in pieces:
        parts.append(literal)
        if column is not None:
            if column not in row.columns:
                raise FormatError(where, f"names the column {column!r}, which the file does not have")
            parts.append(row.columns[column])
    return "".join(parts)


def _split(template: str) -> list[tuple[str, str | None]]:
    """Literal text and the column after it; a column's name may hold ``:`` and ``.`` as CSV headers do."""
    pieces: list[tuple[str, str | None]] = []
    for literal, name, spec, conversion in string.Formatter().parse(template):
        column = name
        if name is not None and conversion:
            column = f"{name}!{conversion}"
        if column is not None and spec:
            column = f"{column}:{spec}"
        pieces.append((literal, column))
    return pieces


def _compute(directive: str, argument: JsonValue, row: _Row, where: str) -> JsonValue | _Absent:
    if directive == "$optional":
        return _optional(argument, row, where)
    if directive == "$time":
        if not (isinstance(argument, list) and len(argument) == 2):
            raise FormatError(where, "$time takes a list of a text and a time zone")
        text, zone = (_need_text(_fill(part, row, where), where) for part in argument)
        return _utc_time(text, zone, where)
    text = _need_text(_fill(argument, row, where), where).strip()
    if directive == "$coins":
        amount, dust = round_coins(text, row.rule, where)
        row.dust += dust
        return str(amount)
    if directive == "$digest":
        return _digest(text, where)
    if directive == "$integer":
        return _integer(text, where)
    if directive == "$list":
        return list(text.split())
    raise FormatError(where, f"{directive} is not one of $coins, $digest, $time, $integer, $list, $optional")


def _digest(text: str, where: str) -> str:
    if not text:
        raise FormatError(where, "is empty")
    return sha256(text.encode()).hex()


def _optional(argument: JsonValue, row: _Row, where: str) -> JsonValue | _Absent:
    """Leave the member out when the text it is made from is empty."""
    inner = argument
    while isinstance(inner, dict) and len(inner) == 1:
        inner = next(iter(inner.values()))
    if isinstance(inner, list) and inner:
        inner = inner[0]
    if isinstance(inner, str) and not _fill_text(inner, row, where).strip():
        return _ABSENT
    return _fill(argument, row, where)


def _need_text(value: JsonValue | _Absent, where: str) -> str:
    if not isinstance(value, str):
        raise FormatError(where, "must be a text here")
    return value


def _integer(text: str, where: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise FormatError(where, "is not an integer of at most 15 digits")
    return int(text)


def _utc_time(text: str, zone: str, where: str) -> str:
    """Read an ISO local time of ``zone``; a time that already carries an offset keeps its own."""
    try:
        moment = datetime.fromisoformat(text.strip())
        local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    except ZoneInfoNotFoundError as error:
        raise FormatError(where, f"{zone!r} is not a time zone") from error
    except ValueError as error:
        raise FormatError(where, "is not a time such as 2026-11-22T09:30:00") from error
    return local.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
