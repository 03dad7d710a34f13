"""The alliance as its readers see it: seats beside the chain's, public notices, clocks that ran out."""

from __future__ import annotations

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.errors import FormatError
from chain.operation import account_id, chapter_code
from chain.rule_kinds import encode_code
from chain.types import Address
from gateway.alliance.appeals import APPEAL, OPEN
from gateway.alliance.applications import APPLICATION
from gateway.alliance.claims import CLAIM, RECORDED
from gateway.alliance.complaints import COMPLAINT, WAITING
from gateway.alliance.notices import NOTICE
from gateway.alliance.records import unpack
from gateway.alliance.standing import DEPOSIT, SEAT, SUSPENDED
from gateway.cases.case import Case
from gateway.cases.world import SELECT_CASES, read_case
from gateway.db import Database, fetch_all
from gateway.mirror.rule_reads import load_seat
from gateway.rules.calendar import day_start, format_timestamp
from gateway.rules.complaints import ComplaintState
from gateway.rules.deposits import DepositState
from gateway.rules.seat_life import Seat, SeatState
from gateway.rules.seats import STAGES

Document = dict[str, JsonValue]

_LATE_STATES: dict[str, tuple[str, ...]] = {
    COMPLAINT: WAITING,
    APPEAL: (OPEN,),
    CLAIM: (RECORDED,),
    APPLICATION: STAGES,
    DEPOSIT: tuple(DepositState),
}
"""Kinds of cases with an owner, and the states in which one waits for him."""


def read_seats(database: Database, chain_id: int, chapter: int, now: int) -> list[Document]:
    """Return the seats of a chapter that have a holder, by industry; ``now`` in Unix milliseconds.

    ``on_chain`` is the holder that the mirror knows at ``now``, null where it knows none (yet).
    """
    with database.reader() as connection:
        sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND state <> ? ORDER BY key"
        rows = fetch_all(connection, sql, chapter, SEAT, SeatState.ENDED.value)
        return [_seat(connection, chain_id, read_case(row), now) for row in rows]


def _seat(connection: Connection, chain_id: int, case: Case, now: int) -> Document:
    seat = unpack(Seat, case)
    deposits = fetch_all(
        connection, "SELECT state FROM cases WHERE kind = ? AND key = ?", DEPOSIT, seat.merchant
    )
    suspended = bool(deposits) and deposits[0][0] == DepositState.SUSPENDED
    return {
        "chapter": chapter_code(case.chapter),
        "industry": seat.industry,
        "merchant": seat.merchant,
        "state": SUSPENDED if suspended else seat.state.value,
        "granted_on": seat.granted_on.isoformat(),
        "until": seat.certified_until.isoformat(),
        "leaves_on": None if seat.leaves_on is None else seat.leaves_on.isoformat(),
        "certificate": case.text("certificate"),
        "on_chain": _on_chain(connection, chain_id, case, seat, now),
    }


def _on_chain(connection: Connection, chain_id: int, case: Case, seat: Seat, now: int) -> Document | None:
    try:
        industry = encode_code(seat.industry)
    except FormatError:
        return None
    held = load_seat(connection, chain_id, case.chapter, industry, now // 1000)
    if held is None:
        return None
    merchant = account_id(Address(held.merchant))
    certificate = held.certificate.hex()
    agrees = (
        merchant == seat.merchant
        and certificate == case.text("certificate")
        and held.until * 1000 == day_start(seat.certified_until)
    )
    return {"merchant": merchant, "certificate": certificate, "agrees": agrees}


def read_notices(database: Database, chapter: int, after: str, limit: int) -> list[Document]:
    """Return a chapter's notices after that of the entry ``after``, oldest first, in the order of the log.

    Withdrawn and ended ones are among them, as such; an entry without a notice is before all.
    """
    with database.reader() as connection:
        known = fetch_all(
            connection, "SELECT opened_index FROM cases WHERE kind = ? AND key = ?", NOTICE, after
        )
        start = known[0][0] if known else -1
        sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND opened_index > ?"
        rows = fetch_all(connection, f"{sql} ORDER BY opened_index LIMIT ?", chapter, NOTICE, start, limit)
        found = [read_case(row) for row in rows]
    return [
        {
            "entry": case.key,
            "matter": case.text("matter"),
            "merchant": case.holder,
            "state": case.state,
            "at": format_timestamp(case.number("at")),
            "reason": case.document.get("reason") or case.document.get("why"),
            "until": case.document.get("until"),
            "coins": str(case.document.get("coins") or 0),
        }
        for case in found
    ]


def read_overdue(database: Database, chapter: int, now: int, limit: int) -> list[Document]:
    """Return what waits for somebody whose deadline has passed, longest overdue first."""
    found: list[Case] = []
    with database.reader() as connection:
        for kind, states in _LATE_STATES.items():
            marks = ", ".join("?" for _ in states)
            sql = (
                f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND due_at <= ? AND state IN ({marks}) "
                "ORDER BY due_at, key LIMIT ?"
            )
            values = (chapter, kind, now, *(str(state) for state in states), limit)
            found += [read_case(row) for row in fetch_all(connection, sql, *values)]
    found.sort(key=lambda case: (case.due_at or 0, case.kind, case.key))
    return [
        {
            "kind": case.kind,
            "key": case.key,
            "state": case.state,
            "merchant": case.holder,
            "owner": _owner(case),
            "deadline": format_timestamp(case.due_at or 0),
        }
        for case in found[:limit]
    ]


def _owner(case: Case) -> JsonValue:
    """Who must act: a complaint's own owner while it is his, else its chapter; of others what they say."""
    if case.kind == COMPLAINT and case.state != ComplaintState.ASSIGNED:
        return "chapter"
    return case.document.get("owner")
