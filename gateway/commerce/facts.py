"""From entries to the facts that awards and contributions are computed of. No SQL.

A month's facts are what the month's entries say; what was refunded since voids them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chain.operation import OperationKind
from gateway.cases.history import Past
from gateway.rules.awards import AwardKind, Fact

SERVED = frozenset({"service.confirmed", "service.part_done", "service.decided", "service.recorded"})
"""Entries that say how many minutes were served, by whom."""
REDEEMED = frozenset({"sale.paid", "redemption.recorded", "credit.redeemed", "paycode.used"})
"""Entries by which a member pays with coins."""
FACT_TYPES = SERVED | REDEEMED | {"sale.recorded"}
PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Month:
    """A month's entries, the refunds since it began, and who referred whom (member -> referrer).

    ``first_account`` names people who lost an account by the first one they had; all others are as they are.
    """

    entries: Sequence[Past]
    refunds: Sequence[Past]
    referrers: Mapping[str, str]
    first_account: Mapping[str, str] = field(default_factory=dict)

    def person(self, account: str) -> str:
        """Return the account that somebody's facts are counted under."""
        return self.first_account.get(account, account)


def facts_of(month: Month) -> list[Fact]:
    """Return what the month's entries add to the tallies of its awards."""
    returned: dict[str, int] = {}
    for refund in month.refunds:
        returned[refund.text("about")] = returned.get(refund.text("about"), 0) + refund.sum("coins")
    referrers = {
        month.person(member): month.person(other) for member, other in month.referrers.items() if other
    }
    facts: list[Fact] = []
    for entry in month.entries:
        if entry.type in SERVED:
            facts += _served(entry)
        elif entry.type in REDEEMED:
            facts += _saved(entry, returned)
        elif entry.type == "sale.recorded":
            buyer = month.person(buyer_of(entry))
            referrer = referrers.get(buyer)
            if referrer is not None:
                facts.append(Fact(entry.id, AwardKind.REFERRAL, referrer, entry.at // 1000, 1, buyer))
    return [replace(fact, account=month.person(fact.account)) for fact in facts]


def void_of(refunds: Iterable[Past]) -> frozenset[str]:
    """Return the sales of which anything was refunded: no order that counts for a referral."""
    return frozenset(refund.text("about") for refund in refunds)


def buyer_of(sale: Past) -> str:
    """Return who bought: the subject of a recorded sale that is not its merchant."""
    merchant = sale.text("merchant")
    return next((account for account in sale.subjects if account != merchant), merchant)


def _served(entry: Past) -> list[Fact]:
    minutes = entry.public.get("minutes")
    provider = entry.text(PROVIDER) or next(
        (account for role, account, _ in entry.legs() if role == PROVIDER), ""
    )
    if not provider or not isinstance(minutes, int):
        return []
    return [Fact(entry.id, AwardKind.MUTUAL_HELP, provider, entry.at // 1000, minutes)]


def _saved(entry: Past, returned: dict[str, int]) -> list[Fact]:
    """Return what a payment with coins saved: one coin a yuan, less what its refunds gave back."""
    coins = entry.coins
    if coins is None or coins.kind is not OperationKind.REDEEM or coins.sender is None:
        return []
    sale = entry.text("about")
    back = min(coins.amount, returned.get(sale, 0)) if entry.type == "sale.paid" else 0
    if back:
        returned[sale] -= back
    return [Fact(entry.id, AwardKind.SAVINGS, coins.sender, entry.at // 1000, coins.amount - back)]
