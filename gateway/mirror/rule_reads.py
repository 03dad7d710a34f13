"""Seats, tables and gates as the mirror knows them: the newest rows that count, at a time that is given.

They say what the contracts' views of the same name say for a block of that time.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from chain.rule_kinds import Gate, RuleLine
from gateway.mirror.rule_rows import parse_lines
from gateway.mirror.rule_tables import mirror_referral, mirror_rule_tables, mirror_seats
from gateway.mirror.tables import OUT_OF_RANGE, mirror_blocks, mirror_recoveries

NETWORK = 0


@dataclass(frozen=True, slots=True)
class HeldSeat:
    """A seat that is held; ``merchant`` after recoveries, ``until`` Unix seconds (-1 = beyond 2^63 - 1)."""

    merchant: bytes
    certificate: bytes
    until: int


@dataclass(frozen=True, slots=True)
class RuleTable:
    """One version of a split table; ``scope`` is the chapter it was published for, 0 = the network."""

    scope: int
    version: int
    kind: int
    effective_from: int
    residual: bytes
    table_hash: bytes
    lines: tuple[RuleLine, ...]


def load_seat(
    connection: Connection, chain_id: int, chapter: int, industry: bytes, now: int
) -> HeldSeat | None:
    """Return who holds a seat at ``now`` (Unix seconds), None where nobody does."""
    seats = mirror_seats.c
    row = connection.execute(
        select(seats.event, seats.merchant, seats.certificate, seats.until)
        .where(seats.chain_id == chain_id, seats.chapter == chapter, seats.industry == industry)
        .order_by(seats.block_number.desc(), seats.log_index.desc())
        .limit(1)
    ).one_or_none()
    if row is None or row.event in ("released", "lapsed"):
        return None
    if row.until != OUT_OF_RANGE and now >= row.until:
        return None
    return HeldSeat(_holder_now(connection, chain_id, row.merchant), row.certificate, row.until)


def _holder_now(connection: Connection, chain_id: int, merchant: bytes) -> bytes:
    """Follow recoveries to the account that has none: each successor was new, so there is no loop."""
    moves = mirror_recoveries.c
    while True:
        query = select(moves.to_address).where(moves.chain_id == chain_id, moves.from_address == merchant)
        found: bytes | None = connection.execute(query).scalar_one_or_none()
        if found is None:
            return merchant
        merchant = found


def load_table(
    connection: Connection, chain_id: int, table_id: bytes, chapter: int, at: int
) -> RuleTable | None:
    """Return the version in effect at ``at``: the chapter's, else the network's, else None."""
    tables = mirror_rule_tables.c
    for scope in dict.fromkeys((chapter, NETWORK)):
        row = connection.execute(
            select(mirror_rule_tables)
            .where(tables.chain_id == chain_id, tables.table_id == table_id, tables.chapter == scope)
            .where(tables.effective_from <= at)
            .order_by(tables.effective_from.desc())
            .limit(1)
        ).one_or_none()
        if row is not None:
            digests = (row.residual, row.table_hash)
            effect = (row.kind, row.effective_from)
            return RuleTable(scope, row.version, *effect, *digests, parse_lines(row.lines))
    return None


def load_gates(connection: Connection, chain_id: int, at: int | None = None) -> dict[Gate, int]:
    """Return the values of all gates in force: depth 1 and all else 0 where nothing was changed.

    Given ``at``, only blocks up to that time count (Unix seconds).
    """
    values = {gate: int(gate is Gate.DEPTH) for gate in Gate}
    rows = mirror_referral.c
    query = select(rows.gate, rows.value).where(
        rows.chain_id == chain_id, rows.event.in_(("activated", "lowered"))
    )
    if at is not None:
        blocks = mirror_blocks.c
        query = query.join(
            mirror_blocks, (blocks.chain_id == rows.chain_id) & (blocks.number == rows.block_number)
        ).where(blocks.timestamp <= at)
    for gate, value in connection.execute(query.order_by(rows.block_number, rows.log_index)):
        values[Gate(gate)] = value
    return values


def load_gate_since(
    connection: Connection, chain_id: int, gate: Gate, until: int | None = None
) -> int | None:
    """Return when a gate of 0 or 1 was switched on (Unix seconds of the block), None while it is off.

    Given ``until``, only blocks up to that time count (Unix seconds).
    """
    rows, blocks = mirror_referral.c, mirror_blocks.c
    query = (
        select(rows.value, blocks.timestamp)
        .join(mirror_blocks, (blocks.chain_id == rows.chain_id) & (blocks.number == rows.block_number))
        .where(rows.chain_id == chain_id, rows.gate == int(gate))
        .where(rows.event.in_(("activated", "lowered")))
        .order_by(rows.block_number, rows.log_index)
    )
    if until is not None:
        query = query.where(blocks.timestamp <= until)
    since: int | None = None
    for value, at in connection.execute(query):
        since = None if not value else at if since is None else since
    return since
