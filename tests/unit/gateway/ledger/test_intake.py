"""The intake between processes: answers come after the commit, once, in order, whatever ends in between."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chain.receipt import parse_receipt, verify_receipt
from gateway.db import Database, execute, fetch_all, migrate
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, Answer, Submission
from gateway.ledger.intake_clerk import IntakeClerk
from gateway.ledger.intake_desk import IntakeDesk
from gateway.ledger.intake_wire import encode_answers
from gateway.ledger.log_follower import LogFollower
from gateway.ledger.receipt_store import StoredReceipts, complete_receipts
from tests.databases import fresh_postgres
from tests.unit.gateway.ledger.worlds import IDENTITY, World, joined, opened, recorded, running


@pytest.fixture
def world(postgres_url: str, tmp_path: Path) -> Iterator[World]:
    """A ledger on PostgreSQL with a chapter and a member."""
    with fresh_postgres(postgres_url) as url:
        database = Database(url)
        migrate(database)
        with running(database, tmp_path) as world:
            world.accept(opened())
            world.accept(joined("a"))
            complete_receipts(database, IDENTITY)
            yield world
        database.close()


@contextmanager
def looping(*loops: object) -> Iterator[threading.Event]:
    """Run loops in threads until the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=loop, args=(stop,), daemon=True) for loop in loops]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


def desk_of(world: World, **options: float) -> IntakeDesk:
    return IntakeDesk(
        world.database, world.vault, os.urandom, queue_limit=int(options.pop("queue_limit", 1000)), **options
    )


def rows(world: World) -> list[tuple[object, ...]]:
    with world.database.reader() as connection:
        return fetch_all(connection, "SELECT payload, answer FROM intake ORDER BY id")


def entries(world: World) -> int:
    with world.database.reader() as connection:
        return int(str(fetch_all(connection, "SELECT count(*) FROM entries")[0][0]))


def test_what_is_handed_over_is_answered_in_order(world: World) -> None:
    desk, clerk = desk_of(world), IntakeClerk(world.database, world.vault, world.ledger)
    private = recorded("a", private={"basket": "milk"})
    given = [world.submission(private), world.submission(recorded("nobody")), world.submission(private)]
    with looping(desk.run_writer, desk.run_reader, clerk.run_reader, clerk.run_answerer):
        group = desk.submit_group(given)
        single = desk.submit(world.submission(recorded("a")))
        first, refused, third = group.result(20)
        last = single.result(20)
        replayed = desk.submit(given[0]).result(20)
        reused = desk.submit(replace(given[0], fingerprint=b"\x00" * 32)).result(20)
    assert isinstance(first, Accepted) and isinstance(third, Accepted) and isinstance(last, Accepted)
    assert (first.index, third.index, last.index) == (3, 4, 5)
    assert refused == Refusal("member.unknown", field="subjects")
    assert replayed == replace(first, replayed=True)
    assert reused == Refusal("idempotency.key_reused")
    assert all(payload is None and answer is not None for payload, answer in rows(world))
    stored = StoredReceipts(world.database, IDENTITY.origin).find(first.index, first.leaf_hash, first.at)
    verify_receipt(parse_receipt(stored), IDENTITY.vkey)


class Forgetful:
    """A sequencer whose process dies after the commit: its answers reach nobody."""

    def __init__(self, world: World) -> None:
        self._world = world

    def submit_group(self, submissions: Sequence[Submission]) -> Future[list[Answer]]:
        assert all(isinstance(one, Accepted) for one in self._world.ledger.submit_many(submissions))
        return Future()


def test_a_row_whose_answer_was_lost_is_answered_once_and_not_recorded_twice(world: World) -> None:
    desk = desk_of(world)
    before = entries(world)
    with looping(desk.run_writer, desk.run_reader):
        future = desk.submit(world.submission(recorded("a", private={"why": "x"})))
        killed = IntakeClerk(world.database, world.vault, Forgetful(world))
        deadline = time.monotonic() + 20
        while not killed.take():
            assert time.monotonic() < deadline
        assert entries(world) == before + 1 and not future.done()
        assert rows(world)[0][1] is None
        # The next leader.
        complete_receipts(world.database, IDENTITY)
        clerk = IntakeClerk(world.database, world.vault, world.ledger)
        with looping(clerk.run_reader, clerk.run_answerer):
            answer = future.result(20)
    assert isinstance(answer, Accepted) and answer.index == before
    assert entries(world) == before + 1 and len(rows(world)) == 1


def test_an_answer_is_never_replaced(world: World) -> None:
    first, late = encode_answers([Refusal("quota.exceeded")]), [Refusal("internal")]
    with world.database.writer() as connection:
        execute(connection, "INSERT INTO intake (ticket, answer) VALUES (?, ?)", b"t" * 16, first)
        row_id = fetch_all(connection, "SELECT id FROM intake")[0][0]
    clerk = IntakeClerk(world.database, world.vault, world.ledger)
    clerk._store([(int(str(row_id)), list(late))])
    assert rows(world) == [(None, first)]


def test_nobody_there_is_said_as_not_confirmed_and_the_row_stays(world: World) -> None:
    desk = desk_of(world, patience=0.3)
    submission = world.submission(recorded("a"))
    before = entries(world)
    with looping(desk.run_writer, desk.run_reader):
        assert desk.submit(submission).result(20) == Refusal("ledger.unconfirmed")
        clerk = IntakeClerk(world.database, world.vault, world.ledger)
        with looping(clerk.run_reader, clerk.run_answerer):
            deadline = time.monotonic() + 20
            while entries(world) == before:
                assert time.monotonic() < deadline
            repeated = desk_of(world)
            with looping(repeated.run_writer, repeated.run_reader):
                answer = repeated.submit(submission).result(20)
    assert isinstance(answer, Accepted) and answer.replayed and entries(world) == before + 1


def test_too_much_waiting_and_a_closed_desk_are_busy(world: World) -> None:
    desk = desk_of(world, queue_limit=2)
    waiting = desk.submit_group([world.submission(recorded("a")) for _ in range(2)])
    assert desk.submit(world.submission(recorded("a"))).result(0) == Refusal("ledger.busy")
    desk.close()
    assert waiting.result(0) == [Refusal("ledger.unconfirmed")] * 2
    assert desk.submit(world.submission(recorded("a"))).result(0) == Refusal("ledger.busy")


def test_without_a_key_nothing_is_handed_over(world: World) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        desk_of(world).submit(replace(world.submission(recorded("a")), idempotency_key=""))


def test_a_row_nobody_can_read_is_answered_as_a_defect(world: World) -> None:
    desk = desk_of(world)
    clerk = IntakeClerk(world.database, world.vault, world.ledger)
    with looping(desk.run_writer, desk.run_reader):
        future = desk.submit(world.submission(recorded("a")))
        deadline = time.monotonic() + 20
        while not rows(world):
            assert time.monotonic() < deadline
        with world.database.writer() as connection:
            execute(connection, "UPDATE intake SET payload = ?", b"{")
        with looping(clerk.run_reader, clerk.run_answerer):
            assert future.result(20) == Refusal("internal")


def test_receipts_are_completed_without_gaps(world: World) -> None:
    for _ in range(3):
        world.accept(recorded("a"))
    found = StoredReceipts(world.database, IDENTITY.origin)
    with pytest.raises(Refusal) as caught:
        found.find(3, b"\x00" * 32, "2026-11-22T08:01:07.015Z")
    assert caught.value.code == "ledger.busy"
    assert complete_receipts(world.database, IDENTITY) == 3
    assert complete_receipts(world.database, IDENTITY) == 0
    with world.database.reader() as connection:
        signed = fetch_all(connection, "SELECT log_index FROM receipts ORDER BY 1")
    assert signed == [(index,) for index in range(entries(world))]


def test_a_followed_log_shows_what_is_published(world: World) -> None:
    world.publish()
    follower = LogFollower(world.database, IDENTITY.vkey)
    assert follower.catch_up() == world.ledger.published_size()
    world.accept(recorded("a"))
    size = world.publish()
    # Asked about a size it has not seen, it looks at once.
    assert follower.view.root(size) == world.ledger.view.root(size)  # type: ignore[arg-type]
    newest, ours = world.ledger.view.latest_checkpoint(), follower.view.latest_checkpoint()
    assert newest == ours
