"""What is to be delivered, and what became of it: the SQL side of the courier.

A subscription has one item at a time: its first replayed dead letter, else its next event. An item's outcome
is stored only where nothing was changed from outside meanwhile, by (generation, item).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, exists, func, insert, or_, select, update

from chain.canonical import canonicalize
from gateway.auth_tables import api_keys
from gateway.db import Database
from gateway.delivery.egress import AttemptFailed
from gateway.delivery.event_log import EventLog
from gateway.delivery.schedule import pause_after
from gateway.delivery.secrets_store import SecretsStore, format_time
from gateway.delivery.tables import dead_letters, told_events, webhooks
from gateway.failpoints import step

READING_SCOPES = frozenset(("events:read", "regulator:read", "admin"))
"""A key without any of these hears nothing."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Item:
    """One event for one subscription, as it is sent. ``secrets`` is empty where they cannot be read."""

    webhook: str
    generation: int
    url: str
    seq: int
    attempts: int
    is_replay: bool
    body: bytes
    secrets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class DeliveryFigures:
    """What operators watch: age of the oldest event that waits, subscriptions that fail, dead letters."""

    oldest_seconds: float
    failing: int
    dead_letters: int


class DeliveryQueue:
    """Items of one chain's subscriptions. ``now`` gives Unix seconds, ``chance`` a number in [0, 1)."""

    def __init__(
        self,
        database: Database,
        events: EventLog,
        secrets: SecretsStore,
        *,
        chain_id: int,
        attempts: int,
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._database = database
        self._events = events
        self._secrets = secrets
        self._chain_id = chain_id
        self._attempts = attempts
        self._now = now
        self._chance = chance

    def due(self) -> list[str]:
        """Return the subscriptions that have something to be sent now; end those whose key has ended."""
        wanted = select(webhooks.c.id, webhooks.c.key_id)
        ready = and_(webhooks.c.state == "active", webhooks.c.next_at <= self._now(), self._has_work())
        with self._database.reader() as connection:
            rows = connection.execute(wanted.where(ready).order_by(webhooks.c.next_at)).all()
            heirs = {row.key_id: self._heir(connection, row.key_id) for row in rows}
        due = []
        for row in rows:
            heir = heirs[row.key_id]
            if heir is None:
                self._change_active(row.id, state="disabled", reason="key_ended")
                continue
            if heir != row.key_id:
                self._change_active(row.id, key_id=heir)
            due.append(row.id)
        return due

    def take(self, webhook: str) -> Item | None:
        """Return the subscription's item, None where there is none any more."""
        with self._database.reader() as connection:
            row = connection.execute(
                select(webhooks).where(webhooks.c.id == webhook, webhooks.c.state == "active")
            ).one_or_none()
            if row is None:
                return None
            replayed = self._replayed(connection, webhook)
            secrets = self._secrets.load(connection, webhook, self._now())
        seq = row.next_seq if replayed is None else replayed
        found = self._events.since(seq, 1, row.chapter)
        if not found or found[0].seq != seq:
            return None
        event = found[0]
        body = {"type": event.document["type"], "timestamp": event.at, "data": event.document}
        return Item(
            webhook, row.generation, row.url, seq, row.attempts, replayed is not None,
            canonicalize(body), tuple(secrets),
        )  # fmt: skip

    def acknowledged(self, item: Item) -> None:
        """Store that the receiver has the item: the cursor goes on behind it."""
        values: dict[str, object] = {"attempts": 0, "next_at": 0.0, "failure": None, "failure_status": None}
        with self._database.writer(step("delivery.taken")) as connection:
            if not self._settle(connection, item, values):
                return
            # Sent again from a sequence, a dead letter may be taken in passing.
            taken = update(dead_letters).where(
                dead_letters.c.webhook_id == item.webhook, dead_letters.c.seq == item.seq
            )
            connection.execute(taken.values(state="delivered"))

    def failed(self, item: Item, failure: AttemptFailed) -> None:
        """Store that an attempt failed: a pause, or, after the last one, a dead letter; 410 disables."""
        attempts, now = item.attempts + 1, self._now()
        values: dict[str, object] = {"failure": failure.code, "failure_status": failure.status}
        is_last = False
        if failure.status == GONE:
            values |= {"state": "disabled", "reason": "gone"}
        elif attempts < self._attempts:
            values |= {"attempts": attempts, "next_at": now + pause_after(attempts, self._chance())}
        else:
            is_last = True
            values |= {"attempts": 0, "next_at": now}
        with self._database.writer(step("delivery.failed")) as connection:
            if not is_last:
                self._update(connection, item, values)
            elif self._settle(connection, item, values):
                self._bury(connection, item, failure, attempts)

    def figures(self) -> DeliveryFigures:
        """Return what operators watch."""
        active = webhooks.c.state == "active"
        waiting = select(func.min(told_events.c.told_at)).select_from(webhooks)
        waiting = waiting.join(told_events, self._next_event()).where(active)
        failing = select(func.count()).where(active, webhooks.c.failure.is_not(None))
        dead = select(func.count()).select_from(dead_letters).join(webhooks)
        dead = dead.where(dead_letters.c.state != "delivered", webhooks.c.state != "deleted")
        with self._database.reader() as connection:
            oldest = connection.execute(waiting).scalar()
            since = None if oldest is None else datetime.fromisoformat(oldest).timestamp()
            return DeliveryFigures(
                0.0 if since is None else max(0.0, self._now() - since),
                connection.execute(failing).scalar_one(),
                connection.execute(dead).scalar_one(),
            )

    # --- parts ---------------------------------------------------------------------------------------

    def _next_event(self) -> Any:
        told = told_events.c
        return and_(
            told.chain_id == self._chain_id,
            or_(
                and_(webhooks.c.chapter.is_(None), told.number == webhooks.c.next_seq),
                and_(told.chapter == webhooks.c.chapter, told.chapter_number == webhooks.c.next_seq),
            ),
        )

    def _has_work(self) -> Any:
        replaying = and_(dead_letters.c.webhook_id == webhooks.c.id, dead_letters.c.state == "replaying")
        return or_(exists().where(self._next_event()), exists().where(replaying))

    def _replayed(self, connection: Connection, webhook: str) -> int | None:
        wanted = select(func.min(dead_letters.c.seq)).where(
            dead_letters.c.webhook_id == webhook, dead_letters.c.state == "replaying"
        )
        return connection.execute(wanted).scalar()

    def _settle(self, connection: Connection, item: Item, values: dict[str, object]) -> bool:
        """Put the item behind the subscription; False where it was changed from outside."""
        return self._update(
            connection, item, values if item.is_replay else {**values, "next_seq": item.seq + 1}
        )

    def _update(self, connection: Connection, item: Item, values: dict[str, object]) -> bool:
        mine = update(webhooks).where(
            webhooks.c.id == item.webhook,
            webhooks.c.state == "active",
            webhooks.c.generation == item.generation,
        )
        if not item.is_replay:
            mine = mine.where(webhooks.c.next_seq == item.seq)
        return connection.execute(mine.values(**values)).rowcount == 1

    def _bury(self, connection: Connection, item: Item, failure: AttemptFailed, attempts: int) -> None:
        row = {
            "state": "dead", "failure": failure.code, "failure_status": failure.status,
            "attempts": attempts, "at": format_time(self._now()),
        }  # fmt: skip
        this = and_(dead_letters.c.webhook_id == item.webhook, dead_letters.c.seq == item.seq)
        if not connection.execute(update(dead_letters).where(this).values(**row)).rowcount:
            connection.execute(insert(dead_letters), {"webhook_id": item.webhook, "seq": item.seq, **row})

    def _heir(self, connection: Connection, key_id: str) -> str | None:
        """Return the key a subscription is of: its own while that holds, else the one that replaced it."""
        key, now = api_keys.c, format_time(self._now())
        seen: set[str] = set()
        while key_id not in seen:
            seen.add(key_id)
            row = connection.execute(
                select(key.scopes, key.revoked_at, key.ends_at).where(key.id == key_id)
            ).one_or_none()
            if row is not None and row.revoked_at is None and (row.ends_at is None or row.ends_at > now):
                return key_id if READING_SCOPES & {*row.scopes.split()} else None
            following = connection.execute(select(key.id).where(key.replaces == key_id)).scalars().first()
            if following is None:
                return None
            key_id = following
        return None

    def _change_active(self, webhook: str, **values: str) -> None:
        with self._database.writer(step("delivery.end")) as connection:
            change = update(webhooks).where(webhooks.c.id == webhook, webhooks.c.state == "active")
            connection.execute(change.values(**values))
