"""What a year must hold: each theme with the entries and refusals that show it was played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

ENTRIES: Mapping[str, tuple[str, ...]] = {
    "grants": ("grant.booked",),
    "fund use": ("fund.used",),
    "pools moved": ("pool.moved",),
    "capital": ("capital.recorded",),
    "merchants' coins": ("merchant.surplus_burned", "merchant.fee_paid", "advert.bought"),
    "sales": ("sale.recorded",),
    "paid with coins": ("sale.paid",),
    "rebates": ("sale.rebated",),
    "refunds": ("sale.refunded",),
    "vouchers granted": ("voucher.granted",),
    "vouchers used": ("voucher.used",),
    "vouchers expired": ("voucher.expired",),
    "codes issued": ("paycode.issued",),
    "codes used": ("paycode.used",),
    "codes expired": ("paycode.expired",),
    "gifts": ("gift.sent",),
    "kin": ("kin.declared", "kin.ended"),
    "guardians": ("guardian.appointed", "guardian.ended"),
    "stewards": ("steward.appointed", "steward.ended"),
    "stewards rewarded": ("steward.rewarded",),
    "parameters": ("parameter.set", "parameter.in_force"),
    "memberships": ("membership.opened",),
    "upgrades": ("membership.upgraded",),
    "renewals": ("membership.renewed",),
    "fees refunded": ("membership.refunded",),
    "fees split": ("membership.fee_split",),
    "referrals": ("referral.declared",),
    "rewards": ("referral.rewarded",),
    "suspensions": ("membership.suspended", "membership.restored"),
    "freezes": ("member.frozen", "member.unfrozen"),
    "recoveries": ("account.recovered",),
    "closings": ("account.closing", "account.closed"),
    "deposits lodged": ("deposit.lodged",),
    "deposits topped up": ("deposit.topped_up",),
    "deposits forfeited": ("deposit.forfeited",),
    "deposits refunded": ("deposit.refunded",),
    "compensations": ("deposit.compensated",),
    "payments brought back": ("deposit.restored",),
    "complaints": ("complaint.filed",),
    "complaints closed by the clock": ("complaint.closed",),
    "complaint appeals": ("complaint.appealed", "complaint.decided"),
    "seats granted": ("seat.granted",),
    "quarters closed": ("seat.quarter_closed",),
    "seats released": ("seat.released",),
    "seat appeals": ("seat.rejection_decided", "seat.release_decided"),
    "committee": ("committee.joined", "committee.left"),
    "exits noticed": ("exit.noticed",),
    "exits completed": ("exit.completed",),
    "profits": ("profit.declared", "profit.paid"),
    "penalties": ("penalty.ordered",),
    "penalties executed": ("penalty.executed",),
    "notices ended": ("penalty.notice_ended",),
    "penalty appeals": ("penalty.appealed", "penalty.appeal_decided"),
    "lists": ("list.entered",),
    "lists ended": ("list.lifted", "list.expired"),
    "list appeals": ("list.appealed", "list.decided"),
    "claims": ("claim.recorded", "claim.settled", "claim.withdrawn"),
    "services requested": ("service.requested",),
    "services confirmed": ("service.confirmed",),
    "services in part": ("service.part_done",),
    "services disputed": ("service.disputed",),
    "disputes decided": ("service.decided",),
    "disputes overdue": ("service.overdue",),
    "services cancelled": ("service.cancelled",),
    "no-shows": ("service.no_show",),
    "requests declined": ("service.declined",),
    "requests lapsed": ("service.lapsed",),
    "capacity warnings": ("service.capacity_warned",),
    "subsidised bookings": ("service.subsidised",),
    "awards": ("award.granted",),
    "tables switched": ("rule.published",),
    "coins expired": ("credits.expired",),
    "surplus burned": ("credits.surplus_burned",),
    "elders confirmed": ("membership.elder_confirmed",),
    "memberships lapsed": ("membership.lapsed",),
    "tiers": ("tier.set",),
    "rewards clawed back": ("referral.clawed_back",),
    "rebates given back": ("sale.rebate_returned",),
    "coins given back": ("sale.coins_returned",),
    "vouchers given back": ("voucher.returned",),
    "offers withdrawn": ("service.offer_withdrawn",),
    "services paid in parts": ("service.settled",),
    "subsidies ended": ("service.subsidy_ended",),
    "promises": ("promise.declared",),
    "applications withdrawn": ("seat.application_withdrawn",),
    "applications lapsed": ("seat.application_lapsed",),
    "seats renewed": ("seat.renewed",),
    "seats expired": ("seat.expired",),
}
"""Theme by entry types; a theme was played when each of its types was recorded."""

REFUSALS: Mapping[str, str] = {
    "fund uses above the balance": "fund.short",
    "duty checks while switched off": "duty.switched_off",
    "second scans": "payment_code.used",
    "gifts to others than kin": "member.kin_not_allowed",
    "wards over their limit": "guardian.over_limit",
    "expiry while not set": "expiry.not_set",
    "surplus before its days are over": "holding.not_due",
    "earnings over a day's limit": "cap.daily",
    "waivers while switched off": "membership.waiver_off",
}
"""Theme by the code of the refusal that shows it."""

FIGURES = (
    "clocks run out", "disputes decided late", "surges", "free services taken",
    "services paid for after the free ones", "earnings donated", "plain calls that add up", "gates looked up",
    "referrals/meter looked up", "services/matches looked up",
)  # fmt: skip
"""Themes that are neither an entry nor a refusal: figures of the months."""


def count_themes(
    entries: Mapping[str, int], refused: Mapping[str, int], figures: Mapping[str, int]
) -> dict[str, int]:
    """How often each theme was played, 0 where one of its entry types is missing."""
    found = Counter[str]()
    for theme, types in ENTRIES.items():
        numbers = [entries.get(name, 0) for name in types]
        found[theme] = sum(numbers) if all(numbers) else 0
    for theme, code in REFUSALS.items():
        found[theme] = refused.get(code, 0)
    for theme in FIGURES:
        found[theme] = figures.get(theme, 0)
    return dict(found)
