"""Who is calling and what they may do: API keys, scopes, chapters, rates.

A key is ``ty_live_`` and 32 base-32 characters (160 random bits); only its SHA-256 is kept. A key acts for
one chapter or for all. Authorisation is asked for by each route; nothing here looks at a path.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import ColumnElement, select

from gateway.auth_tables import api_keys
from gateway.db import Database
from gateway.errors import Refusal
from gateway.rates import Rate

KEY_PREFIX = "ty_live_"
"""Start of every key, so that scanners of leaked secrets find it."""
_KEY = re.compile(rb"[Bb]earer (ty_live_[a-z2-7]{32})")
_CACHE_SECONDS = 5.0
_CACHE_SIZE = 4_096


class Scope(StrEnum):
    """What a key may do. ``admin`` includes every other; ``regulator:read`` includes every read."""

    ENTRIES_WRITE = "entries:write"
    ENTRIES_READ = "entries:read"
    CREDITS_WRITE = "credits:write"
    CREDITS_APPROVE = "credits:approve"
    MEMBERS_WRITE = "members:write"
    MEMBERS_READ = "members:read"
    CHAPTERS_WRITE = "chapters:write"
    ACCOUNTS_READ = "accounts:read"
    EVENTS_READ = "events:read"
    CASES_DECIDE = "cases:decide"
    REGULATOR_READ = "regulator:read"
    ADMIN = "admin"


_SCOPES = {one.value: one for one in Scope}
_READS = frozenset({Scope.ENTRIES_READ, Scope.MEMBERS_READ, Scope.ACCOUNTS_READ, Scope.EVENTS_READ})


@dataclass(frozen=True, slots=True)
class Principal:
    """A known key: ``chapter`` None acts for every chapter."""

    id: str
    name: str
    scopes: frozenset[Scope]
    chapter: str | None

    def require(self, scope: Scope) -> Principal:
        """Return self when the scope is held.

        Raises:
            Refusal: ``auth.scope``.
        """
        if self.holds(scope):
            return self
        raise Refusal("auth.scope", scope=scope.value)

    def holds(self, scope: Scope) -> bool:
        """Whether the scope is held, by itself or within another."""
        held = self.scopes
        return scope in held or Scope.ADMIN in held or (scope in _READS and Scope.REGULATOR_READ in held)

    def may_see(self, chapter: str | None) -> bool:
        """Whether things of ``chapter`` exist for this principal at all."""
        return self.chapter is None or self.chapter == chapter

    def require_chapter(self, chapter: str) -> None:
        """Pass when this principal acts for ``chapter``; the answer says nothing about its existence.

        Raises:
            Refusal: ``chapter.forbidden``.
        """
        if not self.may_see(chapter):
            raise Refusal("chapter.forbidden")


@dataclass(frozen=True, slots=True)
class Caller:
    """The other end of one request: its address, and its principal when it sent a key that is known."""

    address: str
    principal: Principal | None
    sent_key: bool

    def require(self, scope: Scope) -> Principal:
        """Return the principal when it holds ``scope``.

        Raises:
            Refusal: ``auth.missing``, ``auth.invalid`` or ``auth.scope``.
        """
        if self.principal is None:
            raise Refusal("auth.invalid" if self.sent_key else "auth.missing")
        return self.principal.require(scope)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of one key: its secret's SHA-256, scopes joined by spaces."""

    id: str
    digest: bytes
    name: str
    scopes: str
    chapter: str | None


def _system_clock() -> int:
    return time.time_ns() // 1_000_000


class Keyring:
    """The keys of one database, with a short cache, and the rates of those who call."""

    def __init__(
        self,
        database: Database,
        *,
        rate_per_second: int,
        public_rate_per_second: int,
        clock: Callable[[], int] = _system_clock,
    ) -> None:
        """``clock`` gives Unix milliseconds, as the entries' that end keys."""
        self.database = database
        self._clock = clock
        self._cache: OrderedDict[bytes, tuple[float, Principal | None]] = OrderedDict()
        self._rate = Rate(rate_per_second, time.monotonic)
        self._public_rate = Rate(public_rate_per_second, time.monotonic)

    async def identify(self, header: bytes | None, address: str) -> Caller:
        """Return who sent ``header`` (the raw Authorization value) from ``address``.

        A key that ended is known no longer than five seconds, in this process not at all; nothing is recorded
        for it in any (`gateway.ledger.api_keys`).
        """
        if header is None:
            return Caller(address, None, sent_key=False)
        match = _KEY.fullmatch(header.strip())
        if match is None:
            return Caller(address, None, sent_key=True)
        digest = sha256(match[1]).digest()
        cached = self._cache.get(digest)
        if cached is not None and cached[0] > time.monotonic():
            return Caller(address, cached[1], sent_key=True)
        # Unknown keys cost a look-up each, so those who guess are slowed before the next one.
        guesses = f"guesses {address}"
        if cached is None and not self._public_rate.has_room(guesses):
            raise Refusal("rate.limited", limit=self._public_rate.limit, retry_after_s=1)
        principal, lasts = await asyncio.to_thread(self._load, digest)
        if principal is None:
            self._public_rate.hit(guesses)
        self._cache[digest] = (time.monotonic() + lasts, principal)
        while len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)
        return Caller(address, principal, sent_key=True)

    def count(self, caller: Caller) -> None:
        """Count one request of ``caller``.

        Raises:
            Refusal: ``rate.limited`` when it has made too many in this second.
        """
        known = caller.principal
        rate, key = (self._rate, known.id) if known else (self._public_rate, caller.address)
        if not rate.hit(key):
            raise Refusal("rate.limited", limit=rate.limit, retry_after_s=1)

    def find(self, principal: Principal, name: str) -> StoredKey:
        """Return what is kept of a key that ``principal`` may manage. Raises Refusal ``not_found``."""
        found = self._stored(api_keys.c.id == name)
        if found is None or not principal.may_see(found.chapter):
            raise Refusal("not_found")
        return found

    def made_under(self, request: bytes) -> StoredKey | None:
        """Return the key that this request (:func:`request_digest`) made."""
        return self._stored(api_keys.c.request == request)

    def _stored(self, which: ColumnElement[bool]) -> StoredKey | None:
        columns = (api_keys.c.id, api_keys.c.digest, api_keys.c.name, api_keys.c.scopes, api_keys.c.chapter)
        with self.database.reader() as connection:
            row = connection.execute(select(*columns).where(which)).one_or_none()
        return None if row is None else StoredKey(*row)

    def forget(self) -> None:
        """Ask the database again for every key: one was changed."""
        self._cache.clear()

    def list_keys(self) -> list[dict[str, str | None]]:
        """Return what is kept of every key; no secret is among it."""
        columns = [c for c in api_keys.c if c.name not in ("digest", "request")]
        with self.database.reader() as connection:
            rows = connection.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.id))
            return [dict(row._mapping) for row in rows]

    def _load(self, digest: bytes) -> tuple[Principal | None, float]:
        """Return who has the key of this digest, and for how many seconds that may be taken for granted."""
        columns = (api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.chapter, api_keys.c.ends_at)
        wanted = select(*columns).where(api_keys.c.digest == digest, api_keys.c.revoked_at.is_(None))
        with self.database.reader() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None, _CACHE_SECONDS
        left = _CACHE_SECONDS
        if row.ends_at is not None:
            left = (datetime.fromisoformat(row.ends_at).timestamp() * 1000 - self._clock()) / 1000
            if left <= 0:
                return None, _CACHE_SECONDS
        # What is no scope, as in a damaged row, allows nothing.
        scopes = frozenset(_SCOPES[one] for one in row.scopes.split() if one in _SCOPES)
        found = Principal(row.id, row.name, scopes, row.chapter)
        return found, min(left, _CACHE_SECONDS)


def new_secret(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Return a fresh API key."""
    return KEY_PREFIX + base64.b32encode(entropy(20)).decode().lower()


def request_digest(principal: Principal, idempotency_key: str) -> bytes:
    """Return the digest under which a request for a key is known, 32 bytes."""
    return sha256(f"{principal.id}\n{idempotency_key}".encode()).digest()


def joined_scopes(scopes: Iterable[Scope]) -> str:
    """Return scopes as they are kept."""
    return " ".join(sorted(set(scopes)))
