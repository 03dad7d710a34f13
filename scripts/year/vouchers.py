"""Vouchers of the year: granted on larger sales, used at another shop of the alliance, or left to expire."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.retail.client import Line
from scripts.year.shopping import Bought
from scripts.year.stage import Stage, line

LEAST_SPENT = 5_000
"""Fen from which a sale earns a voucher [C]."""
VALUE = 500
GRANTED, USED = 0.15, 0.4


@dataclass(slots=True)
class Vouchers:
    """Open vouchers by holder: the entry and the merchant that issued it."""

    open: dict[str, tuple[str, str]] = field(default_factory=dict)

    def run_day(self, stage: Stage, merchants: list[str], bought: list[Bought]) -> None:
        """Use what fits the day's sales, then grant new ones; whoever holds one gets no second."""
        self._use(stage, bought)
        rng = stage.rng
        wanted: list[tuple[Bought, str]] = []
        lines: list[Line] = []
        for sale in bought:
            if sale.amount < LEAST_SPENT or sale.buyer in self.open or rng.random() > GRANTED:
                continue
            honouring = rng.choice([merchant for merchant in merchants if merchant != sale.merchant])
            lines.append(line("voucher.granted", {"about": sale.entry, "merchant": honouring}))
            wanted.append((sale, honouring))
        for (sale, honouring), entry in zip(wanted, stage.record(lines, may_fail=True), strict=True):
            if entry is not None:
                self.open[sale.buyer] = (entry, honouring)
                stage.count("vouchers granted")

    def _use(self, stage: Stage, bought: list[Bought]) -> None:
        lines: list[Line] = []
        on: list[Bought] = []
        for sale in bought:
            voucher = self.open.get(sale.buyer)
            if voucher is None or voucher[1] != sale.merchant or stage.rng.random() > USED:
                continue
            del self.open[sale.buyer]
            lines.append(line("voucher.used", {"about": voucher[0], "sale": sale.entry}))
            on.append(sale)
        for sale, entry in zip(on, stage.record(lines, may_fail=True), strict=True):
            if entry is not None:
                sale.discount = min(VALUE, sale.money)
                stage.count("vouchers used")
