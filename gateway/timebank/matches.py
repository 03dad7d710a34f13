"""Which offer would serve which request now: computed for one chapter, recorded nowhere, binding nobody.

The same list for everybody who asks at the same state; a ``service.dispatched`` names the offer and is judged
again by itself. An offer with one booking left may stand here for two requests: the first dispatch takes it.
"""

from __future__ import annotations

from datetime import date
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from gateway.cases.case import Case
from gateway.cases.world import SELECT_CASES, read_case
from gateway.db import Database, fetch_all
from gateway.members.parameters import ACT_DISPATCH, PARAMETER, acts_of, parameter_key
from gateway.members.register import ACTIVE, MEMBERSHIP
from gateway.rules.calendar import business_date, format_timestamp
from gateway.rules.matching import match_requests
from gateway.timebank.agenda import AGENDA, Taken, read_agenda
from gateway.timebank.offers import OFFER, OPEN
from gateway.timebank.records import BOOKING
from gateway.timebank.requests import help_offer, help_request


def list_matches(
    database: Database, chapter: int, now: int, *, compound: str | None = None, limit: int = 200
) -> list[dict[str, JsonValue]]:
    """Return the open requests of a chapter (of one compound), each with the offer that fits, or null.

    ``now`` is Unix milliseconds: what should have begun by then is left out. The first ``limit`` by their
    start are matched, in the order of `match_requests`.
    """
    with database.reader() as connection:
        requests = [
            case
            for case in _cases(connection, chapter, BOOKING, "requested")
            if compound in (None, case.text("compound")) and case.number("starts") * 1000 > now
        ]
        requests.sort(key=lambda case: (case.number("starts"), case.key))
        offers = _offers(connection, chapter, business_date(now // 1000))
        agendas = {
            case.key: read_agenda(case.document) for case in _cases(connection, chapter, AGENDA, "kept")
        }
    return _matched(requests[:limit], offers, agendas)


def _offers(connection: Connection, chapter: int, day: date) -> list[Case]:
    """Return the open offers, where it takes a membership to be sent those of members in force."""
    offers = _cases(connection, chapter, OFFER, OPEN)
    sql = f"{SELECT_CASES} WHERE kind = ? AND key = ?"
    found = fetch_all(connection, sql, PARAMETER, parameter_key(chapter, "members_only"))
    if ACT_DISPATCH not in acts_of(read_case(found[0]) if found else None, day):
        return offers
    members = {case.key for case in _cases(connection, chapter, MEMBERSHIP, ACTIVE)}
    return [case for case in offers if case.holder in members]


def _cases(connection: Connection, chapter: int, kind: str, state: str) -> list[Case]:
    sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND state = ?"
    return [read_case(row) for row in fetch_all(connection, sql, chapter, kind, state)]


def _matched(
    requests: list[Case], offers: list[Case], agendas: dict[str, tuple[Taken, ...]]
) -> list[dict[str, JsonValue]]:
    moments = [case.number("starts") for case in requests]
    wanted = {(case.text("compound"), case.text("service")) for case in requests}
    asked = [
        help_offer(case, agendas.get(str(case.holder), ()), moments)
        for case in offers
        if (case.text("compound"), case.text("skill")) in wanted
    ]
    passed = {case.key: frozenset(cast("list[str]", case.document["passed_over"])) for case in requests}
    by_id = {case.key: case for case in requests}
    found: list[dict[str, JsonValue]] = []
    for match in match_requests(map(help_request, requests), asked, passed):
        case = by_id[match.request]
        found.append(
            {
                "request": match.request,
                "service": case.text("service"),
                "compound": case.text("compound"),
                "starts_at": format_timestamp(case.number("starts") * 1000),
                "minutes": case.number("minutes"),
                "offer": match.offer,
                "provider": match.provider,
            }
        )
    return found
