"""Subscriptions: make, show, end, new secrets, sending again. A subscription is its key's: it hears the
chapter its key acts for, passes to the key that replaces that one, and ends with the last of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from chain.canonical import JsonValue
from chain.operation import chapter_code
from gateway.auth_tables import api_keys
from gateway.db import Database
from gateway.delivery.event_log import EventLog
from gateway.delivery.secrets_store import SecretsStore, format_time
from gateway.delivery.signing import format_secret
from gateway.delivery.tables import dead_letters, webhooks
from gateway.delivery.targets import TargetRefused, TargetRules
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger.vault import Entropy

View = dict[str, JsonValue]
Change = dict[str, object]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who asks: a key, its chapter's number (None: all), and whether it manages those of other keys."""

    key_id: str
    chapter: int | None
    manages: bool


class Subscriptions:
    """Webhooks of one database. What is another's reads like what does not exist."""

    def __init__(
        self,
        database: Database,
        events: EventLog,
        secrets: SecretsStore,
        rules: TargetRules,
        *,
        limit: int,
        entropy: Entropy,
        now: Callable[[], float],
    ) -> None:
        """``limit`` webhooks a key may have; ``now`` gives Unix seconds."""
        self._database = database
        self._events = events
        self._secrets = secrets
        self._rules = rules
        self._limit = limit
        self._entropy = entropy
        self._now = now

    def create(self, owner: Owner, url: str, start: int | None, request: bytes) -> View:
        """Store a subscription from event ``start`` on (None: the next one); its ``secret`` is shown now.

        Raises Refusal ``webhook.target``, ``webhook.limited``, ``webhook.sequence``,
        ``webhook.made_already``.
        """
        try:
            self._rules.parse(url)
        except TargetRefused as error:
            raise Refusal("webhook.target", reason=error.reason) from None
        last = self._events.last(owner.chapter)
        first = last + 1 if start is None else _within(start, last)
        webhook, now = "whk_" + self._entropy(8).hex(), self._now()
        self._secrets.prepare(webhook)
        row = {
            "id": webhook, "request": request, "key_id": owner.key_id, "chapter": owner.chapter, "url": url,
            "created_at": format_time(now), "state": "active", "next_seq": first, "attempts": 0,
            "next_at": 0.0, "generation": 0,
        }  # fmt: skip
        # If we crash here, a key in the vault seals nothing.
        try:
            with self._database.writer(step("webhook.create")) as connection:
                if self._count(connection, owner.key_id) >= self._limit:
                    raise Refusal("webhook.limited", limit=self._limit)
                connection.execute(insert(webhooks), row)
                secret = self._secrets.add(connection, webhook, now)
        except IntegrityError:
            self._refuse_repeat(request, url)
            raise
        return {**self.get(owner, webhook), "secret": format_secret(secret)}

    def list_all(self, owner: Owner) -> list[View]:
        """Return every subscription the key sees, in order of making."""
        wanted = select(webhooks).where(_seen(owner)).order_by(webhooks.c.created_at, webhooks.c.id)
        with self._database.reader() as connection:
            return [self._view(connection, row) for row in connection.execute(wanted).all()]

    def get(self, owner: Owner, webhook: str) -> View:
        """Return one subscription. Raises Refusal ``webhook.unknown``."""
        with self._database.reader() as connection:
            return self._view(connection, self._row(connection, owner, webhook))

    def delete(self, owner: Owner, webhook: str) -> None:
        """End a subscription; its address and its secrets are gone. Raises Refusal ``webhook.unknown``."""
        with self._database.writer(step("webhook.delete")) as connection:
            self._row(connection, owner, webhook)
            _change(connection, webhook, state="deleted", reason=None, url="")
        # If we crash here, the key stays in the vault and seals what nobody reads any more.
        self._secrets.destroy(webhook)

    def rotate(self, owner: Owner, webhook: str) -> View:
        """Give the subscription a new secret beside the former ones, which end after the overlap.

        Raises Refusal ``webhook.unknown``.
        """
        with self._database.reader() as connection:
            self._row(connection, owner, webhook)
        # A vault restored from before the subscription has no key of it: then only the new secret signs.
        self._secrets.prepare(webhook)
        with self._database.writer(step("webhook.rotate")) as connection:
            self._row(connection, owner, webhook)
            secret = self._secrets.add(connection, webhook, self._now())
        return {"id": webhook, "secret": format_secret(secret)}

    def replay(self, owner: Owner, webhook: str, start: int | None) -> View:
        """Send again from event ``start`` on, or, without one, the dead letters; what was disabled is active.

        Raises Refusal ``webhook.unknown``, ``webhook.sequence``, ``webhook.nothing_dead``.
        """
        with self._database.writer(step("webhook.replay")) as connection:
            row = self._row(connection, owner, webhook)
            change: Change = {"state": "active", "reason": None, "attempts": 0, "next_at": 0.0}
            if start is None:
                again = update(dead_letters).where(
                    dead_letters.c.webhook_id == webhook, dead_letters.c.state == "dead"
                )
                if not connection.execute(again.values(state="replaying")).rowcount:
                    raise Refusal("webhook.nothing_dead")
            else:
                change["next_seq"] = _within(start, row.next_seq)
            _change(connection, webhook, **change)
        return self.get(owner, webhook)

    def dead(self, owner: Owner, webhook: str, after: int, limit: int) -> list[View]:
        """Return up to ``limit`` dead letters behind event ``after``. Raises Refusal ``webhook.unknown``."""
        dead = dead_letters.c
        wanted = (
            select(dead.seq, dead.state, dead.failure, dead.failure_status, dead.attempts, dead.at)
            .where(dead.webhook_id == webhook, dead.seq > after, dead.state != "delivered")
            .order_by(dead.seq)
            .limit(limit)
        )
        with self._database.reader() as connection:
            self._row(connection, owner, webhook)
            return [dict(row._mapping) for row in connection.execute(wanted)]

    def _row(self, connection: Connection, owner: Owner, webhook: str) -> Row[Any]:
        row = connection.execute(select(webhooks).where(webhooks.c.id == webhook, _seen(owner))).one_or_none()
        if row is None:
            raise Refusal("webhook.unknown")
        return row

    def _count(self, connection: Connection, key_id: str) -> int:
        wanted = select(func.count()).where(webhooks.c.key_id == key_id, webhooks.c.state != "deleted")
        return connection.execute(wanted).scalar_one()

    def _refuse_repeat(self, request: bytes, url: str) -> None:
        wanted = select(webhooks.c.id, webhooks.c.url).where(webhooks.c.request == request)
        with self._database.reader() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is not None:
            if row.url not in ("", url):
                raise Refusal("idempotency.key_reused")
            raise Refusal("webhook.made_already", webhook=row.id)

    def _view(self, connection: Connection, row: Row[Any]) -> View:
        open_dead = and_(dead_letters.c.webhook_id == row.id, dead_letters.c.state != "delivered")
        count, first = connection.execute(
            select(func.count(), func.min(dead_letters.c.seq)).where(open_dead)
        ).one()
        return {
            "id": row.id,
            "url": row.url,
            "chapter": None if row.chapter is None else chapter_code(row.chapter),
            "stream": self._events.stream(row.chapter),
            "created_at": row.created_at,
            "state": row.state,
            "reason": row.reason,
            "next_seq": row.next_seq,
            # All events up to here that this subscription is for were acknowledged.
            "delivered_seq": min(row.next_seq, row.next_seq if first is None else first) - 1,
            "attempts": row.attempts,
            "next_attempt_at": format_time(row.next_at) if row.attempts else None,
            "failure": row.failure,
            "failure_status": row.failure_status,
            "dead_letters": count,
        }


def _seen(owner: Owner) -> ColumnElement[bool]:
    there = webhooks.c.state != "deleted"
    if not owner.manages:
        replaced = select(api_keys.c.replaces).where(api_keys.c.id == owner.key_id)
        return and_(there, or_(webhooks.c.key_id == owner.key_id, webhooks.c.key_id.in_(replaced)))
    return there if owner.chapter is None else and_(there, webhooks.c.chapter == owner.chapter)


def _within(start: int, last: int) -> int:
    """Return ``start`` where it is an event there is. Raises Refusal ``webhook.sequence``."""
    if not 1 <= start <= last:
        raise Refusal("webhook.sequence", last=last)
    return start


def _change(connection: Connection, webhook: str, **values: object) -> None:
    """Change a subscription so that attempts that run just now leave no trace."""
    change = update(webhooks).where(webhooks.c.id == webhook)
    connection.execute(change.values(generation=webhooks.c.generation + 1, **values))
