"""Plain calls of the year: show credits, pay with offset; and what everybody may look up."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.year.alliance import digest
from scripts.year.stage import CHAPTER, Stage
from scripts.year.town import Town

PRICE = 6_000
OFFSET = 100
"""Fen of a purchase by the plain call, and hundredths of a coin towards it."""


@dataclass(slots=True)
class Core:
    """``calls`` numbers the purchases."""

    calls: int = 0

    def run_month(self, stage: Stage, town: Town) -> None:
        """Somebody with coins looks at them, pays with an offset and sees them change."""
        absent = town.away | town.wards
        here = [one for one in town.members if one not in absent]
        buyer = max(here, key=lambda one: town.holds(stage, one))
        before = self._spendable(stage, buyer)
        if before < OFFSET:
            return
        self._buy(stage, town, buyer, before)
        self._look_up(stage)

    def _buy(self, stage: Stage, town: Town, buyer: str, before: int) -> None:
        self.calls += 1
        merchant = next(one for one in town.merchants if one not in town.away)
        body = {
            "chapter": CHAPTER,
            "buyer": buyer,
            "merchant": merchant,
            "amount": str(PRICE),
            "coins": str(OFFSET),
            "receipt": digest(f"plain call {self.calls}"),
        }
        paid = stage.client.post("/v1/core/pay", body, stage.next_key()).require("pay")
        for name in ("sale.recorded", "sale.paid", "sale.rebated"):
            stage.note({"type": name})
        stage.count("sales", PRICE)
        stage.count("redeemed", OFFSET)
        stage.count("rebates", int(str(paid["rebate"])))
        stage.count("plain calls")
        if self._spendable(stage, buyer) == before - OFFSET + int(str(paid["rebate"])):
            stage.count("plain calls that add up")
        town.stale.add(buyer)

    @staticmethod
    def _spendable(stage: Stage, account: str) -> int:
        shown = stage.client.get(f"/v1/core/credits/{account}").require("credits")
        return int(str(shown["available"]))

    @staticmethod
    def _look_up(stage: Stage) -> None:
        """Read the gates of growth, the referral meter, seats and notices."""
        for name in ("gates", "referrals/meter", "seats", "notices", "services/matches"):
            stage.client.get(f"/v1/{name}", chapter=CHAPTER).require(name)
            stage.count(f"{name} looked up")
