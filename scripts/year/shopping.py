"""What is bought: sales with their split, coins towards them, the rebate, and now and then a refund."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.retail.client import Line
from scripts.year.alliance import digest
from scripts.year.stage import Stage, line
from scripts.year.town import Town, pick_several

PAYS_WITH_COINS = 0.25
REFUND_SHARE = 0.02
REBATE_POINTS = 500
FIRST_ORDER = 80_000
"""Fen a newcomer spends at first: a year's staples, so that a whole reward fits its margin."""


@dataclass(slots=True)
class Bought:
    """One sale as the year remembers it."""

    entry: str
    buyer: str
    merchant: str
    amount: int
    paid: int = 0
    discount: int = 0
    rewarded: bool = False

    @property
    def money(self) -> int:
        """What was paid in money, fen."""
        return self.amount - self.paid - self.discount


AfterPaying = Callable[[Stage, list["Bought"]], None]
"""What happens between paying and the rebate: vouchers, rewards."""


@dataclass(slots=True)
class Shopping:
    """Sales that may still be refunded; ``debtors`` may owe of a rebate, which the clock takes later.

    ``sold`` numbers the receipts; ``undone`` are the months in which a sale of each way was refunded whole.
    """

    open: list[Bought] = field(default_factory=list)
    debtors: set[str] = field(default_factory=set)
    sold: int = 0
    undone: dict[str, str] = field(default_factory=dict)

    def run_hour(self, stage: Stage, town: Town, sales: int, then: AfterPaying) -> list[Bought]:
        """Some of a day's sales, in waves: record, pay with coins, ``then``, rebate."""
        bought = self._record(stage, town, sales)
        self._pay(stage, town, bought)
        then(stage, bought)
        self._rebate(stage, town, bought)
        self.open = [*self.open[-2_000:], *bought]
        return bought

    def _record(self, stage: Stage, town: Town, sales: int) -> list[Bought]:
        rng = stage.rng
        buyers = pick_several(rng, town.members, town.eagerness, sales)
        merchants = pick_several(rng, town.merchants, town.fame, sales)
        wanted = [
            Bought("", buyer, merchant, max(100, round(rng.lognormvariate(8.3, 0.9))))
            for buyer, merchant in zip(buyers, merchants, strict=True)
        ]
        wanted += [
            Bought("", newcomer, town.merchants[0], FIRST_ORDER)
            for newcomer in map(town.current, town.newcomers)
            if newcomer not in town.away
        ]
        lines = [line("sale.recorded", self._public(sale), [sale.buyer]) for sale in wanted]
        town.newcomers.clear()
        for sale, entry in zip(wanted, stage.record(lines), strict=True):
            sale.entry = entry or ""
            stage.count("sales", sale.amount)
        return wanted

    def _public(self, sale: Bought) -> dict[str, object]:
        """The public fields of a sale, with the receipt of its payment."""
        self.sold += 1
        receipt = digest(f"sale {self.sold}")
        return {"merchant": sale.merchant, "amount": str(sale.amount), "receipt": receipt}

    def _pay(self, stage: Stage, town: Town, bought: list[Bought]) -> None:
        lines: list[Line] = []
        for sale in bought:
            # A ward pays within its guardian's limits, by steps of its own.
            coins = 0 if sale.buyer in town.wards else min(town.holds(stage, sale.buyer), sale.amount)
            if coins >= 100 and stage.rng.random() < PAYS_WITH_COINS:
                sale.paid = coins // 100 * 100
                town.coins[sale.buyer] -= sale.paid
                lines.append(line("sale.paid", {"about": sale.entry, "amount": str(sale.paid)}))
                stage.count("redeemed", sale.paid)
        stage.record(lines)

    def _rebate(self, stage: Stage, town: Town, bought: list[Bought]) -> None:
        stage.record([line("sale.rebated", {"about": sale.entry}) for sale in bought])
        for sale in bought:
            rebate = sale.money * REBATE_POINTS // 10_000
            town.coins[sale.buyer] += rebate
            stage.count("rebates", rebate)

    def refund(self, stage: Stage, town: Town) -> None:
        """A day's refunds of earlier sales."""
        rng = stage.rng
        back = [sale for sale in self.open if rng.random() < REFUND_SHARE / 30]
        whole = self._choose_whole(stage)
        back += [sale for sale in whole if sale not in back]
        lines = []
        for sale in back:
            amount = sale.amount if sale in whole or rng.random() < 0.7 else max(1, sale.amount // 2)
            lines.append(line("sale.refunded", {"about": sale.entry, "amount": str(amount)}))
            stage.count("refunds", amount)
        stage.record(lines)
        # What the buyer or merchant has spent meanwhile stays a receivable: those steps may find nothing.
        returns = [line("sale.rebate_returned", {"about": sale.entry}) for sale in back]
        returns += [line("sale.coins_returned", {"about": sale.entry}) for sale in back if sale.paid]
        stage.record(returns, may_fail=True)
        for sale in back:
            self.open.remove(sale)
            # The year keeps no books of its own about returned coins: it asks again.
            buyer = town.current(sale.buyer)
            town.stale.add(buyer)
            # Whoever still has coins owed no more than was taken, unless they came back after it.
            if sale.paid or buyer in town.away or town.holds(stage, buyer) == 0:
                self.debtors.add(buyer)

    def _choose_whole(self, stage: Stage) -> list[Bought]:
        """Each month one sale of each way goes back whole: with coins, with a voucher, with a reward."""
        chosen: list[Bought] = []
        wanted = {
            "coins": (sale for sale in self.open if sale.paid),
            "voucher": (sale for sale in self.open if sale.discount),
            "reward": (sale for sale in self.open if sale.rewarded),
        }
        for name, found in wanted.items():
            sale = next(found, None) if self.undone.get(name) != stage.month else None
            if sale is not None:
                self.undone[name] = stage.month
                chosen.append(sale)
        return chosen


def give(stage: Stage, town: Town, count: int) -> None:
    """Gifts between members; some repeat the giver's last one to the hundredth."""
    if town.kin_only:
        return
    rng = stage.rng
    lines: list[Line] = []
    for drawn in pick_several(rng, town.members, town.eagerness, count):
        giver = drawn
        if town.gifts and rng.random() < stage.likeness.repeat_share():
            giver = rng.choice(list(town.gifts))
            receiver, amount = town.gifts[giver]
            receiver = town.current(receiver)
        else:
            (receiver,) = pick_several(rng, town.members, town.liked, 1)
            amount = rng.randint(1, 40) * 50
        if receiver == giver or giver in town.wards or {giver, receiver} & town.away:
            continue
        if town.holds(stage, giver) < amount:
            continue
        town.coins[giver] -= amount
        town.coins[receiver] += amount
        town.gifts[giver] = (receiver, amount)
        operation = {"kind": "transfer", "from": giver, "to": receiver, "amount": str(amount)}
        lines.append({**line("gift.sent", {}), "op": operation})
        stage.count("gifts", amount)
    stage.record(lines)
