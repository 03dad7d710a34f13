"""Is the year like real payments? Three measures of its entries against those of a real currency."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import sqrt

from gateway.rules.honour import gini_bp
from scripts.year.ledger import Ledger

WHOLE = 10_000
GINI, REPEATED, OTHER_DATE = 9_000, 1_780, 650
"""Measured on the payments of a real community currency, basis points: Gini coefficient of what each receiver
got, member-to-member payments that repeat an earlier one, payments on another date than in UTC."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A measure of the year and the real one, in basis points; of few ``samples`` it may differ more."""

    name: str
    measured: int
    real: int
    tolerance: int
    samples: int

    @property
    def holds(self) -> bool:
        """Whether the year is as the real payments were, within the tolerance."""
        return abs(self.measured - self.real) <= self.tolerance


def measure_fit(ledger: Ledger, merchants: Collection[str]) -> list[Fit]:
    """Measure the year's payments; a year without any fits, having shown nothing else."""
    receivers = len(ledger.receipts)
    between = {triple: n for triple, n in ledger.payments.items() if not {*triple[:2]} & set(merchants)}
    gifts, dated = sum(between.values()), ledger.dated.total()
    repeated = gifts - len(between)
    other = ledger.dated["other"]
    # Of few receivers none can have so much more than the others: of fifty it is 65 to 77%.
    gini = Fit("Gini of receipts", gini_bp(ledger.receipts.values()), GINI,
               _limit(150 + 130_000 // receivers) if receivers else WHOLE, receivers)  # fmt: skip
    return [
        gini,
        Fit("repeated payments", _share(repeated, gifts), REPEATED, _spread(REPEATED, gifts), gifts),
        Fit("on another date in UTC", _share(other, dated), OTHER_DATE, _spread(OTHER_DATE, dated), dated),
    ]


def _share(part: int, whole: int) -> int:
    return part * WHOLE // whole if whole else 0


def _spread(real: int, samples: int) -> int:
    """How far chance may take a share of so many samples: three standard deviations, and half a point."""
    if not samples:
        return WHOLE
    share = real / WHOLE
    return _limit(50 + round(3 * WHOLE * sqrt(share * (1 - share) / samples)))


def _limit(tolerance: int) -> int:
    return min(tolerance, WHOLE)
