"""Hours to coins, who pays for what, the price list, warnings over capacity."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.parameters import value_on
from gateway.rules.refusals import RuleRefusal
from gateway.rules.service import (
    PRICE_LIST,
    SERVICE_TERMS,
    CapacityWarning,
    Funding,
    ServiceCoins,
    ServiceItem,
    ServiceKind,
    ServiceTerms,
    Subsidy,
    hours_to_coins,
    judge_capacity,
    quote_service,
    surge_subsidy,
)

TODAY = date(2026, 11, 22)
TERMS = value_on(SERVICE_TERMS, TODAY)
ITEMS = {item.code: item for item in value_on(PRICE_LIST, TODAY)}


@pytest.mark.parametrize(
    ("minutes", "coins"),
    [
        (0, ServiceCoins(0, 0)),
        (1, ServiceCoins(16, 40)),
        (20, ServiceCoins(333, 20)),
        (30, ServiceCoins(500, 0)),
        (60, ServiceCoins(1_000, 0)),
        (61, ServiceCoins(1_016, 40)),
        (120, ServiceCoins(2_000, 0)),
    ],
)
def test_an_hour_is_ten_coins(minutes: int, coins: ServiceCoins) -> None:
    assert hours_to_coins(minutes, TERMS) == coins


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_coins_and_remainder_are_exact(minutes: int, rate: int) -> None:
    coins = hours_to_coins(minutes, ServiceTerms(coins_per_hour=rate))
    assert coins.amount * 60 + coins.remainder == minutes * rate
    assert 0 <= coins.remainder < 60


def test_negative_minutes_are_no_service() -> None:
    with pytest.raises(FormatError) as caught:
        hours_to_coins(-1, TERMS)
    assert (caught.value.where, caught.value.reason) == ("minutes", "negative")


@pytest.mark.parametrize(
    ("code", "elder", "minutes", "kind", "funding", "amount", "member_pays", "pool_pays"),
    [
        ("companionship", False, 90, ServiceKind.BASIC, Funding.ISSUE, 1_500, 0, 0),
        ("companionship", True, 90, ServiceKind.ELDER, Funding.POOL, 1_500, 0, 1_500),
        ("elder_care", True, 60, ServiceKind.ELDER, Funding.POOL, 1_000, 0, 1_000),
        ("appliance_cleaning", False, 120, ServiceKind.VALUE_ADDED, Funding.MEMBER, 2_000, 2_000, 0),
        ("appliance_cleaning", True, 240, ServiceKind.VALUE_ADDED, Funding.MEMBER, 4_000, 4_000, 0),
    ],
)
def test_who_pays(
    code: str,
    elder: bool,
    minutes: int,
    kind: ServiceKind,
    funding: Funding,
    amount: int,
    member_pays: int,
    pool_pays: int,
) -> None:
    quote = quote_service(ITEMS[code], minutes, elder=elder, terms=TERMS)
    assert (quote.kind, quote.funding, quote.coins) == (kind, funding, ServiceCoins(amount, 0))
    assert (quote.member_pays, quote.pool_pays) == (member_pays, pool_pays)


def test_elder_services_are_for_elders() -> None:
    with pytest.raises(RuleRefusal) as caught:
        quote_service(ITEMS["elder_care"], 60, elder=False, terms=TERMS)
    assert (caught.value.code, caught.value.fields) == ("service.elders_only", {})
    assert repr(caught.value) == "RuleRefusal('service.elders_only')"


def test_a_listed_price_covers_whole_units() -> None:
    with pytest.raises(RuleRefusal) as caught:
        quote_service(ITEMS["appliance_cleaning"], 90, elder=False, terms=TERMS)
    assert (caught.value.code, caught.value.fields) == ("service.not_a_multiple", {"minutes": 120})
    assert repr(caught.value) == "RuleRefusal('service.not_a_multiple', minutes=120)"


@pytest.mark.parametrize("minutes", [0, -60, 1_441])
def test_services_have_a_length(minutes: int) -> None:
    with pytest.raises(FormatError) as caught:
        quote_service(ITEMS["companionship"], minutes, elder=False, terms=TERMS)
    assert caught.value.reason == "not 1 to 1440"


@pytest.mark.parametrize(
    ("bookings", "capacity", "warning"),
    [
        (129, 100, None),
        (130, 100, CapacityWarning("cleaning", 130, 100, 3_000, 5_000)),
        (12, 9, CapacityWarning("cleaning", 12, 9, 3_333, 5_000)),
        (11, 9, None),
        (0, 0, None),
        (1, 0, CapacityWarning("cleaning", 1, 0, None, 5_000)),
    ],
)
def test_thirty_percent_over_capacity_warns(
    bookings: int, capacity: int, warning: CapacityWarning | None
) -> None:
    assert judge_capacity("cleaning", bookings, capacity, TERMS) == warning


def test_the_warning_opens_half_the_coins_as_subsidy() -> None:
    warning = judge_capacity("cleaning", 13, 10, TERMS)
    assert surge_subsidy(2_001, warning) == Subsidy(1_000, 5_000)
    assert surge_subsidy(2_001, None) == Subsidy(0, 0)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(FormatError) as caught:
        judge_capacity("cleaning", -1, 1, TERMS)
    assert caught.value.where == "capacity"


@pytest.mark.parametrize("bad", [{"excess_bp": -1}, {"surge_bp": 10_001}, {"longest_minutes": 0}])
def test_terms_outside_their_range_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(FormatError):
        ServiceTerms(**bad)


def test_items_have_minutes() -> None:
    with pytest.raises(FormatError) as caught:
        ServiceItem("x", ServiceKind.BASIC, 0)
    assert caught.value.where == "minutes"
