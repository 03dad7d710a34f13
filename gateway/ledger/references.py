"""Operations that reversals act on, read inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.operation import OperationKind
from gateway.db import fetch_all
from gateway.rules.calendar import parse_timestamp

REFUSED = 2
"""`operations.outcome` of an operation the chain refused and the projections undid."""


# The kind (8, reverse) stands in the text, so that the partial index of reversals serves.
_SELECT_ASKED_BACK = (
    "SELECT coalesce(sum(amount), 0) FROM operations WHERE kind = 8 AND ref = ? AND outcome <> ?"
)


@dataclass(frozen=True, slots=True)
class Original:
    """An earlier operation by the hash of its leaf.

    ``at`` is Unix milliseconds of its entry, ``left`` what reversals have not yet asked back.
    """

    log_index: int
    at: int
    kind: OperationKind
    sender: bytes
    receiver: bytes
    amount: int
    left: int


def original_of(connection: Connection, leaf_hash: bytes) -> Original | None:
    """Return the operation whose leaf has this hash, None when there is none or the chain refused it."""
    rows = fetch_all(
        connection,
        "SELECT o.log_index, e.at, o.kind, o.sender, o.receiver, o.amount, o.outcome FROM operations o "
        "JOIN entries e ON e.log_index = o.log_index WHERE o.leaf_hash = ?",
        leaf_hash,
    )
    if not rows:
        return None
    index, at, kind, sender, receiver, amount, outcome = cast(
        "tuple[int, str, int, bytes, bytes, int, int]", rows[0]
    )
    if outcome == REFUSED:
        return None
    asked = fetch_all(connection, _SELECT_ASKED_BACK, leaf_hash, REFUSED)
    left = amount - int(cast("int", asked[0][0]))
    return Original(index, parse_timestamp(at), OperationKind(kind), sender, receiver, amount, left)
