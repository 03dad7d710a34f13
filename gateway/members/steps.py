"""Rules of memberships: kinds, fees, tiers, guardians, referrals, closing: by entry type."""

from __future__ import annotations

from chain.operation import chapter_code
from gateway.cases.book import CLOSING, DueRule, Rule
from gateway.cases.case import Case
from gateway.ledger.drafts import Draft
from gateway.members.expiring import EXPIRY_RULES
from gateway.members.family import FAMILY_RULES
from gateway.members.fee_splits import FEE, FEE_RULES, split_due
from gateway.members.leaving import LEAVING_RULES, close_due
from gateway.members.memberships import MEMBERSHIP_RULES
from gateway.members.offices import OFFICE_RULES
from gateway.members.parameters import PARAMETER, PARAMETER_RULES, force_due
from gateway.members.referrals import REFERRAL_RULES
from gateway.members.register import MEMBERSHIP
from gateway.members.rewards import REWARD, REWARD_RULES, claw_back_due
from gateway.members.stewards import STEWARD_RULES
from gateway.members.surplus import SURPLUS_RULES

RULES: dict[str, Rule] = {
    **MEMBERSHIP_RULES,
    **FEE_RULES,
    **OFFICE_RULES,
    **STEWARD_RULES,
    **FAMILY_RULES,
    **LEAVING_RULES,
    **PARAMETER_RULES,
    **EXPIRY_RULES,
    **REFERRAL_RULES,
    **REWARD_RULES,
    **SURPLUS_RULES,
}

DECISIONS: frozenset[str] = frozenset(
    {
        *("membership.refunded", "membership.suspended", "membership.restored", "membership.elder_confirmed"),
        *("steward.appointed", "steward.ended", "steward.rewarded", "guardian.appointed", "guardian.ended"),
        "credits.surplus_burned",
        *("account.closing", "account.closed", "parameter.set", "parameter.in_force"),
    }
)
"""Types that need the scope ``cases:decide``."""


def lapse_due(case: Case) -> Draft:
    """Return the step that ends a membership whose last day is over."""
    subjects = () if case.holder is None else (case.holder,)
    return Draft("membership.lapsed", chapter_code(case.chapter), None, subjects)


DUE: dict[str, DueRule] = {
    MEMBERSHIP: lapse_due,
    FEE: split_due,
    CLOSING: close_due,
    PARAMETER: force_due,
    REWARD: claw_back_due,
}
"""What follows when a case's time has come, by kind of case."""
