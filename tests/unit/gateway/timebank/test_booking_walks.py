"""Random walks of bookings and payment codes: no coin appears, none is lost, each service is paid once.

The rules are the real ones; the ledger is of dictionaries, so that thousands of walks fit into a minute.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chain.operation import OperationKind, account_id
from gateway.cases.case import Case
from gateway.rules.booking_table import FINAL, BookingTerms, CancellationBand
from gateway.rules.calendar import business_date, day_start_seconds, format_timestamp
from gateway.rules.parameters import ship
from gateway.rules.payment_codes import digest_token
from gateway.timebank import records
from gateway.timebank.parts import read_parts
from tests.unit.gateway.timebank.kit import ALWAYS, HOUR, MINUTE, MORNING, account, step
from tests.unit.gateway.timebank.paper import paper_bank

TERMS = BookingTerms(
    cancellation=(CancellationBand(24 * HOUR, 0), CancellationBand(2 * HOUR, 2_000)),
    late_bp=5_000,
    absent_bp=3_333,
)
SKILLS = {"appliance_cleaning": 120, "companionship": 7, "elder_care": 60}
SIDES = ("member", "provider", "chapter", "clock")
STEPS = (
    "service.accepted", "service.declined", "service.lapsed", "service.subsidised", "service.booked",
    "service.checked_in", "service.checked_out", "service.confirmed", "service.part_done", "service.disputed",
    "service.overdue", "service.decided", "service.cancelled", "service.no_show", "service.settled",
)  # fmt: skip
FORWARD = (("service.accepted", "provider"), ("service.subsidised", None), ("service.booked", "member"))
OPEN: dict[str, list[tuple[str, dict[str, object]]]] = {
    "booked": [("service.cancelled", {"side": side}) for side in SIDES[:3]],
    "checked_out": [
        ("service.confirmed", {"side": "member"}),
        ("service.part_done", {"side": "provider", "minutes": 0}),
        ("service.disputed", {"side": "member"}),
    ],
    "disputed": [("service.decided", {"minutes": 0})],
    "settling": [("service.settled", {})],
}
"""How a booking may end, by where it stands."""


class Walk(RuleBasedStateMachine):
    """One chapter for some days."""

    @initialize(crowded=st.booleans())
    def begin(self, crowded: bool) -> None:
        self.shipped = records.BOOKING_TERMS
        records.BOOKING_TERMS = ship("booking_terms", TERMS, "test")
        self.ledger = paper_bank(MORNING * 1000)
        self.codes = 0
        for provider, skill in (("p", "appliance_cleaning"), ("q", "companionship"), ("p", "elder_care")):
            self.offer(provider, skill, 5)
        if crowded:
            for hour in range(7):
                self.ask("n", "appliance_cleaning", 1, hour, 0)
            assert self.ledger.due() == 1

    def teardown(self) -> None:
        if hasattr(self, "shipped"):
            records.BOOKING_TERMS = self.shipped

    @property
    def bookings(self) -> list[Case]:
        return [case for (kind, _), case in sorted(self.ledger.cases.items()) if kind == "booking"]

    @rule(provider=st.sampled_from("pqm"), skill=st.sampled_from(sorted(SKILLS)), capacity=st.integers(1, 3))
    def offer_more(self, provider: str, skill: str, capacity: int) -> None:
        self.offer(provider, skill, capacity)

    def offer(self, provider: str, skill: str, capacity: int) -> None:
        fields = {"skill": skill, "compound": "c1", "availability": ALWAYS, "capacity": capacity}
        self.ledger.take(step("service.offered", (provider,), **fields))

    @rule(
        member=st.sampled_from("mne"),
        skill=st.sampled_from(sorted(SKILLS)),
        times=st.integers(1, 3),
        hour=st.integers(0, 10),
        stages=st.sampled_from([4, 4, 4, 4, 3, 2, 1, 0]),
    )
    def ask_for(self, member: str, skill: str, times: int, hour: int, stages: int) -> None:
        self.ask(member, skill, times, hour, stages)

    @rule(
        data=st.data(),
        member=st.sampled_from("mne"),
        skill=st.sampled_from(sorted(SKILLS)),
        hour=st.integers(0, 10),
        sides=st.sampled_from([SIDES[:2], SIDES[:2], SIDES[:2], SIDES[:1], SIDES[1:2]]),
    )
    def live_through(
        self, data: st.DataObject, member: str, skill: str, hour: int, sides: tuple[str, ...]
    ) -> None:
        """Book a service, have one side or both come, and begin to end it."""
        self.ask(member, skill, 2, hour, 4)
        if any(case.state == "booked" for case in self.bookings):
            self.serve(data, sides)
            self.end(data, 2)

    def ask(self, member: str, skill: str, times: int, hour: int, stages: int) -> None:
        """Request a service for tomorrow, and take the booking some stages on."""
        tomorrow = day_start_seconds(business_date(self.ledger.now // 1000) + timedelta(days=1))
        at = format_timestamp((tomorrow + (8 + hour) * HOUR) * 1000)
        fields = {"service": skill, "compound": "c1", "minutes": SKILLS[skill] * times, "starts_at": at}
        booking = self.ledger.take(step("service.requested", (member,), **fields))
        if booking is None or not stages:
            return
        for offer in [key for kind, key in self.ledger.cases if kind == "offer"]:
            if self.ledger.take(step("service.dispatched", about=booking, offer=offer)):
                break
        for name, side in FORWARD[: stages - 1]:
            sides = {} if side is None else {"side": side}
            self.ledger.take(step(name, about=booking, **sides))

    def serve(self, data: st.DataObject, sides: tuple[str, ...]) -> None:
        """Have one side or both come to a booked service, and go again after some of its minutes."""
        case = data.draw(st.sampled_from([case for case in self.bookings if case.state == "booked"]))
        self.ledger.now = max(self.ledger.now, case.number("starts") * 1000)
        for side in sides:
            self.ledger.take(step("service.checked_in", about=case.key, side=side))
        minutes = case.number("minutes")
        self.ledger.now += data.draw(st.sampled_from([minutes, minutes, minutes, minutes // 2])) * 60_000
        for side in sides:
            self.ledger.take(step("service.checked_out", about=case.key, side=side))

    @precondition(lambda self: any(case.state in OPEN for case in self.bookings))
    @rule(data=st.data(), times=st.integers(1, 2))
    def end_one(self, data: st.DataObject, times: int) -> None:
        self.end(data, times)

    def end(self, data: st.DataObject, times: int) -> None:
        """End a service in one of the ways there are for where it stands, perhaps twice."""
        if not any(case.state in OPEN for case in self.bookings):
            return
        case = data.draw(st.sampled_from([case for case in self.bookings if case.state in OPEN]))
        name, fields = data.draw(st.sampled_from(OPEN[case.state]))
        if "minutes" in fields:
            fields = {**fields, "minutes": data.draw(st.integers(0, case.number("minutes")))}
        for _ in range(times):
            self.ledger.take(step(name, about=case.key, **fields))

    @precondition(lambda self: self.bookings)
    @rule(
        data=st.data(),
        name=st.sampled_from(STEPS),
        side=st.sampled_from(SIDES),
        minutes=st.integers(0, 400),
        times=st.integers(1, 2),
    )
    def try_step(self, data: st.DataObject, name: str, side: str, minutes: int, times: int) -> None:
        case = data.draw(st.sampled_from(self.bookings))
        fields: dict[str, object] = {"about": case.key, "side": side, "minutes": minutes}
        allowed = {"service.part_done": {"minutes", "side"}, "service.decided": {"minutes"}}
        plain = {"service.lapsed", "service.subsidised", "service.overdue", "service.settled"}
        kept = allowed.get(name, set() if name in plain else {"side"}) | {"about"}
        for _ in range(times):
            self.ledger.take(step(name, **{key: value for key, value in fields.items() if key in kept}))

    @rule(seconds=st.sampled_from([0, 1, 30 * MINUTE, 2 * HOUR, 24 * HOUR, 3 * 24 * HOUR]))
    def clock(self, seconds: int) -> None:
        """Let time pass and carry out what is due."""
        self.ledger.now += seconds * 1000
        self.ledger.due()

    @rule(
        payer=st.sampled_from("mnep"),
        payee=st.sampled_from(["p", "m", "shop"]),
        amount=st.integers(1, 12_000),
        scans=st.integers(0, 3),
        late=st.sampled_from([0, 0, 119, 120]),
    )
    def pay(self, payer: str, payee: str, amount: int, scans: int, late: int) -> None:
        self.codes += 1
        proof = hashlib.sha256(self.codes.to_bytes(8, "big")).digest()
        bound = {"payee": account(payee), "amount": str(amount), "purpose": "walk"}
        issued = self.ledger.take(step("paycode.issued", **bound, code=digest_token(proof).hex()))
        assert issued is not None
        self.ledger.now += late * 1000
        scan = step("paycode.used", **bound, proof=proof.hex(), payer=account(payer))
        paid = [self.ledger.take(scan) for _ in range(scans)]
        assert sum(entry is not None for entry in paid) <= (late < 120)

    @invariant()
    def coins_are_conserved(self) -> None:
        if not hasattr(self, "ledger"):
            return
        balances = self.ledger.balances
        assert min(balances.values()) >= 0
        assert sum(balances.values()) == self.ledger.supply
        kept = sum(part.amount for case in self.bookings for part in read_parts(case))
        owed = sum(part.amount for case in self.bookings for part in read_parts(case, "legs"))
        assert balances[account("holding")] == kept + owed

    @invariant()
    def each_service_is_paid_once(self) -> None:
        if not hasattr(self, "ledger"):
            return
        received: dict[str, int] = defaultdict(int)
        payments: dict[str, int] = defaultdict(int)
        held: dict[str, int] = defaultdict(int)
        for _, booking, operation in self.ledger.moved:
            case = self.ledger.cases.get(("booking", booking))
            if case is None:
                continue
            receiver = account_id(operation.receiver)
            if receiver == account("holding"):
                held[booking] += operation.amount
            elif receiver == case.document["provider"]:
                received[booking] += operation.amount
                payments[booking] += 1
            if operation.kind is OperationKind.ISSUE:
                assert case.document["funding"] == "issue"
        for case in self.bookings:
            paid, issued = case.number("paid"), case.number("issued")
            assert received[case.key] == paid + issued <= case.number("coins")
            assert payments[case.key] <= 1
            assert paid == 0 or issued == 0
            if case.state in [state.value for state in FINAL]:
                assert paid + case.number("returned") == held[case.key]
                assert case.due_at is None


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=2_000, stateful_step_count=30, deadline=None)
