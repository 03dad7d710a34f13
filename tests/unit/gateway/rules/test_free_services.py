"""Free services of a membership year: counted down, given back, one count for each year."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.fees import FEES
from gateway.rules.free_services import FreeYear, add_year, change_terms, count_service, find_year

FIRST = FreeYear(date(2026, 11, 18), date(2027, 11, 17), 10, 4)
NEXT = FreeYear(date(2027, 11, 18), date(2028, 11, 17), 10)


def test_the_ordinary_membership_alone_counts_ten() -> None:
    counted = {(terms.id, terms.free_services) for terms in FEES if terms.free_services is not None}
    assert counted == {("ordinary", 10)}


def test_a_year_ends_with_its_last_day() -> None:
    years = (FIRST, NEXT)
    assert find_year(years, date(2027, 11, 17)) == FIRST
    assert find_year(years, date(2027, 11, 18)) == NEXT
    assert find_year(years, date(2026, 11, 17)) is None
    assert find_year((), date(2026, 11, 18)) is None


def test_a_year_paid_ahead_stands_beside_this_one_until_that_is_over() -> None:
    ahead = add_year((FIRST,), NEXT.since, NEXT.until, 10, FIRST.until)
    assert ahead == (FIRST, NEXT)
    assert add_year((FIRST,), NEXT.since, NEXT.until, 10, NEXT.since) == (NEXT,)
    assert add_year((FIRST,), NEXT.since, NEXT.until, None, FIRST.until) == (FIRST,)


def test_another_kind_never_leaves_fewer() -> None:
    assert [year.included for year in change_terms((FIRST, NEXT), 12)] == [12, 12]
    assert change_terms((FIRST,), 5) == (FIRST,)
    assert change_terms((FIRST, NEXT), None) == ()


@given(st.lists(st.sampled_from([1, -1]), max_size=30))
def test_what_is_taken_and_given_back_counts_in_its_own_year(changes: list[int]) -> None:
    years, used = (FIRST, NEXT), 0
    for change in changes:
        years = count_service(years, NEXT.since, change)
        used = max(0, used + change)
    assert years[0] == FIRST
    assert (years[1].used, years[1].left) == (used, max(0, 10 - used))


@pytest.mark.parametrize("bad", [{"included": -1}, {"used": -1}, {"until": FIRST.since - timedelta(1)}])
def test_a_year_out_of_range(bad: dict[str, object]) -> None:
    fields = {"since": FIRST.since, "until": FIRST.until, "included": 10, "used": 0, **bad}
    with pytest.raises(FormatError) as caught:
        FreeYear(**fields)  # type: ignore[arg-type]
    assert (caught.value.where, caught.value.reason) == ("free_year", "out of range")
