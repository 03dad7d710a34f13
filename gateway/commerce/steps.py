"""Rules of sales, vouchers, pools, refunds, awards: by entry type."""

from __future__ import annotations

from gateway.cases.book import CaseNamer, DueRule, Rule
from gateway.commerce.awards import AWARD_DECISIONS, AWARD_RULES
from gateway.commerce.committee import COMMITTEE_DECISIONS, COMMITTEE_RULES
from gateway.commerce.exits import EXIT_RULES
from gateway.commerce.grants import GRANT_DECISIONS, GRANT_RULES
from gateway.commerce.rebates import REBATE_RULES, name_rebate
from gateway.commerce.rule_tables import TABLE_DECISIONS, TABLE_RULES
from gateway.commerce.sales import SALE_DUE, SALE_RULES
from gateway.commerce.tallied import TALLY_RULES
from gateway.commerce.vouchers import VOUCHER_DUE, VOUCHER_RULES

RULES: dict[str, Rule] = {
    **SALE_RULES,
    **REBATE_RULES,
    **VOUCHER_RULES,
    **GRANT_RULES,
    **EXIT_RULES,
    **AWARD_RULES,
    **TABLE_RULES,
    **COMMITTEE_RULES,
}

DECISIONS: frozenset[str] = GRANT_DECISIONS | AWARD_DECISIONS | TABLE_DECISIONS | COMMITTEE_DECISIONS
"""Types that need the scope ``cases:decide``."""

DUE: dict[str, DueRule] = {**SALE_DUE, **VOUCHER_DUE}
"""What follows when a case's time has come, by kind of case."""

AHEAD: dict[str, CaseNamer] = {"rebate.granted": name_rebate}
"""The case that a step of a type will ask for."""

TALLIES = TALLY_RULES
"""What entries add to the running sums that figures are read from."""
