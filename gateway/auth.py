"""Who is calling and what they may do: API keys, scopes, chapters, rates.

A key is ``ty_live_`` and 32 base-32 characters (160 random bits); only its SHA-256 is kept. A key acts for
one chapter or for all. Authorisation is asked for by each route; nothing here looks at a path.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

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


class Keyring:
    """The keys of one database, with a short cache, and the rates of those who call."""

    def __init__(self, database: Database, *, rate_per_second: int, public_rate_per_second: int) -> None:
        self._database = database
        self._cache: OrderedDict[bytes, tuple[float, Principal | None]] = OrderedDict()
        self._rate = Rate(rate_per_second, time.monotonic)
        self._public_rate = Rate(public_rate_per_second, time.monotonic)

    async def identify(self, header: bytes | None, address: str) -> Caller:
        """Return who sent ``header`` (the raw Authorization value) from ``address``.

        A revoked key is known no longer than five seconds after its revocation, at once in this process.
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
        principal = await asyncio.to_thread(self._load, digest)
        if principal is None:
            self._public_rate.hit(guesses)
        self._cache[digest] = (time.monotonic() + _CACHE_SECONDS, principal)
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

    def create(
        self,
        name: str,
        scopes: frozenset[Scope],
        chapter: str | None = None,
        *,
        request: bytes | None = None,
    ) -> tuple[str, str]:
        """Store a new key and return its id and the secret, which cannot be read again.

        ``request`` (:func:`request_digest`) makes one key at most. Raises Refusal ``key.made_already`` on a
        repeat, ``idempotency.key_reused`` where it asked for another key then.
        """
        secret = new_secret()
        try:
            return self.store(secret, name, scopes, chapter, request), secret
        except IntegrityError:
            # Not asked before: of two repeats at once, only the database knows which came first.
            self._refuse_repeat(request, (name, _joined(scopes), chapter))
            raise

    def store(
        self,
        secret: str,
        name: str,
        scopes: frozenset[Scope],
        chapter: str | None,
        request: bytes | None = None,
    ) -> str:
        """Store a given secret's digest and return the new key's id. Raises IntegrityError on a repeat."""
        key_id = "key_" + secrets.token_hex(8)
        row = {
            "id": key_id,
            "digest": sha256(secret.encode()).digest(),
            "request": request,
            "name": name,
            "scopes": _joined(scopes),
            "chapter": chapter,
            "created_at": _now(),
        }
        with self._database.writer() as connection:
            connection.execute(insert(api_keys), row)
        self._cache.clear()
        return key_id

    def _refuse_repeat(self, request: bytes | None, asked: tuple[str, str, str | None]) -> None:
        columns = (api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.chapter)
        with self._database.reader() as connection:
            row = connection.execute(select(*columns).where(api_keys.c.request == request)).one_or_none()
        if row is not None:
            if asked != (row.name, row.scopes, row.chapter):
                raise Refusal("idempotency.key_reused")
            raise Refusal("key.made_already", key=row.id)

    def revoke(self, key_id: str, chapter: str | None = None) -> bool:
        """End a key, one of ``chapter`` where given; return whether there was one to end."""
        change = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        if chapter is not None:
            change = change.where(api_keys.c.chapter == chapter)
        with self._database.writer() as connection:
            ended = connection.execute(change.values(revoked_at=_now())).rowcount
        self._cache.clear()
        return bool(ended)

    def list_keys(self) -> list[dict[str, str | None]]:
        """Return what is kept of every key; no secret is among it."""
        columns = [c for c in api_keys.c if c.name not in ("digest", "request")]
        with self._database.reader() as connection:
            rows = connection.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.id))
            return [dict(row._mapping) for row in rows]

    def ensure_platform_key(self, path: Path) -> str | None:
        """Return the platform's first key from its file, making both on first start.

        None when the file was taken away after keys exist: keys are never made behind the operator's back.
        """
        with self._database.reader() as connection:
            keys = connection.execute(select(func.count()).select_from(api_keys)).scalar_one()
        if path.exists():
            secret = path.read_text("ascii").strip()
        elif keys:
            return None
        else:
            secret = new_secret()
            _write_secret(path, secret)
        # If we crash here, the file holds a key no row knows; the next start stores that same key.
        if not keys:
            self.store(secret, "platform", frozenset({Scope.ADMIN}), None)
        return secret

    def _load(self, digest: bytes) -> Principal | None:
        wanted = select(api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.chapter).where(
            api_keys.c.digest == digest, api_keys.c.revoked_at.is_(None)
        )
        with self._database.reader() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        return Principal(row.id, row.name, frozenset(map(Scope, row.scopes.split())), row.chapter)


def new_secret() -> str:
    """Return a fresh API key."""
    return KEY_PREFIX + base64.b32encode(secrets.token_bytes(20)).decode().lower()


def request_digest(principal: Principal, idempotency_key: str) -> bytes:
    """Return the digest under which a request for a key is known, 32 bytes."""
    return sha256(f"{principal.id}\n{idempotency_key}".encode()).digest()


def _joined(scopes: frozenset[Scope]) -> str:
    return " ".join(sorted(scopes))


def _write_secret(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
