"""Order between keys: no operation is settled before the calls of earlier entries that other keys send.

Calls of one key are mined in nonce order, so a window always finds the accounts its own key registered
before. Calls of other keys (quota, caps, rights, recovery, approvals) have no order against it on chain: the
operation of such an entry and those behind it wait until its call is mined or has failed. A reorganisation
may still reorder what was mined already; then the chain's own order counts, as always.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import cast

from sqlalchemy import Connection

from gateway.db import fetch_all
from gateway.outbox.sources import Leaf

_SELECT_UNFINISHED = """
SELECT DISTINCT reference FROM chain_transactions
WHERE chain_id = ? AND state IN ('queued', 'signed', 'sent') AND signer != ?"""


def load_unfinished(connection: Connection, chain_id: int, signer: str) -> list[str]:
    """Return the references of calls that keys other than ``signer`` have not finished.

    Calls commit with their entries, so whoever sees an entry published sees its calls here.
    """
    return [cast("str", row[0]) for row in fetch_all(connection, _SELECT_UNFINISHED, chain_id, signer)]


def before_barrier(leaves: Sequence[Leaf], barrier: int | None) -> Sequence[Leaf]:
    """Return the leaves up to the first operation at or above index ``barrier``; all where it is None.

    Leaves without operation do nothing on chain and wait for nobody.
    """
    if barrier is None:
        return leaves
    return list(takewhile(lambda leaf: not leaf.kind or leaf.index < barrier, leaves))
