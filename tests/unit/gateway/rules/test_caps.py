"""Bounds of an account: below, above, per business day, and a merchant's way out of a surplus."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.caps import (
    MERCHANT_EXITS,
    Admission,
    Caps,
    HoldingView,
    MerchantTerms,
    Surplus,
    admit_daily,
    admit_earning,
    check_daily,
    check_receive,
    judge_surplus,
    over_since,
    sum_business_day,
    view_holding,
)
from gateway.rules.refusals import RuleRefusal

DAY = date(2026, 11, 22)
NANJING_CAPS = Caps(holding=1_500_000, donate_excess=True)
"""Nanjing: 1,500 hours, the excess to donation; in hundredths at 10 coins an hour."""
CHANGNING_CAPS = Caps(holding=600_000, earned_daily=2_000)
"""Changning: 600 hours, at most 2 a day."""


def at(hour: int, day: int = 22) -> int:
    """Unix seconds of an hour in UTC."""
    return int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp())


def test_rule_04_limits_count_pending_amounts() -> None:
    check_receive(1_000, 400, 100, Caps(holding=1_500))
    with pytest.raises(RuleRefusal) as above:
        check_receive(1_000, 401, 100, Caps(holding=1_500))
    assert above.value == RuleRefusal("cap.holding", limit=1_500, room=99)


def test_rule_05_what_would_be_above_a_limit_is_refused() -> None:
    # Nanjing: 1,500 hours at 1,000 hundredths.
    check_receive(1_499_000, 0, 1_000, NANJING_CAPS)
    with pytest.raises(RuleRefusal) as above:
        check_receive(1_499_000, 0, 1_001, NANJING_CAPS)
    assert above.value == RuleRefusal("cap.holding", limit=1_500_000, room=1_000)
    with pytest.raises(RuleRefusal) as over:
        check_receive(600_100, 0, 1, CHANGNING_CAPS)
    assert over.value == RuleRefusal("cap.holding", limit=600_000, room=0)


def test_rule_05_the_excess_of_an_earning_is_donated_where_the_city_says_so() -> None:
    assert admit_earning(1_499_500, 200, 1_000, NANJING_CAPS) == Admission(300, 700)
    assert admit_earning(1_600_000, 0, 1_000, NANJING_CAPS) == Admission(0, 1_000)
    assert admit_earning(0, 0, 1_000, NANJING_CAPS) == Admission(1_000, 0)
    with pytest.raises(RuleRefusal) as caught:
        admit_earning(599_500, 0, 1_000, CHANGNING_CAPS)
    assert caught.value.code == "cap.holding"


def test_not_set_bounds_nothing_above() -> None:
    check_receive(2**62, 2**61, 2**61, Caps())
    assert admit_earning(2**62, 0, 9, Caps(donate_excess=True)) == Admission(9, 0)
    check_daily([(at(1), 2**62)], 0, 2**62, at(1), None)


def test_rule_06_a_day_is_the_business_date_in_shanghai() -> None:
    # 16:00 UTC is midnight in Shanghai: the first payment is of the 22nd there, the others of the 23rd.
    movements = [(at(16) - 1, 700), (at(16), 1_000), (at(15, 23), 500)]
    assert sum_business_day(movements, at(10)) == 700
    assert sum_business_day(movements, at(20)) == 1_500
    assert sum_business_day(movements, at(1, 23)) == 1_500
    check_daily(movements, 0, 500, at(20), 2_000)
    with pytest.raises(RuleRefusal) as caught:
        check_daily(movements, 100, 500, at(20), 2_000)
    assert caught.value == RuleRefusal("cap.daily", limit=2_000, day="2026-11-23", room=400)


def test_rule_39_a_holding_limit_is_visible_and_has_a_way_out() -> None:
    assert view_holding(700, 1_000) == HoldingView(700, 1_000, 300, 0)
    assert view_holding(1_700, 1_000) == HoldingView(1_700, 1_000, 0, 700)
    assert view_holding(1_700, None) == HoldingView(1_700, None, None, 0)
    terms = MerchantTerms(holding=1_000, clear_days=30)
    assert judge_surplus(1_000, None, DAY, terms) is None
    assert judge_surplus(1_250, None, DAY, terms) == Surplus(250, date(2026, 12, 22), False)
    assert judge_surplus(1_250, date(2026, 10, 24), DAY, terms) == Surplus(250, date(2026, 11, 23), False)
    assert judge_surplus(1_250, date(2026, 10, 23), DAY, terms) == Surplus(250, DAY, True)
    assert judge_surplus(2**62, None, DAY, MerchantTerms()) is None
    assert set(MERCHANT_EXITS) == {"service", "fee", "advert", "burn"}


@given(
    st.integers(0, 10**6), st.lists(st.integers(0, 3_000), max_size=20), st.integers(0, 10**4), st.booleans()
)
def test_no_sequence_passes_a_bound(balance: int, amounts: list[int], room: int, donate: bool) -> None:
    limit = balance + room
    caps = Caps(holding=limit, donate_excess=donate)
    offered = credited = donated = 0
    for amount in amounts:
        try:
            admission = admit_earning(balance, 0, amount, caps)
        except RuleRefusal:
            assert not donate and balance + amount > limit
            continue
        offered += amount
        credited += admission.credited
        donated += admission.donated
        balance += admission.credited
        assert 0 <= balance <= limit
    assert credited + donated == offered


@pytest.mark.parametrize("bad", [{"holding": -1}, {"spent_daily": -1}, {"earned_daily": -1}])
def test_caps_are_amounts(bad: dict[str, int]) -> None:
    with pytest.raises(FormatError) as caught:
        Caps(**bad)
    assert caught.value.where == "caps"


def test_terms_of_merchants_are_in_range() -> None:
    with pytest.raises(FormatError) as caught:
        MerchantTerms(clear_days=-1)
    assert caught.value.where == "clear_days"


@given(st.lists(st.integers(0, 50), max_size=6), st.integers(0, 60), st.integers(0, 100))
def test_rule_06_what_is_over_a_day_s_limit_is_donated_and_nothing_is_lost(
    earned: list[int], amount: int, limit: int
) -> None:
    movements = [(0, one) for one in earned]
    found = admit_daily(movements, amount, 0, Caps(earned_daily=limit, donate_excess=True))
    assert found.credited + found.donated == amount
    assert found.credited == min(amount, max(0, limit - sum(earned)))
    assert admit_daily(movements, amount, 0, Caps(donate_excess=True)) == Admission(amount, 0)
    # Another business date has its own limit.
    elsewhere = admit_daily(movements, amount, 200_000, Caps(earned_daily=limit, donate_excess=True))
    assert elsewhere.credited == min(amount, limit)


def test_without_donation_the_day_s_limit_refuses() -> None:
    with pytest.raises(RuleRefusal) as caught:
        admit_daily([(0, 7)], 4, 0, Caps(earned_daily=10))
    assert caught.value == RuleRefusal("cap.daily", limit=10, day="1970-01-01", room=3)


def test_rule_39_over_the_limit_since_the_last_time_it_rose() -> None:
    days = [date(2027, 1, day) for day in range(1, 6)]
    changes = list(zip(days, [5, 6, -3, 4, 1], strict=True))
    assert [over_since(changes[:count], 10) for count in range(6)] == [
        None, None, days[1], None, days[3], days[3],
    ]  # fmt: skip
