"""Running sums over a chapter's entries, kept in the transaction of the entries they are of.

Figures and limits ask for sums over a year of entries; adding these up when asked takes seconds. So each
entry's additions are stored, by chapter, business month, name and part (a role, an account). They follow from
the entries and the registered accounts alone: `recompute_tallies` adds everything up again and
`find_difference` compares. What the chain refused of coins is taken out again, in its own month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from sqlalchemy import Connection

from chain.operation import ZERO_ADDRESS, OperationKind
from gateway.cases.history import Past, read_past
from gateway.db import execute_many, fetch_all
from gateway.rules.calendar import business_month, parse_timestamp

_PAGE = 4_096


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added to a sum: ``count`` things of ``amount`` together, in the unit of the name."""

    name: str
    part: str
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class Party:
    """A registered account that coins come from or go to."""

    account: str
    chapter: int
    kind: int


@dataclass(frozen=True, slots=True)
class Moved:
    """``amount`` hundredths of a coin moved by an entry of ``chapter``; None: no registered account."""

    type: str
    chapter: int
    kind: OperationKind
    sender: Party | None
    receiver: Party | None
    amount: int


EntryCount = Callable[[Past], Iterable[Addition]]
"""Returns what an entry adds to its chapter's sums. Knows nothing of what its operation came to."""

CoinCount = Callable[[Moved], Iterable[tuple[int, Addition]]]
"""Returns what moved coins add to which chapter's sums."""


@dataclass(frozen=True, slots=True)
class TallyRules:
    """What is counted: entries by their type, and coins of every type."""

    entries: Mapping[str, EntryCount]
    coins: CoinCount


Place = tuple[int, str, int, str]
"""Chapter, name, month (yyyymm) and part of a sum."""
Sums = dict[Place, tuple[int, int]]
"""Count and amount by place."""

_UPSERT = (
    "INSERT INTO tallies (chapter, name, period, part, count, amount) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (chapter, name, period, part) DO UPDATE SET "
    "count = tallies.count + excluded.count, amount = tallies.amount + excluded.amount"
)
_TOTAL = (
    "SELECT coalesce(sum(count), 0), coalesce(sum(amount), 0) FROM tallies "
    "WHERE chapter = ? AND name = ? AND part = ?"
)


@lru_cache(maxsize=64)
def _month_of(at: int) -> int:
    """Return the business month of Unix milliseconds; all entries of a transaction have one time."""
    return business_month(at // 1000)


class Tallies:
    """The additions of one transaction."""

    def __init__(self, rules: TallyRules, connection: Connection) -> None:
        self._rules = rules
        self._connection = connection
        self._added: Sums = {}

    def add_entry(self, entry: Past, chapter: int) -> None:
        """Add what an entry counts."""
        rule = self._rules.entries.get(entry.type)
        if rule is not None:
            period = _month_of(entry.at)
            for one in rule(entry):
                self._add((chapter, one.name, period, one.part), one.count, one.amount)

    def counts(self, type_name: str) -> bool:
        """Say whether entries of a type count at all, so that others need not be made up."""
        return type_name in self._rules.entries

    def add_coins(self, moved: Moved, at: int, sign: int = 1) -> None:
        """Add what coins moved at ``at`` (Unix milliseconds) count; with ``sign`` -1 take it out again."""
        period = _month_of(at)
        for chapter, one in self._rules.coins(moved):
            self._add((chapter, one.name, period, one.part), sign * one.count, sign * one.amount)

    def total(self, chapter: int, name: str, part: str) -> tuple[int, int]:
        """Return count and amount of all months, additions of this transaction included."""
        ((count, amount),) = fetch_all(self._connection, _TOTAL, chapter, name, part)
        totals = int(str(count)), int(str(amount))
        for place, added in self._added.items():
            if (place[0], place[1], place[3]) == (chapter, name, part):
                totals = totals[0] + added[0], totals[1] + added[1]
        return totals

    def store(self) -> None:
        """Write the additions, in the order of their places."""
        rows = [(*place, *added) for place, added in sorted(self._added.items())]
        execute_many(self._connection, _UPSERT, rows)
        self._added = {}

    def _add(self, place: Place, count: int, amount: int) -> None:
        before = self._added.get(place, (0, 0))
        self._added[place] = before[0] + count, before[1] + amount

    @property
    def added(self) -> Mapping[Place, tuple[int, int]]:
        """What was added and not stored yet."""
        return self._added


# --- reading --------------------------------------------------------------------------------------------

Parts = dict[str, dict[str, tuple[int, int]]]
"""Count and amount by name and part."""


def read_month(connection: Connection, chapter: int, period: int, names: Iterable[str]) -> Parts:
    """Return the sums of one month under each of ``names``."""
    return _read(connection, chapter, names, "period = ?", period)


def read_until(connection: Connection, chapter: int, period: int, names: Iterable[str]) -> Parts:
    """Return the sums of a month and all before it under each of ``names``."""
    return _read(connection, chapter, names, "period <= ?", period)


def _read(connection: Connection, chapter: int, names: Iterable[str], clause: str, period: int) -> Parts:
    found: Parts = {name: {} for name in names}
    marks = ",".join("?" * len(found))
    sql = (
        f"SELECT name, part, sum(count), sum(amount) FROM tallies "  # noqa: S608  our own names
        f"WHERE chapter = ? AND name IN ({marks}) AND {clause} GROUP BY name, part"
    )
    for name, part, count, amount in fetch_all(connection, sql, chapter, *found, period):
        found[cast("str", name)][cast("str", part)] = int(str(count)), int(str(amount))
    return found


# --- the slow way ---------------------------------------------------------------------------------------

_SELECT_COINS = """
SELECT o.log_index, e.type, e.chapter, e.at, o.kind, o.sender, o.receiver, o.moved
FROM operations o JOIN entries e ON e.log_index = o.log_index
WHERE o.outcome = 0 AND o.log_index > ? ORDER BY o.log_index LIMIT ?"""
_SELECT_ACCOUNTS = "SELECT account, chapter, kind FROM accounts"
_SELECT_SUMS = "SELECT chapter, name, period, part, count, amount FROM tallies"


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum that is not what the entries give, the first one by place."""

    place: Place
    got: tuple[int, int]
    want: tuple[int, int]


def recompute_tallies(connection: Connection, rules: TallyRules) -> Sums:
    """Return all sums as entries and operations give them, added up anew; sums of nothing are left out."""
    tallies = Tallies(rules, connection)
    for chapter, entry in read_past(connection, sorted(rules.entries)):
        tallies.add_entry(entry, chapter)
    parties = {
        bytes(cast("bytes", raw)): Party("acct_" + bytes(cast("bytes", raw)).hex(), *cast("list[int]", rest))
        for raw, *rest in fetch_all(connection, _SELECT_ACCOUNTS)
    }
    parties.pop(ZERO_ADDRESS, None)
    for _, name, chapter, at, kind, sender, receiver, amount in _coin_rows(connection):
        ends = parties.get(bytes(sender)), parties.get(bytes(receiver))
        moved = Moved(name, chapter, OperationKind(kind), *ends, amount)
        tallies.add_coins(moved, parse_timestamp(at))
    return {place: sums for place, sums in tallies.added.items() if sums != (0, 0)}


def _coin_rows(connection: Connection) -> Iterator[tuple[int, str, int, str, int, bytes, bytes, int]]:
    last = -1
    while rows := fetch_all(connection, _SELECT_COINS, last, _PAGE):
        yield from cast("list[tuple[int, str, int, str, int, bytes, bytes, int]]", rows)
        last = cast("int", rows[-1][0])


def find_difference(connection: Connection, rules: TallyRules) -> Difference | None:
    """Return the first stored sum that the entries do not give, or that is missing; None where all agree."""
    want = recompute_tallies(connection, rules)
    got: Sums = {}
    for row in fetch_all(connection, _SELECT_SUMS):
        *place, count, amount = cast("tuple[int, str, int, str, int, int]", row)
        got[cast("Place", tuple(place))] = count, amount
    for one in sorted(want.keys() | got.keys()):
        if want.get(one, (0, 0)) != got.get(one, (0, 0)):
            return Difference(one, got.get(one, (0, 0)), want.get(one, (0, 0)))
    return None
