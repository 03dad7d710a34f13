"""What follows when a booking's time has come, by its state."""

from __future__ import annotations

from chain.canonical import JsonValue
from chain.operation import chapter_code
from chain.types import ChapterCode
from gateway.cases.case import Case
from gateway.ledger.drafts import Draft
from gateway.rules.booking import is_short
from gateway.rules.booking_table import Actor
from gateway.timebank.records import SETTLING, read_booking, terms_of

_STEPS = {
    "requested": "service.lapsed",
    "offered": "service.lapsed",
    "accepted": "service.lapsed",
    "booked": "service.no_show",
    "checked_in": "service.disputed",
    "checked_out": "service.confirmed",
    "disputed": "service.overdue",
    SETTLING: "service.settled",
}
_BY_CLOCK = frozenset({"service.no_show", "service.disputed", "service.confirmed"})


def booking_due(case: Case) -> Draft:
    """Return the step that the clock takes; a sheet with too few minutes is disputed, never confirmed."""
    name = _STEPS[case.state]
    if name == "service.confirmed" and is_short(read_booking(case), terms_of(case)):
        name = "service.disputed"
    public: dict[str, JsonValue] = {"about": case.key}
    if name in _BY_CLOCK:
        public["side"] = Actor.CLOCK.value
    return Draft(name, ChapterCode(chapter_code(case.chapter)), None, (), public=public)
