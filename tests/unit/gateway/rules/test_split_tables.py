"""The tables of papers C and D: each figure of the papers, and which version is in force when."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.rules.refusals import RuleRefusal
from gateway.rules.split_tables import (
    PURCHASE_TABLES,
    SPLIT_TABLES,
    check_purchase_table,
    commission_table,
    pick_split,
)
from gateway.rules.splits import Share, SplitTable, split
from gateway.rules.versions import table_digest

DAY = date(2025, 6, 1)


@pytest.mark.parametrize(
    ("table_id", "amount", "legs"),
    [
        (
            "first_year_fee",
            100_000,
            {"referring_shop": 40_000, "chapter_fund": 10_000, "platform": 10_000, "chapter_holding": 40_000},
        ),
        (
            "first_year_fee_fixed",
            100_000,
            {"referring_shop": 18_000, "chapter_fund": 8_200, "platform": 8_200, "chapter_holding": 65_600},
        ),
        (
            "renewal_fee",
            100_000,
            {"referring_shop": 30_000, "chapter_fund": 10_000, "platform": 10_000, "chapter_holding": 50_000},
        ),
        (
            "renewal_fee_fixed",
            100_000,
            {"referring_shop": 3_000, "chapter_fund": 9_700, "platform": 9_700, "chapter_holding": 77_600},
        ),
        (
            "cross_store_purchase",
            20_000,
            {
                "serving_shop": 16_000,
                "referring_shop": 400,
                "chapter_fund": 2_000,
                "public_benefit": 100,
                "chapter_holding": 1_500,
            },
        ),
        (
            "consumption_referral",
            20_000,
            {"serving_shop": 18_900, "referring_shop": 1_000, "public_benefit": 100},
        ),
        ("own_store_purchase", 20_000, {"serving_shop": 19_500, "platform": 400, "public_benefit": 100}),
        ("referral_reward", 20_000, {"referrer": 1_000, "margin_owner": 19_000}),
        ("voucher_cost", 500, {"platform": 100, "issuing_shop": 200, "honouring_shop": 200}),
    ],
)
def test_figures_of_the_papers(table_id: str, amount: int, legs: dict[str, int]) -> None:
    assert dict(split(amount, pick_split(table_id, DAY))) == legs


def test_every_shipped_table_has_its_own_code_and_version() -> None:
    assert len({(table.id, table.version) for table in SPLIT_TABLES}) == len(SPLIT_TABLES)
    assert len({table_digest(table) for table in SPLIT_TABLES}) == len(SPLIT_TABLES)


def test_the_version_in_force_follows_the_business_date() -> None:
    assert pick_split("referral_reward", date(2025, 12, 31)).version == 1
    assert pick_split("referral_reward", date(2026, 1, 1)).version == 2
    assert dict(split(20_000, pick_split("referral_reward", date(2026, 1, 1))))["referrer"] == 18_000
    assert pick_split("referral_reward", date(2026, 1, 1), version=1).version == 1


@pytest.mark.parametrize(
    ("table_id", "day", "version"),
    [
        ("referral_reward", date(2024, 12, 31), None),
        ("referral_reward", date(2025, 12, 31), 2),
        ("no_such_table", DAY, None),
    ],
)
def test_a_table_that_has_not_begun_is_refused(table_id: str, day: date, version: int | None) -> None:
    with pytest.raises(RuleRefusal) as caught:
        pick_split(table_id, day, version)
    assert caught.value == RuleRefusal("rule.not_in_force", table=table_id, day=day.isoformat())


def test_every_purchase_table_feeds_the_public_benefit_fund() -> None:
    checked = [table for table in SPLIT_TABLES if table.id in PURCHASE_TABLES]
    assert {table.id for table in checked} == PURCHASE_TABLES
    for table in checked:
        check_purchase_table(table)
        assert dict(split(100_000, table))["public_benefit"] == 500
    bare = SplitTable("own_store_purchase", 9, DAY, (Share("serving_shop", 10_000),), (), "serving_shop", "-")
    with pytest.raises(RuleRefusal) as caught:
        check_purchase_table(bare)
    assert caught.value == RuleRefusal("split.no_public_benefit", table="own_store_purchase", least=50)


@pytest.mark.parametrize(("points", "shop"), [(100, 98_500), (300, 96_500)])
def test_commission_within_its_range(points: int, shop: int) -> None:
    legs = dict(split(100_000, commission_table(points, 2, DAY)))
    assert legs == {"platform": points * 10, "public_benefit": 500, "serving_shop": shop}


@pytest.mark.parametrize("points", [99, 301, 0, -100])
def test_commission_outside_its_range(points: int) -> None:
    with pytest.raises(RuleRefusal) as caught:
        commission_table(points, 2, DAY)
    assert caught.value == RuleRefusal("split.commission_range", least=100, most=300)
