"""A chapter with a time bank for tests: pools, members, a shop, and short ways to take steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

from chain.canonical import JsonValue
from chain.operation import OperationKind, account_id, chapter_code
from chain.types import AccountId, ChapterCode
from gateway.cases.book import CaseBook
from gateway.cases.case import Case
from gateway.cases.pools import POOL_RULES
from gateway.cases.reading import CaseReader
from gateway.cases.world import World as Rules
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, AccountKind, Draft
from gateway.members.family import APPOINTED
from gateway.rules.calendar import day_start_seconds, format_timestamp
from gateway.timebank import steps
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    ManualClock,
    World,
    address,
    joined,
    opened,
    operated,
    running,
)

MORNING = day_start_seconds(date(2026, 11, 19)) + 9 * 3_600
"""Thursday 2026-11-19 09:00 in Shanghai, Unix seconds: where the tests' clock starts."""
HOUR, MINUTE = 3_600, 60
START = MORNING + 24 * HOUR
"""Friday 09:00: when the services begin."""
ALWAYS = ["daily.08:00-20:00"]
CODE = ChapterCode(chapter_code(CHAPTER))
POOLS = ("holding", "subsidy", "merchant_subsidy")


def certify(rules: Rules) -> Draft:
    """Record the subjects as members, e as an elder, without the fee and the year of a membership."""
    for one in rules.draft.subjects:
        elder = {"elder": one == account("e")}
        rules.put(Case("membership", one, rules.chapter, "active", one, None, elder))
    return rules.draft


def appoint(rules: Rules) -> Draft:
    """Make the second subject the guardian of the first, who may pay 15.00 alone."""
    ward, guardian = rules.draft.subjects
    limits = {"once": 1_500, "daily": None, "until": "2026-11-20", "day": "", "spent": 0}
    rules.put(Case("guardian", ward, rules.chapter, APPOINTED, ward, None, {**limits, "guardian": guardian}))
    return rules.draft


BOOK = CaseBook(
    {**steps.RULES, **POOL_RULES, "service.recorded": certify, "purchase.recorded": appoint},
    decisions=steps.DECISIONS,
    due=steps.DUE,
)


def account(name: str) -> AccountId:
    return account_id(address(name))


def step(name: str, /, subjects: tuple[str, ...] = (), actor: str | None = None, **public: Any) -> Draft:
    """Return the draft of a step of the test chapter."""
    who = None if actor is None else account(actor)
    return Draft(name, CODE, who, tuple(map(account, subjects)), public=cast("dict[str, JsonValue]", public))


@dataclass
class Bank:
    """A running ledger with the time bank's rules."""

    world: World

    def at(self, seconds: int) -> None:
        """Move the clock to a second, Unix time."""
        self.world.clock.milliseconds = seconds * 1000

    def take(self, name: str, /, subjects: tuple[str, ...] = (), **public: Any) -> Accepted:
        """Take a step that must be accepted."""
        return self.world.accept(step(name, subjects, **public))

    def refused(self, name: str, /, subjects: tuple[str, ...] = (), **public: Any) -> tuple[str, Any]:
        """Take a step that must be refused; return code and fields."""
        refusal = self.world.refuse(step(name, subjects, **public))
        return refusal.code, refusal.fields

    def due(self) -> list[str]:
        """Carry out what is due; return the types of what was recorded, or the codes of refusals."""
        with self.world.database.reader() as connection:
            found = BOOK.due_steps(connection, self.world.clock.milliseconds, 100)
        done = []
        for key, draft in found:
            answer = self.world.ledger.submit(self.world.submission(draft, key, "clock")).result(30)
            done.append(answer.code if isinstance(answer, Refusal) else draft.type)
        return done

    def case(self, kind: str, key: str) -> dict[str, Any]:
        """Return a case that is there."""
        found = CaseReader(self.world.database).find(kind, key, CODE)
        assert found is not None
        return cast("dict[str, Any]", found)

    def cases(self, kind: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", CaseReader(self.world.database).list(kind, CODE))

    def public(self, entry: Accepted) -> dict[str, Any]:
        """Return the public fields of an entry."""
        with self.world.database.reader() as connection:
            ((body,),) = fetch_all(connection, "SELECT body FROM entries WHERE log_index = ?", entry.index)
        return cast("dict[str, Any]", json.loads(bytes(cast("bytes", body)))["public"])

    def moved(self, entry: Accepted) -> tuple[str, str, str, int] | None:
        """Return kind, sender, receiver (by name) and amount of an entry's operation."""
        sql = "SELECT kind, sender, receiver, amount FROM operations WHERE log_index = ?"
        with self.world.database.reader() as connection:
            rows = fetch_all(connection, sql, entry.index)
        if not rows:
            return None
        kind, sender, receiver, amount = cast("tuple[int, bytes, bytes, int]", tuple(rows[0]))
        names = {bytes(address(name)): name for name in (*NAMES, *POOLS)}
        return OperationKind(kind).label, names.get(bytes(sender), ""), names.get(bytes(receiver), ""), amount

    def balance(self, name: str) -> int:
        """Return what an account can spend by all operations so far."""
        sql = (
            "SELECT coalesce(sum(CASE WHEN receiver = ? THEN moved ELSE 0 END), 0)"
            " - coalesce(sum(CASE WHEN sender = ? THEN moved ELSE 0 END), 0) FROM operations"
        )
        with self.world.database.reader() as connection:
            ((found,),) = fetch_all(connection, sql, bytes(address(name)), bytes(address(name)))
        return int(cast("int", found))

    def offer(self, provider: str = "p", skill: str = "appliance_cleaning", **more: Any) -> str:
        """Offer a skill; return the offer."""
        fields = {"skill": skill, "compound": "c1", "availability": ALWAYS, "capacity": 10, **more}
        return self.take("service.offered", (provider,), **fields).entry_id

    def request(
        self, member: str = "m", service: str = "appliance_cleaning", start: int = START, **more: Any
    ) -> str:
        """Request two hours; return the booking."""
        at = format_timestamp(start * 1000)
        fields = {"service": service, "compound": "c1", "minutes": 120, "starts_at": at, **more}
        return self.take("service.requested", (member,), **fields).entry_id

    def accepted(self, booking: str, offer: str) -> None:
        """Dispatch a request and have it accepted."""
        self.take("service.dispatched", about=booking, offer=offer)
        self.take("service.accepted", about=booking, side="provider")

    def booked(self, member: str = "m", service: str = "appliance_cleaning", **more: Any) -> str:
        """Return a booking with the provider p, coins held."""
        offer = next((o["key"] for o in self.cases("offer") if o["document"]["skill"] == service), None)
        offer = offer or self.offer(skill=service)
        booking = self.request(member, service, **more)
        self.accepted(booking, offer)
        self.take("service.booked", about=booking, side="member")
        return booking

    def served(self, booking: str, minutes: int = 120) -> None:
        """Have both sides check in at the start and out after some minutes."""
        self.at(START)
        for side in ("member", "provider"):
            self.take("service.checked_in", about=booking, side=side)
        self.at(START + minutes * MINUTE)
        for side in ("provider", "member"):
            self.take("service.checked_out", about=booking, side=side)


NAMES = ("m", "n", "e", "p", "q", "shop")


@contextmanager
def bank_of(database: Database, folder: Path) -> Iterator[Bank]:
    """Open a chapter with its pools: 100.00 coins each with m, n and the subsidy pools; e is an elder."""
    clock = ManualClock(MORNING * 1000)
    with running(database, folder, clock, rules=BOOK) as world:
        world.accept(opened())
        for name in NAMES:
            kind = AccountKind.MERCHANT if name == "shop" else AccountKind.MEMBER
            world.accept(joined(name, kind=kind))
        for name in POOLS:
            world.accept(joined(name, kind=AccountKind.POOL))
            world.accept(step("pool.opened", name=name, account=account(name)))
        for name in ("m", "n", "subsidy", "merchant_subsidy"):
            world.accept(operated(OperationKind.ISSUE, receiver=address(name), amount=10_000))
        world.accept(replace(step("service.recorded", NAMES), public={}))
        yield Bank(world)
