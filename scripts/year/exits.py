"""Seats that change hands: notice of 90 days, releases, forfeits, refunds of deposits, who comes after."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.year.alliance import STAGES, Alliance, digest
from scripts.year.stage import Stage, line
from scripts.year.town import Town, join

BREACH = "exclusivity_breach"


@dataclass(slots=True)
class Exits:
    """``vacant`` are industries without a holder, ``gone`` merchants with a deposit to refund.

    ``breached`` is who loses a part of it next month.
    """

    alliance: Alliance
    vacant: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    breached: str | None = None
    months: int = 0

    def run_month(self, stage: Stage, town: Town) -> None:
        """Refund who has gone, fill what is vacant, and let somebody else give notice."""
        self._refund(stage)
        if not self.months:
            self._apply_in_vain(stage, town)
        for industry in self.vacant[:2]:
            self._admit(stage, town, industry)
        if self.months % 3 == 0:
            self._give_notice(stage)
        elif self.months % 6 == 1:
            self._release_for_promises(stage)
            self._list_breach(stage)
        elif self.months % 6 == 2:
            self._forfeit(stage)
        self.months += 1

    def note_ended(self, stage: Stage, town: Town) -> None:
        """Take those out of the town whose seat the clock has ended today."""
        before = dict(self.alliance.seats)
        for industry in self.alliance.drop_released(stage):
            self.vacant.append(industry)
            self.gone.append(before[industry])
            town.leave(before[industry])

    def _steady(self, stage: Stage) -> list[str]:
        """Industries whose seat is simply held."""
        return sorted(industry for _, industry in self._terms(stage))

    def _terms(self, stage: Stage) -> list[tuple[str, str]]:
        """Last day and industry of the seats that are simply held, by that day."""
        documents = (case["document"] for case in stage.list_cases("seat", "held"))
        return sorted(
            (str(document["certified_until"]), str(document["industry"]))
            for document in documents
            if isinstance(document, dict)
        )

    def _give_notice(self, stage: Stage) -> None:
        """One merchant will leave in 90 days; another says so too and stays."""
        steady = self._steady(stage)
        if len(steady) < 4:
            return
        leaving, staying = stage.rng.sample(steady, 2)
        stage.step("exit.noticed", {"industry": leaving})
        stage.step("exit.noticed", {"industry": staying})
        stage.step("exit.withdrawn", {"industry": staying})
        stage.count("exits noticed", 2)

    def _release_for_promises(self, stage: Stage) -> None:
        """Who broke the public promises is to lose the seat, and a fifth of the deposit with it."""
        steady = self._steady(stage)
        if len(steady) < 4:
            return
        industry = stage.rng.choice(steady)
        public = {"industry": industry, "reason": "promises", "evidence": digest(f"promises {industry}")}
        stage.step("seat.release_proposed", public, actor=self.alliance.officers[1])

    def _list_breach(self, stage: Stage) -> None:
        """One merchant is listed for a breach and does not appeal."""
        steady = self._steady(stage)
        if not steady:
            return
        merchant = self.alliance.seats[stage.rng.choice(steady)]
        public = {"merchant": merchant, "reason": BREACH, "evidence": digest(f"listed {merchant}")}
        entry = line("list.entered", public, actor=self.alliance.officers[1])
        (listed,) = stage.record([entry], may_fail=True)
        if listed is not None:
            self.breached = merchant
            stage.count("black list")

    def _forfeit(self, stage: Stage) -> None:
        """A fifth of the deposit of last month's is forfeited, and lodged again by the merchant."""
        merchant, self.breached = self.breached, None
        if merchant is None or merchant not in {self.alliance.seats[one] for one in self._steady(stage)}:
            return
        public = {"merchant": merchant, "reason": BREACH, "evidence": digest(f"breach {merchant}")}
        entry = stage.step("deposit.forfeited", public, actor=self.alliance.officers[1])
        amount = str(stage.public(entry)["amount"])
        top_up = {"merchant": merchant, "amount": amount, "receipt": digest(f"top-up {entry}")}
        stage.step("deposit.topped_up", top_up)

    def _refund(self, stage: Stage) -> None:
        """Refund what is left of the deposits of those who have gone; open claims keep some waiting."""
        lines = [
            line("deposit.refunded", {"merchant": merchant, "receipt": digest(f"refund {merchant}")})
            for merchant in self.gone
        ]
        found = stage.record(lines, may_fail=True)
        self.gone = [merchant for merchant, entry in zip(self.gone, found, strict=True) if entry is None]

    def _apply_in_vain(self, stage: Stage, town: Town) -> None:
        """A merchant's application fails, it does not appeal, and the clock ends the matter."""
        merchant = join(stage, "merchant")
        town.accounts.append(merchant)
        entry = stage.step("seat.applied", {"merchant": merchant, "industry": "industry-unwanted"})
        stage.step("seat.reviewed", _failed(entry), actor=self.alliance.officers[0])

    def renew(self, stage: Stage) -> None:
        """At the end of the year all seats are renewed but one, whose term runs out first."""
        for _, industry in self._terms(stage)[1:]:
            public = {"industry": industry, "certificate": digest(f"renewed {industry}")}
            stage.step("seat.renewed", public, actor=self.alliance.officers[3])

    def _admit(self, stage: Stage, town: Town, industry: str) -> None:
        """A new merchant takes a vacant seat; the first stage fails at first, and an appeal puts it right."""
        officers = self.alliance.officers
        self.vacant.remove(industry)
        merchant = town.open_shop(stage)
        fee = {"kind": "merchant", "receipt": digest(f"fee {merchant}")}
        stage.record([line("membership.opened", fee, [merchant])])
        self.alliance.bring(stage, [merchant])
        application = {"merchant": merchant, "industry": industry}
        # It thinks better of it, twice.
        hasty = stage.step("seat.applied", application)
        stage.step("seat.application_withdrawn", {"about": hasty})
        entry = stage.step("seat.applied", application)
        stage.step("seat.reviewed", _failed(entry), actor=officers[0])
        stage.step("seat.rejection_appealed", {"about": entry, "reason": "papers_complete"})
        verdict = {"about": entry, "result": "upheld", "evidence": digest(f"application {entry}")}
        stage.step("seat.rejection_decided", verdict, actor=officers[4])
        stage.count("appeals decided")
        self.alliance.review(stage, [entry])
        self.alliance.seats[industry] = merchant
        stage.count("seats granted")


def _failed(application: str) -> dict[str, object]:
    """The review that an application's papers do not pass."""
    public = {"about": application, "stage": STAGES[0], "result": "failed", "reason": "papers"}
    return {**public, "evidence": digest(f"application {application}")}
