"""What a chapter tries out of limits that no paper sets: a day's earnings, merchants' holdings, expiry.

Each parameter is "not set" at first, in force for a while, and "not set" again; what it refuses, donates or
burns meanwhile is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from scripts.retail.client import Line
from scripts.year.stage import Stage, line
from scripts.year.town import Town

EARNED = 800
"""Hundredths a member may earn in a day: less than an hour."""
TRIAL = timedelta(25)
"""How long earnings are limited; on the first day what is over is refused, later donated."""
CLEAR_DAYS = 20
"""Days a merchant has to spend what is over the limit; less than a month."""
BANDS = ("20:5000", "40:0")
"""Coins half gone after 20 days and gone after 40, while they expire."""
EXPIRING = timedelta(62)
ASKED = 40
"""Members whose coins are looked at in a month."""
DAY = timedelta(1)


@dataclass(slots=True)
class Limits:
    """``months`` counts the months begun; ``over`` are merchants above the limit while it holds.

    ``limited`` and ``expiring`` are first business date and the one after the last on which earnings over the
    limit are donated, and coins expire; "" before.
    """

    months: int = 0
    over: list[str] = field(default_factory=list)
    limited: tuple[str, str] = ("", "")
    expiring: tuple[str, str] = ("", "")

    def open(self, stage: Stage, town: Town) -> None:
        """Say how many households there are, and how long merchants have to spend what is over."""
        # Two members share a household, so half of the households are members'.
        _set(stage, "households", number=len(town.members))
        _set(stage, "merchant_clear_days", number=CLEAR_DAYS)

    def run_month(self, stage: Stage, town: Town) -> None:
        """Try each limit in a month of its own, and look at what is over or expired."""
        if self.months == 2:
            self._begin_expiry(stage)
        self._judge_surplus(stage, town)
        self._expire(stage, town)
        self.months += 1

    def run_evening(self, stage: Stage) -> None:
        """In the second month: today who would earn more is not sent, later what is over is donated."""
        if self.months != 2 or self.limited[0]:
            return
        tomorrow, over = (stage.today + DAY).isoformat(), (stage.today + TRIAL).isoformat()
        self.limited = tomorrow, over
        _set(stage, "earned_daily_cap", amount=str(EARNED))
        _set(stage, "earned_daily_cap", effective_from=over)
        _set(stage, "donate_excess", number=1, effective_from=tomorrow)
        _set(stage, "donate_excess", number=0, effective_from=over)

    def _begin_expiry(self, stage: Stage) -> None:
        """From tomorrow on coins expire by age, until they do not any more."""
        first, over = (stage.today + DAY).isoformat(), (stage.today + EXPIRING).isoformat()
        self.expiring = first, over
        _set(stage, "expiry", codes=list(BANDS), effective_from=first)
        _set(stage, "expiry", effective_from=over)

    def _judge_surplus(self, stage: Stage, town: Town) -> None:
        """Half of what the fullest till holds is the limit; what is over it is burned a month later."""
        if self.over:
            entries = stage.record([_burn(merchant) for merchant in self.over], may_fail=True)
            self._count(stage, "surplus burned", entries)
            self.over.clear()
            _set(stage, "merchant_holding")
            return
        if not 1 <= self.months <= 6 or stage.total("surplus burned"):
            return
        held = {merchant: stage.available(merchant) for merchant in town.merchants}
        limit = max(held.values()) // 2
        if not limit:
            return
        _set(stage, "merchant_holding", amount=str(limit))
        self.over = [merchant for merchant in town.merchants if held[merchant] > limit]
        # The days to spend it have only begun: nothing is burned yet.
        stage.record([_burn(merchant) for merchant in self.over], may_fail=True)

    def _expire(self, stage: Stage, town: Town) -> None:
        """Burn what has expired of some members' coins; while nothing expires, one asks and is refused."""
        here = [member for member in town.members if member not in town.away]
        asked = stage.rng.sample(here, min(ASKED, len(here)) if self.months in (3, 4) else 1)
        lines = [line("credits.expired", {}, [member]) for member in asked]
        self._count(stage, "coins expired", stage.record(lines, may_fail=True))
        town.stale.update(asked)

    def _count(self, stage: Stage, figure: str, entries: list[str | None]) -> None:
        for entry in entries:
            if entry is not None:
                stage.count(figure, int(str(stage.public(entry)["amount"])))


def _set(stage: Stage, parameter: str, **value: object) -> None:
    """Decide a parameter's next version; without a value it is "not set"."""
    stage.step("parameter.set", {"parameter": parameter, **value})


def _burn(merchant: str) -> Line:
    return line("credits.surplus_burned", {}, [merchant])
