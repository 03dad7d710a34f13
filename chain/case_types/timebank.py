"""Entry types of offers, requests, bookings, services, payment codes. Pure.

Accounts are pseudonyms; places are compound codes, never addresses; words about a service are private. Coins
are hundredths. A booking is the entry that requested it: every later step names that one in ``about``.
"""

from __future__ import annotations

from chain.entry_fields import (
    ACCOUNT,
    AMOUNT,
    BASIS_POINTS,
    BOOL,
    CODE,
    CODES,
    COUNT,
    DATE,
    ENTRY_ID,
    HEX32,
    LEGS,
    SUM,
    TIMESTAMP,
    EntryType,
    FieldRule,
    entry_row,
)
from chain.operation import OperationKind

_K = OperationKind
_SIDE: dict[str, FieldRule] = {"side": CODE}
_UNTIL: dict[str, FieldRule] = {"until": TIMESTAMP}
_PAID: dict[str, FieldRule] = {"coins": SUM, "legs": LEGS, "outcome": CODE, "parked": SUM}
_CODE: dict[str, FieldRule] = {"payee": ACCOUNT, "amount": AMOUNT, "purpose": CODE}

_OFFER_TYPES = (
    entry_row(
        "service.listed",
        {"service": CODE, "kind": CODE, "minutes": COUNT, "price": SUM, "version": COUNT},
        needs=("service", "kind", "minutes"),
    ),
    entry_row(
        "service.offered",
        {"skill": CODE, "compound": CODE, "availability": CODES, "capacity": COUNT},
        needs=("skill", "compound", "availability", "capacity"),
    ),
    entry_row("service.offer_withdrawn", _SIDE, needs=("about", "side")),
    entry_row(
        "service.capacity_warned",
        {
            "service": CODE, "week": DATE, "requests": COUNT, "capacity": COUNT, "excess": COUNT,
            "basis_points": BASIS_POINTS, "pool": CODE, **_UNTIL,
        },
        needs=("service", "week"),
    ),
    entry_row("service.subsidy_ended", {"service": CODE, "week": DATE}, needs=("service", "week")),
)  # fmt: skip

_BOOKING_TYPES = (
    entry_row(
        "service.requested",
        {
            "service": CODE, "kind": CODE, "compound": CODE, "minutes": COUNT, "starts_at": TIMESTAMP,
            "coins": SUM, "remainder": COUNT, "funding": CODE, "free_left": COUNT,
        },
        needs=("service", "compound", "minutes", "starts_at"),
    ),
    entry_row(
        "service.dispatched", {"offer": ENTRY_ID, "provider": ACCOUNT, **_UNTIL}, needs=("about", "offer")
    ),
    entry_row("service.accepted", {**_SIDE, **_UNTIL}, needs=("about", "side")),
    entry_row("service.declined", _SIDE, needs=("about", "side")),
    entry_row("service.lapsed", {"state": CODE, "legs": LEGS}, needs=("about",), may=(_K.TRANSFER,)),
    entry_row(
        "service.subsidised",
        {"pool": CODE, "basis_points": BASIS_POINTS, "coins": SUM},
        needs=("about",),
        does=_K.TRANSFER,
    ),
    entry_row(
        "service.booked", {**_SIDE, "held": SUM, "legs": LEGS}, needs=("about", "side"), may=(_K.TRANSFER,)
    ),
)  # fmt: skip

_SERVICE_TYPES = (
    entry_row("service.checked_in", {**_SIDE, "both": BOOL}, needs=("about", "side")),
    entry_row("service.checked_out", {**_SIDE, "both": BOOL, "minutes": COUNT}, needs=("about", "side")),
    entry_row(
        "service.confirmed",
        {**_SIDE, **_PAID, "minutes": COUNT},
        needs=("about", "side"),
        may=(_K.TRANSFER, _K.ISSUE),
    ),
    entry_row(
        "service.part_done",
        {**_SIDE, **_PAID, "minutes": COUNT},
        needs=("about", "side", "minutes"),
        may=(_K.TRANSFER, _K.ISSUE),
    ),
    entry_row("service.disputed", {**_SIDE, **_UNTIL, "owner": CODE}, needs=("about", "side")),
    entry_row("service.overdue", {"owner": CODE}, needs=("about",)),
    entry_row(
        "service.decided",
        {**_PAID, "minutes": COUNT},
        needs=("about", "minutes"),
        may=(_K.TRANSFER, _K.ISSUE),
    ),
    entry_row("service.cancelled", {**_SIDE, **_PAID}, needs=("about", "side"), may=(_K.TRANSFER,)),
    entry_row("service.no_show", {**_SIDE, **_PAID}, needs=("about", "side"), may=(_K.TRANSFER,)),
    entry_row(
        "service.settled",
        {"legs": LEGS, "left": COUNT, "parked": SUM},
        needs=("about",),
        may=(_K.TRANSFER, _K.ISSUE),
    ),
)

_CODE_TYPES = (
    entry_row(
        "paycode.issued",
        {**_CODE, "code": HEX32, "expires_at": TIMESTAMP},
        needs=("code", "payee", "amount", "purpose"),
    ),
    entry_row(
        "paycode.used",
        {**_CODE, "proof": HEX32, "payer": ACCOUNT, "code": HEX32},
        needs=("proof", "payer", "payee", "amount", "purpose"),
        may=(_K.TRANSFER, _K.REDEEM),
    ),
    entry_row("paycode.expired", {"code": HEX32}, needs=("code",)),
)

TIMEBANK_TYPES: tuple[tuple[str, EntryType], ...] = (
    *_OFFER_TYPES,
    *_BOOKING_TYPES,
    *_SERVICE_TYPES,
    *_CODE_TYPES,
)
