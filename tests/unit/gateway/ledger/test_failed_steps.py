"""Steps that fail beside the database: the key store does not commit, receipts are not signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.failpoints import MARKER, arm, disarm
from gateway.ledger.receipt_process import serve
from tests.unit.gateway.ledger.worlds import World, joined, opened, recorded, running

PRIVATE = {"note": "n"}


def stored(database: Database) -> list[object]:
    """Every entry's index, in order."""
    with database.reader() as connection:
        return [row[0] for row in fetch_all(connection, "SELECT log_index FROM entries ORDER BY log_index")]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A ledger with a chapter and a member; whatever is armed is disarmed."""
    (tmp_path / MARKER).touch()
    with running(database, tmp_path) as found:
        for draft in (opened(), joined("a")):
            found.accept(draft)
        yield found
    disarm()


@pytest.mark.parametrize("mode", ["error-before", "error-after"])
def test_a_key_store_that_does_not_commit_is_asked_again(world: World, tmp_path: Path, mode: str) -> None:
    before = len(stored(world.database))
    arm(f"ledger.keys:{mode}", tmp_path)
    answer = world.accept(recorded("a", private=PRIVATE), key="once")
    assert answer.index == before and (tmp_path / "failpoint.fired").exists()


@pytest.mark.parametrize("mode", ["error-before", "error-after"])
def test_receipts_that_are_not_signed_are_given_to_the_same_key(
    world: World, tmp_path: Path, mode: str
) -> None:
    before = len(stored(world.database))
    arm(f"ledger.receipts:{mode}", tmp_path)
    assert world.refuse(recorded("a"), key="once") == Refusal("ledger.unconfirmed")
    again = world.accept(recorded("a"), key="once")
    assert (again.index, again.replayed) == (before, True)
    assert len(stored(world.database)) == before + 1


def test_a_signing_process_whose_parent_was_killed_ends_in_silence(tmp_path: Path) -> None:
    empty, out = tmp_path / "in", tmp_path / "out"
    empty.write_bytes(b"half a key")
    with empty.open("rb") as requests, out.open("wb") as answers:
        serve(requests, answers)
    assert out.read_bytes() == b""
