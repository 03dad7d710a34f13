"""Breaches and merits of merchants: penalties with public notice, red and black list, claims, appeals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from scripts.year.alliance import Alliance, digest
from scripts.year.stage import Stage, line

LIST_REASONS = ("top_score", "complaint_verified", "public_benefit", "promise_broken")
"""In turn: red, black, red, black."""


@dataclass(slots=True)
class Conduct:
    """``months`` counts the rounds played; what happens to a penalty or an entry depends on it alone."""

    alliance: Alliance
    months: int = 0

    def run_month(self, stage: Stage) -> None:
        """A penalty and an entry of a list each month, a claim every other month."""
        shops = sorted(self.alliance.seats.values())
        if len(shops) < 2:
            return
        self._penalise(stage, stage.rng.choice(shops))
        self._list(stage, stage.rng.choice(shops))
        if self.months % 2:
            self._claim(stage, stage.rng.choice(sorted(self.alliance.seats)))
            self._check_duty(stage, sorted(self.alliance.seats)[0])
        self.months += 1

    def _penalise(self, stage: Stage, merchant: str) -> None:
        """In turn: a burn that the clock executes, an appeal upheld, one dismissed, a notice alone."""
        officers = self.alliance.officers
        measure = "notice" if self.months % 4 == 3 else "burn"
        public = {
            "merchant": merchant,
            "reason": "service_refused",
            "measure": measure,
            "evidence": digest(f"breach {self.months}"),
        }
        entry = stage.step("penalty.ordered", public, actor=officers[1])
        if self.months % 4 in (1, 2):
            result = "upheld" if self.months % 4 == 1 else "dismissed"
            self._appeal(stage, "penalty.appealed", "penalty.appeal_decided", entry, result)

    def _list(self, stage: Stage, merchant: str) -> None:
        """In turn: left to expire, lifted on appeal, left on appeal, lifted without one."""
        officers = self.alliance.officers
        reason = LIST_REASONS[self.months % len(LIST_REASONS)]
        public = {"merchant": merchant, "reason": reason, "evidence": digest(f"listed {self.months}")}
        (entry,) = stage.record([line("list.entered", public, actor=officers[1])], may_fail=True)
        if entry is None:
            return
        stage.count("red list" if reason in ("top_score", "public_benefit") else "black list")
        if self.months % 4 == 3:
            stage.step("list.lifted", {"about": entry, "reason": "mended"}, actor=officers[2])
        elif self.months % 4:
            result = "upheld" if self.months % 4 == 1 else "dismissed"
            self._appeal(stage, "list.appealed", "list.decided", entry, result)

    def _appeal(self, stage: Stage, appealed: str, decided: str, entry: str, result: str) -> None:
        evidence = digest(f"appeal {entry}")
        stage.step(appealed, {"about": entry, "reason": "unjust", "evidence": evidence})
        verdict = {"about": entry, "result": result, "evidence": evidence}
        stage.step(decided, verdict, actor=self.alliance.officers[2])
        stage.count("appeals decided")

    def _check_duty(self, stage: Stage, industry: str) -> None:
        """Nobody is judged by the duty to refer members while the chain's gate is closed: refused."""
        month = f"{stage.today.replace(day=1) - timedelta(1):%Y-%m}"
        public = {"industry": industry, "month": month}
        stage.record([line("seat.duty_checked", public, actor=self.alliance.officers[1])], may_fail=True)

    def _claim(self, stage: Stage, industry: str) -> None:
        """A breach of exclusivity is claimed; in turn it is paid or withdrawn."""
        public = {"industry": industry, "evidence": digest(f"breach of exclusivity {self.months}")}
        entry = stage.step("claim.recorded", public, actor=self.alliance.officers[0])
        if self.months // 2 % 2 == 0:
            stage.step("claim.settled", {"about": entry, "receipt": digest(f"claim {entry}")})
        else:
            stage.step("claim.withdrawn", {"about": entry, "reason": "settled_otherwise"})
