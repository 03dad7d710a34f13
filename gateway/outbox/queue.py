"""Put calls into the outbox, in the transaction of whatever they belong to.

The caller's commit is the moment the call is promised: a crash before it leaves neither entry nor call.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from chain.errors import FormatError
from gateway.outbox.calls import MAX_CALLDATA, ChainCall, TransactionState
from gateway.outbox.tables import chain_transactions


def enqueue(
    connection: Connection, calls: Sequence[ChainCall], *, chain_id: int, reference: str, at: str
) -> None:
    """Store ``calls`` as queued, in order, inside the caller's open write transaction.

    ``reference`` names what they belong to (an entry id, ``settle``, ``anchor``); ``at`` is RFC 3339 UTC.

    Raises:
        FormatError: a call's data is longer than ``MAX_CALLDATA`` or its gas is not positive.
    """
    if calls:
        connection.execute(
            insert(chain_transactions),
            [_row(call, chain_id, reference, at) for call in calls],
        )


def enqueue_rows(
    connection: Connection, calls: Sequence[tuple[str, ChainCall]], *, chain_id: int, at: str
) -> None:
    """Store many ``(reference, call)`` pairs as queued in one statement, in order.

    Raises:
        FormatError: as for `enqueue`.
    """
    if calls:
        connection.execute(
            insert(chain_transactions),
            [_row(call, chain_id, reference, at) for reference, call in calls],
        )


def _row(call: ChainCall, chain_id: int, reference: str, at: str) -> dict[str, object]:
    if len(call.calldata) > MAX_CALLDATA:
        raise FormatError("calldata", f"{len(call.calldata)} bytes, at most {MAX_CALLDATA}")
    if call.gas <= 0:
        raise FormatError("gas", f"{call.gas} is not positive")
    window = call.window
    return {
        "chain_id": chain_id,
        "kind": call.kind,
        "target": call.target,
        "signer": call.signer,
        "reference": reference,
        "gas": call.gas,
        "calldata": call.calldata,
        "state": TransactionState.QUEUED.value,
        "log_id": window.log_id if window else call.log_id,
        "window_start": window.start if window else None,
        "window_end": window.end if window else None,
        "anchored_size": window.anchored_size if window else call.anchored_size,
        "run": window.run if window else None,
        "created_at": at,
    }
