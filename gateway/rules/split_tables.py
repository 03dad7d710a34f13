"""The split tables of papers C and D, as versions. Pure data; the engine is ``gateway.rules.splits``.

Where a paper leaves shares unassigned they go to ``chapter_holding``, an account the chapter holds until a
later version assigns it. Paper C's public-benefit fund (0.5%) has a line in every purchase table, paper D's
included: it is taken out of the residual. Which version a chapter uses is on chain by its digest. Trust fees
and the mutual reserve have no table yet.
"""

from __future__ import annotations

from datetime import date

from gateway.rules.refusals import RuleRefusal
from gateway.rules.splits import WHOLE, FixedLine, Share, SplitTable
from gateway.rules.versions import pick_table

REFERRING_SHOP = "referring_shop"
SERVING_SHOP = "serving_shop"
CHAPTER_FUND = "chapter_fund"
CHAPTER_HOLDING = "chapter_holding"
"""Holds what a paper's shares leave unassigned."""
PLATFORM = "platform"
RESERVE = "reserve"
"""Pays verified complaints that the merchant's deposit does not cover."""
PUBLIC_BENEFIT = "public_benefit"
REFERRER = "referrer"
MARGIN_OWNER = "margin_owner"
"""The shop whose margin of an order a referral reward is paid from."""
ISSUING_SHOP = "issuing_shop"
HONOURING_SHOP = "honouring_shop"

PUBLIC_BENEFIT_POINTS = 50
"""Public-benefit fund: 0.5% of every purchase [C]. Lowest share of a purchase table's line."""

TRIAL = date(2025, 1, 1)
"""First business date of paper C's trial year and of paper D's fee splits."""

ALLIANCE = date(2026, 1, 1)
"""First business date of paper D's reward, which follows paper C's."""

COMMISSION_RANGE = (100, 300)
"""Platform commission: 1% to 3% of a sale [C], in basis points."""

PURCHASE_TABLES = frozenset({"cross_store_purchase", "consumption_referral", "own_store_purchase"})
"""Codes of the tables that split a purchase: each has the public-benefit line."""


def commission_table(basis_points: int, version: int, effective_from: date) -> SplitTable:
    """Return the table of a purchase at a member's own shop with a platform commission of 1% to 3% [C].

    Raises RuleRefusal ``split.commission_range``.
    """
    least, most = COMMISSION_RANGE
    if type(basis_points) is not int or not least <= basis_points <= most:
        raise RuleRefusal("split.commission_range", least=least, most=most)
    return SplitTable(
        id="own_store_purchase",
        version=version,
        effective_from=effective_from,
        lines=(
            Share(PLATFORM, basis_points),
            Share(PUBLIC_BENEFIT, PUBLIC_BENEFIT_POINTS),
            Share(SERVING_SHOP, WHOLE - basis_points - PUBLIC_BENEFIT_POINTS),
        ),
        fixed=(),
        residual=SERVING_SHOP,
        source="C",
    )


SPLIT_TABLES: tuple[SplitTable, ...] = (
    # Fees. The referring shop's leg is a joining fee's reward: it is folded into the residual while the
    # switch of joining-fee tables is off (gateway.rules.referral.split_fee).
    SplitTable(
        id="first_year_fee",
        version=1,
        effective_from=TRIAL,
        lines=(
            Share(REFERRING_SHOP, 4_000),
            Share(CHAPTER_FUND, 1_000),
            Share(PLATFORM, 1_000),
            Share(CHAPTER_HOLDING, 4_000),
        ),
        fixed=(),
        residual=CHAPTER_HOLDING,
        source="D",
    ),
    # Paper D says both "40%" and "180 CNY"; the second reading is a table of its own.
    SplitTable(
        id="first_year_fee_fixed",
        version=1,
        effective_from=TRIAL,
        lines=(Share(CHAPTER_FUND, 1_000), Share(PLATFORM, 1_000), Share(CHAPTER_HOLDING, 8_000)),
        fixed=(FixedLine(REFERRING_SHOP, 18_000),),
        residual=CHAPTER_HOLDING,
        source="D",
    ),
    SplitTable(
        id="renewal_fee",
        version=1,
        effective_from=TRIAL,
        lines=(
            Share(REFERRING_SHOP, 3_000),
            Share(CHAPTER_FUND, 1_000),
            Share(PLATFORM, 1_000),
            Share(CHAPTER_HOLDING, 5_000),
        ),
        fixed=(),
        residual=CHAPTER_HOLDING,
        source="D",
    ),
    SplitTable(
        id="renewal_fee_fixed",
        version=1,
        effective_from=TRIAL,
        lines=(Share(CHAPTER_FUND, 1_000), Share(PLATFORM, 1_000), Share(CHAPTER_HOLDING, 8_000)),
        fixed=(FixedLine(REFERRING_SHOP, 3_000),),
        residual=CHAPTER_HOLDING,
        source="D",
    ),
    # Purchases.
    SplitTable(
        id="cross_store_purchase",
        version=1,
        effective_from=TRIAL,
        lines=(
            Share(SERVING_SHOP, 8_000),
            Share(REFERRING_SHOP, 200),
            Share(CHAPTER_FUND, 1_000),
            Share(PUBLIC_BENEFIT, PUBLIC_BENEFIT_POINTS),
            Share(CHAPTER_HOLDING, 750),
        ),
        fixed=(),
        residual=CHAPTER_HOLDING,
        source="C+D",
    ),
    SplitTable(
        id="consumption_referral",
        version=1,
        effective_from=TRIAL,
        lines=(
            Share(SERVING_SHOP, 9_450),
            Share(REFERRING_SHOP, 500),
            Share(PUBLIC_BENEFIT, PUBLIC_BENEFIT_POINTS),
        ),
        fixed=(),
        residual=SERVING_SHOP,
        source="C",
    ),
    commission_table(200, 1, TRIAL),
    # Referral rewards: splits of an order's margin.
    SplitTable(
        id="referral_reward",
        version=1,
        effective_from=TRIAL,
        lines=(Share(MARGIN_OWNER, WHOLE),),
        fixed=(FixedLine(REFERRER, 1_000),),
        residual=MARGIN_OWNER,
        source="C",
    ),
    SplitTable(
        id="referral_reward",
        version=2,
        effective_from=ALLIANCE,
        lines=(Share(MARGIN_OWNER, WHOLE),),
        fixed=(FixedLine(REFERRER, 18_000),),
        residual=MARGIN_OWNER,
        source="D",
    ),
    # The cost of a cross-store voucher: the platform pays 20%, the two shops share the rest.
    SplitTable(
        id="voucher_cost",
        version=1,
        effective_from=TRIAL,
        lines=(Share(PLATFORM, 2_000), Share(ISSUING_SHOP, 4_000), Share(HONOURING_SHOP, 4_000)),
        fixed=(),
        residual=HONOURING_SHOP,
        source="C",
    ),
)
"""Every version that ships. A chapter's own later versions are read from its published tables."""


def pick_split(table_id: str, day: date, version: int | None = None) -> SplitTable:
    """Return the shipped table in force on a business date. Raises RuleRefusal ``rule.not_in_force``."""
    return pick_table(SPLIT_TABLES, table_id, day, version)


def check_purchase_table(table: SplitTable) -> None:
    """Check that a purchase table has the public-benefit line of at least 0.5% [C].

    Raises RuleRefusal ``split.no_public_benefit``.
    """
    points = sum(line.basis_points for line in table.lines if line.role == PUBLIC_BENEFIT)
    if points < PUBLIC_BENEFIT_POINTS:
        raise RuleRefusal("split.no_public_benefit", table=table.id, least=PUBLIC_BENEFIT_POINTS)
