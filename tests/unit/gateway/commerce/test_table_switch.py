"""Published versions of split tables: the day before the switch, the day of it, and what is reversed later.

Every entry names the table and the version it went by, and its legs are that version's, to the fen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from chain.canonical import JsonValue
from chain.operation import chapter_code
from gateway.commerce import rule_tables
from gateway.db import Database
from gateway.ledger.drafts import Accepted, AccountKind, Draft
from gateway.rules.split_tables import SPLIT_TABLES, commission_table
from gateway.rules.splits import Share, SplitTable, split
from tests.unit.gateway.commerce.kit import carry_out_due, entry, go_to, market, named, public, sale, step
from tests.unit.gateway.ledger.worlds import OTHER_CHAPTER, World, joined, opened

BEFORE, SWITCH = date(2026, 11, 19), date(2026, 11, 20)


def second(name: str, *shares: tuple[str, int]) -> SplitTable:
    """Return version 2 of a table with other shares, the first of them the residual."""
    first = next(table for table in SPLIT_TABLES if (table.id, table.version) == (name, 1))
    lines = tuple(Share(role, points) for role, points in shares)
    return replace(first, version=2, effective_from=date(2030, 1, 1), lines=lines, residual=shares[0][0])


NEW = (
    commission_table(300, 2, date(2030, 1, 1)),
    second("voucher_cost", ("platform", 5_000), ("issuing_shop", 3_000), ("honouring_shop", 2_000)),
    second("first_year_fee", ("chapter_holding", 2_000), ("chapter_fund", 3_000), ("platform", 5_000)),
)
TABLES = (*SPLIT_TABLES, *NEW)


@pytest.fixture
def world(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A market whose chapter uses the second versions from the day of the switch on."""
    monkeypatch.setattr(rule_tables, "SPLIT_TABLES", TABLES)
    with market(database, tmp_path) as world:
        for table in NEW:
            world.accept(published(table.id, 2))
        go_to(world, BEFORE)
        yield world


def published(table: str, version: int) -> Draft:
    return step("rule.published", None, table=table, version=version, since=SWITCH.isoformat())


def legs(world: World, accepted: Accepted) -> dict[str, int]:
    """Return the recorded legs, having recomputed them from the table and version the entry names."""
    said = cast("dict[str, Any]", public(world, accepted))
    return {leg["role"]: int(leg["amount"]) for leg in said["legs"]}


def named_table(world: World, accepted: Accepted) -> tuple[JsonValue, JsonValue]:
    said = public(world, accepted)
    rule = entry(world, accepted)["rule"]
    assert rule in (f"{said['table']}:{said['version']}", "cross_store_voucher:1")
    return said["table"], said["version"]


def recomputed(amount: int, table: str, version: int) -> dict[str, int]:
    chosen = next(one for one in TABLES if (one.id, one.version) == (table, version))
    return dict(split(amount, chosen))


def test_a_refund_goes_by_the_table_of_its_sale(world: World) -> None:
    old = world.accept(sale(10_000))
    go_to(world, SWITCH)
    new = world.accept(sale(10_000))
    assert (named_table(world, old), legs(world, old)) == (
        ("own_store_purchase", 1),
        {"platform": 200, "public_benefit": 50, "serving_shop": 9_750},
    )
    assert (named_table(world, new), legs(world, new)) == (
        ("own_store_purchase", 2),
        {"platform": 300, "public_benefit": 50, "serving_shop": 9_650},
    )
    for sold, version in ((old, 1), (new, 2)):
        for part in ("4000", "6000"):
            back = world.accept(step("sale.refunded", sold.entry_id, amount=part))
            assert named_table(world, back) == ("own_store_purchase", version)
            assert legs(world, back) == recomputed(int(part), "own_store_purchase", version)


def test_another_chapter_does_not_follow(world: World) -> None:
    go_to(world, SWITCH)
    world.accept(opened(OTHER_CHAPTER))
    world.accept(joined("x", OTHER_CHAPTER))
    world.accept(joined("y", OTHER_CHAPTER, AccountKind.MERCHANT))
    bought = world.accept(replace(sale(10_000, "x", "y"), chapter=chapter_code(OTHER_CHAPTER)))
    assert named_table(world, bought) == ("own_store_purchase", 1)


def test_a_vouchers_cost_stays_that_of_the_day_it_was_given(world: World) -> None:
    given = {}
    for day in (BEFORE, SWITCH):
        go_to(world, day)
        bought = world.accept(sale(5_000)).entry_id
        given[day] = world.accept(step("voucher.granted", bought, merchant=named("n")))
    first = {"platform": 100, "issuing_shop": 200, "honouring_shop": 200}
    then = {"platform": 250, "issuing_shop": 150, "honouring_shop": 100}
    for day, version, cost in ((BEFORE, 1, first), (SWITCH, 2, then)):
        assert (named_table(world, given[day]), legs(world, given[day])) == (("voucher_cost", version), cost)
        later = world.accept(sale(3_000, merchant="n")).entry_id
        used = world.accept(step("voucher.used", given[day].entry_id, sale=later))
        assert (named_table(world, used), legs(world, used)) == (("voucher_cost", version), cost)
        world.accept(step("sale.refunded", later, amount="3000"))
        back = world.accept(step("voucher.returned", given[day].entry_id))
        assert (public(world, back)["table"], public(world, back)["version"]) == ("voucher_cost", version)
        assert legs(world, back) == cost


def test_a_fee_is_split_by_the_table_of_the_day_it_was_paid(world: World) -> None:
    def pay(who: str) -> str:
        fields = {"kind": "co_creation", "receipt": "0d" * 32}
        return world.accept(step("membership.opened", None, who, **fields)).entry_id  # type: ignore[arg-type]

    in_time, late = pay("a"), pay("b")
    old = world.accept(step("membership.fee_split", in_time))
    go_to(world, SWITCH)
    # The clock came to it only after the switch.
    carried = world.accept(step("membership.fee_split", late))
    new = world.accept(step("membership.fee_split", pay("c")))
    for split_then, version in ((old, 1), (carried, 1), (new, 2)):
        assert named_table(world, split_then) == ("first_year_fee", version)
    assert legs(world, old) == legs(world, carried)
    assert legs(world, old)["chapter_fund"] == 10_000
    assert legs(world, new) == recomputed(100_000, "first_year_fee", 2)
    assert legs(world, new)["chapter_fund"] == 30_000


def test_a_reward_goes_by_the_table_of_its_day_and_comes_back_by_it(world: World) -> None:
    world.accept(published("referral_reward", 1))
    for member in ("a", "b"):
        world.accept(step("referral.declared", None, member, referrer=named("c")))
    sold = {who: world.accept(sale(100_000, who)).entry_id for who in ("a", "b")}
    old = world.accept(step("referral.rewarded", sold["a"], margin="90000"))
    go_to(world, SWITCH)
    new = world.accept(step("referral.rewarded", sold["b"], margin="90000"))
    assert (named_table(world, old), legs(world, old)["referrer"]) == (("referral_reward", 2), 18_000)
    assert (named_table(world, new), legs(world, new)["referrer"]) == (("referral_reward", 1), 1_000)
    for who, version, part in (("a", 2, 9_000), ("b", 1, 500)):
        world.accept(step("sale.refunded", sold[who], amount="50000"))
        back = world.accept(step("referral.clawed_back", sold[who]))
        assert named_table(world, back) == ("referral_reward", version)
        assert legs(world, back) == {"referrer": part, "margin_owner": part}
    assert carry_out_due(world) == []
