"""Send signed transactions, and again when they are overdue; note what the node says to each.

Two threads send: the submitter what is new, the watcher what the chain lost. The same bytes twice do no harm.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import structlog

from chain.evm.client import EvmClient
from gateway.db import Database
from gateway.failpoints import step
from gateway.outbox.broadcast import Answer, Delivery, Signed, send_rows
from gateway.outbox.calls import TransactionState
from gateway.outbox.fees import load_fees
from gateway.outbox.rows import Move, Sent, load_raw, move_rows
from gateway.outbox.signing import SigningDesk

_log = structlog.get_logger("outbox")
_State = TransactionState
_MANY = 4_096
"""Times of sending that are kept before old ones are dropped."""


class Sender:
    """Sends rows of one database to one node and remembers when, which is pacing only."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        desk: SigningDesk,
        *,
        resend_after: float,
        batch_bytes: int,
    ) -> None:
        """``resend_after`` is in seconds, ``batch_bytes`` the signed bytes of one request."""
        self._database = database
        self._client = client
        self._desk = desk
        self._resend_after = resend_after
        self._batch_bytes = batch_bytes
        self._sent_at: dict[int, float] = {}

    def send_due(self, rows: Sequence[Sent]) -> int:
        """Send those of ``rows`` that were never sent or are overdue. Returns how many.

        Raises:
            TransientChainError: the node did not answer; what it did answer before is noted.
        """
        now = time.monotonic()
        self._prune(now)
        due = [row for row in rows if self._is_due(row, now)]
        answered = list[Delivery]()
        try:
            for deliveries in send_rows(self._client, self._bytes_of(due), batch_bytes=self._batch_bytes):
                answered += deliveries
        finally:
            # If we crash here, the node has the bytes and the rows still say signed: they are sent again.
            self._note(answered, now)
        return len(due)

    def sent_at(self, row: Sent) -> float | None:
        """When the row was last sent by this process, on the monotonic clock."""
        return self._sent_at.get(row.id)

    def forget(self, row_id: int) -> None:
        """Let the row be sent at once should it be in flight."""
        self._sent_at.pop(row_id, None)

    def _is_due(self, row: Sent, now: float) -> bool:
        last = self._sent_at.get(row.id)
        return last is None or now - last > self._resend_after

    def _prune(self, now: float) -> None:
        """Drop what is overdue anyway. Mined rows keep their time: one read before would be sent again."""
        if len(self._sent_at) > _MANY:
            self._sent_at = {row: at for row, at in self._sent_at.items() if now - at <= self._resend_after}

    def _bytes_of(self, rows: Sequence[Sent]) -> Iterator[Signed]:
        for row in rows:
            with self._database.reader() as connection:
                raw = load_raw(connection, row.id, row.tx_hash)
            if raw is not None:
                yield row, raw

    def _note(self, deliveries: Sequence[Delivery], now: float) -> None:
        """Note all answers at once: the mirror may long hold the database."""
        taken = [d.row for d in deliveries if d.answer is Answer.TAKEN and d.row.state is _State.SIGNED]
        if taken:
            with self._database.writer(step("outbox.sent")) as connection:
                move_rows(connection, [Move(r.id, r.state, _State.SENT, error=r.error) for r in taken])
        for delivery in deliveries:
            self._sent_at[delivery.row.id] = now
            if delivery.answer is Answer.NEVER and delivery.row.refused_hash is None:
                _log.error("the node refuses a call", row=delivery.row.id, kind=delivery.row.kind)
                self._desk.fill_nonce(delivery.row, delivery.reason or "", load_fees(self._client))
                self.forget(delivery.row.id)
            elif delivery.answer is Answer.UNKNOWN:
                _log.warning("a send is unknown", row=delivery.row.id, reason=delivery.reason)
