"""API keys: a request for one makes one at most, on both databases and however many ask at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.auth import Keyring, Principal, Scope, request_digest
from gateway.db import Database
from gateway.errors import Refusal

READS = frozenset({Scope.ENTRIES_READ})
ASKER = Principal("key_1", "platform", frozenset({Scope.ADMIN}), None)
OTHER = Principal("key_2", "platform", frozenset({Scope.ADMIN}), None)
ASKED = request_digest(ASKER, "k")


@pytest.fixture
def keyring(database: Database) -> Keyring:
    return Keyring(database, rate_per_second=1_000, public_rate_per_second=1_000)


def test_a_repeat_is_refused_with_the_key_that_was_made(keyring: Keyring) -> None:
    key_id, _ = keyring.create("shop", READS, request=ASKED)
    with pytest.raises(Refusal) as caught:
        keyring.create("shop", READS, request=ASKED)
    assert caught.value == Refusal("key.made_already", key=key_id)
    keyring.revoke(key_id)
    with pytest.raises(Refusal) as caught:
        keyring.create("shop", READS, request=ASKED)
    assert caught.value == Refusal("key.made_already", key=key_id)
    assert [key["id"] for key in keyring.list_keys()] == [key_id]


@pytest.mark.parametrize(
    ("name", "scopes", "chapter"),
    [("till", READS, None), ("shop", frozenset({Scope.ADMIN}), None), ("shop", READS, "3101-0007")],
)
def test_a_used_key_that_asks_for_another_one_is_refused(
    keyring: Keyring, name: str, scopes: frozenset[Scope], chapter: str | None
) -> None:
    keyring.create("shop", READS, request=ASKED)
    with pytest.raises(Refusal) as caught:
        keyring.create(name, scopes, chapter, request=ASKED)
    assert caught.value == Refusal("idempotency.key_reused")
    assert len(keyring.list_keys()) == 1


def test_each_principal_has_idempotency_keys_of_its_own(keyring: Keyring) -> None:
    one, _ = keyring.create("shop", READS, request=ASKED)
    two, _ = keyring.create("shop", READS, request=request_digest(OTHER, "k"))
    three, _ = keyring.create("shop", READS, request=request_digest(ASKER, "l"))
    assert len({one, two, three}) == 3 == len(keyring.list_keys())


def test_of_many_at_once_one_makes_the_key_and_the_others_are_told_which(keyring: Keyring) -> None:
    def ask(_: int) -> tuple[str, str]:
        try:
            return "made", keyring.create("shop", READS, request=ASKED)[0]
        except Refusal as refusal:
            return refusal.code, str(refusal.fields["key"])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(16)))
    assert sorted(code for code, _ in answers) == ["key.made_already"] * 15 + ["made"]
    assert {key_id for _, key_id in answers} == {keyring.list_keys()[0]["id"]}


def test_keys_that_nobody_asked_for_over_http_are_not_held_against_each_other(keyring: Keyring) -> None:
    keyring.create("one", READS)
    keyring.create("two", READS)
    with pytest.raises(IntegrityError):
        secret = "ty_live_" + "a" * 32
        keyring.store(secret, "three", READS, None)
        keyring.store(secret, "four", READS, None)
    # Keys of one moment are listed in any order.
    assert sorted(str(key["name"]) for key in keyring.list_keys()) == ["one", "three", "two"]


def test_what_is_listed_holds_no_digest(keyring: Keyring) -> None:
    keyring.create("shop", READS, request=ASKED)
    assert set(keyring.list_keys()[0]) == {"id", "name", "scopes", "chapter", "created_at", "revoked_at"}
