"""A chapter's tables of the year: some months in, it switches to another version of what a referral pays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gateway.rules.split_tables import pick_split
from scripts.year.stage import Stage

REWARD = "referral_reward"
SWITCHED_TO = 1
"""Paper C's 10 CNY a person, instead of paper D's 180."""
SWITCH_IN = 3
"""Months played before the switch is published."""
AHEAD = timedelta(7)


@dataclass(slots=True)
class Tables:
    """``shipped`` is the version the year began with, ``since`` the business date of the switch."""

    shipped: int = 0
    since: str = ""
    months: int = 0

    def run_month(self, stage: Stage) -> None:
        """Publish, once, that another version holds from next week on."""
        if not self.months:
            self.shipped = pick_split(REWARD, stage.today).version
        if self.months == SWITCH_IN:
            self.since = (stage.today + AHEAD).isoformat()
            public = {"table": REWARD, "version": SWITCHED_TO, "since": self.since}
            stage.step("rule.published", public)
        self.months += 1

    def version_on(self, day: str) -> int:
        """The version in force on a business date, as the year published it."""
        return SWITCHED_TO if self.since and day >= self.since else self.shipped
