"""API keys change with their entries: who made which, who ended it, and nothing of one that has ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.entry import parse_entry
from chain.types import ChapterCode
from gateway.auth import Scope
from gateway.auth_tables import api_keys
from gateway.db import Database, execute, fetch_all
from gateway.errors import Refusal
from gateway.ledger.api_keys import find_key_difference, issue_draft, revocation_draft, rotation_draft
from gateway.ledger.drafts import Accepted, Answer, Draft, IssueKey
from gateway.ledger.genesis import open_log
from gateway.rules.calendar import format_timestamp
from tests.unit.gateway.api_key_rows import new_key
from tests.unit.gateway.ledger.worlds import CHAPTER, IDENTITY, NOON, World, opened, running

CODE = "3101-0007"
HOUR = 3_600_000


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with running(database, tmp_path) as found:
        found.accept(opened(CHAPTER))
        yield found


def recorded(world: World, accepted: Accepted) -> tuple[str, str, dict[str, object]]:
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT body FROM entries WHERE log_index = ?", accepted.index)
    body = rows[0][0]
    assert isinstance(body, bytes)
    entry = parse_entry(body)
    return entry.type, str(entry.chapter), dict(entry.public)


def difference(world: World) -> str | None:
    with world.database.reader() as connection:
        return find_key_difference(connection)


def rows(world: World) -> dict[str, dict[str, object]]:
    with world.database.reader() as connection:
        return {row.id: dict(row._mapping) for row in connection.execute(api_keys.select())}


def made(world: World, chapter: str | None = None) -> IssueKey:
    key, _ = new_key(chapter=chapter)
    world.accept(issue_draft(key))
    return key


def ask_as(world: World, key: IssueKey, *, idempotency_key: str | None = None) -> Answer:
    draft = Draft("purchase.recorded", ChapterCode(CODE), None, (), public={"amount": "1"})
    return world.ledger.submit(world.submission(draft, idempotency_key, key.id)).result(30)


@pytest.mark.parametrize(("chapter", "of"), [(None, "0000-0000"), (CODE, CODE), ("9999-0001", "9999-0001")])
def test_a_key_is_made_by_its_entry_which_holds_no_secret(world: World, chapter: str | None, of: str) -> None:
    key, secret = new_key((Scope.ENTRIES_READ, Scope.ADMIN), chapter, name="till.7", request=b"\x01" * 32)
    accepted = world.accept(issue_draft(key))
    assert recorded(world, accepted) == (
        "key.issued",
        of,
        {"role": "api", "key": key.id, "scopes": ["admin", "entries:read"]},
    )
    row = rows(world)[key.id]
    assert (row["digest"], row["name"], row["scopes"], row["chapter"], row["created_at"]) == (
        key.digest, "till.7", "admin entries:read", chapter, accepted.at,
    )  # fmt: skip
    assert (row["revoked_at"], row["ends_at"], row["replaces"]) == (None, None, None)
    assert difference(world) is None
    with world.database.reader() as connection:
        everything = fetch_all(connection, "SELECT body FROM entries")
    stored = b"".join(bytes(body) for (body,) in everything if isinstance(body, bytes))
    for hidden in (secret, key.digest.hex(), "till.7"):
        assert hidden.encode() not in stored


def test_what_is_refused_leaves_neither_entry_nor_row(world: World) -> None:
    key, _ = new_key(request=b"\x02" * 32)
    world.accept(issue_draft(key))
    again, _ = new_key(request=b"\x02" * 32)
    assert world.refuse(issue_draft(again)) == Refusal("key.made_already", key=key.id)
    other, _ = new_key(request=b"\x02" * 32, name="other")
    assert world.refuse(issue_draft(other)) == Refusal("idempotency.key_reused")
    assert set(rows(world)) == {key.id}
    assert world.publish() == 3


def test_a_revoked_key_records_nothing_more_not_even_in_the_same_group(world: World) -> None:
    key, other = made(world), made(world)
    first = ask_as(world, key, idempotency_key="one")
    assert isinstance(first, Accepted)
    draft = Draft("purchase.recorded", ChapterCode(CODE), None, (), public={"amount": "2"})
    group = [
        world.submission(draft, principal=key.id),
        world.submission(revocation_draft(key.id, None, "compromised")),
        world.submission(draft, principal=key.id),
        world.submission(draft, principal=other.id),
    ]
    before, revoked, behind, others = world.ledger.submit_many(group)
    assert isinstance(before, Accepted) and isinstance(revoked, Accepted) and isinstance(others, Accepted)
    assert behind == Refusal("auth.invalid")
    assert recorded(world, revoked) == (
        "key.revoked",
        "0000-0000",
        {"role": "api", "reason": "compromised", "key": key.id},
    )
    assert rows(world)[key.id]["revoked_at"] == revoked.at
    # Not even what it was answered before.
    assert ask_as(world, key, idempotency_key="one") == Refusal("auth.invalid")
    assert ask_as(world, key) == Refusal("auth.invalid")
    assert isinstance(ask_as(world, other), Accepted)
    assert world.refuse(revocation_draft(key.id, None, "retired")) == Refusal("not_found")
    assert difference(world) is None


def test_a_chapters_key_is_ended_by_an_entry_of_that_chapter_alone(world: World) -> None:
    key = made(world, CODE)
    for chapter in (None, "3101-0008"):
        assert world.refuse(revocation_draft(key.id, chapter, "retired")) == Refusal("not_found")
    assert world.refuse(revocation_draft("key_0000000000000000", CODE, "retired")) == Refusal("not_found")
    assert recorded(world, world.accept(revocation_draft(key.id, CODE, "retired")))[1] == CODE


def test_a_rotated_key_ends_at_the_moment_stated(world: World) -> None:
    old = made(world, CODE)
    new, _ = new_key(chapter=CODE, replaces=old.id)
    end = format_timestamp(NOON + HOUR)
    accepted = world.accept(rotation_draft(new, end, "scheduled"))
    assert recorded(world, accepted) == (
        "key.rotated",
        CODE,
        {
            **{"role": "api", "reason": "scheduled", "old_key": old.id, "new_key": new.id},
            **{"scopes": ["entries:write"], "ends_at": end},
        },
    )
    assert rows(world)[new.id]["replaces"] == old.id and rows(world)[old.id]["ends_at"] == end
    world.clock.milliseconds = NOON + HOUR - 1
    assert isinstance(ask_as(world, old), Accepted) and isinstance(ask_as(world, new), Accepted)
    # The end that was stated is never moved later, and sooner by a revocation alone.
    late, _ = new_key(chapter=CODE, replaces=old.id)
    later = rotation_draft(late, format_timestamp(NOON + 2 * HOUR), "scheduled")
    assert world.refuse(later) == Refusal("key.ending", key=old.id)
    world.clock.milliseconds = NOON + HOUR
    assert ask_as(world, old) == Refusal("auth.invalid")
    assert isinstance(ask_as(world, new), Accepted)
    assert world.refuse(later) == Refusal("not_found")
    assert difference(world) is None


def test_without_an_overlap_the_old_key_ends_with_the_entry(world: World) -> None:
    old = made(world)
    new, _ = new_key(replaces=old.id)
    accepted = world.accept(rotation_draft(new, None, "compromised"))
    assert "ends_at" not in recorded(world, accepted)[2]
    assert rows(world)[old.id]["revoked_at"] == accepted.at
    assert ask_as(world, old) == Refusal("auth.invalid")
    assert isinstance(ask_as(world, new), Accepted)
    assert difference(world) is None


def test_a_rotated_key_can_be_ended_before_its_time(world: World) -> None:
    old = made(world)
    new, _ = new_key(replaces=old.id)
    world.accept(rotation_draft(new, format_timestamp(NOON + HOUR), "scheduled"))
    world.accept(revocation_draft(old.id, None, "compromised"))
    assert ask_as(world, old) == Refusal("auth.invalid")
    assert difference(world) is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET scopes = 'admin' WHERE id = ?",
        "UPDATE api_keys SET chapter = '3101-0008' WHERE id = ?",
        "UPDATE api_keys SET digest = created_at WHERE id = ?",
        "UPDATE api_keys SET revoked_at = NULL WHERE id = ?",
        "UPDATE api_keys SET replaces = NULL, ends_at = created_at WHERE id = ?",
        "DELETE FROM api_keys WHERE id = ?",
    ],
)
def test_a_row_that_no_entry_made_so_is_found(world: World, change: str) -> None:
    key = made(world, CODE)
    world.accept(revocation_draft(key.id, CODE, "retired"))
    if world.database.dialect == "postgresql":
        change = change.replace("digest = created_at", "digest = created_at::bytea")
    with world.database.writer() as connection:
        execute(connection, change, key.id)
    assert difference(world) == key.id


def test_a_row_without_an_entry_is_found(world: World) -> None:
    key, _ = new_key()
    with world.database.writer() as connection:
        execute(
            connection,
            "INSERT INTO api_keys (id, digest, name, scopes, created_at) VALUES (?, ?, ?, ?, ?)",
            key.id, key.digest, "own", "admin", format_timestamp(NOON),
        )  # fmt: skip
    assert difference(world) == key.id


def test_the_first_key_is_made_with_the_log_and_asked_for_then_alone(
    database: Database, tmp_path: Path
) -> None:
    key, _ = new_key((Scope.ADMIN,), name="platform")
    asked: list[IssueKey] = []

    def first() -> IssueKey:
        asked.append(key)
        return key

    for _ in range(2):
        open_log(database, IDENTITY, clock=lambda: NOON, entropy=os.urandom, first_key=first)
    assert asked == [key]
    with database.reader() as connection:
        bodies = fetch_all(connection, "SELECT type, body FROM entries ORDER BY log_index")
        assert find_key_difference(connection) is None
    assert [kind for kind, _ in bodies] == ["log.genesis", "key.issued"]
    assert json.loads(bytes(bodies[1][1]))["public"]["key"] == key.id  # type: ignore[call-overload]
    with running(database, tmp_path) as world:
        assert world.publish() == 2
        assert isinstance(world.answer(opened(CHAPTER)), Accepted)
        assert isinstance(ask_as(world, replace(key)), Accepted)
