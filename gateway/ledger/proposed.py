"""Signed checkpoints before and after their publication, in SQL: what waits for witnesses, what readers have.

A row of `proposed_checkpoints` is written with the signature; the row of `checkpoints` is that note with the
cosignatures that met the quorum, so every reader of `checkpoints` sees published ones alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Connection

from chain.types import NodeHash, TreeSize
from gateway.db import execute, execute_many, fetch_all, insert_rows
from gateway.ledger.log_view import CheckpointRow
from gateway.witness.client import Cosignature
from gateway.witness.collector import SignedNote


def propose(connection: Connection, signed: SignedNote, at: str) -> None:
    """Keep a signed checkpoint that no reader has yet."""
    insert_rows(
        connection, "proposed_checkpoints", "size,root,note,at",
        [(signed.size, signed.root, signed.note, at)],
    )  # fmt: skip


def publish_proposed(
    connection: Connection, signed: SignedNote, note: bytes, cosignatures: Sequence[Cosignature]
) -> None:
    """Make a proposed checkpoint a published one as ``note``, with its ``cosignatures`` beside it.

    Does nothing where it is published already, or was never proposed.
    """
    execute(
        connection,
        "INSERT INTO checkpoints (size, root, note, at) "
        "SELECT size, root, ?, at FROM proposed_checkpoints WHERE size = ? AND root = ? "
        "ON CONFLICT (size) DO NOTHING",
        note, signed.size, signed.root,
    )  # fmt: skip
    execute_many(
        connection,
        "INSERT INTO cosignatures (size, witness, key_id, line, signed_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (size, witness, key_id) DO NOTHING",
        [(signed.size, one.witness, one.key_id, one.line, one.at) for one in cosignatures],
    )


def newest_published(connection: Connection, size: int) -> CheckpointRow | None:
    """Return the newest published checkpoint up to ``size``, None before the first."""
    rows = fetch_all(
        connection,
        "SELECT size, root, note FROM checkpoints WHERE size <= ? ORDER BY size DESC LIMIT 1",
        size,
    )
    if not rows:
        return None
    found, root, note = cast("tuple[int, bytes, bytes]", rows[0])
    return CheckpointRow(TreeSize(found), NodeHash(root), note)


def newest_signed(connection: Connection) -> SignedNote | None:
    """Return the newest signed checkpoint, published or not, None before the first."""
    rows = fetch_all(
        connection,
        "SELECT size, root, note FROM checkpoints UNION ALL "
        "SELECT size, root, note FROM proposed_checkpoints ORDER BY size DESC LIMIT 1",
    )
    return SignedNote(*cast("tuple[int, bytes, bytes]", rows[0])) if rows else None


def stored_note(connection: Connection, size: int) -> bytes | None:
    """Return the note signed at ``size``, published or not, None where there is none."""
    rows = fetch_all(connection, "SELECT note FROM checkpoints WHERE size = ?", size) or fetch_all(
        connection, "SELECT note FROM proposed_checkpoints WHERE size = ?", size
    )
    return cast("bytes", rows[0][0]) if rows else None
