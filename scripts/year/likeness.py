"""What the year has traded so far, so that it stays as real payments were, whatever the seed.

Its own count of what `scripts.year.fit` measures in the log at the end: chance decides each payment, and the
odds of the next follow from how far the sum of those before is from the real share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.rules.calendar import business_date
from scripts.year.fit import OTHER_DATE, REPEATED, WHOLE
from scripts.year.ledger import PAYMENTS, Document

DATED = PAYMENTS | {"sale.recorded"}
"""What has a date that may be another in UTC."""
LEAST, MOST = 0.05, 0.6
"""Odds that a gift repeats the giver's last one: where too many did so far, and where too few."""


@dataclass(slots=True)
class Likeness:
    """``dated`` counts trades by whether UTC has the "same" or an "other" date; ``early`` while the latter.

    ``gifts`` counts payments between members by (payer, payee, hundredths).
    """

    early: bool = False
    dated: Counter[str] = field(default_factory=Counter)
    gifts: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def set_clock(self, moment: datetime) -> None:
        """Note the time at which everything is recorded from now on."""
        utc = moment.astimezone(UTC)
        self.early = utc.date() != business_date(round(utc.timestamp()))

    def note(self, line: Document) -> None:
        """Add a line that was accepted."""
        name = line["type"]
        if name in DATED:
            self.dated["other" if self.early else "same"] += 1
        operation = line.get("op")
        if name == "gift.sent" and isinstance(operation, Mapping):
            amount = int(str(operation["amount"]))
            self.gifts[str(operation["from"]), str(operation["to"]), amount] += 1

    def early_share(self, coming: int) -> float:
        """The share of so many coming trades that should be early, for the whole to be as it really was."""
        real, done = OTHER_DATE / WHOLE, self.dated.total()
        wanted = real * (done + coming) - self.dated["other"]
        return min(0.5, max(0.0, wanted / coming)) if coming else real

    def repeat_share(self) -> float:
        """The odds that the next gift repeats an earlier one."""
        done = self.gifts.total()
        return LEAST if (done - len(self.gifts)) * WHOLE > REPEATED * done else MOST
