"""Versions of parameters: what was in force stays, "not set" is a value, each has its digest."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.parameters import SINCE_EVER, Parameter, amend, check_share, ship, value_on
from gateway.rules.refusals import RuleRefusal
from gateway.rules.service import PRICE_LIST, SERVICE_TERMS, ServiceTerms
from gateway.rules.versions import table_bytes, table_digest

NEW_YEAR = date(2027, 1, 1)


def test_parameters_change_by_date_and_keep_their_past() -> None:
    versions = amend(SERVICE_TERMS, ServiceTerms(coins_per_hour=100), NEW_YEAR, "Beijing: 1 h = 1 coin")
    assert value_on(versions, NEW_YEAR - timedelta(1)).coins_per_hour == 1_000
    assert value_on(versions, NEW_YEAR).coins_per_hour == 100
    assert versions[1] == Parameter(
        "service_terms", 2, NEW_YEAR, "Beijing: 1 h = 1 coin", ServiceTerms(coins_per_hour=100)
    )


def test_not_set_is_a_value() -> None:
    versions: tuple[Parameter[int | None], ...] = ship("cap", None, "no paper")
    assert value_on(versions, SINCE_EVER) is None
    assert table_bytes(versions[0]) == (
        b'{"effective_from":"1970-01-01","id":"cap","source":"no paper","value":null,"version":1}'
    )


def test_before_the_first_version_nothing_is_in_force() -> None:
    with pytest.raises(RuleRefusal) as caught:
        value_on(ship("cap", 5, "x"), SINCE_EVER - timedelta(1))
    assert caught.value == RuleRefusal("rule.not_in_force", table="cap", day="1969-12-31")


def test_a_version_begins_after_the_one_before() -> None:
    with pytest.raises(FormatError) as caught:
        amend(ship("cap", 5, "x"), 6, SINCE_EVER, "x")
    assert caught.value.where == "effective_from"


def test_every_version_has_its_own_digest() -> None:
    versions = amend(SERVICE_TERMS, ServiceTerms(surge_bp=4_000), NEW_YEAR, "x")
    digests = {table_digest(version) for version in (*versions, *PRICE_LIST)}
    assert len(digests) == 3


@given(st.lists(st.tuples(st.integers(1, 400), st.integers()), max_size=6), st.integers(0, 3_000))
def test_the_value_is_that_of_the_newest_version_begun(steps: list[tuple[int, int]], days: int) -> None:
    versions, want, begins = ship("cap", -1, "x"), -1, SINCE_EVER
    day = SINCE_EVER + timedelta(days)
    for after, value in steps:
        begins += timedelta(after)
        versions = amend(versions, value, begins, "x")
        want = value if begins <= day else want
    assert value_on(versions, day) == want


@pytest.mark.parametrize("value", [-1, 10_001, True, 0.5])
def test_shares_are_parts_of_a_whole(value: int) -> None:
    with pytest.raises(FormatError) as caught:
        check_share(value, "fee")
    assert caught.value.where == "fee"
