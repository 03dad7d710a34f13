"""The split engine: one amount over the roles of a table, exact to the fen, the same for everybody. Pure.

RULES (reference rules 10, 11, 29, 30).

1. Fixed lines first; shares are of what they leave. Basis points sum to 10,000, the residual's line included.
2. Each share is rounded down; what is left goes, one unit each, to the largest fractions; equal fractions in
   the order of role codes. Legs always sum to the amount, and the order of a table's lines changes nothing.
3. A refund gives back the part of every leg that the sum refunded so far calls for (:func:`refund`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from math import gcd
from typing import TypeAlias

from chain.canonical import JsonValue, parse_json
from chain.errors import FormatError
from gateway.rules.refusals import MAX_AMOUNT, RuleRefusal, check_amount
from gateway.rules.versions import table_bytes

WHOLE = 10_000
"""Basis points of the whole."""

MAX_LINES = 32
"""Lines a table may have."""

ROLE_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
"""Codes of roles and tables: at most 31 characters, so that they fit a word on chain."""

Leg: TypeAlias = tuple[str, int]
"""A role code and its amount in the smallest unit."""

Legs: TypeAlias = tuple[Leg, ...]
"""One leg a role, in the order of role codes."""


@dataclass(frozen=True, slots=True)
class Share:
    """A role's part of what fixed lines leave, in basis points."""

    role: str
    basis_points: int


@dataclass(frozen=True, slots=True)
class FixedLine:
    """A role's fixed amount in fen, taken before all shares."""

    role: str
    amount: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """A table made ready: legs of ``rest = q * period + r`` are ``q * weight + row(r)``, role by role.

    ``period`` is 10,000 over the greatest common divisor of the basis points, so few rows exist; each is
    worked out once, when first needed. A fixed line has weight 0 and its amount in every row.
    """

    roles: tuple[str, ...]
    weights: tuple[int, ...]
    fixed: tuple[int, ...]
    fixed_total: int
    period: int
    rows: dict[int, tuple[tuple[str, int, int], ...]]

    def work_out(self, rest: int) -> tuple[tuple[str, int, int], ...]:
        """Return (role, weight, amount) of each role for a ``rest`` below the period, and remember it."""
        floors = [rest * weight // self.period for weight in self.weights]
        fractions = [rest * weight % self.period for weight in self.weights]
        order = sorted(range(len(self.roles)), key=lambda at: (-fractions[at], self.roles[at]))
        for at in order[: rest - sum(floors)]:
            floors[at] += 1
        row = tuple(
            (role, weight, amount + fixed)
            for role, weight, amount, fixed in zip(self.roles, self.weights, floors, self.fixed, strict=True)
        )
        self.rows[rest] = row
        return row


@dataclass(frozen=True, slots=True)
class SplitTable:
    """One version of one split: who gets which part of an amount.

    ``lines`` are shares including that of ``residual``, the role that gets what the paper leaves unassigned
    (its basis points may be 0, all others' are above); ``fixed`` amounts are in fen; every role has one line.
    Lines are kept in the order of role codes. ``source`` names the paper.

    Raises RuleRefusal ``split.wrong_sum``, ``split.bad_line``, ``split.role_twice``, ``split.no_residual``.
    """

    id: str
    version: int
    effective_from: date
    lines: tuple[Share, ...]
    fixed: tuple[FixedLine, ...]
    residual: str
    source: str
    _plan: _Plan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(sorted(self.lines, key=lambda line: line.role)))
        object.__setattr__(self, "fixed", tuple(sorted(self.fixed, key=lambda line: line.role)))
        check_table(self)
        object.__setattr__(self, "_plan", _make_plan(self))

    @property
    def roles(self) -> tuple[str, ...]:
        """All role codes, in the order of the legs."""
        return self._plan.roles


def check_table(table: SplitTable) -> None:
    """Check a table (see :class:`SplitTable`). Done on construction, so that no wrong table exists."""
    if not ROLE_PATTERN.match(table.id) or type(table.version) is not int or table.version < 1:
        raise FormatError("table", "not a code with a version from 1")
    roles = [line.role for line in table.lines] + [line.role for line in table.fixed]
    if len(roles) > MAX_LINES:
        raise RuleRefusal("split.bad_line", table=table.id, line=MAX_LINES)
    for number, line in enumerate(table.lines):
        least = 0 if line.role == table.residual else 1
        whole = type(line.basis_points) is int and least <= line.basis_points <= WHOLE
        if not whole or not ROLE_PATTERN.match(line.role):
            raise RuleRefusal("split.bad_line", table=table.id, line=number)
    for number, fixed in enumerate(table.fixed, len(table.lines)):
        if type(fixed.amount) is not int or fixed.amount < 1 or not ROLE_PATTERN.match(fixed.role):
            raise RuleRefusal("split.bad_line", table=table.id, line=number)
    if len(set(roles)) != len(roles):
        raise RuleRefusal("split.role_twice", table=table.id)
    if table.residual not in {line.role for line in table.lines}:
        raise RuleRefusal("split.no_residual", table=table.id)
    got = sum(line.basis_points for line in table.lines)
    if got != WHOLE:
        raise RuleRefusal("split.wrong_sum", table=table.id, got=got, want=WHOLE)


def split(amount: int, table: SplitTable) -> Legs:
    """Return one leg for each role of the table, in the order of role codes; they sum to ``amount`` exactly.

    A leg may be 0. Raises FormatError for what is no amount, RuleRefusal ``split.fixed_exceeds`` when the
    fixed lines ask for more than the amount.
    """
    if type(amount) is not int or not 0 <= amount <= MAX_AMOUNT:
        check_amount(amount, "amount")
    plan = table._plan
    rest = amount - plan.fixed_total
    if rest < 0:
        raise RuleRefusal("split.fixed_exceeds", table=table.id, limit=plan.fixed_total)
    times, rest = divmod(rest, plan.period)
    row = plan.rows.get(rest) or plan.work_out(rest)
    return tuple([(role, times * weight + extra) for role, weight, extra in row])


def fold_leg(legs: Iterable[Leg], role: str, into: str, *, keep: int = 0) -> Legs:
    """Return the legs with what ``role`` has above ``keep`` given to ``into``, a table's residual.

    What happens to a referrer's leg where there is no referrer, none may be paid, or a cap lets him have
    ``keep`` only. The sum stays. A leg that keeps nothing is gone, a role without leg changes nothing.
    Raises FormatError when ``into`` has no leg of its own or ``keep`` is negative.
    """
    kept = dict(legs)
    if into not in kept or role == into:
        raise FormatError("into", "no other leg of this split")
    check_amount(keep, "keep")
    had = kept.pop(role, 0)
    if left := min(had, keep):
        kept[role] = left
    kept[into] += had - left
    return tuple(sorted(kept.items()))


def refund(amount: int, original_amount: int, original: Iterable[Leg], refunded: Iterable[Leg] = ()) -> Legs:
    """Return what each role gives back of its leg when ``amount`` more is refunded (rules 10 and 11).

    ``refunded`` are the sums given back before (roles without leg: 0). What a role has given back in all
    depends on the sum refunded in all alone, never on the number of steps (:func:`refund_share`). So no leg
    of a refund is negative, none exceeds the original, and a full refund gives back exactly the original.

    Raises FormatError when legs do not sum to their amounts or are not those this function gave before,
    RuleRefusal ``refund.exceeds_original`` (with what is ``left``).
    """
    check_amount(amount, "amount", least=1)
    legs, before = dict(original), dict(refunded)
    if sum(legs.values()) != original_amount or min(legs.values(), default=0) < 0:
        raise FormatError("original", "legs do not sum to the amount")
    done = sum(before.values())
    if done + amount > original_amount:
        raise RuleRefusal("refund.exceeds_original", left=max(0, original_amount - done))
    if before.keys() - legs.keys() or refund_share(done, legs) != {
        role: before.get(role, 0) for role in legs
    }:
        raise FormatError("refunded", "not what earlier refunds of these legs gave back")
    after = refund_share(done + amount, legs)
    return tuple((role, after[role] - before.get(role, 0)) for role in sorted(legs))


def refund_share(total: int, legs: dict[str, int]) -> dict[str, int]:
    """Return how much of each leg is given back when ``total`` of their sum is refunded in all.

    Units are given back one after the other, each by the role with the largest ``leg / (2 * given + 1)``,
    equal ones in the order of role codes (the method of Webster and Sainte-Lague). Largest remainders would
    not do: with them a role's part can shrink when the total grows. A part differs from the exact proportion
    by less than half the number of roles plus one. Requires 0 <= ``total`` <= the sum.
    """
    whole = sum(legs.values())
    if whole == 0:
        return dict.fromkeys(legs, 0)
    # Rounding each proportion to the nearest unit stops at some place of that order; from there unit by unit.
    given = {role: (2 * total * leg + whole) // (2 * whole) for role, leg in legs.items()}
    missing = total - sum(given.values())
    for _ in range(missing):
        given[_next_role(given, legs)] += 1
    for _ in range(-missing):
        given[_last_role(given, legs)] -= 1
    return given


def claw_back(granted: int, original_amount: int, refunded_before: int, refunded_now: int) -> int:
    """Return how much of something granted on an order is taken back with a refund of ``refunded_now``.

    For what is one sum and not a split: a rebate, points, a score, a reward (rule 10). In all it is the same
    part of ``granted`` as was refunded of the order, rounded down, and all of it when all was refunded.

    Raises FormatError, RuleRefusal ``refund.exceeds_original`` (with what is ``left``).
    """
    check_amount(granted, "granted")
    check_amount(original_amount, "original_amount", least=1)
    check_amount(refunded_before, "refunded_before")
    check_amount(refunded_now, "refunded_now")
    after = refunded_before + refunded_now
    if after > original_amount:
        raise RuleRefusal("refund.exceeds_original", left=max(0, original_amount - refunded_before))
    return granted * after // original_amount - granted * refunded_before // original_amount


def parse_table(text: bytes) -> SplitTable:
    """Return the table of a canonical text. Inverse of ``table_bytes``. Raises FormatError, RuleRefusal."""
    document = parse_json(text)
    if not isinstance(document, dict):
        raise FormatError("table", "not an object")
    try:
        table = SplitTable(
            id=_text(document["id"]),
            version=_integer(document["version"]),
            effective_from=date.fromisoformat(_text(document["effective_from"])),
            lines=tuple(Share(*_pair(row, "basis_points")) for row in _rows(document["lines"])),
            fixed=tuple(FixedLine(*_pair(row, "amount")) for row in _rows(document["fixed"])),
            residual=_text(document["residual"]),
            source=_text(document["source"]),
        )
    except (KeyError, ValueError):
        raise FormatError("table", "not the members of a split table") from None
    if table_bytes(table) != text:
        raise FormatError("table", "not the canonical text")
    return table


def _make_plan(table: SplitTable) -> _Plan:
    fixed = {line.role: line.amount for line in table.fixed}
    points = {line.role: line.basis_points for line in table.lines}
    roles = tuple(sorted(fixed.keys() | points.keys()))
    unit = gcd(*points.values())
    return _Plan(
        roles=roles,
        weights=tuple(points.get(role, 0) // unit for role in roles),
        fixed=tuple(fixed.get(role, 0) for role in roles),
        fixed_total=sum(fixed.values()),
        period=WHOLE // unit,
        rows={},
    )


def _next_role(given: dict[str, int], legs: dict[str, int]) -> str:
    """The role whose unit comes next: largest leg / (2 given + 1), compared without division."""
    best = ""
    for role in sorted(legs):
        if not best or legs[role] * (2 * given[best] + 1) > legs[best] * (2 * given[role] + 1):
            best = role
    return best


def _last_role(given: dict[str, int], legs: dict[str, int]) -> str:
    """The role whose unit came last: the inverse of :func:`_next_role`."""
    worst = ""
    for role in sorted(legs, reverse=True):
        if given[role] == 0:
            continue
        if not worst or legs[role] * (2 * given[worst] - 1) < legs[worst] * (2 * given[role] - 1):
            worst = role
    return worst


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def _integer(value: JsonValue) -> int:
    if type(value) is not int:
        raise ValueError("not an integer")
    return value


def _rows(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _pair(row: JsonValue, name: str) -> tuple[str, int]:
    if not isinstance(row, dict):
        raise ValueError("not an object")
    return _text(row["role"]), _integer(row[name])
