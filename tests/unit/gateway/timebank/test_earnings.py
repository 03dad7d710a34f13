"""What a member may earn by services in a day and hold: refused at the dispatch, or donated to the pool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.operation import OperationKind
from gateway.case_rules import CASE_BOOK
from gateway.cases.compare import compare_cases
from gateway.cases.replay import rebuild_cases
from gateway.db import Database, migrate, sqlite_url
from gateway.ledger.drafts import AccountKind
from tests.unit.gateway.ledger.worlds import ManualClock, address, joined, opened, operated, running
from tests.unit.gateway.timebank.kit import HOUR, MINUTE, MORNING, START, Bank, account, step

POOLS = ("holding", "subsidy", "public_benefit")
CLEANING = "appliance_cleaning"


@pytest.fixture
def town(database: Database, tmp_path: Path) -> Iterator[Bank]:
    """A chapter under all rules whose members' basic services are not counted; m has 100.00 coins."""
    with running(database, tmp_path, ManualClock(MORNING * 1000), rules=CASE_BOOK) as world:
        world.accept(opened())
        for name in POOLS:
            world.accept(joined(name, kind=AccountKind.POOL))
        for name in POOLS[:2]:
            world.accept(step("pool.opened", name=name, account=account(name)))
        world.accept(joined("shop", kind=AccountKind.MERCHANT))
        for name in ("m", "n", "p"):
            world.accept(joined(name))
            world.accept(step("membership.opened", (name,), kind="refundable", receipt="a1" * 32))
        world.accept(step("membership.opened", ("shop",), kind="merchant", receipt="a1" * 32))
        world.accept(operated(OperationKind.ISSUE, receiver=address("m"), amount=10_000))
        yield Bank(world)


def limit(bank: Bank, name: str = "earned_daily_cap", **value: Any) -> None:
    bank.take("parameter.set", parameter=name, **value)


def donate(bank: Bank) -> None:
    bank.take("pool.opened", name="public_benefit", account=account("public_benefit"))
    bank.take("parameter.set", parameter="donate_excess", number=1)


def asked(bank: Bank, hours: int = 0, service: str = CLEANING, minutes: int = 120) -> str:
    return bank.request("m", service, start=START + hours * HOUR, minutes=minutes)


def booked(bank: Bank, booking: str) -> None:
    bank.take("service.accepted", about=booking, side="provider")
    bank.take("service.booked", about=booking, side="member")


def served(bank: Bank, booking: str, hours: int = 0, minutes: int = 120) -> None:
    """Have both sides there for all the minutes."""
    bank.at(START + hours * HOUR)
    for side in ("member", "provider"):
        bank.take("service.checked_in", about=booking, side=side)
    bank.at(START + hours * HOUR + minutes * MINUTE)
    for side in ("member", "provider"):
        bank.take("service.checked_out", about=booking, side=side)


def test_rule_04_a_day_s_limit_counts_what_is_promised(town: Bank) -> None:
    limit(town, amount="3000")
    offer = town.offer("p")
    first, second, next_day = asked(town), asked(town, 4), asked(town, 24)
    town.take("service.dispatched", about=first, offer=offer)
    refused = town.refused("service.dispatched", about=second, offer=offer)
    assert refused == ("cap.daily", {"limit": 3_000, "day": "2026-11-20", "room": 1_000})
    town.take("service.dispatched", about=next_day, offer=offer)
    town.take("service.declined", about=first, side="provider")
    town.take("service.dispatched", about=second, offer=offer)


def test_rule_07_what_was_promised_before_the_limit_is_paid_whole(town: Bank) -> None:
    booking = asked(town)
    town.take("service.dispatched", about=booking, offer=town.offer("p"))
    limit(town, amount="100")
    booked(town, booking)
    served(town, booking)
    paid = town.take("service.confirmed", about=booking, side="member")
    assert town.moved(paid) == ("transfer", "holding", "p", 2_000)


def test_not_set_again_limits_nobody_and_a_shop_never(town: Bank) -> None:
    limit(town, amount="100")
    shop, offer = town.offer("shop"), town.offer("p")
    town.take("service.dispatched", about=asked(town), offer=shop)
    other = asked(town, 4)
    assert town.refused("service.dispatched", about=other, offer=offer)[0] == "cap.daily"
    town.take("parameter.set", parameter="earned_daily_cap", effective_from="2026-11-20")
    town.at(START - HOUR)
    town.take("service.dispatched", about=other, offer=offer)


def test_what_is_over_the_day_s_limit_goes_to_the_pool(town: Bank) -> None:
    donate(town)
    limit(town, amount="3000")
    offer = town.offer("p")
    first, second = asked(town), asked(town, 4)
    for booking in (first, second):
        town.take("service.dispatched", about=booking, offer=offer)
        booked(town, booking)
    served(town, first)
    whole = town.take("service.confirmed", about=first, side="member")
    assert town.moved(whole) == ("transfer", "holding", "p", 2_000)
    served(town, second, 4)
    ended = town.take("service.confirmed", about=second, side="member")
    said = town.public(ended)
    assert (said["coins"], [(leg["role"], leg["amount"]) for leg in said["legs"]]) == (
        "2000", [("provider", "1000"), ("public_benefit", "1000")],
    )  # fmt: skip
    assert town.moved(ended) == ("transfer", "holding", "p", 1_000)
    rest = town.take("service.settled", about=second)
    assert town.public(rest)["left"] == 0
    balances = [town.balance(name) for name in ("p", "public_benefit", "holding", "m")]
    assert balances == [3_000, 1_000, 0, 6_000]


def test_donated_hours_of_a_basic_service_are_issued_to_the_pool(town: Bank) -> None:
    donate(town)
    limit(town, amount="400")
    booking = asked(town, service="companionship", minutes=60)
    town.take("service.dispatched", about=booking, offer=town.offer("p", "companionship"))
    booked(town, booking)
    served(town, booking, minutes=60)
    first = town.take("service.confirmed", about=booking, side="member")
    assert town.moved(first) == ("issue", "", "p", 400)
    town.take("service.settled", about=booking)
    assert [town.balance(name) for name in ("p", "public_benefit", "holding")] == [400, 600, 0]
    assert town.case("booking", booking)["state"] == "confirmed"


def test_who_may_hold_no_more_donates_all(town: Bank, tmp_path: Path) -> None:
    donate(town)
    town.take("parameter.set", parameter="holding_cap", amount="2500")
    town.take("parameter.in_force", parameter="holding_cap")
    town.world.accept(operated(OperationKind.ISSUE, receiver=address("p"), amount=2_500))
    booking = asked(town)
    town.take("service.dispatched", about=booking, offer=town.offer("p"))
    booked(town, booking)
    served(town, booking)
    ended = town.take("service.confirmed", about=booking, side="member")
    assert [leg["role"] for leg in town.public(ended)["legs"]] == ["public_benefit"]
    assert [town.balance(name) for name in ("p", "public_benefit", "holding")] == [2_500, 2_000, 0]
    # The entries alone give the same shares again, though balances have changed since.
    fresh = Database(sqlite_url(tmp_path / "again.sqlite3"))
    migrate(fresh)
    assert rebuild_cases(town.world.database, fresh, CASE_BOOK).stuck is None
    assert compare_cases(town.world.database, fresh).difference is None
    fresh.close()


def test_nothing_is_donated_without_a_pool_for_it(town: Bank) -> None:
    refused = town.refused("parameter.set", parameter="donate_excess", number=1)
    assert refused == ("pool.unknown", {"name": "public_benefit"})
    wrong = town.refused("parameter.set", parameter="donate_excess", number=2)
    assert wrong == ("entry.bad_field", {"field": "number", "reason": "not 0 or 1"})
    town.take("parameter.set", parameter="donate_excess", number=0)
