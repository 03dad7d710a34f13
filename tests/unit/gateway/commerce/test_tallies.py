"""Running sums equal the slow reading of all entries, month by month, and what the chain refused is out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from chain.canonical import JsonValue
from chain.operation import OperationKind, account_id, chapter_code
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.replay import rebuild_cases
from gateway.cases.tallies import Difference, find_difference
from gateway.commerce.awards import read_referrers
from gateway.commerce.contributions import read_equity
from gateway.commerce.figures import read_figures
from gateway.db import Database, migrate, sqlite_url
from gateway.ledger import outcomes
from gateway.ledger.drafts import Accepted, Draft, RecoverAccount
from gateway.ledger.outcomes import FinalOutcomes
from tests.unit.gateway.commerce import slow_figures
from tests.unit.gateway.commerce.kit import (
    BUYERS,
    MERCHANTS,
    POOL,
    carry_out_due,
    go_to,
    market,
    named,
    sale,
    step,
)
from tests.unit.gateway.ledger.test_outcomes import CHAIN, DEPTH, settle
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    IDENTITY,
    OTHER_CHAPTER,
    World,
    address,
    joined,
    opened,
    operated,
)

MONTHS = (202_610, 202_611, 202_612, 202_701)
K = OperationKind


@pytest.fixture
def world(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A market in November 2026 that follows what the chain makes of its operations."""
    monkeypatch.setattr(outcomes, "LOOK_SECONDS", 0.0)
    with market(database, tmp_path, outcomes=FinalOutcomes(CHAIN, IDENTITY, DEPTH)) as world:
        yield world


def difference(world: World) -> Difference | None:
    with world.database.reader() as connection:
        return find_difference(connection, CASE_BOOK.tallies)


def check(world: World) -> None:
    """Compare every month and chapter with the slow reading."""
    for chapter in (CHAPTER, OTHER_CHAPTER):
        for month in MONTHS:
            slow = slow_figures.read_figures(world.database, chapter, month)
            assert read_figures(world.database, chapter, month) == slow, month
    for month in MONTHS[1:]:
        found = cast("dict[str, Any]", read_equity(world.database, CHAPTER, month))
        with world.database.reader() as connection:
            referrers = read_referrers(connection, CHAPTER)
            slow_rows = slow_figures.read_contributions(connection, CHAPTER, found["size"], referrers)
        assert found["contributions"] == [
            {
                "account": row.account, "capital": str(row.capital_fen), "referred": row.referred,
                "split": str(row.split_fen),
            }
            for row in slow_rows
        ]  # fmt: skip
    assert difference(world) is None


class Shoppers:
    """Random steps of commerce and coins, most of them accepted."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.draws = random.Random(seed)
        self.sales: list[str] = []
        self.vouchers: list[str] = []
        self.fees: list[str] = []
        self.kinds: set[str] = set()

    def go(self, steps: int) -> None:
        for _ in range(steps):
            act = self.draws.choice([self.shop, self.shop, self.follow, self.move, self.give])
            draft = act()
            answer = self.world.answer(draft)
            if isinstance(answer, Accepted):
                self.kinds.add(draft.type)
                known = {
                    "sale.recorded": self.sales,
                    "voucher.granted": self.vouchers,
                    "membership.opened": self.fees,
                }
                if draft.type in known:
                    known[draft.type].append(answer.entry_id)

    def shop(self) -> Draft:
        amount = self.draws.randint(1, 9_000)
        return sale(amount, self.draws.choice(BUYERS), self.draws.choice(MERCHANTS))

    def follow(self) -> Draft:
        if not self.sales:
            return self.shop()
        about, part = self.draws.choice(self.sales), str(self.draws.randint(1, 3_000))
        shop = named(self.draws.choice(MERCHANTS))
        choices = [
            step("sale.paid", about, amount=str(self.draws.randint(1, 200))),
            step("sale.rebated", about),
            step("sale.refunded", about, amount=part),
            step("sale.refunded", about, amount=part),
            step("sale.coins_returned", about),
            step("sale.rebate_returned", about),
            step("voucher.granted", about, merchant=shop),
            *(step("voucher.used", one, sale=about) for one in self.vouchers[-1:]),
            *(step("membership.fee_split", one) for one in self.fees[-1:]),
        ]
        return self.draws.choice(choices)

    def move(self) -> Draft:
        names = [*BUYERS, *MERCHANTS, POOL, "subsidy", "far"]
        sender, receiver = self.draws.sample(names, 2)
        amount = self.draws.randint(1, 99)
        choices = [
            operated(K.ISSUE, receiver=address(receiver), amount=amount),
            operated(K.TRANSFER, address(sender), address(receiver), amount),
            operated(K.REDEEM, address(sender), address(receiver), amount),
            operated(K.BURN, address(sender), amount=amount),
            operated(K.LOCK, address(sender), address(sender), amount),
        ]
        return self.draws.choice(choices)

    def give(self) -> Draft:
        amount, receipt = self.draws.randint(1, 500), self.draws.randbytes(32).hex()
        merchant, member = self.draws.choice(MERCHANTS), self.draws.choice(BUYERS)
        legs: JsonValue = [{"role": "venue", "amount": "3"}]
        paid: dict[str, JsonValue] = {"merchant": named(merchant), "amount": "2"}
        choices = [
            step("grant.booked", None, kind="donation", amount=str(amount), receipt=receipt),
            step("fund.used", None, fund="public_benefit", amount="3", evidence=receipt, legs=legs),
            step("capital.recorded", None, member, amount=str(amount), receipt=receipt),
            step("membership.opened", None, member, kind="co_creation", receipt=receipt),
            step("merchant.surplus_burned", None, **paid),
            step("merchant.fee_paid", None, **paid, fee="yearly"),
            step("advert.bought", None, **paid, campaign="spring"),
        ]
        return self.draws.choice(choices)


@pytest.mark.parametrize("seed", [1, 2])
def test_sums_equal_the_slow_reading_whatever_happens(world: World, tmp_path: Path, seed: int) -> None:
    world.accept(opened(OTHER_CHAPTER))
    world.accept(joined("far", OTHER_CHAPTER))
    world.accept(operated(K.ISSUE, receiver=address("far"), amount=5_000, chapter=OTHER_CHAPTER))
    world.accept(operated(K.TRANSFER, address("far"), address("b"), 500, chapter=OTHER_CHAPTER))
    for member, referrer in (("a", "n"), ("b", "o"), ("c", "a")):
        world.accept(step("referral.declared", None, member, referrer=named(referrer)))
    world.accept(step("capital.recorded", None, "m", amount="100", receipt="11" * 32))
    shoppers = Shoppers(world, seed)
    shoppers.go(120)
    check(world)
    for day in (date(2026, 11, 30), date(2026, 12, 1), date(2027, 1, 31)):
        go_to(world, day)
        carry_out_due(world)
        shoppers.go(60)
    check(world)
    assert len(shoppers.kinds) > 16, shoppers.kinds
    # The cases come out again, though some steps were judged by the sums.
    place = Database(sqlite_url(tmp_path / "again.sqlite3"))
    migrate(place)
    assert rebuild_cases(world.database, place, CASE_BOOK).stuck is None
    compared = compare_cases(world.database, place)
    assert compared.difference is None and sum(compared.rows.values()) > 100
    place.close()


def test_what_the_chain_refused_is_taken_out_of_its_own_month(world: World) -> None:
    bought = world.accept(sale(1_000)).entry_id
    paid = world.accept(step("sale.paid", bought, amount="400"))
    grant = world.accept(step("grant.booked", None, kind="donation", amount="1200", receipt="ab" * 32))
    figures = cast("dict[str, Any]", read_figures(world.database, CHAPTER, 202_611))
    assert (figures["redemptions"]["amount"], figures["grants"]["coins"]) == ("400", "1000")
    go_to(world, date(2026, 12, 1))
    last = world.accept(sale(50))
    settle(world, last, {paid.index: 7, grant.index: 9})
    figures = cast("dict[str, Any]", read_figures(world.database, CHAPTER, 202_611))
    assert figures["redemptions"] == {"count": 0, "amount": "0", "returned": "0"}
    assert figures["grants"] == {"count": 1, "amount": "1200", "coins": "0"}
    assert (figures["coins"]["merchants"], figures["concentration"]["coins_receivers"]) == ("0", 0)
    assert read_figures(world.database, CHAPTER, 202_612)["redemptions"] == {
        "count": 0, "amount": "0", "returned": "0",
    }  # fmt: skip
    world.accept(step("capital.recorded", None, "m", amount="100", receipt="11" * 32))
    for month in MONTHS:
        assert read_figures(world.database, CHAPTER, month) == slow_figures.read_figures(
            world.database, CHAPTER, month
        )
    assert difference(world) is None


def test_a_reversed_issue_counts_as_burned_by_what_the_chain_moved(world: World) -> None:
    """Rule 36 with reversals: the chain moved less than foreseen, as the holder had spent some."""
    given = world.accept(operated(K.ISSUE, receiver=address("b"), amount=900))
    leaf = bytes(given.leaf_hash)
    back = world.accept(operated(K.REVERSE, address("b"), amount=700, ref=leaf))
    settle(world, back, {}, {back.index: 300})
    figures = cast("dict[str, Any]", read_figures(world.database, CHAPTER, 202_611))
    coins = {name: int(amount) for name, amount in figures["coins"].items()}
    assert (coins["issued"], coins["burned"]) == (1_010_900, 300)
    assert coins["members"] == 10_000 + 900 - 300
    assert difference(world) is None


def test_a_sum_that_was_changed_is_named(world: World) -> None:
    world.accept(sale(1_000, merchant="n"))
    assert difference(world) is None
    with world.database.writer() as connection:
        connection.exec_driver_sql("UPDATE tallies SET amount = 999 WHERE name = 'received.money'")
    place = (CHAPTER, "received.money", 202_611, named("n"))
    assert difference(world) == Difference(place, (1, 999), (1, 1_000))
    with world.database.writer() as connection:
        connection.exec_driver_sql("DELETE FROM tallies WHERE name = 'received.money'")
    assert difference(world) == Difference(place, (0, 0), (1, 1_000))


def test_what_a_lost_account_brought_is_its_successors(world: World) -> None:
    """Before and after the recovery: orders of the referred one, capital and share of the referrer."""
    world.accept(step("referral.declared", None, "a", referrer=named("n")))
    world.accept(step("capital.recorded", None, "n", amount="100", receipt="11" * 32))
    first = world.accept(sale(10_000)).entry_id
    for old, new in (("a", "a2"), ("n", "n2")):
        order = "0d" * 32
        effect = RecoverAccount(address(old), address(new), bytes.fromhex(order))
        public: dict[str, JsonValue] = {"from": named(old), "to": named(new), "order": order}
        subjects = (account_id(address(old)), account_id(address(new)))
        draft = Draft("account.recovered", chapter_code(CHAPTER), None, subjects, public=public)
        world.accept(replace(draft, effects=(effect,)))
    second = world.accept(sale(5_000, "a2")).entry_id
    rows = cast("list[dict[str, Any]]", read_equity(world.database, CHAPTER, 202_611)["contributions"])
    assert rows == [{"account": named("n2"), "capital": "100", "referred": 1, "split": "300"}]
    for bought, amount in ((first, "10000"), (second, "5000")):
        world.accept(step("sale.refunded", bought, amount=amount))
    rows = cast("list[dict[str, Any]]", read_equity(world.database, CHAPTER, 202_611)["contributions"])
    assert rows == [{"account": named("n2"), "capital": "100", "referred": 0, "split": "0"}]
    assert difference(world) is None
