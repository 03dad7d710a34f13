"""Rule 39: what a merchant holds over the limit shows, may be spent for some days, and is burned then."""

from __future__ import annotations

from datetime import date

import pytest

from chain.operation import OperationKind
from gateway.ledger.drafts import Draft
from gateway.members.reading import show_credits
from gateway.rules.calendar import day_start
from tests.unit.gateway.ledger.worlds import CHAPTER, World, address, operated
from tests.unit.gateway.members.chapter import acct, balance, go_to, issued, operation, public, step


def burned(who: str = "m") -> Draft:
    return step("credits.surplus_burned", who)


def setting(name: str, **more: str | int) -> Draft:
    return step("parameter.set", parameter=name, **more)


def redeemed(amount: int) -> Draft:
    return operated(OperationKind.REDEEM, address("a"), address("m"), amount)


def shown(world: World, day: str) -> tuple[object, ...]:
    found = show_credits(world.database, acct("m"), CHAPTER, date.fromisoformat(day))
    return found["limit"], found["room"], found["over"]


def test_rule_39_the_limit_shows_and_what_is_over_it_is_burned_when_its_days_are_over(world: World) -> None:
    world.accept(setting("merchant_holding", amount="1000"))
    world.accept(issued("a", 5_000))
    world.accept(redeemed(900))
    assert shown(world, "2026-11-18") == ("1000", "100", "0")
    refusal = world.refuse(burned())
    assert (refusal.code, refusal.fields) == ("holding.nothing_over", {"limit": 1_000})
    go_to(world, "2026-11-20")
    world.accept(redeemed(600))
    assert shown(world, "2026-11-20") == ("1000", "0", "500")
    go_to(world, "2026-12-19")
    refusal = world.refuse(burned())
    assert (refusal.code, refusal.fields) == ("holding.not_due", {"due": "2026-12-20"})
    go_to(world, "2026-12-20")
    done = world.accept(burned())
    assert operation(world, done) == (int(OperationKind.BURN), address("m"), bytes(20), 500)
    assert balance(world, "m") == 1_000
    assert world.refuse(burned()).code == "holding.nothing_over"


def test_rule_39_who_spends_what_is_over_has_his_days_anew(world: World) -> None:
    world.accept(setting("merchant_holding", amount="1000"))
    world.accept(setting("merchant_clear_days", number=2))
    world.accept(issued("a", 5_000))
    world.accept(redeemed(1_500))
    world.accept(step("merchant.surplus_burned", merchant=acct("m"), amount="500"))
    go_to(world, "2026-11-21")
    world.accept(redeemed(200))
    refusal = world.refuse(burned())
    assert (refusal.code, refusal.fields) == ("holding.not_due", {"due": "2026-11-23"})
    go_to(world, "2026-11-23")
    assert public(world, burned()) == {"amount": "200", "due": "2026-11-23", "version": 2}


def test_a_limit_gives_days_from_when_it_came_into_force(world: World) -> None:
    world.accept(issued("a", 5_000))
    world.accept(redeemed(1_500))
    refusal = world.refuse(burned())
    assert (refusal.code, refusal.fields) == ("holding.not_set", {})
    go_to(world, "2027-01-10")
    world.accept(setting("merchant_holding", amount="1000", effective_from="2027-01-15"))
    go_to(world, "2027-01-15")
    refusal = world.refuse(burned())
    assert (refusal.code, refusal.fields) == ("holding.not_due", {"due": "2027-02-14"})
    world.accept(setting("merchant_holding", effective_from="2027-01-16"))
    world.clock.milliseconds = day_start(date(2027, 3, 1))
    assert world.refuse(burned()).code == "holding.not_set"
    assert shown(world, "2027-03-01") == (None, None, "0")


@pytest.mark.parametrize("who", ["a", "b"])
def test_members_have_a_limit_of_their_own(world: World, who: str) -> None:
    world.accept(setting("merchant_holding", amount="1"))
    refusal = world.refuse(burned(who))
    assert (refusal.code, refusal.fields) == ("membership.wrong_account", {"wanted": "merchant"})
