"""Equity contributions and gates: figures of a statement that always sum, and exact thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.commerce.contributions import read_equity, read_gates
from gateway.db import Database
from gateway.errors import Refusal
from tests.unit.gateway.commerce.kit import go_to, market, named, sale, step
from tests.unit.gateway.ledger.worlds import CHAPTER, World

MONTH = 202_611


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market in November 2026."""
    with market(database, tmp_path) as world:
        yield world


def equity(world: World, month: int = MONTH) -> dict[str, Any]:
    return cast("dict[str, Any]", read_equity(world.database, CHAPTER, month))


def invest(world: World, name: str, fen: int, receipt: str) -> None:
    world.accept(step("capital.recorded", None, name, amount=str(fen), receipt=receipt * 32))


def refer(world: World, member: str, referrer: str) -> None:
    world.accept(step("referral.declared", None, member, referrer=named(referrer)))


def test_contributions_are_normalised_and_sum_to_the_whole(world: World) -> None:
    invest(world, "m", 300_000, "01")
    invest(world, "b", 100_000, "02")
    invest(world, "b", 100_000, "03")
    refer(world, "a", "n")
    refer(world, "c", "b")
    world.accept(sale(10_000))
    world.accept(sale(10_000, "c"))
    found = equity(world)
    rows = {(row["pool"], row["account"]): row["parts"] for row in found["rows"]}
    assert {
        row["account"]: (row["capital"], row["referred"], row["split"]) for row in found["contributions"]
    } == {
        named("m"): ("300000", 0, "0"),
        named("b"): ("200000", 1, "0"),
        # 2% of the cross-store sale of a, whom n referred, at m.
        named("n"): ("0", 1, "200"),
    }
    # m: 25% * 3/5 = 15; n: 60% / 2 + 15% = 45; b: 25% * 2/5 + 60% / 2 = 40, of 100.
    assert rows == {
        ("committee_and_core_merchants", named("m")): 625,
        ("committee_and_core_merchants", named("n")): 1_875,
        ("members", named("b")): 6_000,
        ("platform_and_development", None): 1_500,
    }
    assert sum(rows.values()) == found["whole"] == 10_000


def test_refunds_take_contributions_back(world: World) -> None:
    invest(world, "m", 1, "01")
    refer(world, "a", "n")
    bought = world.accept(sale(10_000)).entry_id
    world.accept(step("sale.refunded", bought, amount="5000"))
    rows = {row["account"]: row for row in equity(world)["contributions"]}
    assert (rows[named("n")]["referred"], rows[named("n")]["split"]) == (0, "100")
    # A second order that stands brings the member after all.
    world.accept(sale(10_000))
    rows = {row["account"]: row for row in equity(world)["contributions"]}
    assert (rows[named("n")]["referred"], rows[named("n")]["split"]) == (1, "300")


def test_a_statement_is_of_its_month_and_before(world: World) -> None:
    invest(world, "m", 100, "01")
    go_to(world, date(2026, 12, 1))
    invest(world, "m", 100, "02")
    assert equity(world)["contributions"][0]["capital"] == "100"
    assert equity(world, 202_612)["contributions"][0]["capital"] == "200"
    with pytest.raises(Refusal) as caught:
        equity(world, 202_610)
    assert caught.value.code == "equity.nothing"


def gates(world: World) -> dict[str, Any]:
    return cast("dict[str, Any]", read_gates(world.database, CHAPTER, world.clock.milliseconds))


def join(world: World, name: str, kind: str, household: str | None = None) -> None:
    more = {} if household is None else {"household": household * 32}
    world.accept(step("membership.opened", None, name, kind=kind, receipt="0d" * 32, **more))  # type: ignore[arg-type]


def test_gates_count_households_once_and_only_who_pays(world: World) -> None:
    join(world, "a", "ordinary", "aa")
    join(world, "b", "ordinary", "aa")
    join(world, "c", "trial")
    join(world, "m", "merchant")
    found = gates(world)
    assert (found["households"], found["member_households"]) == (None, 1)
    assert found["gates"] == [
        {"name": "household_bp", "have": 0, "need": 1_500, "passed": False},
        {"name": "paying_members", "have": 3, "need": 1_000, "passed": False},
        {"name": "paying_merchants", "have": 1, "need": 30, "passed": False},
    ]


@pytest.mark.parametrize(("households", "have", "passed"), [(6, 1_666, True), (7, 1_428, False)])
def test_the_gate_of_households_is_exact(world: World, households: int, have: int, passed: bool) -> None:
    join(world, "a", "ordinary", "aa")
    world.accept(step("parameter.set", None, parameter="households", number=households))
    found = gates(world)
    assert found["gates"][0] == {"name": "household_bp", "have": have, "need": 1_500, "passed": passed}
    assert (found["may_grow"], found["may_raise"]) == (passed, False)


def test_more_households_with_members_than_there_are(world: World) -> None:
    join(world, "a", "ordinary", "aa")
    join(world, "b", "ordinary", "bb")
    world.accept(step("parameter.set", None, parameter="households", number=1))
    with pytest.raises(Refusal) as caught:
        gates(world)
    assert (caught.value.code, caught.value.fields) == ("gates.households", {"have": 2, "households": 1})
