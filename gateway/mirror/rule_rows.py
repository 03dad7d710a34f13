"""The rows that events of `SeatRegistry` and `RuleBook` mean. No database."""

from __future__ import annotations

from chain.events import (
    Event,
    ReferralActivated,
    ReferralAnnounced,
    ReferralLowered,
    ReferralWithdrawn,
    SeatGranted,
    SeatLapsed,
    SeatReleased,
    SeatRenewed,
    TablePublished,
)
from chain.rule_kinds import RuleLine
from chain.types import Digest
from gateway.mirror.tables import OUT_OF_RANGE

_MAX = 2**63 - 1
_LINE_SIZE = 41


def rule_row(event: Event, at: tuple[int, int]) -> tuple[str, tuple[object, ...]] | None:
    """Return table and row (without chain id) of an event at (block, log index), None for another's."""
    match event:
        case TablePublished():
            key = (event.table_id, event.chapter, event.version)
            digests = (event.residual, event.table_hash, format_lines(event.lines))
            row = (*key, event.kind, _bounded(event.effective_from), *digests, *at)
            return "mirror_rule_tables", row
        case SeatGranted() | SeatRenewed() | SeatReleased() | SeatLapsed():
            return "mirror_seats", (*at, *_seat(event))
        case ReferralAnnounced():
            raised = (event.gate, event.value, event.opinion)
            return "mirror_referral", (*at, "announced", *raised, _bounded(event.ready_at))
        case ReferralActivated():
            return "mirror_referral", (*at, "activated", event.gate, event.value, event.opinion, 0)
        case ReferralLowered():
            return "mirror_referral", (*at, "lowered", event.gate, event.value, b"", 0)
        case ReferralWithdrawn():
            return "mirror_referral", (*at, "withdrawn", event.gate, event.value, b"", 0)
    return None


def _seat(event: SeatGranted | SeatRenewed | SeatReleased | SeatLapsed) -> tuple[object, ...]:
    seat = (event.chapter, event.industry, event.merchant)
    if isinstance(event, SeatReleased):
        return ("released", *seat, 0, 0, b"", event.reason_code, event.order)
    if isinstance(event, SeatLapsed):
        return ("lapsed", *seat, _bounded(event.until), 0, b"", b"", b"")
    name = "granted" if isinstance(event, SeatGranted) else "renewed"
    return (name, *seat, _bounded(event.until), event.term, event.certificate, b"", b"")


def format_lines(lines: tuple[RuleLine, ...]) -> bytes:
    """Return the lines of a table as `mirror_rule_tables` holds them. Inverse of `parse_lines`."""
    return b"".join(
        line.role + line.kind.to_bytes(1, "big") + line.value.to_bytes(8, "big") for line in lines
    )


def parse_lines(data: bytes) -> tuple[RuleLine, ...]:
    """Return the lines of a stored table. Inverse of `format_lines`; requires whole lines."""
    rows = [data[start : start + _LINE_SIZE] for start in range(0, len(data), _LINE_SIZE)]
    return tuple(RuleLine(Digest(row[:32]), row[32], int.from_bytes(row[33:], "big")) for row in rows)


def _bounded(number: int) -> int:
    return number if number <= _MAX else OUT_OF_RANGE
