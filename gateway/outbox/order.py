"""Order between keys: no operation is settled before the calls of earlier entries that other keys send.

Calls of one key are mined in nonce order, so a window always finds the accounts its own key registered
before. Calls of other keys (quota, caps, rights, recovery, approvals) have no order against it on chain: the
operation of such an entry and those behind it wait until its call is mined or has failed. A reorganisation
may still reorder what was mined already; then the chain's own order counts, as always.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from sqlalchemy import Connection, select

from gateway.outbox.calls import TransactionState
from gateway.outbox.sources import Leaf
from gateway.outbox.tables import chain_transactions

_rows = chain_transactions.c
_UNFINISHED = (TransactionState.QUEUED.value, TransactionState.SIGNED.value, TransactionState.SENT.value)


def load_unfinished(connection: Connection, chain_id: int, signer: str) -> list[str]:
    """Return the references of calls that keys other than ``signer`` have not finished.

    Calls commit with their entries, so whoever sees an entry published sees its calls here.
    """
    query = (
        select(_rows.reference)
        .distinct()
        .where(_rows.chain_id == chain_id, _rows.signer != signer, _rows.state.in_(_UNFINISHED))
    )
    return list(connection.execute(query).scalars())


def before_barrier(leaves: Sequence[Leaf], barrier: int | None) -> Sequence[Leaf]:
    """Return the leaves up to the first operation at or above index ``barrier``; all where it is None.

    Leaves without operation do nothing on chain and wait for nobody.
    """
    if barrier is None:
        return leaves
    return list(takewhile(lambda leaf: not leaf.kind or leaf.index < barrier, leaves))
