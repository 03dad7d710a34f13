"""Awards in the ledger: computed by the rule from the month's entries, granted once, the same for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.operation import Operation, OperationKind
from gateway.cases.history import find_index
from gateway.commerce import awards
from gateway.commerce.awards import read_awards
from gateway.db import Database
from gateway.ledger.drafts import Draft, RecoverAccount
from gateway.rules.awards import AwardKind, AwardTerms, Prize
from gateway.rules.parameters import ship
from tests.unit.gateway.commerce.kit import POOL, go_to, market, named, operation, public, sale, step
from tests.unit.gateway.ledger.worlds import CHAPTER, OTHER_CHAPTER, World, address, operated
from tests.unit.gateway.timebank.kit import bank_of

MONTH, AFTER = 202_611, date(2026, 12, 1)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A market in November 2026."""
    with market(database, tmp_path) as world:
        yield world


def award(kind: str, rank: int = 1, month: str = "2026-11", **more: JsonValue) -> Draft:
    return step("award.granted", None, award=kind, month=month, rank=rank, **more)


def serve(world: World, provider: str, minutes: int) -> None:
    """Record a service of some minutes, coins and all."""
    coins = Operation(
        OperationKind.TRANSFER, address(POOL), address(provider), minutes * 1_000 // 60, 0, bytes(32)
    )
    draft = step("service.recorded", None, provider=named(provider), minutes=minutes)
    world.accept(replace(draft, operation=coins))


def rows(world: World, month: int = MONTH) -> list[dict[str, JsonValue]]:
    found = read_awards(world.database, CHAPTER, month, world.clock.milliseconds)["awards"]
    assert isinstance(found, list)
    return [row for row in found if isinstance(row, dict)]


def winners(world: World, kind: str) -> list[tuple[JsonValue, JsonValue, JsonValue]]:
    return [(row["winner"], row["tally"], row["prize"]) for row in rows(world) if row["award"] == kind]


def test_the_star_of_mutual_help_is_who_served_longest(world: World) -> None:
    for name in ("b", "c"):
        world.accept(step("membership.opened", None, name, kind="ordinary", receipt="a1" * 32))
    serve(world, "b", 60)
    serve(world, "c", 90)
    serve(world, "b", 45)
    assert world.refuse(award("mutual_help_star")).fields == {"month": "2026-11"}
    assert world.refuse(award("mutual_help_star")).code == "award.month_open"
    go_to(world, AFTER)
    serve(world, "c", 600)
    accepted = world.accept(award("mutual_help_star"))
    assert public(world, accepted) == {
        "award": "mutual_help_star",
        "month": "2026-11",
        "rank": 1,
        "winner": named("b"),
        "tally": 105,
        "prize": "0",
        "coins": "0",
        "version": 1,
        "size": accepted.index,
    }
    assert operation(world, accepted) is None
    assert winners(world, "mutual_help_star") == [(named("b"), 105, "0"), (named("c"), 90, "0")]


def test_minutes_of_a_booking_count_for_who_served(database: Database, tmp_path: Path) -> None:
    with bank_of(database, tmp_path) as bank:
        booking = bank.booked()
        bank.served(booking, 100)
        part = bank.take("service.part_done", about=booking, side="provider", minutes=100)
        assert bank.public(part)["minutes"] == 100
        assert winners(bank.world, "mutual_help_star") == [(named("p"), 100, "0")]


def test_the_savings_master_is_who_saved_most_after_refunds(world: World) -> None:
    for name in ("b", "c"):
        world.accept(operated(OperationKind.TRANSFER, address("a"), address(name), 3_000))
    first = world.accept(sale(2_000, "b")).entry_id
    world.accept(step("sale.paid", first, amount="2000"))
    second = world.accept(sale(1_500, "c", "n")).entry_id
    world.accept(step("sale.paid", second, amount="1000"))
    world.accept(step("sale.paid", second, amount="500"))
    world.accept(operated(OperationKind.REDEEM, address("a"), address("m"), 700))
    assert [row[:2] for row in winners(world, "savings_master")] == [
        (named("b"), 2_000), (named("c"), 1_500), (named("a"), 700),
    ]  # fmt: skip
    # Half of b's purchase is refunded, and with it half of the coins.
    world.accept(step("sale.refunded", first, amount="1000"))
    assert [row[:2] for row in winners(world, "savings_master")] == [
        (named("c"), 1_500), (named("b"), 1_000), (named("a"), 700),
    ]  # fmt: skip
    go_to(world, AFTER)
    third = award("savings_master", 2)
    assert world.refuse(third).code == "award.not_in_order"
    assert public(world, world.accept(award("savings_master")))["winner"] == named("c")
    assert public(world, world.accept(third))["tally"] == 1_000


def refer(world: World, member: str, referrer: str) -> None:
    world.accept(step("referral.declared", None, member, referrer=named(referrer)))


def test_the_referral_king_is_by_orders_and_never_by_heads(world: World) -> None:
    for member, referrer in (("a", "m"), ("b", "m"), ("c", "n")):
        refer(world, member, referrer)
    # Two came by m, but only c, who came by n, has bought; a month's second order counts no more.
    world.accept(sale(100, "c"))
    world.accept(sale(100, "c"))
    assert winners(world, "referral_king") == [(named("n"), 1, "100000")]
    world.accept(sale(100, "a"))
    refunded = world.accept(sale(100, "b")).entry_id
    assert winners(world, "referral_king") == [
        (named("m"), 2, "100000"),
        (named("n"), 1, "50000"),
    ]
    go_to(world, AFTER)
    world.accept(step("sale.refunded", refunded, amount="1"))
    # Refunded before it is granted: one order each, and n was there first.
    first = public(world, world.accept(award("referral_king")))
    assert (first["winner"], first["tally"], first["prize"]) == (named("n"), 1, "100000")


def test_places_are_computed_as_of_the_first_grant(world: World) -> None:
    for member, referrer in (("a", "m"), ("b", "n"), ("c", "n")):
        refer(world, member, referrer)
    lost = [world.accept(sale(100, buyer)).entry_id for buyer in ("b", "c")]
    world.accept(sale(100, "a"))
    go_to(world, AFTER)
    granted = world.accept(award("referral_king"))
    assert public(world, granted)["winner"] == named("n")
    for sold in lost:
        world.accept(step("sale.refunded", sold, amount="100"))
    # Later refunds change nothing of what was computed then: m is second and nobody is named twice.
    assert public(world, world.accept(award("referral_king", 2)))["winner"] == named("m")
    refusal = world.refuse(award("referral_king", 3))
    assert (refusal.code, refusal.fields) == ("award.no_winner", {"month": "2026-11"})
    refusal = world.refuse(award("referral_king"))
    assert (refusal.code, refusal.fields) == ("case.exists", {"kind": "award"})
    found = [row for row in rows(world) if row["award"] == "referral_king"]
    assert [(row["agrees"], row["size"]) for row in found] == [(True, granted.index)] * 2
    assert found[0]["entry"] == granted.entry_id


def recover(world: World, old: str, new: str) -> None:
    """Have a lost account go on as a new one."""
    order = "0d" * 32
    effect = RecoverAccount(address(old), address(new), bytes.fromhex(order))
    said = {"from": named(old), "to": named(new), "order": order}
    draft = step("account.recovered", None, old, new, **said)
    world.accept(replace(draft, effects=(effect,)))


def redeem(world: World, member: str, coins: int) -> None:
    world.accept(operated(OperationKind.REDEEM, address(member), address("m"), coins))


def test_who_lost_his_account_is_one_person_before_and_after(world: World) -> None:
    """300 before the recovery and 300 after it are 600, ahead of 500."""
    for name, coins in (("b", 1_000), ("c", 1_000)):
        world.accept(operated(OperationKind.TRANSFER, address("a"), address(name), coins))
    redeem(world, "b", 300)
    world.accept(operated(OperationKind.TRANSFER, address("b"), address("a"), 700))
    recover(world, "b", "b2")
    world.accept(operated(OperationKind.TRANSFER, address("a"), address("b2"), 700))
    redeem(world, "b2", 300)
    redeem(world, "c", 500)
    wanted = [(named("b2"), 600, "0"), (named("c"), 500, "0")]
    assert winners(world, "savings_master") == wanted
    go_to(world, AFTER)
    assert public(world, world.accept(award("savings_master")))["winner"] == named("b2")
    # Lost again between two places: nobody is named twice, and what was granted is still agreed with.
    recover(world, "b2", "b3")
    assert public(world, world.accept(award("savings_master", 2)))["winner"] == named("c")
    found = [row for row in rows(world) if row["award"] == "savings_master"]
    assert [(row["winner"], row["agrees"]) for row in found] == [(named("b3"), True), (named("c"), True)]


def test_a_referrer_who_lost_his_account_is_one_king(world: World) -> None:
    for member in ("a", "b"):
        refer(world, member, "n")
    refer(world, "c", "o")
    world.accept(sale(100, "a"))
    recover(world, "n", "n2")
    recover(world, "a", "a2")
    world.accept(sale(100, "a2"))
    world.accept(sale(100, "b"))
    world.accept(sale(100, "c"))
    # A member counts once a month, also under two accounts.
    assert winners(world, "referral_king") == [(named("n2"), 2, "100000"), (named("o"), 1, "50000")]


@pytest.mark.parametrize(
    ("draft", "code", "field"),
    [
        (award("best_smile"), "entry.bad_field", "public.award"),
        (award("savings_master", 0), "entry.bad_field", "public.rank"),
        (award("savings_master", winner=named("b")), "entry.not_as_computed", "public.winner"),
        (award("savings_master", prize="1"), "entry.not_as_computed", "public.prize"),
        (award("savings_master", tally=701), "entry.not_as_computed", "public.tally"),
    ],
)
def test_an_award_is_nobodys_word(world: World, draft: Draft, code: str, field: str) -> None:
    world.accept(operated(OperationKind.REDEEM, address("a"), address("m"), 700))
    go_to(world, AFTER)
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields["field"]) == (code, field)


def test_a_month_is_a_month_of_shanghai(world: World) -> None:
    """15:59:59.999 UTC on the last day is still November; the next millisecond is December."""
    world.clock.milliseconds = 1_796_054_399_999
    world.accept(operated(OperationKind.REDEEM, address("a"), address("m"), 1))
    world.clock.milliseconds += 1
    world.accept(operated(OperationKind.REDEEM, address("a"), address("m"), 2))
    assert winners(world, "savings_master") == [(named("a"), 1, "0")]
    assert [row["tally"] for row in rows(world, 202_612)] == [2]


def test_another_chapters_entries_count_nothing(world: World) -> None:
    world.accept(operated(OperationKind.REDEEM, address("a"), address("m"), 1))
    found = read_awards(world.database, OTHER_CHAPTER, MONTH, world.clock.milliseconds)
    assert found["awards"] == []


def test_coins_of_an_award_come_from_the_chapters_pool(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = AwardTerms((Prize(AwardKind.SAVINGS, (0,), coins=2_000),))
    monkeypatch.setattr(awards, "AWARD_TERMS", ship("award_terms", terms, "a test"))
    world.accept(operated(OperationKind.REDEEM, address("a"), address("m"), 700))
    go_to(world, AFTER)
    granted = world.accept(award("savings_master"))
    assert public(world, granted)["coins"] == "2000"
    assert operation(world, granted) == (int(OperationKind.TRANSFER), address(POOL), address("a"), 2_000)


def test_the_place_of_a_moment_in_the_log(world: World) -> None:
    with world.database.reader() as connection:
        end = connection.exec_driver_sql("SELECT count(*) FROM entries").scalar()
        start = world.clock.milliseconds
        # The genesis entry and all of the market are of one moment.
        assert [find_index(connection, at) for at in (0, start, start + 1)] == [0, 0, end]
    world.clock.milliseconds += 5
    later = world.accept(sale(100)).index
    with world.database.reader() as connection:
        assert [find_index(connection, start + after) for after in (1, 5, 6)] == [later, later, later + 1]
