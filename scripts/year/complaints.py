"""Complaints of the year: every way one can go, in turn, appeals and a clock that runs out among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.year.alliance import Alliance, digest
from scripts.year.stage import CHAPTER, Stage, line
from scripts.year.town import Town

COMPLAINTS_A_MONTH = 2


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint as filed: its entry, who it is against, by whom, and the fen asked for."""

    entry: str
    merchant: str
    complainant: str
    amount: int


@dataclass(slots=True)
class Complaints:
    """``forgotten`` are complaints that nobody was given in time."""

    alliance: Alliance
    filed: int = 0
    forgotten: list[Complaint] = field(default_factory=list)

    def run_month(self, stage: Stage, town: Town) -> None:
        """Attend to those forgotten last month, then file a month's complaints."""
        self._catch_up(stage)
        ways: tuple[Callable[[Stage, Complaint], None], ...] = (
            self._verify,
            self._reject,
            self._withdraw,
            self._forget,
            self._appeal_payment,
            self._appeal_rejection,
        )
        for _ in range(COMPLAINTS_A_MONTH):
            if not self.alliance.seats:
                return
            complaint = self._file(stage, town)
            ways[self.filed % len(ways)](stage, complaint)
            self.filed += 1

    def _file(self, stage: Stage, town: Town) -> Complaint:
        rng = stage.rng
        merchant = rng.choice(sorted(self.alliance.seats.values()))
        amount = rng.randint(10, 300) * 100
        # Officers decide, so they do not complain.
        others = [member for member in town.members[5:] if member not in town.away]
        complainant = rng.choice(others)
        public = {
            "merchant": merchant,
            "complainant": complainant,
            "amount": str(amount),
            "reason": "quality",
        }
        return Complaint(stage.step("complaint.filed", public), merchant, complainant, amount)

    def _assign(self, stage: Stage, complaint: Complaint) -> str:
        officers = self.alliance.officers
        owner = officers[1 + self.filed % 3]
        stage.step("complaint.assigned", {"about": complaint.entry, "owner": owner}, actor=officers[0])
        return owner

    def _verify(self, stage: Stage, complaint: Complaint) -> None:
        """Found right: paid first from the deposit, which the merchant tops up."""
        owner = self._assign(stage, complaint)
        evidence = digest(f"complaint {complaint.entry}")
        public = {"about": complaint.entry, "amount": str(complaint.amount), "evidence": evidence}
        stage.step("complaint.verified", public, actor=owner)
        self._pay(stage, complaint)

    def _pay(self, stage: Stage, complaint: Complaint) -> None:
        treasurer = self.alliance.officers[4]
        receipt = digest(f"paid {complaint.entry}")
        public = {"about": complaint.entry, "receipt": receipt}
        stage.step("deposit.compensated", public, actor=treasurer)
        top_up = {
            "merchant": complaint.merchant,
            "amount": str(complaint.amount),
            "receipt": digest(f"top-up {complaint.entry}"),
        }
        stage.step("deposit.topped_up", top_up, actor=treasurer)
        stage.count("compensated (fen)", complaint.amount)

    def _reject(self, stage: Stage, complaint: Complaint) -> None:
        owner = self._assign(stage, complaint)
        evidence = digest(f"complaint {complaint.entry}")
        public = {"about": complaint.entry, "reason": "unfounded", "evidence": evidence}
        stage.step("complaint.rejected", public, actor=owner)

    def _withdraw(self, stage: Stage, complaint: Complaint) -> None:
        public = {"about": complaint.entry}
        stage.step("complaint.withdrawn", public, actor=complaint.complainant)

    def _forget(self, stage: Stage, complaint: Complaint) -> None:
        self.forgotten.append(complaint)

    def _catch_up(self, stage: Stage) -> None:
        """Say whose clock ran out, and decide those complaints late."""
        page = stage.client.get("/v1/complaints/overdue", chapter=CHAPTER).require("overdue complaints")
        overdue = page["overdue"]
        late = {str(one["key"]) for one in overdue} if isinstance(overdue, list) else set()
        stage.count("clocks run out", len(late))
        for complaint in [one for one in self.forgotten if one.entry in late]:
            self.forgotten.remove(complaint)
            self._reject(stage, complaint)

    def _appeal_payment(self, stage: Stage, complaint: Complaint) -> None:
        """The merchant appeals against the payment, and is right."""
        self._verify(stage, complaint)
        self._decide_appeal(stage, complaint, complaint.merchant, "upheld")
        restored = {"about": complaint.entry, "receipt": digest(f"restored {complaint.entry}")}
        stage.step("deposit.restored", restored, actor=self.alliance.officers[4])

    def _appeal_rejection(self, stage: Stage, complaint: Complaint) -> None:
        """The complainant appeals against the rejection: right every other time, and paid then."""
        self._reject(stage, complaint)
        if self.filed // 6 % 2:
            self._decide_appeal(stage, complaint, complaint.complainant, "dismissed")
            return
        amount = str(complaint.amount)
        self._decide_appeal(stage, complaint, complaint.complainant, "upheld", amount=amount)
        self._pay(stage, complaint)

    def _decide_appeal(
        self, stage: Stage, complaint: Complaint, appellant: str, result: str, **more: str
    ) -> None:
        about = {"about": complaint.entry}
        stage.record([line("complaint.appealed", {**about, "reason": "unjust"}, actor=appellant)])
        evidence = digest(f"appeal {complaint.entry}")
        verdict = {**about, "result": result, "evidence": evidence, **more}
        stage.step("complaint.decided", verdict, actor=self.alliance.officers[0])
        stage.count("appeals decided")
