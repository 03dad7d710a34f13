"""The merchants' side of the year: deposits, seats, quarterly scores and releases, complaints, penalties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from scripts.year.stage import Stage, line
from scripts.year.town import Town

DEPOSIT = 500_000
"""Fen of a merchant's deposit [D]."""
STAGES = ("credentials", "reputation", "referral_ability")
RATERS = 8
"""Residents who rate each seat in a quarter."""
COMPLAINTS_A_MONTH = 2


def digest(text: str) -> str:
    """A document's hash, as an entry says it."""
    return sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class Alliance:
    """``officers`` decide, each on another stage; ``seats`` are merchants by industry."""

    officers: list[str] = field(default_factory=list)
    seats: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def open(self, stage: Stage, town: Town) -> None:
        """Every merchant lodges its deposit, promises, applies and is granted its seat."""
        self.officers = town.members[:5]
        stage.record(
            [
                line(
                    "deposit.lodged",
                    {"merchant": merchant, "amount": str(DEPOSIT), "receipt": digest(f"deposit {merchant}")},
                    actor=self.officers[4],
                )
                for merchant in town.merchants
            ]
        )
        stage.record(
            [
                line(
                    "promise.declared",
                    {
                        "merchant": merchant,
                        "cost_price": digest(f"cost {merchant}"),
                        "service_standard": digest(f"standard {merchant}"),
                    },
                )
                for merchant in town.merchants
            ]
        )
        self._seat(stage, {f"industry-{n:02d}": merchant for n, merchant in enumerate(town.merchants)})

    def _seat(self, stage: Stage, wanted: Mapping[str, str]) -> None:
        lines = [
            line("seat.applied", {"merchant": merchant, "industry": industry})
            for industry, merchant in wanted.items()
        ]
        applications = stage.record(lines)
        for number, name in enumerate(STAGES):
            stage.record(
                [
                    line(
                        "seat.reviewed",
                        {
                            "about": entry,
                            "stage": name,
                            "result": "passed",
                            "evidence": digest(f"{entry}{name}"),
                        },
                        actor=self.officers[number],
                    )
                    for entry in applications
                ]
            )
        stage.record(
            [
                line(
                    "seat.granted",
                    {"about": entry, "certificate": digest(f"seat {entry}")},
                    actor=self.officers[3],
                )
                for entry in applications
            ]
        )
        self.seats.update(wanted)
        stage.count("seats granted", len(wanted))

    def rate(self, stage: Stage, town: Town) -> None:
        """Residents rate every seat once a quarter."""
        rng = stage.rng
        lines = []
        for industry in self.seats:
            for resident in rng.sample(town.members, min(RATERS, len(town.members))):
                score = min(100, max(1, round(rng.gauss(75, 12))))
                lines.append(line("seat.rated", {"industry": industry, "resident": resident, "score": score}))
        stage.record(lines, may_fail=True)

    def close_quarter(self, stage: Stage, quarter: str) -> None:
        """Re-check every seat, close the quarter; every other merchant that is to leave appeals."""
        rng = stage.rng
        stage.record(
            [
                line(
                    "seat.scored",
                    {
                        "industry": industry,
                        "quarter": quarter,
                        "recheck": min(100, max(1, round(rng.gauss(75, 10)))),
                        "evidence": digest(f"{quarter}{industry}"),
                    },
                    actor=self.officers[1],
                )
                for industry in self.seats
            ]
        )
        closed = stage.step("seat.quarter_closed", {"quarter": quarter}, actor=self.officers[3])
        answer = stage.client.get(f"/v1/entries/{closed}").require("the quarter")
        public = stage.public_of(answer)
        released = public.get("released")
        leaving = [str(industry) for industry in released] if isinstance(released, list) else []
        for number, industry in enumerate(leaving):
            if number % 2:
                continue
            evidence = digest(f"appeal {quarter} {industry}")
            stage.record(
                [
                    line(
                        "seat.release_appealed",
                        {"industry": industry, "reason": "scores", "evidence": evidence},
                    )
                ]
            )
            verdict = {"industry": industry, "result": "upheld", "evidence": evidence}
            stage.record([line("seat.release_decided", verdict, actor=self.officers[2])])
        stage.count("seats proposed for release", len(leaving))

    def drop_released(self, stage: Stage) -> None:
        """Forget the seats whose release the clock has carried out."""
        page = stage.client.get("/v1/cases", kind="seat", state="ended", limit=200).require("seats")
        cases = page["cases"]
        for case in cases if isinstance(cases, list) else []:
            industry = str(case["document"]["industry"])
            if self.seats.pop(industry, None) is not None:
                stage.count("seats released")

    def complain(self, stage: Stage, town: Town) -> None:
        """A month's complaints: filed, given to an owner, verified and paid first, or rejected."""
        rng = stage.rng
        for _ in range(COMPLAINTS_A_MONTH):
            if not self.seats:
                return
            self.number += 1
            merchant = rng.choice(sorted(self.seats.values()))
            amount = rng.randint(10, 300) * 100
            entry = stage.step(
                "complaint.filed",
                {
                    "merchant": merchant,
                    "complainant": rng.choice(town.members[5:]),  # officers decide, so they do not complain
                    "amount": str(amount),
                    "reason": "quality",
                },
            )
            owner = self.officers[self.number % 5]
            stage.step("complaint.assigned", {"about": entry, "owner": owner}, actor=self.officers[0])
            evidence = digest(f"complaint {entry}")
            if rng.random() < 0.5:
                public = {"about": entry, "reason": "unfounded", "evidence": evidence}
                stage.step("complaint.rejected", public, actor=owner)
                continue
            public = {"about": entry, "amount": str(amount), "evidence": evidence}
            stage.step("complaint.verified", public, actor=owner)
            paid = {"about": entry, "receipt": digest(f"paid {entry}")}
            stage.step("deposit.compensated", paid, actor=self.officers[4])
            top_up = {"merchant": merchant, "amount": str(amount), "receipt": digest(f"top-up {entry}")}
            stage.step("deposit.topped_up", top_up, actor=self.officers[4])
            stage.count("compensated", amount)
