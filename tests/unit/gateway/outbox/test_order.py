"""Which queued calls may have their nonces: those of entries with no unsettled operation below them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.db import Database, execute
from gateway.outbox.calls import ChainCall
from gateway.outbox.order import CallOrder
from gateway.outbox.queue import enqueue_rows

AT = "2026-01-01T00:00:00.000Z"


class FakeLog:
    """Entries ``e<index>``; operations at the given indices. Counts what it is asked."""

    def __init__(self, *operations: int) -> None:
        self.operations = operations
        self.cursor = 0
        self.asked = 0

    def load_cursor(self) -> int:
        self.asked += 1
        return self.cursor

    def indices(self, entry_ids: Sequence[str]) -> dict[str, int]:
        return {name: int(name[1:]) for name in entry_ids if name[0] == "e"}

    def first_operation(self, start: int, end: int) -> int | None:
        return min((index for index in self.operations if start <= index < end), default=None)


def queue(database: Database, *calls: tuple[str, str, str]) -> None:
    """Queue (reference, kind, signer), with ids from 1 on."""
    rows = [(name, ChainCall(kind, "Membership", b"\1", 1, signer)) for name, kind, signer in calls]
    with database.writer() as connection:
        enqueue_rows(connection, rows, chain_id=1, at=AT)


def end(database: Database, row: int, state: str) -> None:
    """Let a call be mined or fail."""
    with database.writer() as connection:
        execute(
            connection,
            "UPDATE chain_transactions SET state = ?, nonce = id, raw = ?, tx_hash = ? WHERE id = ?",
            state, b"", b"", row,
        )  # fmt: skip


def order_of(database: Database, log: FakeLog) -> CallOrder:
    return CallOrder(database, log, log.load_cursor, chain_id=1)


@pytest.mark.parametrize(
    ("operations", "cursor", "free"),
    [
        ((), 0, [1, 2, 3]),
        ((9,), 0, [1, 2, 3]),
        ((8,), 0, [1, 2, 3]),
        ((7,), 0, [1, 2]),
        ((5,), 0, [1, 2]),
        ((4,), 0, [1]),
        ((4,), 4, [1]),
        ((4,), 5, [1, 2, 3]),
        ((4, 6), 5, [1, 2]),
        ((1, 4, 6), 0, []),
    ],
)
def test_a_call_goes_when_all_operations_below_its_entry_are_settled(
    database: Database, operations: tuple[int, ...], cursor: int, free: list[int]
) -> None:
    queue(
        database,
        ("e2", "setRights", "freezer"), ("e5", "setRights", "freezer"), ("e8", "setRights", "freezer"),
    )  # fmt: skip
    log = FakeLog(*operations)
    log.cursor = cursor
    found = order_of(database, log).load_free({"freezer"})
    assert found == ({"freezer": free} if free else {})


def test_approvals_strangers_references_and_the_settling_key_wait_for_nothing(database: Database) -> None:
    queue(
        database,
        ("e6", "register", "operator"), ("e5", "recover", "recoverer"), ("e5", "approve", "president"),
        ("gap", "setQuota", "issuer"), ("e5", "setQuota", "issuer"),
    )  # fmt: skip
    log = FakeLog(3)
    found = order_of(database, log).load_free({"operator", "recoverer", "president", "issuer"})
    assert found == {"operator": None, "president": [3], "issuer": [4]}


def test_the_chain_is_not_asked_where_nothing_could_wait(database: Database) -> None:
    queue(database, ("e5", "register", "operator"), ("e5", "approve", "president"))
    log = FakeLog(3)
    order = order_of(database, log)
    assert order.load_free(set()) == {}
    assert order.load_free({"operator"}) == {"operator": None}
    assert order.load_free({"president"}) == {"president": [2]}
    assert log.asked == 0
    queue(database, ("e5", "setRights", "freezer"))
    assert order.load_free({"freezer"}) == {"president": [2]}
    assert log.asked == 1


def test_a_call_waits_for_the_accounts_and_seats_up_to_its_entry(database: Database) -> None:
    queue(
        database,
        ("e3", "register", "operator"), ("e4", "setRights", "freezer"), ("e2", "setCaps", "hq"),
        ("e6", "grant", "operator"), ("e7", "recover", "recoverer"), ("settle", "settle", "operator"),
    )  # fmt: skip
    order = order_of(database, FakeLog())
    others = {"freezer", "hq", "recoverer"}
    assert order.load_free(others) == {"hq": [3]}
    end(database, 1, "mined")
    assert order.load_free(others) == {"hq": [3], "freezer": [2]}
    end(database, 4, "failed")
    assert order.load_free(others) == {"hq": [3], "freezer": [2], "recoverer": [5]}


def test_a_seat_waits_for_a_recovery_below_its_entry(database: Database) -> None:
    queue(
        database,
        ("e2", "grant", "operator"), ("e5", "recover", "recoverer"), ("e6", "grant", "operator"),
        ("e6", "register", "operator"), ("e7", "release", "operator"), ("settle", "settle", "operator"),
    )  # fmt: skip
    order = order_of(database, FakeLog())
    assert order.load_free({"operator"}) == {"operator": [1, 4, 6]}
    end(database, 1, "mined")
    assert order.load_free({"operator", "recoverer"}) == {"operator": [4, 6], "recoverer": [2]}
    end(database, 2, "mined")
    assert order.load_free({"operator", "recoverer"}) == {"operator": None}


def test_calls_of_another_chain_are_not_looked_at(database: Database) -> None:
    queue(database, ("e5", "setRights", "freezer"))
    log = FakeLog()
    assert CallOrder(database, log, log.load_cursor, chain_id=2).load_free({"freezer"}) == {}
