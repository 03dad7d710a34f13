"""Everything of delivery but the network: a mirror, subscriptions, a queue, a way out that a test answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import insert

from gateway.auth_tables import api_keys
from gateway.db import Database
from gateway.delivery.courier import Courier
from gateway.delivery.egress import AttemptFailed, Request
from gateway.delivery.queue import DeliveryQueue
from gateway.delivery.secrets_store import SecretsStore
from gateway.delivery.subscriptions import Owner, Subscriptions
from gateway.delivery.targets import parse_rules
from gateway.ledger.vault import Vault
from tests.unit.gateway.delivery.mirrored import CHAIN, FIRST, Mirrored

URL = "https://receiver.example/hooks?token=private"
ATTEMPTS = 3
OWNER = Owner("key_a", FIRST, manages=False)

Answer = int | AttemptFailed


@dataclass(slots=True)
class Way:
    """Takes requests; answers what the test's function says, with 204 without one."""

    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], Answer] = lambda request: 204

    async def post(self, request: Request) -> int:
        self.requests.append(request)
        answer = self.answer(request)
        if isinstance(answer, AttemptFailed):
            raise answer
        return answer


class PostOffice:
    """One gateway's delivery at a time a test sets; two keys of the first chapter, one of all."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.mirrored, self.now = database, Mirrored(database), 1_795_000_000.0
        self.vault = Vault(folder / "vault.sqlite3", os.urandom)
        self.secrets = SecretsStore(self.vault, os.urandom)
        rules = parse_rules("443", "")
        self.subscriptions = Subscriptions(
            database, self.mirrored.events, self.secrets, rules,
            limit=2, entropy=os.urandom, now=lambda: self.now,
        )  # fmt: skip
        self.queue = DeliveryQueue(
            database, self.mirrored.events, self.secrets,
            chain_id=CHAIN, attempts=ATTEMPTS, now=lambda: self.now, chance=lambda: 0.5,
        )  # fmt: skip
        self.way = Way()
        self.courier = Courier(self.queue, lambda: (_ for _ in ()).throw(AssertionError), lambda: self.now)
        for name in ("key_a", "key_b", "key_all"):
            self.key(name)

    def key(self, name: str, replaces: str | None = None, scopes: str = "events:read") -> None:
        """Store an API key."""
        row = {
            "id": name, "digest": name.encode().ljust(32), "name": name, "scopes": scopes,
            "created_at": "", "replaces": replaces,
        }  # fmt: skip
        with self.database.writer() as connection:
            connection.execute(insert(api_keys), row)

    def subscribe(self, owner: Owner = OWNER, url: str = URL, start: int | None = None) -> tuple[str, str]:
        """Make a subscription; return its id and its secret."""
        made = self.subscriptions.create(owner, url, start, os.urandom(32))
        return str(made["id"]), str(made["secret"])

    def deliver(self, webhook: str | None = None) -> list[tuple[str, str]]:
        """Do one round: everything that is due, or one subscription; return (webhook-id, url) of what was
        sent.
        """
        before = len(self.way.requests)

        async def serve() -> None:
            for name in [webhook] if webhook else self.queue.due():
                await self.courier.deliver(self.way, name)

        asyncio.run(serve())
        return [(one.headers["webhook-id"], one.url) for one in self.way.requests[before:]]

    def close(self) -> None:
        """Close the vault."""
        self.vault.close()
