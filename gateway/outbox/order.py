"""Order between keys: on chain, operations and the calls of entries happen as the log has them.

Calls of one key are mined in nonce order, so a window always finds the accounts its own key registered
before. Calls of other keys (quota, caps, rights, recovery, approvals) have no order against it on chain, so
each side waits for the other, by the index of the call's entry:

1. The operation of such an entry, and those behind it, wait until its call is mined or has failed.
2. Such a call gets no nonce before every operation below its entry is settled, so that what was accepted
   before a freeze is settled before it. Approvals are exempt: they concern the operation of their own entry
   alone.
3. Nor before every registration and seat up to its entry is mined or has failed: a recovery finds the seat
   that its merchant had just been granted.
4. A seat's call gets no nonce while a recovery below its entry is unfinished: its merchant may be the account
   that the recovery registers.

An operation waits for calls of entries up to its own, a call for operations below its entry: never in a
circle. Both are read from rows and the contract's cursor, so a restart changes nothing. A reorganisation may
still reorder what was mined already; then the chain's own order counts, as always.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple, cast

from sqlalchemy import Connection

from gateway.db import Database, fetch_all
from gateway.outbox.sources import EntryOrder, Leaf

SETTLING_KEY = "operator"
"""The key that settles and registers: its own calls are ordered by nonce alone."""

APPROVAL = "approve"
"""Kind of the calls that change nothing but what becomes of the operation of their own entry."""

RECOVERY = "recover"
"""Kind of the calls that put an account in another one's place, and register it on chain."""

REGISTRATION = "register"
"""Kind of the settling key's calls about accounts; its other calls of entries are about seats."""

_SELECT_UNFINISHED = """
SELECT DISTINCT reference FROM chain_transactions
WHERE chain_id = ? AND state IN ('queued', 'signed', 'sent') AND signer != ?"""

_SELECT_RECOVERIES = f"{_SELECT_UNFINISHED} AND kind = ?"

_SELECT_OWN = """
SELECT id, signer, kind, reference FROM chain_transactions
WHERE chain_id = ? AND state IN ('queued', 'signed', 'sent') AND signer = ?
AND kind IN ('register', 'grant', 'renew', 'release') ORDER BY id"""

_SELECT_QUEUED_IDS = """
SELECT id FROM chain_transactions WHERE chain_id = ? AND state = 'queued' AND signer = ? ORDER BY id"""

_SELECT_QUEUED = """
SELECT id, signer, kind, reference FROM chain_transactions
WHERE chain_id = ? AND state = 'queued' AND signer != ? ORDER BY id"""


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


class _Call(NamedTuple):
    """A call that waits for its nonce."""

    id: int
    signer: str
    kind: str
    reference: str


class CallOrder:
    """Which queued calls may have their nonces now. Keeps nothing between two questions."""

    def __init__(
        self,
        database: Database,
        source: EntryOrder,
        load_cursor: Callable[[], int],
        *,
        chain_id: int,
        settling_key: str = SETTLING_KEY,
    ) -> None:
        """``load_cursor`` asks the contract for the index of the next leaf it will execute."""
        self._database = database
        self._source = source
        self._load_cursor = load_cursor
        self._chain_id = chain_id
        self._settling_key = settling_key

    def load_free(self, keys: Collection[str]) -> Mapping[str, Sequence[int] | None]:
        """Return by key which of its queued calls may go, as row ids; None stands for all of them.

        Raises:
            TransientChainError: the node did not answer.
        """
        others = [key for key in keys if key != self._settling_key]
        free: dict[str, Sequence[int] | None] = {}
        if len(others) < len(keys):
            free[self._settling_key] = self._load_free_of_settling()
        if others:
            free |= self._load_free_of_others()
        return free

    def _load_free_of_others(self) -> dict[str, list[int]]:
        with self._database.reader() as connection:
            rows = fetch_all(connection, _SELECT_QUEUED, self._chain_id, self._settling_key)
        calls = [_Call(*cast("tuple[int, str, str, str]", row)) for row in rows]
        ordered = sorted({call.reference for call in calls if call.kind != APPROVAL})
        indices = self._source.indices(ordered) if ordered else {}
        limit = self._first_unsettled(max(indices.values())) if indices else None
        own = self._first_of_settling() if indices else None
        free: dict[str, list[int]] = {}
        for call in calls:
            index = None if call.kind == APPROVAL else indices.get(call.reference)
            is_settled = index is None or limit is None or index <= limit
            if is_settled and (index is None or own is None or index < own):
                free.setdefault(call.signer, []).append(call.id)
        return free

    def _first_of_settling(self) -> int | None:
        """Return the index of the first entry whose registration or seat the chain has not been told of."""
        with self._database.reader() as connection:
            rows = fetch_all(connection, _SELECT_OWN, self._chain_id, self._settling_key)
        references = sorted({cast("str", row[3]) for row in rows})
        return min(self._source.indices(references).values(), default=None) if references else None

    def _load_free_of_settling(self) -> list[int] | None:
        """Return which calls of the settling key may go: all but seats of after a recovery under way."""
        with self._database.reader() as connection:
            recoveries = fetch_all(
                connection, _SELECT_RECOVERIES, self._chain_id, self._settling_key, RECOVERY
            )
            if not recoveries:
                return None
            rows = fetch_all(connection, _SELECT_OWN, self._chain_id, self._settling_key)
            queued = fetch_all(connection, _SELECT_QUEUED_IDS, self._chain_id, self._settling_key)
        calls = [_Call(*cast("tuple[int, str, str, str]", tuple(row))) for row in rows]
        seats = [call for call in calls if call.kind != REGISTRATION]
        lost = [cast("str", row[0]) for row in recoveries]
        indices = self._source.indices(sorted({*lost, *(call.reference for call in seats)}))
        first = min((indices[name] for name in lost if name in indices), default=None)
        held = {call.id for call in seats if first is not None and indices.get(call.reference, -1) > first}
        return [cast("int", row[0]) for row in queued if row[0] not in held] if held else None

    def _first_unsettled(self, end: int) -> int | None:
        """Return the index of the first operation below ``end`` that the contract has not executed.

        An entry's call is stored with the entry, so whoever saw the call finds every operation below it. A
        cursor that is behind makes calls wait longer, never shorter.
        """
        return self._source.first_operation(self._load_cursor(), end)
