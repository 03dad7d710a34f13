"""What a transaction has of cases: by kind without the others, lists read once and changed by its steps."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from chain.operation import ZERO_REF, Operation, OperationKind
from gateway.cases.case import Case
from gateway.cases.layers import Kept
from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, AccountKind, Draft
from tests.unit.gateway.commerce.kit import POOL, market, named, step
from tests.unit.gateway.ledger.worlds import World, address, fresh_receipt, joined


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with market(database, tmp_path) as world:
        yield world


def record(world: World, drafts: list[Draft]) -> list[Accepted]:
    """Record all drafts in one transaction."""
    answers = world.ledger.submit_many([world.submission(draft) for draft in drafts])
    return [answer for answer in answers if isinstance(answer, Accepted)]


def rebate(of: str) -> Draft:
    operation = Operation(OperationKind.TRANSFER, address(POOL), address("b"), 50, 0, ZERO_REF)
    return replace(step("rebate.granted", None, purchase=of), operation=operation)


def test_cases_of_a_kind_are_as_they_were_left_last() -> None:
    kept = Kept()
    for kind, key, state in (("seat", "a", "held"), ("sale", "a", "open"), ("seat", "a", "ended")):
        kept[kind, key] = Case(kind, key, 1, state)
    assert {place: case.state for place, case in kept.of_kind("seat").items()} == {("seat", "a"): "ended"}
    assert kept.of_kind("pool") == {}
    assert len(kept) == 2


def test_a_step_sees_in_a_list_what_an_earlier_step_of_its_transaction_changed(world: World) -> None:
    world.accept(joined("spare", kind=AccountKind.POOL))
    names = ("holding", "merchant_subsidy")
    drafts = [step("pool.opened", None, name=name, account=named("spare")) for name in names]
    first, second = world.ledger.submit_many([world.submission(draft) for draft in drafts])
    assert isinstance(first, Accepted)
    assert isinstance(second, Refusal)
    assert (second.code, second.fields) == ("pool.account_taken", {"field": "public.account"})


@pytest.mark.parametrize("count", [5, 40])
def test_a_batch_of_rebates_asks_twice_for_each(world: World, count: int) -> None:
    """The purchase and the entry pointed at; rebates, seats and pools once for all."""
    slips = [fresh_receipt() for _ in range(count)]
    bought = record(
        world, [step("purchase.recorded", None, "b", "m", amount="1010", receipt=slip) for slip in slips]
    )
    asked = Counter[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # Who judges, not who signs or compares what was signed beside it.
        if statement.startswith("SELECT") and threading.current_thread().name == "sequencer":
            asked[statement.partition(" IN ")[0]] += 1

    event.listen(world.database.engine, "before_cursor_execute", note)
    paid = record(world, [rebate(one.entry_id) for one in bought])
    event.remove(world.database.engine, "before_cursor_execute", note)
    assert len(paid) == count
    assert 1 <= sum(1 for number in asked.values() if number >= count) <= 2
    assert sum(asked.values()) <= 2 * count + 15
