"""Where everything stands: log, anchor, contract, mirror, outbox. Reads only; for status, metrics and
readiness.

Figures come from SQL and one node call; they are cached for a moment so that nobody can make the node work by
asking. Public: sizes, heights and ages, nothing of any chapter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import Connection, func, select

from chain.errors import ChainError
from gateway.anchor.tables import anchor_evidence
from gateway.db import Database, fetch_in
from gateway.ledger.tables import checkpoints, log_heads, operations, proposed_checkpoints
from gateway.mirror.own_tables import mirror_halts
from gateway.mirror.tables import mirror_anchors, mirror_cursor, mirror_settlements
from gateway.mirror.unproven import count_unproven
from gateway.outbox.nonce_gaps import count_nonce_gaps
from gateway.outbox.order import APPROVAL, SETTLING_KEY
from gateway.outbox.settler import Held
from gateway.outbox.tables import chain_transactions

_FRESH_SECONDS = 0.5
_WAITING = ("queued", "signed", "sent")
_SELECT_INDICES = "SELECT log_index, entry_id FROM entries WHERE entry_id IN (@)"


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading. Sizes count leaves; ``chain_head`` is None while the node does not answer.

    ``witnesses_behind`` leaves are in a signed checkpoint that no quorum of witnesses has cosigned yet.
    ``mirror_unproven`` blocks are stored and not yet proven by their receipts. ``settle_waits_at`` is the
    entry behind which no operation is settled until its call by another key is mined, None where none is.
    ``calls_wait_at`` is the first entry whose call by another key waits until all operations before it are
    settled, None where none does.
    """

    origin: str
    chain_id: int
    entries: int
    checkpoint_size: int
    witnesses_behind: int
    witnesses_behind_seconds: float
    anchored_size: int
    evidence_size: int
    settled_index: int
    chain_head: int | None
    mirror_block: int | None
    mirror_halted: bool
    mirror_unproven: int
    outbox_waiting: int
    outbox_oldest_seconds: float
    anchor_age_seconds: float
    reconcile_mismatch: int
    settle_waits_at: int | None
    settle_wait_seconds: float
    calls_wait_at: int | None
    calls_wait_seconds: float

    @property
    def mirror_lag_blocks(self) -> int | None:
        """Blocks between the node's head and the mirror's, None while either is unknown."""
        if self.chain_head is None or self.mirror_block is None:
            return None
        return max(0, self.chain_head - self.mirror_block)

    def shown(self) -> dict[str, str | int | float | None]:
        """Return the figures with the lag, as JSON and the page show them."""
        return {**asdict(self), "mirror_lag_blocks": self.mirror_lag_blocks}


class Standing:
    """Reads figures of one log on one chain."""

    def __init__(
        self,
        database: Database,
        *,
        origin: str,
        log_id: bytes,
        chain_id: int,
        chain_head: Callable[[], int],
        mismatches: Callable[[], int],
        held: Callable[[], Held],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._origin = origin
        self._log_id = log_id
        self._chain_id = chain_id
        self._chain_head = chain_head
        self._now = now
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._figures: Figures | None = None
        self._mismatches = mismatches
        self._held = held

    def read(self) -> Figures:
        """Return figures at most half a second old."""
        with self._lock:
            if self._figures is None or time.monotonic() - self._read_at > _FRESH_SECONDS:
                self._figures = self._read_now()
                self._read_at = time.monotonic()
            return self._figures

    def read_halt(self) -> str | None:
        """Return what stopped the mirror: a block, its hash here and the node's; None where nothing did."""
        halts = mirror_halts.c
        query = select(halts.number, halts.stored_hash, halts.seen_hash).where(
            halts.chain_id == self._chain_id
        )
        with self._database.reader() as connection:
            row = connection.execute(query.order_by(halts.number).limit(1)).one_or_none()
        if row is None:
            return None
        kept, seen = row.stored_hash.hex(), row.seen_hash.hex()
        return f"block {row.number} is 0x{kept} here and 0x{seen} on the node"

    def nonce_gap(self) -> int:
        """Return how many nonces hold transactions of ours back: see `count_nonce_gaps`."""
        with self._database.reader() as connection:
            return count_nonce_gaps(connection, self._chain_id)

    def _read_now(self) -> Figures:
        try:
            head: int | None = self._chain_head()
        except ChainError:
            head = None
        held = self._held()
        with self._database.reader() as connection:
            checkpoint = connection.execute(select(func.max(checkpoints.c.size))).scalar() or 0
            behind, behind_seconds = self._behind(connection, checkpoint)
            anchored, anchored_at = self._anchored(connection)
            oldest, waiting = self._outbox(connection)
            settled = self._settled(connection)
            call_at, call_age = self._held_call(connection, settled)
            return Figures(
                origin=self._origin,
                chain_id=self._chain_id,
                entries=connection.execute(
                    select(log_heads.c.next_index).where(log_heads.c.origin == self._origin)
                ).scalar()
                or 0,
                checkpoint_size=checkpoint,
                witnesses_behind=behind,
                witnesses_behind_seconds=behind_seconds,
                anchored_size=anchored,
                evidence_size=self._evidence_size(connection),
                settled_index=settled,
                chain_head=head,
                mirror_block=connection.execute(
                    select(mirror_cursor.c.block_number).where(mirror_cursor.c.chain_id == self._chain_id)
                ).scalar(),
                mirror_halted=connection.execute(
                    select(func.count())
                    .select_from(mirror_halts)
                    .where(mirror_halts.c.chain_id == self._chain_id)
                ).scalar_one()
                > 0,
                mirror_unproven=count_unproven(connection, self._chain_id),
                outbox_waiting=waiting,
                outbox_oldest_seconds=oldest,
                anchor_age_seconds=anchored_at if checkpoint > anchored else 0.0,
                reconcile_mismatch=self._mismatches(),
                settle_waits_at=held.index,
                settle_wait_seconds=held.seconds,
                calls_wait_at=call_at,
                calls_wait_seconds=call_age,
            )

    def _behind(self, connection: Connection, published: int) -> tuple[int, float]:
        """Return how many leaves wait for witnesses, and since when the first of them do."""
        wanted = select(func.max(proposed_checkpoints.c.size), func.min(proposed_checkpoints.c.at)).where(
            proposed_checkpoints.c.size > published
        )
        size, since = connection.execute(wanted).one()
        return (0, 0.0) if size is None else (size - published, self._age(since))

    def _anchored(self, connection: Connection) -> tuple[int, float]:
        """Return the last anchored size and its age in seconds by the outbox's record of it."""
        size = connection.execute(
            select(func.max(mirror_anchors.c.size)).where(
                mirror_anchors.c.chain_id == self._chain_id, mirror_anchors.c.log_id == self._log_id
            )
        ).scalar()
        mined = connection.execute(
            select(func.max(chain_transactions.c.mined_at)).where(
                chain_transactions.c.chain_id == self._chain_id, chain_transactions.c.kind == "anchor"
            )
        ).scalar()
        return size or 0, self._age(mined)

    def _evidence_size(self, connection: Connection) -> int:
        wanted = select(func.max(anchor_evidence.c.size)).where(
            anchor_evidence.c.chain_id == self._chain_id,
            anchor_evidence.c.log_id == self._log_id,
            anchor_evidence.c.complete,
        )
        return connection.execute(wanted).scalar() or 0

    def _settled(self, connection: Connection) -> int:
        wanted = select(func.max(mirror_settlements.c.end)).where(
            mirror_settlements.c.chain_id == self._chain_id, mirror_settlements.c.log_id == self._log_id
        )
        return connection.execute(wanted).scalar() or 0

    def _outbox(self, connection: Connection) -> tuple[float, int]:
        wanted = select(func.min(chain_transactions.c.created_at), func.count()).where(
            chain_transactions.c.chain_id == self._chain_id, chain_transactions.c.state.in_(_WAITING)
        )
        oldest, waiting = connection.execute(wanted).one()
        return self._age(oldest), waiting

    def _held_call(self, connection: Connection, settled: int) -> tuple[int | None, float]:
        """Return the first entry whose call waits for operations before it, and the call's age in seconds."""
        calls = chain_transactions.c
        query = select(calls.reference, calls.created_at).where(
            calls.chain_id == self._chain_id,
            calls.state == "queued",
            calls.signer != SETTLING_KEY,
            calls.kind != APPROVAL,
        )
        since = {row.reference: row.created_at for row in connection.execute(query)}
        unsettled = connection.execute(
            select(func.min(operations.c.log_index)).where(operations.c.log_index >= settled)
        ).scalar()
        if not since or unsettled is None:
            return None, 0.0
        known = fetch_in(connection, _SELECT_INDICES, list(since))
        held = [(index, name) for index, name in cast("list[tuple[int, str]]", known) if index > unsettled]
        if not held:
            return None, 0.0
        first, name = min(held)
        return first, self._age(since[name])

    def _age(self, at: str | None) -> float:
        if at is None:
            return 0.0
        return max(0.0, self._now() - datetime.fromisoformat(at).astimezone(UTC).timestamp())
