"""The pure rules: business calendar, rebate and its remainder, amounts from outside and their dust."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.amounts import ImportedAmount, format_hundredths, parse_decimal
from gateway.rules.calendar import (
    business_date,
    business_day,
    business_month,
    format_month,
    format_timestamp,
    parse_month,
    parse_timestamp,
)
from gateway.rules.rebate import Rebate, compute_rebate

SHANGHAI = ZoneInfo("Asia/Shanghai")


@given(st.integers(min_value=700_000_000, max_value=4_000_000_000))
def test_calendar_agrees_with_the_zone(seconds: int) -> None:
    local = datetime.fromtimestamp(seconds, SHANGHAI)
    assert business_date(seconds) == local.date()
    assert business_day(seconds) == (local.date() - date(1970, 1, 1)).days
    assert business_month(seconds) == local.year * 100 + local.month


def test_day_ends_at_16_utc() -> None:
    midnight = int(datetime(2026, 11, 30, 16, tzinfo=UTC).timestamp())
    assert (business_day(midnight) - business_day(midnight - 1)) == 1
    assert (business_month(midnight - 1), business_month(midnight)) == (202_611, 202_612)
    assert parse_month(format_month(202_612)) == 202_612


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "26-11", "2026/11", "2026-1", "２026-11", ""])
def test_months_have_one_spelling(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_month(text)
    assert caught.value.where == "period"


@given(st.integers(min_value=0, max_value=253_402_300_799_999))
def test_timestamps_round_trip(milliseconds: int) -> None:
    text = format_timestamp(milliseconds)
    assert len(text) == 24
    assert parse_timestamp(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-18T11:06:40Z",
        "2026-11-18T11:06:40.0000Z",
        "2026-11-18 11:06:40.000Z",
        "2026-02-30T00:00:00.000Z",
    ],
)
def test_timestamps_have_one_spelling(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_timestamp(text)
    assert caught.value.where == "timestamp"


@pytest.mark.parametrize(
    ("amount", "points", "rebate"),
    [
        (0, 500, Rebate(0, 0)),
        (1, 500, Rebate(0, 500)),
        (19, 500, Rebate(0, 9_500)),
        (20, 500, Rebate(1, 0)),
        (1_999, 500, Rebate(99, 9_500)),
        (12_345, 10_000, Rebate(12_345, 0)),
        (12_345, 0, Rebate(0, 0)),
    ],
)
def test_rebate_is_rounded_down(amount: int, points: int, rebate: Rebate) -> None:
    assert compute_rebate(amount, points) == rebate


@given(st.integers(min_value=0, max_value=2**63 - 1), st.integers(min_value=0, max_value=10_000))
def test_rebate_and_remainder_are_exact(amount: int, points: int) -> None:
    rebate = compute_rebate(amount, points)
    assert rebate.amount * 10_000 + rebate.remainder == amount * points
    assert 0 <= rebate.remainder < 10_000


@pytest.mark.parametrize(
    ("amount", "points", "where"),
    [(-1, 500, "amount"), (1, 10_001, "basis_points"), (1, -1, "basis_points")],
)
def test_rebate_outside_its_range_is_refused(amount: int, points: int, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        compute_rebate(amount, points)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("text", "amount", "dust"),
    [
        ("0", 0, 0),
        ("12", 1_200, 0),
        ("12.3", 1_230, 0),
        ("12.34", 1_234, 0),
        ("0.005", 0, 5 * 10**15),
        ("1.23456789012345678", 123, 456_789_012_345_678 * 10),
        ("-0.125", -12, -5 * 10**15),
    ],
)
def test_decimals_are_cut_to_hundredths_and_dust(text: str, amount: int, dust: int) -> None:
    parsed = parse_decimal(text)
    assert parsed == ImportedAmount(amount, dust)
    assert parsed.exact == (dust == 0)


def test_amounts_and_dust_sum_to_what_came_in() -> None:
    chance = random.Random(7)
    total, amounts, dust = Decimal(0), 0, 0
    for _ in range(2_000):
        text = f"{chance.randrange(-(10**6), 10**6)}.{chance.randrange(10**17):017d}"[
            : chance.randrange(8, 25)
        ].rstrip(".")
        value = Decimal(text)
        parsed = parse_decimal(text)
        assert parsed.amount == int((value * 100).to_integral_value(ROUND_DOWN))
        total += value
        amounts += parsed.amount
        dust += parsed.dust
    assert Decimal(amounts) / 100 + Decimal(dust).scaleb(-18) == total


@pytest.mark.parametrize(
    "text",
    ["", "1e3", "+1", "01", "1.", ".5", "1,000", "NaN", " 1", "1 ", "１", "1." + "1" * 19, "9" * 19],
)  # fmt: skip
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_decimal(text, "row 3")
    assert caught.value.where == "row 3"


def test_hundredths_are_written_with_two_decimals() -> None:
    assert [format_hundredths(n) for n in (0, 5, -5, 123_456, -100)] == [
        "0.00",
        "0.05",
        "-0.05",
        "1234.56",
        "-1.00",
    ]
