"""What a chapter recorded in a span of time: entries of some types, read back from the ledger.

Figures and awards are computed from these alone, so that anybody who holds the entries gets the same. Entries
whose bodies are erased are left out; operations the chain refused have moved nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import ZERO_ADDRESS, OperationKind, account_id
from chain.types import AccountId, Address
from gateway.db import fetch_all
from gateway.rules.calendar import format_timestamp, parse_timestamp

_SELECT = """
SELECT e.log_index, e.entry_id, e.type, e.at, e.body, o.kind, o.sender, o.receiver, o.moved
FROM entries e LEFT JOIN operations o ON o.log_index = e.log_index AND o.outcome = 0
WHERE e.chapter = ? AND e.log_index >= ? AND e.log_index < ? AND e.body IS NOT NULL AND e.type IN (@)
ORDER BY e.log_index"""

_SELECT_ALL = """
SELECT e.chapter, e.log_index, e.entry_id, e.type, e.at, e.body, o.kind, o.sender, o.receiver, o.moved
FROM entries e LEFT JOIN operations o ON o.log_index = e.log_index AND o.outcome = 0
WHERE e.log_index > ? AND e.body IS NOT NULL AND e.type IN (@) ORDER BY e.log_index LIMIT ?"""
_PAGE = 4_096


@dataclass(frozen=True, slots=True)
class Coins:
    """What an operation moved, hundredths of a coin; None as a party: new coins, or burned ones."""

    kind: OperationKind
    sender: AccountId | None
    receiver: AccountId | None
    amount: int


@dataclass(frozen=True, slots=True)
class Past:
    """One entry of a chapter; ``at`` in Unix milliseconds, ``coins`` None where nothing moved."""

    index: int
    id: str
    type: str
    at: int
    public: Mapping[str, JsonValue]
    subjects: tuple[str, ...]
    coins: Coins | None

    def text(self, name: str) -> str:
        """Return a public text, empty where it is not there."""
        value = self.public.get(name)
        return value if isinstance(value, str) else ""

    def sum(self, name: str) -> int:
        """Return a public sum, 0 where it is not there."""
        return int(self.text(name) or 0)

    def legs(self) -> list[tuple[str, str, int]]:
        """Return the public legs as (role, account or empty, amount)."""
        rows = cast("list[dict[str, str]]", self.public.get("legs", []))
        return [(row["role"], row.get("account", ""), int(row["amount"])) for row in rows]


def read_history(
    connection: Connection, chapter: int, types: Collection[str], first: int, end: int
) -> list[Past]:
    """Return the chapter's entries of ``types`` at the indices from ``first`` to before ``end``, in order."""
    names = sorted(types)
    sql = _SELECT.replace("@", ",".join("?" * len(names)))
    rows = fetch_all(connection, sql, chapter, first, end, *names)
    return [_read(row) for row in rows]


def read_past(connection: Connection, types: Collection[str]) -> Iterator[tuple[int, Past]]:
    """Yield (chapter, entry) for the entries of ``types`` of all chapters, in order, page by page."""
    names = sorted(types)
    sql = _SELECT_ALL.replace("@", ",".join("?" * len(names)))
    last = -1
    while rows := fetch_all(connection, sql, last, *names, _PAGE):
        for chapter, *row in rows:
            entry = _read(tuple(row))
            yield cast("int", chapter), entry
            last = entry.index


def find_index(connection: Connection, at: int) -> int:
    """Return the index of the first entry at ``at`` (ms) or later: the log is in the order of time."""
    wanted = format_timestamp(at)
    low, high = 0, log_size(connection)
    while low < high:
        middle = (low + high) // 2
        ((found,),) = fetch_all(connection, "SELECT at FROM entries WHERE log_index = ?", middle)
        if cast("str", found) < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def log_size(connection: Connection) -> int:
    """Return the number of entries there are; those of the transaction itself are not among them yet."""
    ((last,),) = fetch_all(connection, "SELECT max(log_index) FROM entries")
    return 0 if last is None else cast("int", last) + 1


def _read(row: tuple[object, ...]) -> Past:
    index, entry_id, name, at, body, kind, sender, receiver, moved = row
    document = json.loads(bytes(cast("bytes", body)))
    coins = None
    if kind is not None:
        parties = (_party(sender), _party(receiver))
        coins = Coins(OperationKind(cast("int", kind)), *parties, cast("int", moved))
    return Past(
        cast("int", index),
        cast("str", entry_id),
        cast("str", name),
        parse_timestamp(cast("str", at)),
        document.get("public", {}),
        tuple(document.get("subjects", {})),
        coins,
    )


def _party(address: object) -> AccountId | None:
    raw = Address(bytes(cast("bytes", address)))
    return None if raw == ZERO_ADDRESS else account_id(raw)
