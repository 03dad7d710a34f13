"""Quarters of the business calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chain.errors import FormatError
from gateway.rules.quarters import quarter_end, quarter_of


def test_every_day_is_in_the_quarter_that_ends_after_it() -> None:
    day = date(2026, 1, 1)
    seen = []
    while day < date(2028, 1, 1):
        quarter = quarter_of(day)
        end = quarter_end(quarter)
        assert day < end
        assert quarter_of(end - timedelta(days=1)) == quarter
        assert quarter_of(end) != quarter
        if quarter not in seen:
            seen.append(quarter)
        day += timedelta(days=1)
    assert seen == [f"{year}-Q{number}" for year in (2026, 2027) for number in (1, 2, 3, 4)]


def test_the_first_day_after_each_quarter() -> None:
    ends = [quarter_end(f"2026-Q{number}") for number in (1, 2, 3, 4)]
    assert ends == [date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1), date(2027, 1, 1)]


@pytest.mark.parametrize("text", ["2026-Q5", "2026-Q0", "2026Q1", "1926-Q1", "2026-Q1 ", ""])
def test_what_is_no_quarter(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        quarter_end(text)
    assert (caught.value.where, caught.value.reason) == ("quarter", "not YYYY-Qn")
