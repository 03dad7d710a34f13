"""What members do for each other: offers, requests matched in the same compound, and a day's services.

A request made one evening is served the next morning; most go well, some are called off, cut short, missed
or disputed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from gateway.rules.calendar import SHANGHAI, format_timestamp
from scripts.retail.client import Line
from scripts.year.stage import CHAPTER, Stage, line
from scripts.year.town import Town, join

COMPOUNDS = ("compound-a", "compound-b", "compound-c", "compound-d")
SERVICES = (("companionship", 60, 0), ("elder_care", 60, 0), ("appliance_cleaning", 120, 2_000))
"""Code, minutes, and hundredths the member holds for it."""
POOLS = ("holding", "subsidy", "merchant_subsidy", "public_benefit", "reserve")
HOURS = (9, 11, 14)
"""When services begin; the last ends before the evening."""
ENDS = (("confirmed", 0.90), ("part_done", 0.04), ("disputed", 0.02), ("no_show", 0.02), ("cancelled", 0.02))


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
    """``tomorrow`` are the bookings that the next day serves."""

    offers: list[Offer] = field(default_factory=list)
    homes: dict[str, list[str]] = field(default_factory=dict)
    tomorrow: list[Booking] = field(default_factory=list)

    def open(self, stage: Stage, town: Town) -> None:
        """Open the chapter's pools, house everybody, and let one member in five offer something."""
        for name in POOLS:
            town.pools[name] = join(stage, "pool")
            stage.step("pool.opened", {"name": name, "account": town.pools[name]})
        for number, member in enumerate(town.members):
            self.homes.setdefault(COMPOUNDS[number % len(COMPOUNDS)], []).append(member)
        wanted: list[tuple[str, int, str]] = []
        for compound, members in self.homes.items():
            for number, provider in enumerate(members[: max(3, len(members) // 5)]):
                wanted.append((provider, number % len(SERVICES), compound))
        lines = [
            line(
                "service.offered",
                {
                    "skill": SERVICES[service][0],
                    "compound": compound,
                    "availability": ["daily.08:00-20:00"],
                    "capacity": 20,
                },
                [provider],
            )
            for provider, service, compound in wanted
        ]
        for (provider, service, compound), entry in zip(wanted, stage.record(lines), strict=True):
            self.offers.append(Offer(entry or "", provider, service, compound))

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
        wanted: list[Booking] = []
        for offer in chosen:
            home = self.homes[offer.compound]
            if SERVICES[offer.service][0] == "elder_care":
                home = [member for member in home if member in town.elders]
            if not home:
                continue
            member = rng.choice(home)
            coins = SERVICES[offer.service][2]
            if member == offer.provider or town.coins[member] < coins:
                continue
            town.coins[member] -= coins
            end = rng.choices([name for name, _ in ENDS], [share for _, share in ENDS])[0]
            wanted.append(Booking("", member, offer, rng.choice(HOURS), end))
        lines = [self._request(stage.today, booking) for booking in wanted]
        for booking, entry in zip(wanted, stage.record(lines), strict=True):
            booking.entry = entry or ""
        for name, public in (
            ("service.dispatched", {}),
            ("service.accepted", {"side": "provider"}),
            ("service.booked", {"side": "member"}),
        ):
            stage.record(
                [
                    about(name, booking, **public, **({"offer": booking.offer.entry} if not public else {}))
                    for booking in wanted
                ]
            )
        self.tomorrow = wanted

    def _request(self, today: date, booking: Booking) -> Line:
        code, minutes, _ = SERVICES[booking.offer.service]
        start = datetime.combine(today + timedelta(1), time(booking.hour), SHANGHAI)
        public = {
            "service": code,
            "compound": booking.offer.compound,
            "minutes": minutes,
            "starts_at": format_timestamp(round(start.astimezone(UTC).timestamp() * 1000)),
        }
        return line("service.requested", public, [booking.member])

    def serve_day(self, stage: Stage, town: Town) -> None:
        """Serve what was booked the evening before, hour by hour."""
        for hour in HOURS:
            now = [booking for booking in self.tomorrow if booking.hour == hour]
            if not now:
                continue
            stage.set_clock(datetime.combine(stage.today, time(hour), SHANGHAI))
            off = [booking for booking in now if booking.end == "cancelled"]
            stage.record([about("service.cancelled", booking, side="chapter") for booking in off])
            there = [booking for booking in now if booking.end not in ("cancelled", "no_show")]
            for side in ("member", "provider"):
                stage.record([about("service.checked_in", booking, side=side) for booking in there])
            lonely = [booking for booking in now if booking.end == "no_show"]
            stage.record([about("service.checked_in", booking, side="member") for booking in lonely])
            minutes = max(SERVICES[booking.offer.service][1] for booking in now)
            stage.set_clock(datetime.combine(stage.today, time(hour), SHANGHAI) + timedelta(minutes=minutes))
            for side in ("provider", "member"):
                stage.record([about("service.checked_out", booking, side=side) for booking in there])
            stage.record([about("service.no_show", booking, side="member") for booking in lonely])
            self._end(stage, there)
        self._count(stage, town)
        self.tomorrow = []

    def _end(self, stage: Stage, there: list[Booking]) -> None:
        for end in ("confirmed", "part_done", "disputed"):
            found = [booking for booking in there if booking.end == end]
            extra = {"minutes": 30} if end == "part_done" else {}
            side = "provider" if end == "part_done" else "member"
            stage.record([about(f"service.{end}", booking, side=side, **extra) for booking in found])
            if end == "disputed":
                stage.record([about("service.decided", booking, minutes=30) for booking in found])

    def _count(self, stage: Stage, town: Town) -> None:
        """Read back the coins of those who were paid or paid back."""
        touched = {booking.member for booking in self.tomorrow} | {
            booking.offer.provider for booking in self.tomorrow
        }
        for account in sorted(touched):
            answer = stage.client.get(f"/v1/accounts/{account}/balance").require("balance")
            town.coins[account] = int(str(answer["available"]))
        for end, number in Counter(booking.end for booking in self.tomorrow).items():
            stage.count(f"services {end}", number)


def about(name: str, booking: Booking, **public: object) -> Line:
    """One step of a booking."""
    return line(name, {"about": booking.entry, **public})
