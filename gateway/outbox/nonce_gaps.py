"""Nonces that hold a key's transactions back: given out, and of no transaction we still have."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from gateway.outbox.rows import IN_FLIGHT
from gateway.outbox.tables import chain_signers, chain_transactions


def count_nonce_gaps(connection: Connection, chain_id: int) -> int:
    """Return how many nonces between each key's oldest unmined transaction and its next nonce have no row.

    The chain takes nothing behind such a nonce; the outbox fills it when the chain shows that it is free.
    """
    rows, total = chain_transactions.c, 0
    oldest = (
        select(rows.signer_address, func.min(rows.nonce))
        .where(rows.chain_id == chain_id, rows.state.in_(IN_FLIGHT))
        .group_by(rows.signer_address)
    )
    for address, first in connection.execute(oldest).all():
        following = connection.execute(
            select(chain_signers.c.next_nonce).where(
                chain_signers.c.chain_id == chain_id, chain_signers.c.address == address
            )
        ).scalar()
        held = connection.execute(
            select(func.count()).where(
                rows.chain_id == chain_id, rows.signer_address == address, rows.nonce >= first
            )
        ).scalar_one()
        total += max(0, (following or 0) - first - held)
    return total
