"""The course of the year: who does what on which day, in one order that the seed alone decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.rules.awards import AwardKind
from scripts.year.accounts import Accounts
from scripts.year.alliance import Alliance
from scripts.year.codes import PaymentCodes
from scripts.year.complaints import Complaints
from scripts.year.conduct import Conduct
from scripts.year.core import Core
from scripts.year.exits import Exits
from scripts.year.family import Family
from scripts.year.funds import Funds
from scripts.year.limits import Limits
from scripts.year.membership import Memberships
from scripts.year.services import Services
from scripts.year.shopping import Bought, Shopping, give
from scripts.year.stage import Stage, line
from scripts.year.surges import Surges
from scripts.year.tables import Tables
from scripts.year.town import fund_month, open_town
from scripts.year.vouchers import Vouchers

AWARDS = tuple((kind, 3 if kind is AwardKind.REFERRAL else 1) for kind in AwardKind)
"""Each month's awards and their places."""
YEAR = timedelta(365)
"""After so many days the first memberships and seats are over."""
MIDDLE = 15
"""Day of the month from which the month's middle is played."""
SURGE = 20
"""Day of the month from which a surge of requests is played."""

HOURS = ((7, 30), (17, 0), (18, 0))
"""When people trade, in Shanghai, before and after the services; until eight it is still yesterday in UTC."""
TURN_HOUR = 22
"""When, on its last day, what ends with the year is renewed: nobody trades any more."""
LATE_SHARES = (0.3, 0.7)
"""How what is not early is shared by the later hours; how much is early, families' gifts and first orders
included, follows from what was traded before (`scripts.year.likeness`)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is played: people, sales a day, and the days themselves, in order."""

    members: int
    merchants: int
    sales: int
    days: tuple[date, ...]


def plan_days(start: date, days: int, pairs_of: int) -> tuple[date, ...]:
    """All days, or of every ``pairs_of`` days the first two: bookings are served the next day."""
    every = (start + timedelta(number) for number in range(days))
    return tuple(day for number, day in enumerate(every) if pairs_of < 3 or number % pairs_of < 2)


def quarter_before(day: date) -> str:
    """The quarter that ended before the first of a month, as YYYY-Qn."""
    last = day.replace(day=1) - timedelta(1)
    return f"{last.year}-Q{(last.month + 2) // 3}"


def month_before(day: date) -> str:
    """The month before a day's, as YYYY-MM."""
    return f"{day.replace(day=1) - timedelta(1):%Y-%m}"


class Year:
    """All of the town's themes, opened on the first day and played day by day."""

    def __init__(self, stage: Stage, plan: Plan, say: Callable[[str], None]) -> None:
        self.stage, self.plan, self._say = stage, plan, say
        stage.open_day(plan.days[0], 6)
        self.town = town = open_town(stage, plan.members, plan.merchants)
        self.shopping, self.services, self.memberships = Shopping(), Services(), Memberships()
        self.alliance, self.vouchers, self.codes = Alliance(), Vouchers(), PaymentCodes()
        self.family, self.funds, self.tables = Family(), Funds(), Tables()
        self.surges = Surges(self.services)
        self.accounts = Accounts(self.family)
        self.complaints, self.conduct = Complaints(self.alliance), Conduct(self.alliance)
        self.exits, self.limits, self.core = Exits(self.alliance), Limits(), Core()
        self.memberships.open(stage, town)
        self.services.open(stage, town)
        self.services.regular = self.memberships.pick_ordinary(town)
        self.surges.open(stage, town)
        self.alliance.open(stage, town)
        self.family.open(stage, town)
        self.funds.open(stage, town)
        self.limits.open(stage, town)
        self._month = self._middle = self._surge = ""

    def play(self) -> None:
        """Play all days. Raises UnexpectedAnswer where the gateway refuses what the year needs."""
        for number, day in enumerate(self.plan.days):
            follows = self.plan.days[number + 1 : number + 2] == (day + timedelta(1),)
            self._open(day)
            self._day(day, is_followed=follows)
        self.stage.settle()
        self._turn()
        self.stage.settle()

    def _turn(self) -> None:
        """The year is over: seats are renewed or run out, and memberships that nobody renewed lapse."""
        first = self.plan.days[0]
        self.stage.open_day(first + YEAR - timedelta(1), TURN_HOUR)
        self.stage.due()
        self.exits.note_ended(self.stage, self.town)
        self.exits.renew(self.stage)
        self.stage.settle()
        self.stage.open_day(first + YEAR + timedelta(1), 7)
        self.stage.due()
        self.exits.note_ended(self.stage, self.town)

    def _open(self, day: date) -> None:
        """Begin the month, or its middle, on the first day played of it."""
        month = f"{day:%Y-%m}"
        if month != self._month:
            # The chain counts quotas by its own month: nothing of the old one may still be on its way.
            self.stage.settle()
            self.stage.open_day(day, 7)
            self._begin_month(day, is_first=not self._month)
            self._month = month
        if day.day >= MIDDLE and month != self._middle:
            self.stage.open_day(day, 7)
            self._middle = month
            self._play_middle(day)

    def _begin_month(self, day: date, *, is_first: bool) -> None:
        stage, town = self.stage, self.town
        fund_month(stage, town)
        self.services.fund(stage, town, self.plan.sales * 10_000)
        before = None if is_first else month_before(day)
        if before is not None:
            grant_awards(stage, before)
            if day.month % 3 == 1:
                self.alliance.close_quarter(stage, quarter_before(day))
                self.alliance.pay_pledges(stage, quarter_before(day))
                self.alliance.change_speaker(stage)
            busy = self._busy()
            self.memberships.run_month(stage, town, busy)
            self.accounts.run_month(stage, town, busy)
            self.memberships.note_recovered(town)
        self.funds.run_month(stage, town, before)
        self.tables.run_month(stage)
        self.limits.run_month(stage, town)
        self.exits.run_month(stage, town)
        self.family.run_month(stage, town)
        self.services.decide_overdue(stage)
        self._say(f"{stage.month}: {sum(sum(c.values()) for c in stage.accepted.values()):,} entries so far")

    def _play_middle(self, day: date) -> None:
        self.core.run_month(self.stage, self.town)
        self.services.change_offer(self.stage)
        self.complaints.run_month(self.stage, self.town)
        self.conduct.run_month(self.stage)
        if day.month % 3 == 2:
            self.alliance.rate(self.stage, self.town)

    def _busy(self) -> set[str]:
        """Members with a service today: who is in the middle of something stays."""
        return {self.town.current(booking.member) for booking in self.services.tomorrow}

    def _day(self, day: date, *, is_followed: bool) -> None:
        stage, town, sales = self.stage, self.town, self.plan.sales
        early, late, evening = self._spread(sales)
        stage.open_day(day, *HOURS[0])
        self._due()
        self.family.run_day(stage, town)
        self._trade(early)
        stage.open_day(day, 8)
        self.services.serve_day(stage, town)
        self._due()
        stage.open_day(day, *HOURS[1])
        self._trade(late)
        stage.open_day(day, *HOURS[2])
        self.shopping.refund(stage, town)
        self._trade(evening)
        if not is_followed:
            return
        self.limits.run_evening(stage)
        self.services.book_evening(stage, town, max(2, sales // 6))
        if day.day >= SURGE and self._surge != stage.month:
            self._surge = stage.month
            self.surges.run_evening(stage, town)

    def _spread(self, sales: int) -> tuple[Counter[str], ...]:
        """Draw the hour of each of a day's sales, codes and gifts; how many of each there are by hour."""
        hours = tuple(Counter[str]() for _ in HOURS)
        counts = Counter({"sales": sales, "codes": max(2, sales // 40), "gifts": sales // 6})
        early = self.stage.likeness.early_share(counts.total())
        shares = (early, *((1 - early) * share for share in LATE_SHARES))
        for name, count in counts.items():
            for number in self.stage.rng.choices(range(len(HOURS)), shares, k=count):
                hours[number][name] += 1
        return hours

    def _trade(self, counts: Counter[str]) -> None:
        """Buy, scan and give at one hour of the day."""
        stage, town = self.stage, self.town
        self.shopping.run_hour(stage, town, counts["sales"], self._after_paying)
        self.codes.run_hour(stage, town, counts["codes"])
        give(stage, town, counts["gifts"])

    def _due(self) -> None:
        """Have what is due recorded, and note whose seats ended by it and whose coins it may have taken."""
        self.stage.due()
        self.town.stale |= {self.town.current(debtor) for debtor in self.shopping.debtors}
        self.exits.note_ended(self.stage, self.town)

    def _after_paying(self, stage: Stage, bought: list[Bought]) -> None:
        here = [merchant for merchant in self.town.merchants if merchant not in self.town.away]
        self.vouchers.run_day(stage, here, bought)
        self.memberships.reward(stage, bought)


def grant_awards(stage: Stage, month: str) -> None:
    """Grant the past month's awards, as the rules compute them; places nobody won are refused."""
    lines = [
        line("award.granted", {"award": kind.value, "month": month, "rank": rank})
        for kind, ranks in AWARDS
        for rank in range(1, ranks + 1)
    ]
    granted = stage.record(lines, may_fail=True)
    stage.count("awards", sum(entry is not None for entry in granted))
