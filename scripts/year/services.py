"""What members do for each other: offers, requests matched in the same compound, and a day's services.

A request made one evening is served the next morning; most go well, some are called off, cut short, missed
or disputed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from gateway.rules.calendar import SHANGHAI, format_timestamp
from scripts.retail.client import Line
from scripts.year.stage import CHAPTER, Stage, line
from scripts.year.town import Town

COMPOUNDS = ("compound-a", "compound-b", "compound-c", "compound-d")
SERVICES = (("companionship", 60, 0), ("elder_care", 60, 0), ("appliance_cleaning", 120, 2_000))
"""Code, minutes, and hundredths the member holds for it."""
RARE = (*SERVICES, ("window_cleaning", 60, 1_000))
"""What is offered, and one that hardly anybody offers."""
POOLS = ("holding", "subsidy", "merchant_subsidy", "public_benefit", "reserve", "platform")
HOURS = (9, 11, 14)
"""When services begin; the last ends before the evening."""
ENDS = (
    ("confirmed", 0.88), ("part_done", 0.04), ("disputed", 0.02), ("no_show", 0.02), ("called_off", 0.01),
    ("cancelled", 0.01), ("declined", 0.01), ("unanswered", 0.01),
)  # fmt: skip
"""How bookings end; each way once before chance decides. ``called_off``: by the member."""
REGULAR = 14
"""Services the regular asks for: ten are free."""
NEVER_BOOKED = ("declined", "unanswered")
SERVED = ("confirmed", "part_done", "disputed")


@dataclass(frozen=True, slots=True)
class Offer:
    """Who does what where."""

    entry: str
    provider: str
    service: int
    compound: str


@dataclass(slots=True)
class Booking:
    """One service on its way."""

    entry: str
    member: str
    offer: Offer
    hour: int
    end: str


@dataclass(slots=True)
class Services:
    """``tomorrow`` are the bookings that the next day serves, ``overdue`` disputes nobody has decided.

    The ``regular`` asks for more than the free services of a membership year.
    """

    offers: list[Offer] = field(default_factory=list)
    homes: dict[str, list[str]] = field(default_factory=dict)
    tomorrow: list[Booking] = field(default_factory=list)
    overdue: list[Booking] = field(default_factory=list)
    regular: str = ""
    asked: int = 0
    to_deal: list[str] = field(default_factory=lambda: [name for name, _ in ENDS])
    disputed: int = 0

    def open(self, stage: Stage, town: Town) -> None:
        """Open the chapter's pools, house everybody, and let one member in five offer something."""
        for name in POOLS:
            town.open_pool(stage, name)
        for number, member in enumerate(town.members):
            self.homes.setdefault(COMPOUNDS[number % len(COMPOUNDS)], []).append(member)
        wanted: list[tuple[str, int, str]] = []
        for compound, members in self.homes.items():
            for number, provider in enumerate(members[: max(3, len(members) // 5)]):
                wanted.append((provider, number % len(SERVICES), compound))
        lines = [offer_line(*one) for one in wanted]
        for (provider, service, compound), entry in zip(wanted, stage.record(lines), strict=True):
            self.offers.append(Offer(entry or "", provider, service, compound))
            town.kept.add(provider)

    def fund(self, stage: Stage, town: Town, amount: int) -> None:
        """Fill the pools that pay elders' services and what a capacity warning opens."""
        for name in ("subsidy", "merchant_subsidy"):
            issue = {"chapter": CHAPTER, "to": town.pools[name], "amount": str(amount)}
            stage.client.post("/v1/credits/issue", issue, stage.next_key()).require("issue")
            stage.count("issued", amount)

    def book_evening(self, stage: Stage, town: Town, count: int) -> None:
        """Request, dispatch, accept and book what is served tomorrow: one service a provider."""
        rng = stage.rng
        chosen = rng.sample(self.offers, min(count, len(self.offers)))
        wanted = self._ask_regularly()
        for offer in chosen:
            if any(booking.offer is offer for booking in wanted):
                continue
            home = [town.current(member) for member in self.homes[offer.compound]]
            if SERVICES[offer.service][0] == "elder_care":
                home = [member for member in home if member in town.elders]
            if not home:
                continue
            member = rng.choice(home)
            coins = SERVICES[offer.service][2]
            if member in town.away or member == offer.provider or town.holds(stage, member) < coins:
                continue
            if coins and member in town.wards:
                continue
            town.coins[member] -= coins
            wanted.append(Booking("", member, offer, rng.choice(HOURS), self.deal_end(stage)))
        lines = [request_line(stage.today + timedelta(1), booking) for booking in wanted]
        for booking, entry in zip(wanted, stage.record(lines, may_fail=True), strict=True):
            booking.entry = entry or ""
        # Whose request was refused has his coins back, and another booking ends the way it would have.
        for booking in wanted:
            if not booking.entry:
                town.coins[booking.member] += SERVICES[booking.offer.service][2]
                self.to_deal.append(booking.end)
        asked = [booking for booking in wanted if booking.entry]
        self.tomorrow = answer_requests(stage, asked)
        # Nothing is held of those who do not go on; the regular pays for what is no longer free.
        town.stale |= {booking.member for booking in asked if booking not in self.tomorrow} | {self.regular}

    def change_offer(self, stage: Stage) -> None:
        """Somebody withdraws an offer that nobody has booked for tomorrow, and offers the same again."""
        taken = {booking.offer.entry for booking in self.tomorrow}
        free = [number for number, offer in enumerate(self.offers) if offer.entry not in taken]
        if not free:
            return
        number = stage.rng.choice(free)
        offer = self.offers[number]
        stage.step("service.offer_withdrawn", {"about": offer.entry, "side": "provider"})
        (entry,) = stage.record([offer_line(offer.provider, offer.service, offer.compound)])
        self.offers[number] = replace(offer, entry=entry or "")

    def _ask_regularly(self) -> list[Booking]:
        """The regular's request for company, until all free services and some more were asked for."""
        if self.asked >= REGULAR or not self.regular:
            return []
        self.asked += 1
        homes = [name for name, members in self.homes.items() if self.regular in members]
        near = [offer for offer in self.offers if offer.service == 0 and offer.compound in homes]
        return [Booking("", self.regular, near[0], HOURS[0], "confirmed")]

    def deal_end(self, stage: Stage) -> str:
        """How the next booking ends: every way once, then by chance."""
        if self.to_deal:
            return self.to_deal.pop(0)
        return stage.rng.choices([name for name, _ in ENDS], [share for _, share in ENDS])[0]

    def serve_day(self, stage: Stage, town: Town) -> None:
        """Serve what was booked the evening before, hour by hour."""
        for hour in HOURS:
            now = [booking for booking in self.tomorrow if booking.hour == hour]
            if not now:
                continue
            stage.set_clock(datetime.combine(stage.today, time(hour), SHANGHAI))
            stage.record([step for booking in now for step in arrive(booking)])
            minutes = max(RARE[booking.offer.service][1] for booking in now)
            stage.set_clock(datetime.combine(stage.today, time(hour), SHANGHAI) + timedelta(minutes=minutes))
            stage.record([step for booking in now for step in self._part(booking)])
        self._count(stage, town)
        self.tomorrow = []

    def _part(self, booking: Booking) -> list[Line]:
        """How a service ends: both go, and somebody says how it was. Every other dispute waits."""
        if booking.end == "no_show":
            return [about("service.no_show", booking, side="member")]
        if booking.end not in SERVED:
            return []
        steps = [about("service.checked_out", booking, side=side) for side in ("provider", "member")]
        if booking.end == "part_done":
            return [*steps, about("service.part_done", booking, side="provider", minutes=30)]
        steps.append(about(f"service.{booking.end}", booking, side="member"))
        if booking.end == "disputed":
            self.disputed += 1
            if self.disputed % 2:
                self.overdue.append(booking)
            else:
                steps.append(about("service.decided", booking, minutes=30))
        return steps

    def decide_overdue(self, stage: Stage) -> None:
        """Decide the disputes that the clock has called overdue."""
        waiting = {str(case["key"]) for case in stage.list_cases("booking", "disputed") if not case["due_at"]}
        late = [booking for booking in self.overdue if booking.entry in waiting]
        stage.record([about("service.decided", booking, minutes=30) for booking in late])
        self.overdue = [booking for booking in self.overdue if booking not in late]
        stage.count("disputes decided late", len(late))

    def _count(self, stage: Stage, town: Town) -> None:
        """Count how services ended; what those hold who were paid, or paid back, is read when needed."""
        for booking in self.tomorrow:
            town.stale |= {town.current(booking.member), booking.offer.provider}
        for end, number in Counter(booking.end for booking in self.tomorrow).items():
            stage.count(f"services {end}", number)


def offer_line(provider: str, service: int, compound: str) -> Line:
    """Offer a service in a compound, every day."""
    public = {
        "skill": RARE[service][0],
        "compound": compound,
        "availability": ["daily.08:00-20:00"],
        "capacity": 20,
    }
    return line("service.offered", public, [provider])


def request_line(day: date, booking: Booking) -> Line:
    """Ask for a service on a business day."""
    code, minutes, _ = RARE[booking.offer.service]
    start = datetime.combine(day, time(booking.hour), SHANGHAI)
    public = {
        "service": code,
        "compound": booking.offer.compound,
        "minutes": minutes,
        "starts_at": format_timestamp(round(start.astimezone(UTC).timestamp() * 1000)),
    }
    return line("service.requested", public, [booking.member])


def arrive(booking: Booking) -> list[Line]:
    """How a service begins: who comes checks in, or it is cancelled before."""
    if booking.end in ("cancelled", "called_off"):
        side = "chapter" if booking.end == "cancelled" else "member"
        return [about("service.cancelled", booking, side=side)]
    sides = ("member", "provider") if booking.end in SERVED else ("member",)
    if booking.end in NEVER_BOOKED:
        return []
    return [about("service.checked_in", booking, side=side) for side in sides]


def answer_requests(stage: Stage, bookings: list[Booking]) -> list[Booking]:
    """Dispatch requests to their offers; providers accept all but those meant to end otherwise.

    Returns those that go on: a provider who would earn over the day's limit is not sent, and who has used up
    the free services and has no coins cannot book.
    """
    lines = [about("service.dispatched", booking, offer=booking.offer.entry) for booking in bookings]
    found = stage.record(lines, may_fail=True)
    sent = [booking for booking, entry in zip(bookings, found, strict=True) if entry is not None]
    steps = []
    for booking in sent:
        if booking.end == "declined":
            steps.append(about("service.declined", booking, side="provider"))
        elif booking.end not in NEVER_BOOKED:
            steps.append(about("service.accepted", booking, side="provider"))
    stage.record(steps)
    taken = [booking for booking in sent if booking.end not in NEVER_BOOKED]
    lines = [about("service.booked", booking, side="member") for booking in taken]
    found = stage.record(lines, may_fail=True)
    short = [booking for booking, entry in zip(taken, found, strict=True) if entry is None]
    return [booking for booking in sent if booking not in short]


def about(name: str, booking: Booking, **public: object) -> Line:
    """One step of a booking."""
    return line(name, {"about": booking.entry, **public})
