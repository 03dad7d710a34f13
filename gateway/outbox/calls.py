"""What the outbox sends: a call of one contract, and the legal states of the transaction that carries it.

Values only; nothing here reads a database or a node.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_CALLDATA = 120_000
"""Bytes of calldata at most: go-ethereum's pool refuses transactions above 128 KiB."""


@dataclass(frozen=True, slots=True)
class Window:
    """The leaves ``[start, end)`` of one log that a ``settle`` call consumes against ``anchored_size``.

    ``run`` counts how often planning started anew from the contract's cursor: windows of one run follow each
    other without a gap, and one that fails makes every later one of its run fail too.
    """

    log_id: bytes
    start: int
    end: int
    anchored_size: int
    run: int


@dataclass(frozen=True, slots=True)
class ChainCall:
    """One call of a contract, to be sent once, in order, by the signer of that name.

    ``kind`` is the function (``register``, ``settle``, ``anchor``, ...), ``target`` the contract's name in
    the deployment, ``signer`` the role name of the key (``operator``, ``issuer``, ...). ``gas`` is the
    limit, by formula, never by estimate: the call may follow others that are not mined yet. ``log_id`` and
    ``anchored_size`` are set for ``anchor`` calls, ``window`` for ``settle`` calls.
    """

    kind: str
    target: str
    calldata: bytes
    gas: int
    signer: str
    log_id: bytes | None = None
    anchored_size: int | None = None
    window: Window | None = None


class TransactionState(StrEnum):
    """Where a transaction stands; ``failed``, ``replaced`` and ``final`` are ends."""

    QUEUED = "queued"
    """Wanted; no nonce yet."""
    SIGNED = "signed"
    """Nonce, bytes and hash are stored; nothing was sent, or the answer to the first send is unknown."""
    SENT = "sent"
    """A node took the bytes at least once; they are sent again until mined."""
    MINED = "mined"
    """In a block of the chain as it stands, with success."""
    FINAL = "final"
    """Mined at least ``finality_depth`` blocks ago."""
    FAILED = "failed"
    """Reverted on chain (nonce used), refused by the node (nonce filled), or withdrawn unsigned."""
    REPLACED = "replaced"
    """Another transaction used its nonce: the call was queued again under a new row."""


LEGAL_TRANSITIONS: frozenset[tuple[TransactionState, TransactionState]] = frozenset(
    {
        (TransactionState.QUEUED, TransactionState.SIGNED),
        (TransactionState.QUEUED, TransactionState.FAILED),
        (TransactionState.SIGNED, TransactionState.SENT),
        (TransactionState.SIGNED, TransactionState.MINED),
        (TransactionState.SIGNED, TransactionState.FAILED),
        (TransactionState.SIGNED, TransactionState.REPLACED),
        (TransactionState.SENT, TransactionState.MINED),
        (TransactionState.SENT, TransactionState.FAILED),
        (TransactionState.SENT, TransactionState.REPLACED),
        (TransactionState.MINED, TransactionState.FINAL),
        # A reorganisation takes the block away; the same bytes are sent again.
        (TransactionState.MINED, TransactionState.SENT),
        (TransactionState.FAILED, TransactionState.SENT),
        (TransactionState.REPLACED, TransactionState.SENT),
        # Only a chain that lost blocks it had called final (an embedded one after a kill) does this.
        (TransactionState.FINAL, TransactionState.SENT),
    }
)
"""Every move a row may make; anything else is a defect and refused."""
