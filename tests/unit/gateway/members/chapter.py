"""A chapter for tests of memberships: members a to e, merchants m and n, and short ways to take steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from chain.canonical import JsonValue
from chain.operation import ZERO_REF, Operation, OperationKind, account_id
from chain.types import AccountId
from gateway.case_rules import CASE_BOOK
from gateway.cases.reading import CaseReader
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import Accepted, AccountKind, Custody, Draft, RecoverAccount, SetRights
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
RECEIPT = "a1" * 32
EVIDENCE = "e7" * 32
ORDER = "0d" * 32
HOUSE = "c4" * 32


@contextmanager
def chapter(database: Database, folder: Path) -> Iterator[World]:
    """Run a chapter with 10,000.00 coins in its pool."""
    with running(database, folder, rules=CASE_BOOK) as world:
        world.accept(opened())
        world.accept(operated(OperationKind.ISSUE, receiver=address(POOL), amount=1_000_000))
        for name in "abcde":
            world.accept(joined(name))
        for name in "mn":
            world.accept(joined(name, kind=AccountKind.MERCHANT))
        yield world


def acct(name: str) -> AccountId:
    """Return a named account."""
    return account_id(address(name))


def step(name: str, /, *who: str, **public: JsonValue) -> Draft:
    """Return a step about these accounts."""
    return replace(recorded(), type=name, subjects=tuple(map(acct, who)), public=public)


def about(name: str, entry: str, /, **public: JsonValue) -> Draft:
    """Return a step of the case an entry opened."""
    return step(name, about=entry, **public)


def opening(who: str, kind: str = "ordinary", **public: JsonValue) -> Draft:
    """Return the opening of a membership."""
    return step("membership.opened", who, kind=kind, receipt=RECEIPT, **public)


def sale(who: str, amount: int = 100_000, merchant: str = "m") -> Draft:
    """Return a purchase."""
    return step("sale.recorded", who, merchant=acct(merchant), amount=str(amount), receipt=fresh_receipt())


def referred(who: str, by: str) -> Draft:
    """Return the declaration of a referrer."""
    return step("referral.declared", who, referrer=acct(by))


def gift(sender: str, receiver: str, amount: int, actor: str | None = None) -> Draft:
    """Return a gift of coins."""
    operation = Operation(OperationKind.TRANSFER, address(sender), address(receiver), amount, 0, ZERO_REF)
    return replace(
        step("gift.sent", sender, receiver),
        operation=operation,
        actor=None if actor is None else acct(actor),
    )


def issued(who: str, amount: int) -> Draft:
    """Return an issue of coins."""
    return operated(OperationKind.ISSUE, receiver=address(who), amount=amount)


def rights(who: str, may_send: bool, may_receive: bool) -> Draft:
    """Return a freeze or release, as its route makes it."""
    name = "member.unfrozen" if may_send and may_receive else "member.frozen"
    public: dict[str, JsonValue] = {
        "account": acct(who), "may_send": may_send, "may_receive": may_receive, "order": ORDER
    }  # fmt: skip
    effect = SetRights(address(who), may_send, may_receive, bytes.fromhex(ORDER))
    return replace(step(name, who), public=public, effects=(effect,))


def recovery(old: str, new: str) -> Draft:
    """Return the recovery of a lost account, as its route makes it."""
    effect = RecoverAccount(address(old), address(new), bytes.fromhex(ORDER))
    public: dict[str, JsonValue] = {"from": acct(old), "to": acct(new), "order": ORDER}
    return replace(step("account.recovered", old, new), public=public, effects=(effect,))


def self_custody(who: str) -> Draft:
    """Return the registration of an account whose holder has the key."""
    return joined(who, custody=Custody.SELF)


def entry(world: World, accepted: Accepted) -> dict[str, Any]:
    """Return an entry's body."""
    with world.database.reader() as connection:
        ((body,),) = fetch_all(connection, "SELECT body FROM entries WHERE log_index = ?", accepted.index)
    document: dict[str, Any] = json.loads(bytes(body))  # type: ignore[arg-type]
    return document


def public(world: World, draft: Draft) -> dict[str, Any]:
    """Have a step accepted and return what its entry says."""
    found: dict[str, Any] = entry(world, world.accept(draft))["public"]
    return found


def operation(world: World, accepted: Accepted) -> tuple[object, ...] | None:
    """Return kind, sender, receiver and amount of an entry's operation."""
    with world.database.reader() as connection:
        sql = "SELECT kind, sender, receiver, amount FROM operations WHERE log_index = ?"
        rows = fetch_all(connection, sql, accepted.index)
    return tuple(rows[0]) if rows else None


def balance(world: World, name: str) -> int:
    """Return what an account has to spend."""
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT available FROM balances WHERE account = ?", address(name))
    return int(str(rows[0][0])) if rows else 0


def case(world: World, kind: str, key: str) -> dict[str, Any] | None:
    """Return a case as readers see it."""
    return CaseReader(world.database).find(kind, key, None)


def state(world: World, kind: str, name: str) -> str:
    """Return the state of a case keyed by a named account."""
    found = case(world, kind, acct(name))
    assert found is not None
    return str(found["state"])


def run_due(world: World) -> list[tuple[str, object]]:
    """Take the steps whose time has come; return each type with its answer's code, None where accepted."""
    with world.database.reader() as connection:
        steps = CASE_BOOK.due_steps(connection, world.clock(), 1_000)
    answers = [(draft.type, world.answer(draft, key)) for key, draft in steps]
    return [(name, None if isinstance(answer, Accepted) else answer.code) for name, answer in answers]


def go_to(world: World, day: str, hour: int = 12) -> None:
    """Set the clock to an hour of a business date."""
    world.clock.milliseconds = day_start(date.fromisoformat(day)) + hour * 3_600_000
