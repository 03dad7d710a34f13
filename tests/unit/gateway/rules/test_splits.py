"""The split engine: exact sums, one result for one input, refunds leg by leg."""

from __future__ import annotations

import itertools
import random
from dataclasses import FrozenInstanceError
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.refusals import RuleRefusal
from gateway.rules.splits import (
    FixedLine,
    Share,
    SplitTable,
    claw_back,
    fold_leg,
    parse_table,
    refund,
    refund_share,
    split,
)
from gateway.rules.versions import table_bytes, table_digest
from scripts.benches.splits import FULL, check_sums, random_table

DAY = date(2026, 3, 1)


def make_table(shares: dict[str, int], fixed: dict[str, int] | None = None, residual: str = "") -> SplitTable:
    return SplitTable(
        id="test",
        version=1,
        effective_from=DAY,
        lines=tuple(Share(role, points) for role, points in shares.items()),
        fixed=tuple(FixedLine(role, amount) for role, amount in (fixed or {}).items()),
        residual=residual or next(iter(shares)),
        source="test",
    )


def naive_split(amount: int, table: SplitTable) -> tuple[tuple[str, int], ...]:
    """The rule as it is written, with exact fractions and no shortcut."""
    rest = amount - sum(line.amount for line in table.fixed)
    legs = {line.role: line.amount for line in table.fixed}
    exact = {line.role: Fraction(rest * line.basis_points, 10_000) for line in table.lines}
    legs |= {role: int(part) for role, part in exact.items()}
    left = amount - sum(legs.values())
    for role in sorted(exact, key=lambda role: (-(exact[role] - int(exact[role])), role))[:left]:
        legs[role] += 1
    return tuple(sorted(legs.items()))


tables = st.builds(lambda seed: random_table(random.Random(seed)), st.integers(0, 2**32))
amounts = st.one_of(st.integers(0, 30_000), st.integers(0, 2**63 - 1))
leg_sets = st.dictionaries(
    st.sampled_from("abcdefg"), st.one_of(st.integers(0, 9), st.integers(0, 10**9)), min_size=1
).filter(lambda legs: sum(legs.values()) > 0)


def test_the_first_year_of_paper_d() -> None:
    table = make_table({"shop": 4_000, "fund": 1_000, "platform": 1_000, "held": 4_000}, residual="held")
    assert split(100_000, table) == (
        ("fund", 10_000),
        ("held", 40_000),
        ("platform", 10_000),
        ("shop", 40_000),
    )


def test_rule_30_equal_fractions_go_by_role_code() -> None:
    thirds = make_table({"c": 2_500, "a": 2_500, "d": 2_500, "b": 2_500})
    assert split(7, thirds) == (("a", 2), ("b", 2), ("c", 2), ("d", 1))
    assert split(1, thirds) == (("a", 1), ("b", 0), ("c", 0), ("d", 0))


def test_rule_30_largest_fraction_comes_before_role_code() -> None:
    assert split(1, make_table({"a": 3_333, "b": 3_333, "z": 3_334})) == (("a", 0), ("b", 0), ("z", 1))


@given(tables, amounts)
def test_rule_30_shares_sum_to_the_input(table: SplitTable, amount: int) -> None:
    amount += sum(line.amount for line in table.fixed)
    legs = split(min(amount, 2**63 - 1), table)
    assert sum(part for _, part in legs) == min(amount, 2**63 - 1)
    assert legs == naive_split(min(amount, 2**63 - 1), table)
    assert all(part >= 0 for _, part in legs)


def test_rule_30_order_of_rows_changes_nothing() -> None:
    shares = {"a": 3_333, "b": 3_333, "c": 3_333, "d": 1}
    seen = set()
    for order in itertools.permutations(shares):
        table = make_table({role: shares[role] for role in order}, {"f": 3, "e": 2}, residual="c")
        seen.add((tuple(split(n, table) for n in range(5, 300)), table_digest(table)))
    assert len(seen) == 1


def test_rule_30_a_million_random_splits_sum() -> None:
    assert check_sums(*FULL, seed=30) == 1_000_000


def test_fixed_lines_come_first_and_are_never_cut() -> None:
    table = make_table({"held": 8_000, "fund": 2_000}, {"shop": 18_000})
    assert split(100_000, table) == (("fund", 16_400), ("held", 65_600), ("shop", 18_000))
    assert split(18_000, table) == (("fund", 0), ("held", 0), ("shop", 18_000))
    with pytest.raises(RuleRefusal) as caught:
        split(17_999, table)
    assert caught.value == RuleRefusal("split.fixed_exceeds", table="test", limit=18_000)


@pytest.mark.parametrize("amount", [1.0, "1", True, -1, 2**63, None])
def test_rule_29_only_integers_of_the_smallest_unit(amount: object) -> None:
    with pytest.raises(FormatError) as caught:
        split(amount, make_table({"a": 10_000}))  # type: ignore[arg-type]
    assert caught.value.where == "amount"


@pytest.mark.parametrize(
    ("shares", "fixed", "residual", "refusal"),
    [
        (
            {"a": 4_000, "b": 2_000},
            {},
            "a",
            RuleRefusal("split.wrong_sum", table="test", got=6_000, want=10_000),
        ),
        (
            {"a": 9_999, "b": 2},
            {},
            "a",
            RuleRefusal("split.wrong_sum", table="test", got=10_001, want=10_000),
        ),
        ({"a": 10_000, "b": 0}, {}, "a", RuleRefusal("split.bad_line", table="test", line=1)),
        ({"a": 10_001, "b": -1}, {}, "b", RuleRefusal("split.bad_line", table="test", line=0)),
        ({"A": 10_000}, {}, "A", RuleRefusal("split.bad_line", table="test", line=0)),
        ({"a": 10_000}, {"b": 0}, "a", RuleRefusal("split.bad_line", table="test", line=1)),
        ({"a": 10_000}, {"a": 5}, "a", RuleRefusal("split.role_twice", table="test")),
        ({"a": 10_000}, {"b": 5}, "b", RuleRefusal("split.no_residual", table="test")),
    ],
)
def test_wrong_tables_do_not_exist(
    shares: dict[str, int], fixed: dict[str, int], residual: str, refusal: RuleRefusal
) -> None:
    with pytest.raises(RuleRefusal) as caught:
        make_table(shares, fixed, residual)
    assert caught.value == refusal


def test_a_residual_may_have_nothing_and_a_table_cannot_be_changed() -> None:
    table = make_table({"a": 10_000, "b": 0}, residual="b")
    assert split(9, table) == (("a", 9), ("b", 0))
    with pytest.raises(FrozenInstanceError):
        table.version = 2  # type: ignore[misc]


def test_a_leg_is_folded_into_the_residual() -> None:
    legs = (("a", 3), ("held", 4), ("shop", 5))
    assert fold_leg(legs, "shop", "held") == (("a", 3), ("held", 9))
    assert fold_leg(legs, "shop", "held", keep=2) == (("a", 3), ("held", 7), ("shop", 2))
    assert fold_leg(legs, "shop", "held", keep=9) == legs
    assert fold_leg(legs, "nobody", "held") == legs
    with pytest.raises(FormatError):
        fold_leg(legs, "shop", "shop")


@given(tables)
def test_tables_round_trip_through_their_canonical_text(table: SplitTable) -> None:
    text = table_bytes(table)
    assert parse_table(text) == table
    assert table_digest(parse_table(text)) == table_digest(table)


def test_the_canonical_text_is_fixed() -> None:
    table = make_table({"b": 9_000, "a": 1_000}, {"c": 7}, residual="b")
    assert table_bytes(table) == (
        b'{"effective_from":"2026-03-01","fixed":[{"amount":7,"role":"c"}],"id":"test",'
        b'"lines":[{"basis_points":1000,"role":"a"},{"basis_points":9000,"role":"b"}],'
        b'"residual":"b","source":"test","version":1}'
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":1.5'),
        (b'"version":1', b'"version":"1"'),
        (b'"id":"test",', b""),
        (b"2026-03-01", b"2026-3-1"),
        (b'{"basis', b' {"basis'),
        (b'"lines":[', b'"lines":[1,'),
    ],
)
def test_texts_that_are_no_table_are_refused(old: bytes, new: bytes) -> None:
    text = table_bytes(make_table({"b": 9_000, "a": 1_000}))
    with pytest.raises(FormatError) as caught:
        parse_table(text.replace(old, new))
    assert caught.value.where in ("table", "value")


def test_rule_10_a_refund_reverses_every_leg_in_proportion() -> None:
    table = make_table({"shop": 8_000, "referrer": 200, "fund": 1_000, "held": 800}, residual="held")
    legs = split(10_000, table)
    assert refund(2_500, 10_000, legs) == (("fund", 250), ("held", 200), ("referrer", 50), ("shop", 2_000))


@given(leg_sets, st.data())
def test_rule_11_cumulative_refunds_never_exceed_a_leg(legs: dict[str, int], data: st.DataObject) -> None:
    whole = sum(legs.values())
    original = tuple(legs.items())
    given_back = dict.fromkeys(legs, 0)
    left = whole
    while left:
        amount = data.draw(st.one_of(st.just(left), st.integers(1, left)))
        step = refund(amount, whole, original, tuple(given_back.items()))
        assert sum(part for _, part in step) == amount
        for role, part in step:
            assert part >= 0
            given_back[role] += part
            assert given_back[role] <= legs[role]
        left -= amount
        # Where it stands depends on the sum alone.
        assert given_back == refund_share(whole - left, legs)
    assert given_back == legs


@given(leg_sets, st.fractions(0, 1))
@example({"a": 0, "b": 1}, Fraction(1, 2))
def test_rule_10_refunded_parts_stay_near_the_proportion(legs: dict[str, int], part: Fraction) -> None:
    whole = sum(legs.values())
    total = int(whole * part)
    for role, back in refund_share(total, legs).items():
        assert abs(back - Fraction(total * legs[role], whole)) < Fraction(len(legs), 2) + 1


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 12), min_size=1))
def test_refunds_follow_the_order_of_units(legs: dict[str, int]) -> None:
    units = [(Fraction(leg, 2 * n + 1), role) for role, leg in legs.items() for n in range(leg)]
    units.sort(key=lambda unit: (-unit[0], unit[1]))
    for total in range(len(units) + 1):
        naive = dict.fromkeys(legs, 0)
        for _, role in units[:total]:
            naive[role] += 1
        assert refund_share(total, legs) == naive


def test_rule_11_more_than_the_original_is_refused() -> None:
    legs = (("a", 60), ("b", 40))
    with pytest.raises(RuleRefusal) as caught:
        refund(31, 100, legs, (("a", 42), ("b", 28)))
    assert caught.value == RuleRefusal("refund.exceeds_original", left=30)


@pytest.mark.parametrize(
    ("legs", "refunded", "where"),
    [
        ((("a", 60), ("b", 41)), (), "original"),
        ((("a", 101), ("b", -1)), (), "original"),
        ((("a", 60), ("b", 40)), (("a", 40), ("b", 10)), "refunded"),
        ((("a", 60), ("b", 40)), (("c", 0),), "refunded"),
    ],
)
def test_refunds_of_contradicting_legs_are_refused(
    legs: tuple[tuple[str, int], ...], refunded: tuple[tuple[str, int], ...], where: str
) -> None:
    with pytest.raises(FormatError) as caught:
        refund(10, 100, legs, refunded)
    assert caught.value.where == where


@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**5), min_size=1, max_size=8))
def test_rule_10_what_was_granted_is_clawed_back_in_the_end(granted: int, parts: list[int]) -> None:
    whole, before, back = sum(parts), 0, 0
    for part in parts:
        now = claw_back(granted, whole, before, part)
        assert now >= 0
        before, back = before + part, back + now
        assert back == granted * before // whole
    assert back == granted
    with pytest.raises(RuleRefusal) as caught:
        claw_back(granted, whole, before, 1)
    assert caught.value == RuleRefusal("refund.exceeds_original", left=0)
