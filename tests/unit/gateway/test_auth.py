"""API keys at the door: who a secret stands for, until when, and what is said of keys."""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256

import pytest

from gateway.auth import Keyring, Principal, Scope, StoredKey, request_digest
from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.api_keys import KeyUse, issue_draft, rotation_draft
from gateway.rules.calendar import format_timestamp
from tests.unit.gateway.api_key_rows import MADE_AT, end_key, new_key, store_key

READS = frozenset({Scope.ENTRIES_READ})
NOW = 1_795_400_000_000
ADMIN = Principal("key_1", "platform", frozenset({Scope.ADMIN}), None)


class Clock:
    """Unix milliseconds that are set."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(database: Database, clock: Clock) -> Keyring:
    return Keyring(database, rate_per_second=1_000, public_rate_per_second=1_000, clock=clock)


def who(keyring: Keyring, secret: str) -> str | None:
    header = f"Bearer {secret}".encode()
    found = asyncio.run(keyring.identify(header, "192.0.2.1")).principal
    return None if found is None else found.id


def test_a_secret_stands_for_its_key_until_that_is_revoked(database: Database, keyring: Keyring) -> None:
    name, secret = store_key(database, READS, "3101-0007")
    assert who(keyring, secret) == name == "key_" + sha256(secret.encode()).hexdigest()[:16]
    end_key(database, name, "3101-0007")
    keyring.forget()
    assert who(keyring, secret) is None


def test_a_rotated_key_is_known_until_its_end_and_not_a_second_longer(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    old, secret = store_key(database, READS)
    key, following = new_key(READS, replaces=old)
    with database.writer() as connection:
        KeyUse(connection, MADE_AT).apply(rotation_draft(key, format_timestamp(NOW + 100), "scheduled"))
    assert who(keyring, secret) == old and who(keyring, following) == key.id
    clock.now = NOW + 100
    # Known by the cache no longer than the end that it saw.
    time.sleep(0.11)
    assert who(keyring, secret) is None and who(keyring, following) == key.id


def test_a_key_is_found_by_those_who_may_manage_it(database: Database, keyring: Keyring) -> None:
    name, secret = store_key(database, READS, "3101-0007")
    kept = StoredKey(name, sha256(secret.encode()).digest(), "shop", "entries:read", "3101-0007")
    assert keyring.find(ADMIN, name) == kept
    stranger = Principal("key_2", "other", frozenset({Scope.ADMIN}), "3101-0008")
    for principal, asked in ((stranger, name), (ADMIN, "key_0000000000000000")):
        with pytest.raises(Refusal) as caught:
            keyring.find(principal, asked)
        assert caught.value == Refusal("not_found")


def test_the_key_that_a_request_made_is_found_by_it(database: Database, keyring: Keyring) -> None:
    """Each principal has idempotency keys of its own."""
    asked = request_digest(ADMIN, "k")
    key, _ = new_key(READS, request=asked)
    with database.writer() as connection:
        KeyUse(connection, MADE_AT).apply(issue_draft(key))
    made = keyring.made_under(asked)
    assert made is not None and made.id == key.id
    other = Principal("key_2", "other", frozenset({Scope.ADMIN}), None)
    assert keyring.made_under(request_digest(other, "k")) is None
    assert keyring.made_under(request_digest(ADMIN, "l")) is None


def test_what_is_listed_holds_no_digest(database: Database, keyring: Keyring) -> None:
    store_key(database, READS)
    assert set(keyring.list_keys()[0]) == {
        *("id", "name", "scopes", "chapter", "created_at", "revoked_at", "ends_at", "replaces"),
    }
