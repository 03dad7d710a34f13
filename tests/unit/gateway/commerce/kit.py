"""A chapter with a pool, buyers and merchants, and short ways to post and read the steps of commerce."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from chain.canonical import JsonValue
from chain.operation import Operation, OperationKind, account_id
from gateway.case_rules import CASE_BOOK
from gateway.cases.reading import CaseReader
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import Accepted, AccountKind, Draft
from gateway.rules.calendar import day_start
from tests.unit.gateway.ledger.worlds import (
    World,
    address,
    fresh_receipt,
    joined,
    opened,
    operated,
    recorded,
    running,
)

POOL = "pool-31010007"
BUYERS, MERCHANTS, POOLS = ("a", "b", "c"), ("m", "n", "o"), ("subsidy", "platform", "reserve")


@contextmanager
def market(database: Database, folder: Path, **options: object) -> Iterator[World]:
    """Run a chapter with 10,000.00 coins in its main pool and 100.00 with a; the pools above are open."""
    with running(database, folder, rules=CASE_BOOK, **options) as world:
        world.accept(opened())
        world.accept(operated(OperationKind.ISSUE, receiver=address(POOL), amount=1_000_000))
        for name in BUYERS:
            world.accept(joined(name))
        for name in MERCHANTS:
            world.accept(joined(name, kind=AccountKind.MERCHANT))
        for name in POOLS:
            world.accept(joined(name, kind=AccountKind.POOL))
            world.accept(step("pool.opened", None, name=name, account=named(name)))
        world.accept(operated(OperationKind.ISSUE, receiver=address("a"), amount=10_000))
        yield world


def named(name: str) -> str:
    """Return the account of a name."""
    return account_id(address(name))


def step(type_name: str, about: str | None = None, *who: str, **public: JsonValue) -> Draft:
    """Return the draft of a step about a case, concerning the named accounts."""
    said = public if about is None else {**public, "about": about}
    return replace(recorded(*who), type=type_name, public=said)


def sale(amount: int = 10_001, buyer: str = "a", merchant: str = "m", **public: JsonValue) -> Draft:
    """Return the draft of a purchase, in fen."""
    said = {"merchant": named(merchant), "amount": str(amount), "receipt": fresh_receipt(), **public}
    return step("sale.recorded", None, buyer, **said)


def given(sender: str, receiver: str, amount: int) -> Draft:
    """Return a gift, in hundredths."""
    coins = Operation(OperationKind.TRANSFER, address(sender), address(receiver), amount, 0, bytes(32))
    return replace(recorded(sender), type="gift.sent", public={}, operation=coins)


def entry(world: World, accepted: Accepted) -> dict[str, JsonValue]:
    """Return the entry as it was recorded."""
    with world.database.reader() as connection:
        ((body,),) = fetch_all(connection, "SELECT body FROM entries WHERE log_index = ?", accepted.index)
    document: dict[str, JsonValue] = json.loads(bytes(body))  # type: ignore[arg-type]
    return document


def public(world: World, accepted: Accepted) -> dict[str, JsonValue]:
    """Return the public fields as they were recorded."""
    found = entry(world, accepted)["public"]
    assert isinstance(found, dict)
    return found


def operation(world: World, accepted: Accepted) -> tuple[object, ...] | None:
    """Return (kind, sender, receiver, amount) of what the entry ordered, None where nothing."""
    with world.database.reader() as connection:
        sql = "SELECT kind, sender, receiver, amount FROM operations WHERE log_index = ?"
        rows = fetch_all(connection, sql, accepted.index)
    return tuple(rows[0]) if rows else None


def balance(world: World, name: str) -> int:
    """Return what a named account can spend, in hundredths of a coin."""
    with world.database.reader() as connection:
        sql = "SELECT available FROM balances WHERE account = ?"
        rows = fetch_all(connection, sql, address(name))
    return int(str(rows[0][0])) if rows else 0


def state(world: World, kind: str, key: str) -> str:
    """Return the state of a case."""
    found = CaseReader(world.database).find(kind, key, None)
    assert found is not None
    return str(found["state"])


def carry_out_due(world: World) -> list[str]:
    """Record what is due now, as the clock does; return the types recorded."""
    with world.database.reader() as connection:
        steps = CASE_BOOK.due_steps(connection, world.clock.milliseconds, 100)
    return [str(entry(world, world.accept(draft, key))["type"]) for key, draft in steps]


def go_to(world: World, day: date) -> None:
    """Move the clock to the noon of a business date."""
    world.clock.milliseconds = day_start(day) + 12 * 3_600_000
