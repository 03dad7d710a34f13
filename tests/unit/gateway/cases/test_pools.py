"""A chapter's named pools: one account each, opened once, of this chapter alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.operation import ZERO_ADDRESS, OperationKind, account_id
from gateway.case_rules import CASE_BOOK
from gateway.cases.layers import Kept, Seen
from gateway.cases.pools import HOLDING, POOL_NAMES, find_pool, pool_account
from gateway.cases.reading import CaseReader
from gateway.cases.world import World as Rules
from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.ledger.registers import Registers
from gateway.ledger.steps import Step
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    NOON,
    OTHER_CHAPTER,
    World,
    address,
    joined,
    opened,
    operated,
    recorded,
    running,
)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """Two chapters; in the first a member, a merchant and the pool accounts one and two."""
    with running(database, tmp_path, rules=CASE_BOOK) as world:
        world.accept(opened())
        world.accept(opened(OTHER_CHAPTER))
        world.accept(joined("member"))
        world.accept(joined("shop", kind=AccountKind.MERCHANT))
        for name in ("one", "two"):
            world.accept(joined(name, kind=AccountKind.POOL))
        yield world


def pool_draft(name: str, account: str, chapter: int = CHAPTER) -> Draft:
    public = {"name": name, "account": account_id(address(account))}
    return replace(recorded(chapter=chapter), type="pool.opened", public=public)


def test_a_pool_has_its_account(world: World) -> None:
    opening = world.accept(pool_draft(HOLDING, "one"))
    found = CaseReader(world.database).find("pool", "3101-0007:holding", "3101-0007")
    assert found is not None
    assert (found["holder"], found["state"], found["document"]) == (
        account_id(address("one")),
        "open",
        {"name": "holding"},
    )
    assert found["entries"] == [{"id": opening.entry_id, "type": "pool.opened", "at": opening.at}]
    with world.database.reader() as connection:
        rules = Rules(connection, Registers(), Step("", NOON, pool_draft(HOLDING, "one")), Kept(), Seen())
        assert pool_account(rules, HOLDING) == account_id(address("one"))
        assert find_pool(rules, "reserve") is None
        with pytest.raises(Refusal) as refusal:
            pool_account(rules, "reserve")
        other = Rules(
            connection, Registers(), Step("", NOON, pool_draft(HOLDING, "one", OTHER_CHAPTER)), Kept(), Seen()
        )
        assert find_pool(other, HOLDING) is None
    assert (refusal.value.code, refusal.value.fields) == ("pool.unknown", {"name": "reserve"})


def test_a_pool_is_opened_once_and_an_account_is_one_pool(world: World) -> None:
    world.accept(pool_draft(HOLDING, "one"))
    again = world.refuse(pool_draft(HOLDING, "two"))
    assert (again.code, again.fields) == ("case.exists", {"kind": "pool"})
    twice = world.refuse(pool_draft("subsidy", "one"))
    assert (twice.code, twice.fields) == ("pool.account_taken", {"field": "public.account"})
    main = world.refuse(pool_draft("subsidy", f"pool-{CHAPTER}"))
    assert (main.code, main.fields) == ("pool.account_taken", {"field": "public.account"})


@pytest.mark.parametrize("account", ["member", "shop"])
def test_persons_and_shops_are_no_pools(world: World, account: str) -> None:
    refusal = world.refuse(pool_draft(HOLDING, account))
    assert (refusal.code, refusal.fields) == (
        "entry.bad_field",
        {"field": "public.account", "reason": "is not a pool account"},
    )


def test_names_and_accounts_that_are_not_there(world: World) -> None:
    name = world.refuse(pool_draft("savings", "one"))
    assert (name.code, name.fields) == (
        "entry.bad_field",
        {"field": "public.name", "reason": f"not one of {', '.join(POOL_NAMES)}"},
    )
    stranger = world.refuse(pool_draft(HOLDING, "one", OTHER_CHAPTER))
    assert (stranger.code, stranger.fields) == ("chapter.wrong", {"field": "public.account"})


def test_what_a_named_pool_holds_moves_by_its_rules_alone(world: World) -> None:
    """An operator's plain transfer or burn cannot empty it; the chapter's own pool and others still pay."""
    world.accept(pool_draft(HOLDING, "one"))
    for name in ("one", "two"):
        world.accept(operated(OperationKind.ISSUE, receiver=address(name), amount=500))
    for draft in (
        operated(OperationKind.TRANSFER, address("one"), address("member"), 100),
        operated(OperationKind.BURN, address("one"), ZERO_ADDRESS, 100),
        operated(OperationKind.LOCK, address("one"), address("one"), 100),
    ):
        refusal = world.refuse(draft)
        assert (refusal.code, refusal.fields) == ("pool.reserved", {"field": "op.from"})
    world.accept(operated(OperationKind.TRANSFER, address("two"), address("member"), 100))
    world.accept(operated(OperationKind.TRANSFER, address("member"), address("one"), 50))


def test_rule_26_no_officers_take_back_what_is_parked_for_others(world: World) -> None:
    """What came into another named pool by mistake is corrected; coins of open bookings are nobody else's."""
    for name, account in ((HOLDING, "one"), ("subsidy", "two")):
        world.accept(pool_draft(name, account))
    world.accept(operated(OperationKind.ISSUE, receiver=address("member"), amount=500))
    for pool in ("one", "two"):
        into = world.accept(operated(OperationKind.TRANSFER, address("member"), address(pool), 100))
        back = operated(
            OperationKind.REVERSE, address(pool), address("member"), 100, ref=bytes(into.leaf_hash)
        )
        if pool == "two":
            world.accept(back)
        else:
            refusal = world.refuse(back)
            assert (refusal.code, refusal.fields) == ("pool.reserved", {"field": "op.from"})
