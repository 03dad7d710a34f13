"""What becomes of accounts in the year: suspended and restored, frozen and released, recovered, closed."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.year.alliance import digest
from scripts.year.family import Family
from scripts.year.stage import Stage, line
from scripts.year.town import Town

RATE = 0.003
"""Share of the members a month for each thing that may happen to an account; one at least."""
DESTINATIONS = ("pool", "burn", "kin")


@dataclass(slots=True)
class Accounts:
    """``suspended`` and ``frozen`` come back next month, each with how eagerly he bought before."""

    family: Family
    suspended: dict[str, float] = field(default_factory=dict)
    frozen: dict[str, float] = field(default_factory=dict)
    closed: int = 0

    def run_month(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """Let last month's come back, then suspend, freeze, recover and close some others."""
        self._restore(stage, town)
        self._release(stage, town)
        for _ in range(max(1, round(len(town.members) * RATE))):
            self._suspend(stage, town, busy)
            self._freeze(stage, town, busy)
            self._recover(stage, town, busy)
            self._close(stage, town, busy)

    def _suspend(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """What a suspended member holds is parked with the chapter."""
        member = town.ordinary(stage.rng, busy)
        if member is None:
            return
        public = {"order": digest(f"suspend {member} {stage.month}"), "reason": "inquiry"}
        entry = stage.record([line("membership.suspended", public, [member])], may_fail=True)[0]
        if entry is None:
            return
        self.suspended[member] = town.weight(member)
        town.leave(member)
        town.coins[member] = 0

    def _restore(self, stage: Stage, town: Town) -> None:
        """What was parked comes back whole."""
        for member, weight in self.suspended.items():
            order = {"order": digest(f"restore {member} {stage.month}")}
            stage.record([line("membership.restored", order, [member])])
            town.come_back(member, weight)
            town.coins[member] = stage.available(member)
        self.suspended.clear()

    def _freeze(self, stage: Stage, town: Town, busy: set[str]) -> None:
        member = town.ordinary(stage.rng, busy)
        if member is None:
            return
        self._set_rights(stage, member, allowed=False)
        self.frozen[member] = town.weight(member)
        town.leave(member)

    def _release(self, stage: Stage, town: Town) -> None:
        for member, weight in self.frozen.items():
            self._set_rights(stage, member, allowed=True)
            town.come_back(member, weight)
            town.coins[member] = stage.available(member)
        self.frozen.clear()

    def _set_rights(self, stage: Stage, member: str, *, allowed: bool) -> None:
        order = digest(f"rights {member} {stage.month} {allowed}")
        body = {"may_send": allowed, "may_receive": allowed, "order": order, "reason": "court_order"}
        stage.client.post(f"/v1/members/{member}/rights", body, stage.next_key()).require("rights")

    def _recover(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """A member who lost the account goes on with a new one and all that belonged to the old one."""
        member = town.ordinary(stage.rng, busy)
        if member is None:
            return
        body = {"order": digest(f"recover {member}")}
        answer = stage.client.post(f"/v1/members/{member}/recovery", body, stage.next_key())
        town.replace(member, str(answer.require("recovery")["account"]))

    def _close(self, stage: Stage, town: Town, busy: set[str]) -> None:
        """A balance goes to pool, nowhere or kin in turn; the clock then takes the account's rights."""
        destination = DESTINATIONS[self.closed % len(DESTINATIONS)]
        public: dict[str, object] = {"destination": destination}
        member = town.ordinary(stage.rng, busy)
        if destination == "kin" and self.family.kin:
            member, heir = self.family.kin.pop(0)
            public["to"] = heir
        if member is None:
            return
        public["order"] = digest(f"close {member}")
        (entry,) = stage.record([line("account.closing", public, [member])], may_fail=True)
        self.closed += 1
        if entry is None:
            return
        town.leave(member)
        town.coins[member] = 0
        heir = str(public.get("to", ""))
        if heir:
            town.coins[heir] = stage.available(heir)
