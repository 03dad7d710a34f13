"""Entry types of seats, reviews, scores, penalties, lists, deposits, complaints, appeals. Pure.

Money is fen of the bank's own records, never moved here: each step stands with the hash of the custodian's
receipt. A clock names who must act (``owner``) by when (``deadline``). Words about anybody are private.
"""

from __future__ import annotations

from chain.entry_fields import (
    ACCOUNT,
    BASIS_POINTS,
    BOOL,
    CODE,
    CODES,
    COUNT,
    DATE,
    HEX32,
    LEGS,
    MONTH,
    SUM,
    TIMESTAMP,
    EntryType,
    FieldRule,
    entry_row,
)
from chain.operation import OperationKind

Fields = dict[str, FieldRule]

_SEAT: Fields = {"merchant": ACCOUNT, "industry": CODE}
_CLOCK: Fields = {"owner": CODE, "deadline": TIMESTAMP}
_TERM: Fields = {"certificate": HEX32, "until": DATE}
_WINDOW: Fields = {"appeal_until": DATE}
_QUARTER: Fields = {"quarter": CODE}
_EVIDENCE: Fields = {"evidence": HEX32}
_VERDICT: Fields = {"result": CODE, **_EVIDENCE}
_LEFT: Fields = {"forfeited": SUM, "refund": SUM, **_CLOCK}
_BOND: Fields = {"merchant": ACCOUNT, "balance": SUM, "suspended": BOOL, "receipt": HEX32}
_JUDGED = ("about", "result", "evidence")
_REASONED = ("about", "reason")

_APPLICATIONS = (
    entry_row("seat.applied", {**_SEAT, **_CLOCK}, needs=("merchant", "industry")),
    entry_row(
        "seat.reviewed",
        {**_SEAT, **_VERDICT, **_CLOCK, **_WINDOW, "stage": CODE, "state": CODE},
        needs=("about", "stage", "result", "evidence"),
    ),
    entry_row("seat.granted", {**_SEAT, **_TERM}, needs=("about", "certificate")),
    entry_row("seat.rejection_appealed", {**_SEAT, **_CLOCK, **_EVIDENCE}, needs=_REASONED),
    entry_row("seat.rejection_decided", {**_SEAT, **_VERDICT, "state": CODE}, needs=_JUDGED),
    entry_row("seat.application_withdrawn", _SEAT, needs=("about",)),
    entry_row("seat.application_lapsed", _SEAT, needs=("about",)),
)

_SEATS = (
    entry_row("seat.renewed", {**_SEAT, **_TERM}, needs=("industry", "certificate")),
    entry_row("seat.expired", {**_SEAT, **_LEFT}, needs=("industry",)),
    entry_row(
        "seat.release_proposed",
        {**_SEAT, **_EVIDENCE, **_WINDOW},
        needs=("industry", "reason", "evidence"),
    ),
    entry_row("seat.release_appealed", {**_SEAT, **_CLOCK, **_EVIDENCE}, needs=("industry", "reason")),
    entry_row(
        "seat.release_decided",
        {**_SEAT, **_VERDICT, **_LEFT, "cause": CODE},
        needs=("industry", "result", "evidence"),
    ),
    entry_row("seat.released", {**_SEAT, **_LEFT, "cause": CODE}, needs=("industry",)),
    entry_row("exit.noticed", {**_SEAT, "until": DATE}, needs=("industry",)),
    entry_row("exit.withdrawn", _SEAT, needs=("industry",)),
    entry_row("exit.completed", {**_SEAT, **_LEFT}, needs=("industry",)),
)

_SCORES = (
    entry_row(
        "seat.rated",
        {**_SEAT, **_QUARTER, "resident": ACCOUNT, "score": COUNT},
        needs=("resident", "industry", "score"),
    ),
    entry_row(
        "seat.scored",
        {**_SEAT, **_QUARTER, **_EVIDENCE, "recheck": COUNT, "ratings": COUNT},
        needs=("industry", "quarter", "recheck", "evidence"),
    ),
    entry_row(
        "seat.quarter_closed",
        {**_QUARTER, **_WINDOW, "seats": COUNT, "scored": COUNT, "released": CODES, "out": COUNT},
        needs=("quarter",),
    ),
    entry_row(
        "seat.duty_checked",
        {**_SEAT, **_WINDOW, "month": MONTH, "referred": COUNT, "wanted": COUNT, "misses": COUNT},
        needs=("industry", "month"),
    ),
    entry_row(
        "promise.declared",
        {"merchant": ACCOUNT, "cost_price": HEX32, "service_standard": HEX32, "pledge": BASIS_POINTS},
        needs=("merchant", "cost_price", "service_standard"),
    ),
    entry_row(
        "profit.declared",
        {"merchant": ACCOUNT, **_QUARTER, "profit": SUM, "pledged": SUM, "receipt": HEX32},
        needs=("merchant", "quarter", "profit"),
    ),
    entry_row(
        "profit.paid",
        {"merchant": ACCOUNT, **_QUARTER, "pledged": SUM, "receipt": HEX32},
        needs=("merchant", "quarter", "receipt"),
    ),
)

_CONDUCT = (
    entry_row(
        "penalty.ordered",
        {"merchant": ACCOUNT, "measure": CODE, "coins": SUM, "until": DATE, **_EVIDENCE, **_WINDOW},
        needs=("merchant", "reason", "measure", "evidence"),
    ),
    entry_row("penalty.appealed", {**_CLOCK, **_EVIDENCE}, needs=_REASONED),
    entry_row("penalty.appeal_decided", _VERDICT, needs=_JUDGED),
    entry_row("penalty.executed", {"coins": SUM, "owed": SUM}, needs=("about",), may=(OperationKind.BURN,)),
    entry_row("penalty.notice_ended", needs=("about",)),
    entry_row(
        "list.entered",
        {"merchant": ACCOUNT, "list": CODE, "until": DATE, **_EVIDENCE, **_WINDOW},
        needs=("merchant", "reason", "evidence"),
    ),
    entry_row("list.appealed", {**_CLOCK, **_EVIDENCE}, needs=_REASONED),
    entry_row("list.decided", _VERDICT, needs=_JUDGED),
    entry_row("list.lifted", _EVIDENCE, needs=_REASONED),
    entry_row("list.expired", needs=("about",)),
    entry_row(
        "claim.recorded",
        {**_SEAT, **_EVIDENCE, **_CLOCK, "amount": SUM},
        needs=("industry", "evidence"),
    ),
    entry_row("claim.settled", {"amount": SUM, "receipt": HEX32}, needs=("about", "receipt")),
    entry_row("claim.withdrawn", _EVIDENCE, needs=_REASONED),
)

_DEPOSITS = (
    entry_row(
        "deposit.lodged",
        {**_BOND, "version": COUNT, "amount": SUM, "required": SUM, "state": CODE},
        needs=("merchant", "amount", "receipt"),
    ),
    entry_row("deposit.topped_up", {**_BOND, "amount": SUM}, needs=("merchant", "amount", "receipt")),
    entry_row(
        "deposit.forfeited", {**_BOND, **_EVIDENCE, "amount": SUM}, needs=("merchant", "reason", "evidence")
    ),
    entry_row("deposit.refunded", {**_BOND, "amount": SUM}, needs=("merchant", "receipt")),
    entry_row(
        "deposit.compensated",
        {**_BOND, **_CLOCK, "amount": SUM, "reserve": SUM, "legs": LEGS, "late": BOOL},
        needs=("about", "receipt"),
    ),
    entry_row(
        "deposit.restored", {**_BOND, "amount": SUM, "legs": LEGS, "late": BOOL}, needs=("about", "receipt")
    ),
)

_CASE: Fields = {"merchant": ACCOUNT, "state": CODE, "held": SUM, **_CLOCK}
_COMPLAINTS = (
    entry_row(
        "complaint.filed",
        {**_CASE, **_EVIDENCE, "complainant": ACCOUNT, "amount": SUM},
        needs=("merchant", "complainant", "amount", "reason"),
    ),
    entry_row("complaint.assigned", _CASE, needs=("about", "owner")),
    entry_row(
        "complaint.verified", {**_CASE, **_EVIDENCE, "amount": SUM}, needs=("about", "amount", "evidence")
    ),
    entry_row("complaint.rejected", {**_CASE, **_EVIDENCE}, needs=("about", "reason", "evidence")),
    entry_row("complaint.withdrawn", _CASE, needs=("about",)),
    entry_row("complaint.appealed", {**_CASE, **_EVIDENCE}, needs=_REASONED),
    entry_row("complaint.decided", {**_CASE, **_VERDICT, "amount": SUM, "owed_back": SUM}, needs=_JUDGED),
    entry_row("complaint.closed", _CASE, needs=("about",)),
)

ALLIANCE_TYPES: tuple[tuple[str, EntryType], ...] = (
    *_APPLICATIONS,
    *_SEATS,
    *_SCORES,
    *_CONDUCT,
    *_DEPOSITS,
    *_COMPLAINTS,
)
"""Rows of the registry of entry types."""
