"""The merchants' side of the year: deposits, promises, seats, quarterly scores and profits, releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from scripts.year.stage import Stage, line
from scripts.year.town import Town

DEPOSIT = 500_000
"""Fen of a merchant's deposit [D]."""
STAGES = ("credentials", "reputation", "referral_ability")
RATERS = 8
"""Residents who rate each seat in a quarter."""


def digest(text: str) -> str:
    """A document's hash, as an entry says it."""
    return sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class Alliance:
    """``officers`` decide, each on another stage; ``seats`` are merchants by industry, ``speaker`` theirs."""

    officers: list[str] = field(default_factory=list)
    seats: dict[str, str] = field(default_factory=dict)
    speaker: str = ""

    def open(self, stage: Stage, town: Town) -> None:
        """Every merchant lodges its deposit, promises, applies and is granted its seat."""
        self.officers = town.members[:5]
        town.kept.update(self.officers)
        self.bring(stage, town.merchants)
        for number, officer in enumerate(self.officers):
            self._elect(stage, officer, self.officers[number - 1])
        self._elect(stage, town.merchants[0], self.officers[0])
        self.speaker = town.merchants[0]
        self.seat(stage, {f"industry-{n:02d}": merchant for n, merchant in enumerate(town.merchants)})

    def _elect(self, stage: Stage, account: str, decider: str) -> None:
        """Put somebody into the committee, by somebody else's decision."""
        evidence = {"evidence": digest(f"minutes {account} {stage.month}")}
        stage.record([line("committee.joined", evidence, [account], actor=decider)])

    def change_speaker(self, stage: Stage) -> None:
        """The merchants' member of the committee goes, and another merchant comes."""
        left = {"reason": "term_over", "evidence": digest(f"minutes {stage.month}")}
        stage.record([line("committee.left", left, [self.speaker], actor=self.officers[0])])
        others = sorted(merchant for merchant in self.seats.values() if merchant != self.speaker)
        self.speaker = stage.rng.choice(others)
        self._elect(stage, self.speaker, self.officers[0])

    def bring(self, stage: Stage, merchants: Sequence[str]) -> None:
        """Merchants lodge their deposits and make the three public promises."""
        lodged = [
            line(
                "deposit.lodged",
                {"merchant": merchant, "amount": str(DEPOSIT), "receipt": digest(f"deposit {merchant}")},
                actor=self.officers[4],
            )
            for merchant in merchants
        ]
        stage.record(lodged)
        promised = [
            line(
                "promise.declared",
                {
                    "merchant": merchant,
                    "cost_price": digest(f"cost {merchant}"),
                    "service_standard": digest(f"standard {merchant}"),
                },
            )
            for merchant in merchants
        ]
        stage.record(promised)

    def seat(self, stage: Stage, wanted: Mapping[str, str]) -> None:
        """Three reviews each, then the grant with its certificate."""
        lines = [
            line("seat.applied", {"merchant": merchant, "industry": industry})
            for industry, merchant in wanted.items()
        ]
        applications = stage.record(lines)
        self.review(stage, applications)
        self.seats.update(wanted)
        stage.count("seats granted", len(wanted))

    def review(self, stage: Stage, applications: Sequence[str | None]) -> None:
        """Pass every stage of the review and grant the seats."""
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
        released = stage.public(closed).get("released")
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

    def drop_released(self, stage: Stage) -> list[str]:
        """Forget the seats that the clock has ended; return their industries."""
        ended: list[str] = []
        for case in stage.list_cases("seat", "ended"):
            document = case["document"]
            if not isinstance(document, dict) or self.seats.pop(str(document["industry"]), None) is None:
                continue
            ended.append(str(document["industry"]))
            if document["leaves_on"] and document["reason"]:
                stage.count("released after notice")
        stage.count("seats ended", len(ended))
        return ended

    def pay_pledges(self, stage: Stage, quarter: str) -> None:
        """Every merchant declares the quarter's profit and pays the pledged part of it."""
        declared = [
            line(
                "profit.declared",
                {
                    "merchant": merchant,
                    "quarter": quarter,
                    "profit": str(stage.rng.randint(50, 900) * 10_000),
                },
            )
            for merchant in self.seats.values()
        ]
        stage.record(declared)
        paid = [
            line(
                "profit.paid",
                {"merchant": merchant, "quarter": quarter, "receipt": digest(f"pledge {quarter} {merchant}")},
            )
            for merchant in self.seats.values()
        ]
        stage.record(paid)
