"""Officers' approvals and policies as the mirror knows them: rows of events, read inside the caller's
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from gateway.db import fetch_all

_SELECT_APPROVALS = """
SELECT a.kind, a.approver, a.block_number, a.block_number <= c.block_number - ?
FROM mirror_approvals a JOIN mirror_cursor c ON c.chain_id = a.chain_id
WHERE a.chain_id = ? AND a.policy = ? AND a.digest = ? AND a.chapter = ?
ORDER BY a.block_number, a.log_index"""


@dataclass(frozen=True, slots=True)
class Policy:
    """Officers of ``threshold`` different role kinds out of ``kinds`` must approve."""

    kinds: tuple[int, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class Approval:
    """``approver`` (20 bytes) approved as holder of role ``kind``; the contract counts each kind once."""

    kind: int
    approver: bytes
    block_number: int
    is_final: bool


def read_policy(connection: Connection, chain_id: int, policy: bytes) -> Policy | None:
    """Return a policy by its 32-byte id, None while its registration is not mirrored; it never changes."""
    sql = "SELECT kinds, threshold FROM mirror_policies WHERE chain_id = ? AND policy = ?"
    rows = fetch_all(connection, sql, chain_id, policy)
    if not rows:
        return None
    kinds, threshold = cast("tuple[bytes, int]", rows[0])
    return Policy(tuple(kinds), threshold)


def read_approvals(
    connection: Connection, chain_id: int, depth: int, *, policy: bytes, chapter: int, digest: bytes
) -> tuple[Approval, ...]:
    """Return the approvals of a digest in the order given; ``depth`` blocks on top make one final."""
    rows = fetch_all(connection, _SELECT_APPROVALS, depth, chain_id, policy, digest, chapter)
    return tuple(
        Approval(kind, bytes(approver), block, bool(is_final))
        for kind, approver, block, is_final in cast("list[tuple[int, bytes, int, bool]]", rows)
    )
