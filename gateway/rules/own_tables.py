"""What a chapter may write into a split table of its own: its roles and the limits of the papers. Pure.

The engine holds any table to its form (basis points sum to 10,000, a named residual). Here is what the shares
may be: platform commission 1% to 3% of a sale and public benefit 0.5% at least [C], a referring shop's part
of a purchase 5% at most [C] and of a fee 40% [D], a referral's fixed sum 180 CNY at most [D].
"""

from __future__ import annotations

from gateway.rules.refusals import RuleRefusal
from gateway.rules.split_tables import (
    CHAPTER_FUND,
    CHAPTER_HOLDING,
    COMMISSION_RANGE,
    PLATFORM,
    PUBLIC_BENEFIT,
    PURCHASE_TABLES,
    REFERRING_SHOP,
    RESERVE,
    check_purchase_table,
)
from gateway.rules.splits import SplitTable

FIRST_OWN_VERSION = 1_000
"""Versions from here on are chapters' own; those below ship with the product."""

FUNDS = frozenset({CHAPTER_FUND, CHAPTER_HOLDING, PLATFORM, PUBLIC_BENEFIT, RESERVE})
"""Roles that any table may have or leave out; all others have a meaning for the steps that use the table."""

MOST_OF_A_PURCHASE = 500
"""Basis points of a purchase that its referring shop may get [C]."""
MOST_OF_A_FEE = 4_000
"""Basis points of a fee that its referring shop may get [D]."""
MOST_FIXED = 18_000
"""Fen of a fixed line [D]."""


def check_own_table(table: SplitTable, shipped: SplitTable) -> None:
    """Check a chapter's version of a table against the one that ships under its name.

    1. The roles of its steps are there, fixed lines of the same roles, and no role that nothing knows.
    2. Shares and fixed sums are within the papers' limits.

    Raises RuleRefusal ``split.other_roles``, ``split.commission_range``, ``split.no_public_benefit``,
    ``split.over_limit`` (with the role and the most it may have).
    """
    needed = frozenset(shipped.roles) - FUNDS
    known = frozenset(shipped.roles) | FUNDS
    fixed = {line.role: line.amount for line in table.fixed}
    if not needed <= frozenset(table.roles) <= known or fixed.keys() != {line.role for line in shipped.fixed}:
        raise RuleRefusal("split.other_roles", table=table.id)
    for role, amount in fixed.items():
        if amount > MOST_FIXED:
            raise RuleRefusal("split.over_limit", table=table.id, role=role, most=MOST_FIXED)
    points = {line.role: line.basis_points for line in table.lines}
    most = MOST_OF_A_FEE
    if table.id in PURCHASE_TABLES:
        check_purchase_table(table)
        _check_commission(table, points.get(PLATFORM), PLATFORM in shipped.roles)
        most = MOST_OF_A_PURCHASE
    if points.get(REFERRING_SHOP, 0) > most:
        raise RuleRefusal("split.over_limit", table=table.id, role=REFERRING_SHOP, most=most)


def _check_commission(table: SplitTable, points: int | None, is_due: bool) -> None:
    least, most = COMMISSION_RANGE
    if points is None and not is_due:
        return
    if points is None or not least <= points <= most:
        raise RuleRefusal("split.commission_range", least=least, most=most)
