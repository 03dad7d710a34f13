"""Families of the year: kin and their gifts, a time of gifts to kin alone, guardians of elders, stewards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from scripts.retail.client import Line
from scripts.year.alliance import digest
from scripts.year.services import COMPOUNDS
from scripts.year.stage import CHAPTER, Stage, line
from scripts.year.town import Town

KIN, WARDS = 0.05, 0.05
"""Pairs of kin, and elders with a guardian, as shares of the members."""
STEWARD_COINS = 2_000
"""Hundredths for a month of office."""
ONCE, DAILY = 300, 500
"""Hundredths a ward may pay at once and in a day."""
TO_KIN_ALONE = timedelta(7)
"""How long the trial of gifts to kin alone lasts."""


@dataclass(slots=True)
class Family:
    """``kin`` are pairs who gave each other's relation; ``guardians`` by ward."""

    kin: list[tuple[str, str]] = field(default_factory=list)
    guardians: dict[str, str] = field(default_factory=dict)
    stewards: dict[str, str] = field(default_factory=dict)
    months: int = 0

    def open(self, stage: Stage, town: Town) -> None:
        """Declare kin, appoint guardians for some elders, and a steward in each compound."""
        count = max(3, round(len(town.members) * KIN))
        free = [member for member in town.members if member not in town.kept]
        drawn = stage.rng.sample(free, 2 * count)
        self.kin = list(zip(drawn[:count], drawn[count:], strict=True))
        for number, (one, other) in enumerate(self.kin):
            relation, inverse = (("spouse", "spouse"), ("parent", "child"))[number % 2]
            stage.record([line("kin.declared", {"kin": other, "relation": relation}, [one])])
            stage.record([line("kin.declared", {"kin": one, "relation": inverse}, [other])])
            town.kept.update((one, other))
        wards = max(2, round(len(town.members) * WARDS))
        for elder in [one for one in town.members if one in town.elders and one not in town.kept][:wards]:
            self._guard(stage, town, elder)
        coins = {"parameter": "steward_coins", "amount": str(STEWARD_COINS)}
        stage.step("parameter.set", coins)
        for compound in COMPOUNDS:
            self._appoint_steward(stage, town, compound)

    def _guard(self, stage: Stage, town: Town, ward: str) -> None:
        guardian = town.ordinary(stage.rng, [ward])
        if guardian is None:
            return
        public = {
            "guardian": guardian,
            "basis": "elder",
            "evidence": digest(f"guardian {ward}"),
            "once": str(ONCE),
            "daily": str(DAILY),
        }
        stage.record([line("guardian.appointed", public, [ward])])
        self.guardians[ward] = guardian
        town.wards.add(ward)
        town.kept.update((ward, guardian))

    def _appoint_steward(self, stage: Stage, town: Town, compound: str) -> None:
        steward = town.ordinary(stage.rng)
        if steward is None:
            return
        public = {"compound": compound, "building": "b1", "evidence": digest(f"steward {steward}")}
        stage.record([line("steward.appointed", public, [steward])])
        self.stewards[compound] = steward
        town.kept.add(steward)

    def _reward_stewards(self, stage: Stage, town: Town) -> None:
        """Whoever was steward for the whole month before gets its coins; others are refused them."""
        period = f"{stage.today.replace(day=1) - timedelta(1):%Y-%m}"
        for compound, steward in sorted(self.stewards.items()):
            public = {"compound": compound, "building": "b1", "period": period}
            stage.record([line("steward.rewarded", public, [steward])], may_fail=True)
            town.stale.add(steward)

    def run_month(self, stage: Stage, town: Town) -> None:
        """Gifts to kin, wards who pay a little alone and more with their guardian; now and then an end."""
        self._reward_stewards(stage, town)
        self._give(stage, town)
        self._pay_as_wards(stage, town)
        if self.months % 3 == 2:
            self._end_some(stage, town)
        if self.months == 1:
            self._try_kin_alone(stage)
        self.months += 1

    def _give(self, stage: Stage, town: Town) -> None:
        for number, (one, other) in enumerate(self.kin):
            giver, taker = (one, other) if (number + self.months) % 2 else (other, one)
            amount = min(stage.available(giver), stage.rng.randint(1, 30) * 50)
            if amount:
                stage.record([gift(giver, taker, amount)])
                self._moved(stage, town, giver, taker)
                stage.count("gifts to kin", amount)

    def _pay_as_wards(self, stage: Stage, town: Town) -> None:
        """What one in ten tries is too much at once; a little passes, and what the guardian pays passes."""
        for number, (ward, guardian) in enumerate(sorted(self.guardians.items())):
            if stage.available(ward) < 2 * ONCE:
                stage.record([gift(guardian, ward, 2 * ONCE + stage.rng.randint(0, ONCE))], may_fail=True)
            if number % 10 == 0:
                stage.record([gift(ward, guardian, ONCE + 50)], may_fail=True)
            if stage.available(ward) < 2 * ONCE:
                continue
            alone, together = (stage.rng.randint(1, ONCE) for _ in range(2))
            stage.record([gift(ward, guardian, alone)], may_fail=True)
            stage.record([{**gift(ward, guardian, together), "actor": guardian}], may_fail=True)
            self._moved(stage, town, ward, guardian)

    def _end_some(self, stage: Stage, town: Town) -> None:
        """One kin declaration is taken back, one guardianship ends, one building changes its steward."""
        if len(self.kin) > 1:
            one, other = self.kin.pop()
            stage.record([line("kin.ended", {"kin": other}, [one])])
        if len(self.guardians) > 1:
            ward = max(self.guardians)
            stage.record([line("guardian.ended", {"reason": "no_longer_needed"}, [ward])])
            del self.guardians[ward]
            town.wards.discard(ward)
        compound = COMPOUNDS[self.months % len(COMPOUNDS)]
        steward = self.stewards.pop(compound, None)
        if steward is not None:
            ended = {"compound": compound, "building": "b1", "reason": "term_over"}
            stage.record([line("steward.ended", ended, [steward])])
            town.kept.discard(steward)
            self._appoint_steward(stage, town, compound)

    def _try_kin_alone(self, stage: Stage) -> None:
        """For some days gifts may go to kin alone; then the parameter is "not set" again."""
        first = stage.today + timedelta(1)
        codes: dict[str, object] = {
            "parameter": "kin_transfer",
            "codes": ["spouse", "parent", "child"],
            "effective_from": first.isoformat(),
        }
        stage.step("parameter.set", codes)
        over = {"parameter": "kin_transfer", "effective_from": (first + TO_KIN_ALONE).isoformat()}
        stage.step("parameter.set", over)

    def run_day(self, stage: Stage, town: Town) -> None:
        """While gifts go to kin alone, others are refused and kin are not."""
        page = (
            stage.client.get("/v1/parameters", chapter=CHAPTER).require("parameters")
            if self.months == 2
            else {}
        )
        rows = page.get("parameters")
        values = {str(row["name"]): row["value"] for row in rows} if isinstance(rows, list) else {}
        town.kin_only = values.get("kin_transfer") is not None
        if not town.kin_only:
            return
        here = [one for one in town.members if not (one in town.away or one in town.wards)]
        giver = max(here, key=lambda one: town.holds(stage, one))
        strangers = [one for one in town.members[:2] if one != giver]
        pairs = [*self.kin[:1], (giver, strangers[0])]
        for one, other in pairs:
            if stage.available(one) >= 50:
                stage.record([gift(one, other, 50)], may_fail=True)
                self._moved(stage, town, one, other)

    @staticmethod
    def _moved(stage: Stage, town: Town, *accounts: str) -> None:
        for account in accounts:
            town.coins[account] = stage.available(account)


def gift(giver: str, taker: str, amount: int) -> Line:
    """One gift of coins."""
    operation = {"kind": "transfer", "from": giver, "to": taker, "amount": str(amount)}
    return {**line("gift.sent", {}), "op": operation}
