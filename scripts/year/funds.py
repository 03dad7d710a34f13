"""Money given to the chapter and what its funds are used for; what merchants do with the coins they took."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.retail.client import Line
from scripts.year.alliance import digest
from scripts.year.stage import CHAPTER, Stage, line
from scripts.year.town import Town

GRANTS = (("sponsorship", 250_000), ("grant", 100_000), ("donation", 30_000))
"""Kind and mean sum of a month's grants, fen."""
FUNDS = ("chapter_fund", "public_benefit")
MOVED = 10_000
"""Hundredths that go from the chapter's pool to the public benefit each month."""


@dataclass(slots=True)
class Funds:
    """``given`` numbers the receipts."""

    given: int = 0

    def open(self, stage: Stage, town: Town) -> None:
        """Some members and merchants bring the chapter's first capital: a record and nothing else."""
        founders = [*town.members[:5], *town.merchants[:2]]
        lines = [
            line("capital.recorded", {"amount": str(1_000_000), "receipt": digest(f"capital {one}")}, [one])
            for one in founders
        ]
        stage.record(lines)

    def run_month(self, stage: Stage, town: Town, before: str | None) -> None:
        """Book grants, move coins between pools, use the funds, let merchants spend what they took.

        ``before`` is the month whose figures say what the funds have, None in the first month.
        """
        for kind, mean in GRANTS:
            self._book(stage, town, kind, mean)
        move = {"from": "chapter", "to": "public_benefit", "amount": str(MOVED), "order": digest(stage.month)}
        stage.step("pool.moved", move)
        if before is not None:
            self._use(stage, town, before)
            self._spend(stage, town)

    def _book(self, stage: Stage, town: Town, kind: str, mean: int) -> None:
        self.given += 1
        public: dict[str, object] = {
            "kind": kind,
            "amount": str(stage.rng.randint(mean // 2, 2 * mean)),
            "receipt": digest(f"grant {self.given}"),
        }
        if kind == "donation":
            public["donor"] = stage.rng.choice([one for one in town.merchants if one not in town.away])
        entry = stage.step("grant.booked", public)
        stage.count("granted coins", int(str(stage.public(entry)["coins"])))

    def _use(self, stage: Stage, town: Town, before: str) -> None:
        """Use half of what each fund has, with legs and evidence; more than it has is refused."""
        page = stage.client.get("/v1/figures", month=before, chapter=CHAPTER).require("figures")
        rows = page["funds"]
        for row in rows if isinstance(rows, list) else []:
            balance = int(str(row["balance"]))
            if balance < 2:
                continue
            stage.record([_use(str(row["fund"]), 100 * balance, stage.month)], may_fail=True)
            stage.record([_use(str(row["fund"]), balance // 2, stage.month)])
            stage.count("funds used (fen)", balance // 2)

    def _spend(self, stage: Stage, town: Town) -> None:
        """Merchants who took most coins pay fees and adverts with them, and burn some."""
        held = [(stage.available(merchant), merchant) for merchant in town.merchants]
        for coins, merchant in sorted(held, reverse=True)[:5]:
            part = coins // 10
            if not part:
                continue
            common = {"merchant": merchant, "amount": str(part)}
            lines = [
                line("merchant.fee_paid", common | {"fee": "membership", "period": stage.month}),
                line("advert.bought", common | {"campaign": f"{stage.month}-flyer"}),
                line("merchant.surplus_burned", common),
            ]
            stage.record(lines)
            stage.count("merchants' coins spent", 3 * part)


def _use(fund: str, amount: int, month: str) -> Line:
    legs = [
        {"role": "event", "amount": str(amount - amount // 3)},
        {"role": "aid", "amount": str(amount // 3)},
    ]
    public = {"fund": fund, "amount": str(amount), "evidence": digest(f"{fund} {month}"), "legs": legs}
    return line("fund.used", public)
