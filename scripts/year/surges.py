"""Weeks in which too many ask for what hardly anybody offers: a warning, a subsidy, requests that lapse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from scripts.year.services import COMPOUNDS, RARE, Booking, Offer, Services, about, request_line
from scripts.year.stage import Stage, line
from scripts.year.town import Town

CAPACITY = 2
ASKED = 4
"""Bookings a week that are offered, and requests: twice as many."""
HOUR = 14


@dataclass(slots=True)
class Surges:
    """The one offer of a service in the chapter."""

    services: Services
    offer: Offer | None = None

    def open(self, stage: Stage, town: Town) -> None:
        """List a value-added service that one member offers twice a week."""
        service = len(RARE) - 1
        code, minutes, price = RARE[service]
        listed = {"service": code, "kind": "value_added", "minutes": minutes, "price": str(price)}
        stage.step("service.listed", listed)
        provider = self.services.homes[COMPOUNDS[0]][-1]
        public = {
            "skill": code,
            "compound": COMPOUNDS[0],
            "availability": ["daily.08:00-20:00"],
            "capacity": CAPACITY,
        }
        (entry,) = stage.record([line("service.offered", public, [provider])])
        self.offer = Offer(entry or "", provider, service, COMPOUNDS[0])
        town.kept.add(provider)

    def run_evening(self, stage: Stage, town: Town) -> None:
        """Four ask for tomorrow; the clock warns, one is served at half the coins."""
        offer = self.offer
        if offer is None:
            return
        price = RARE[offer.service][2]
        able = [
            one
            for one in town.members
            if town.holds(stage, one) >= price
            and not (one in town.away or one in town.wards or one == offer.provider)
        ]
        if len(able) < ASKED:
            return
        asked = [Booking("", one, offer, HOUR, "confirmed") for one in stage.rng.sample(able, ASKED)]
        lines = [request_line(stage.today + timedelta(1), booking) for booking in asked]
        for booking, entry in zip(asked, stage.record(lines, may_fail=True), strict=True):
            booking.entry = entry or ""
        stage.due()
        served = next((booking for booking in asked if booking.entry), None)
        if served is None:
            return
        stage.record([about("service.dispatched", served, offer=offer.entry)])
        stage.record([about("service.accepted", served, side="provider")])
        stage.record([about("service.subsidised", served)])
        stage.record([about("service.booked", served, side="member")])
        self.services.tomorrow.append(served)
        # What is held for it cannot be spent before it is served.
        town.stale.add(served.member)
        stage.count("surges")
