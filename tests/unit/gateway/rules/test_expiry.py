"""Expiry by age bands: from stored principal and date alone, exact when coins are spent in between."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.expiry import (
    AgeBand,
    ExpiryTerms,
    Lot,
    expiry_due,
    lot_value,
    spend_lots,
    total_value,
)
from gateway.rules.refusals import RuleRefusal

BORN = date(2026, 1, 1)
TERMS = ExpiryTerms((AgeBand(365, 5_000), AgeBand(730, 3_333), AgeBand(1_095, 0)))


def after(days: int) -> date:
    return BORN + timedelta(days)


@pytest.mark.parametrize(
    ("days", "value"),
    [(0, 1_001), (364, 1_001), (365, 500), (729, 500), (730, 333), (1_094, 333), (1_095, 0), (9_999, 0)],
)
def test_rule_31_decay_in_day_steps_rounded_down(days: int, value: int) -> None:
    assert lot_value(Lot(BORN, 1_001), after(days), TERMS) == value


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1_500), min_size=1, max_size=6))
def test_rule_31_how_often_it_is_computed_changes_nothing(principal: int, days: list[int]) -> None:
    lot, balance = Lot(BORN, principal), principal
    for day in sorted(days):
        burned = expiry_due(balance, [lot], after(day), TERMS)
        assert burned >= 0
        balance -= burned
        # Asked again on the same day, nothing more is due.
        assert expiry_due(balance, [lot], after(day), TERMS) == 0
    assert balance == lot_value(lot, after(max(days)), TERMS)


def test_not_set_never_expires() -> None:
    assert lot_value(Lot(BORN, 1_001), after(99_999), None) == 1_001
    assert expiry_due(1_001, [Lot(BORN, 1_001)], after(99_999), None) == 0


def test_the_oldest_are_spent_first() -> None:
    lots = (Lot(after(10), 300), Lot(BORN, 200))
    assert spend_lots(lots, 250, after(20), None) == (Lot(after(10), 250),)
    assert spend_lots(lots, 0, after(20), None) == (Lot(BORN, 200), Lot(after(10), 300))
    assert spend_lots(lots, 500, after(20), None) == ()
    with pytest.raises(RuleRefusal) as caught:
        spend_lots(lots, 501, after(20), None)
    assert caught.value == RuleRefusal("cap.below_zero", room=500)


def test_spending_takes_principal_at_its_present_rest() -> None:
    # 1,001 is worth 500 after a year; 100 spent leave 400, for which 800 of principal stand.
    (left,) = spend_lots([Lot(BORN, 1_001)], 100, after(365), TERMS)
    assert left == Lot(BORN, 800)
    assert lot_value(left, after(365), TERMS) == 400
    assert lot_value(left, after(730), TERMS) == 266


LOTS = st.lists(st.builds(Lot, st.integers(0, 1_200).map(after), st.integers(0, 10**9)), max_size=6)
BANDS = st.lists(st.tuples(st.integers(1, 900), st.integers(0, 10_000)), max_size=4, unique_by=lambda b: b[0])


def make_terms(bands: list[tuple[int, int]]) -> ExpiryTerms:
    ages = sorted(age for age, _ in bands)
    rests = sorted((rest for _, rest in bands), reverse=True)
    return ExpiryTerms(tuple(AgeBand(*band) for band in zip(ages, rests, strict=True)))


@given(LOTS, BANDS, st.integers(0, 10_000), st.integers(0, 2_000))
def test_spending_is_exact_and_later_values_only_fall(
    lots: list[Lot], bands: list[tuple[int, int]], part: int, later: int
) -> None:
    terms, day = make_terms(bands), after(1_200)
    worth = total_value(lots, day, terms)
    amount = worth * part // 10_000
    left = spend_lots(lots, amount, day, terms)
    assert total_value(left, day, terms) == worth - amount
    assert total_value(left, day + timedelta(later), terms) <= worth - amount
    assert sum(lot.principal for lot in left) <= sum(lot.principal for lot in lots)


@pytest.mark.parametrize(
    ("bands", "where"),
    [
        ((AgeBand(0, 5_000),), "bands"),
        ((AgeBand(2, 5_000), AgeBand(1, 0)), "bands"),
        ((AgeBand(1, 5_000), AgeBand(2, 5_001)), "bands"),
        ((AgeBand(1, 10_001),), "left_bp"),
    ],
)
def test_bands_are_in_order(bands: tuple[AgeBand, ...], where: str) -> None:
    with pytest.raises(FormatError) as caught:
        ExpiryTerms(bands)
    assert caught.value.where == where


def test_what_makes_no_sense_is_refused() -> None:
    for bad, where in (
        (lambda: lot_value(Lot(after(1), 1), BORN, None), "day"),
        (lambda: expiry_due(9, [Lot(BORN, 10)], BORN, None), "lots"),
        (lambda: Lot(BORN, -1), "principal"),
    ):
        with pytest.raises(FormatError) as caught:
            bad()
        assert caught.value.where == where
