"""Heavy blocks whose logs are stored and not proven yet: rows, so that a restart goes on proving them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from chain.evm.blocks import Header
from gateway.db import execute, execute_many
from gateway.mirror.own_tables import mirror_unproven

_rows = mirror_unproven.c


def note_unproven(connection: Connection, chain_id: int, headers: Iterable[Header]) -> None:
    """Remember blocks in the transaction that stores their logs, in place of former ones of that height."""
    execute_many(
        connection,
        "INSERT INTO mirror_unproven (chain_id, number, hash) VALUES (?, ?, ?) "
        "ON CONFLICT (chain_id, number) DO UPDATE SET hash = excluded.hash",
        [(chain_id, header.number, header.hash) for header in headers],
    )


def oldest_unproven(connection: Connection, chain_id: int) -> tuple[int, bytes] | None:
    """Return height and hash of the lowest block to prove, None where none is left."""
    query = select(_rows.number, _rows.hash).where(_rows.chain_id == chain_id).order_by(_rows.number).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.number, row.hash)


def forget_unproven(connection: Connection, chain_id: int, number: int, block_hash: bytes) -> None:
    """Forget a block that is proven, or is not mirrored any more."""
    execute(
        connection,
        "DELETE FROM mirror_unproven WHERE chain_id = ? AND number = ? AND hash = ?",
        chain_id,
        number,
        block_hash,
    )


def count_unproven(connection: Connection, chain_id: int) -> int:
    """Return how many stored blocks are still to be proven."""
    query = select(func.count()).select_from(mirror_unproven).where(_rows.chain_id == chain_id)
    return int(connection.execute(query).scalar_one())
