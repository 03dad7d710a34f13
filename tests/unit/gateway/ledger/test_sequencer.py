"""The sequencer: places, idempotency, refusals without trace, concurrency, restarts, fencing."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from chain.disclosure import verify_disclosures
from chain.entry import FIRST_PREVIOUS, entry_commitment, leaf_data, operation_digest, parse_entry
from chain.hashing import hash_leaf
from chain.operation import OperationKind, account_id
from chain.receipt import parse_receipt, verify_receipt
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.failpoints import UNNAMED, Step
from gateway.ledger.drafts import Accepted, AccountKind
from gateway.rules.calendar import format_timestamp
from gateway.schema import full_metadata
from tests.unit.gateway.ledger.worlds import (
    IDENTITY,
    NOON,
    OTHER_CHAPTER,
    ManualClock,
    World,
    address,
    joined,
    opened,
    operated,
    recorded,
    running,
)

K = OperationKind


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A ledger with a chapter and the members a, b (1,000.00 coins each) and the merchant m."""
    with running(database, tmp_path) as world:
        world.accept(opened())
        for name in ("a", "b"):
            world.accept(joined(name))
        world.accept(joined("m", kind=AccountKind.MERCHANT))
        for name in ("a", "b"):
            world.accept(operated(K.ISSUE, receiver=address(name), amount=100_000))
        yield world


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables."""
    with database.reader() as connection:
        return {
            name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for name, table in full_metadata().tables.items()
            if name not in ("checkpoints", "log_trees")
        }


def stored(database: Database) -> list[tuple[int, bytes, bytes, bytes, bytes | None]]:
    """Return (index, body, salt, leaf data, op salt) of every entry."""
    sql = (
        "SELECT e.log_index, e.body, e.salt, e.leaf_data, o.op_salt FROM entries e"
        " LEFT JOIN operations o ON o.log_index = e.log_index ORDER BY e.log_index"
    )
    with database.reader() as connection:
        return fetch_all(connection, sql)  # type: ignore[return-value]


def check_log(database: Database) -> Counter[str]:
    """Check every entry, leaf and account chain as a stranger would; return entries per account."""
    heads: dict[str, tuple[int, bytes]] = {}
    last_at = ""
    for position, (index, body, salt, leaf, op_salt) in enumerate(stored(database)):
        assert index == position
        entry = parse_entry(body)
        assert entry.at >= last_at
        last_at = entry.at
        digest = None if entry.operation is None else operation_digest(entry.operation, op_salt or b"")
        assert leaf == leaf_data(entry_commitment(salt, body), digest)
        for account, link in entry.subjects.items():
            assert (link.sequence - 1, link.previous) == heads.get(account, (0, FIRST_PREVIOUS))
            heads[account] = (link.sequence, hash_leaf(leaf))
    return Counter({account: sequence for account, (sequence, _) in heads.items()})


def test_first_entry_is_the_genesis(world: World) -> None:
    entry = parse_entry(stored(world.database)[0][1])
    assert (entry.type, entry.subjects, entry.operation) == ("log.genesis", {}, None)
    assert entry.public == {"origin": IDENTITY.origin, "vkey": IDENTITY.vkey}


def test_accepted_entry_is_stored_and_its_receipt_verifies(world: World) -> None:
    accepted = world.accept(operated(K.TRANSFER, address("a"), address("b"), 1_234))
    receipt = parse_receipt(json.loads(accepted.receipt))
    verify_receipt(receipt, IDENTITY.vkey)
    assert (receipt.index, receipt.leaf_hash, receipt.at) == (accepted.index, accepted.leaf_hash, accepted.at)
    index, body, _, leaf, _ = stored(world.database)[-1]
    entry = parse_entry(body)
    assert (index, entry.id, hash_leaf(leaf)) == (accepted.index, accepted.entry_id, accepted.leaf_hash)
    assert entry.operation is not None
    assert entry.operation.amount == 1_234
    assert set(entry.subjects) == {account_id(address("a")), account_id(address("b"))}
    assert check_log(world.database)[account_id(address("a"))] == 3


def test_private_fields_are_sealed_and_open_again(world: World) -> None:
    world.accept(recorded("a", "b", private={"basket": "basket-4711-x", "items": [{"n": 2}]}))
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT account, sealed FROM disclosures")
    (account, sealed), body = rows[0], stored(world.database)[-1][1]
    assert account == address("a")
    assert b"basket-4711-x" not in body and b"basket-4711-x" not in bytes(sealed)  # type: ignore[arg-type]
    plain = world.vault.open(bytes(account), json.loads(body)["id"], bytes(sealed))  # type: ignore[arg-type]
    assert plain is not None
    shown = verify_disclosures(json.loads(body), plain.decode().split("~"))
    assert shown == {"basket": "basket-4711-x", "items": [{"n": 2}]}
    world.vault.destroy(address("a"))
    assert world.vault.open(address("a"), json.loads(body)["id"], bytes(sealed)) is None  # type: ignore[arg-type]


def test_private_fields_need_a_subject(world: World) -> None:
    assert world.refuse(recorded(private={"x": 1})) == Refusal(
        "entry.bad_field", field="private", reason="belongs to no subject"
    )


def test_same_key_and_body_gives_the_first_answer(world: World) -> None:
    draft = operated(K.TRANSFER, address("a"), address("b"), 10)
    first = world.accept(draft, key="k1")
    before = everything(world.database)
    assert world.accept(draft, key="k1") == replace(first, replayed=True)
    assert everything(world.database) == before
    other = world.ledger.submit(world.submission(draft, "k1", principal="someone else")).result(10)
    assert isinstance(other, Accepted)
    assert (other.replayed, other.index) == (False, first.index + 1)


def test_same_key_with_another_body_is_refused(world: World) -> None:
    world.accept(recorded("a"), key="k1")
    before = everything(world.database)
    assert world.refuse(recorded("b"), key="k1") == Refusal("idempotency.key_reused")
    assert everything(world.database) == before


def test_same_key_twice_in_one_group(world: World) -> None:
    draft = recorded("a")
    group = [world.submission(draft, "k"), world.submission(draft, "k"), world.submission(recorded("b"), "k")]
    first, second, third = world.ledger.submit_many(group)
    assert isinstance(first, Accepted)
    assert second == replace(first, replayed=True)
    assert third == Refusal("idempotency.key_reused")


def test_refused_key_may_be_used_again(world: World) -> None:
    draft = operated(K.TRANSFER, address("a"), address("b"), 150_000)
    assert world.refuse(draft, key="k").code == "balance.insufficient"
    world.accept(operated(K.TRANSFER, address("b"), address("a"), 60_000))
    assert not world.accept(draft, key="k").replayed


def test_answers_come_in_order_and_indexes_are_dense(world: World) -> None:
    drafts = [recorded("a") if n % 3 else recorded("nobody") for n in range(500)]
    answers = world.ledger.submit_many([world.submission(draft) for draft in drafts])
    refused = [n for n, answer in enumerate(answers) if isinstance(answer, Refusal)]
    assert refused == list(range(0, 500, 3))
    indexes = [answer.index for answer in answers if isinstance(answer, Accepted)]
    assert indexes == list(range(indexes[0], indexes[0] + 333))
    check_log(world.database)


def test_time_never_goes_back(world: World) -> None:
    world.clock.milliseconds = NOON + 5_000
    first = world.accept(recorded("a"))
    world.clock.milliseconds = NOON - 3_600_000
    second = world.accept(recorded("a"))
    assert first.at == second.at == format_timestamp(NOON + 5_000)


def test_refusal_in_a_group_leaves_no_trace_and_hinders_nobody(world: World) -> None:
    before = everything(world.database)
    answers = world.ledger.submit_many(
        [
            world.submission(operated(K.TRANSFER, address("a"), address("b"), 100_001)),
            world.submission(recorded("nobody")),
            world.submission(joined("a")),
            world.submission(opened()),
            world.submission(recorded("a", chapter=OTHER_CHAPTER)),
            world.submission(replace(recorded("a"), refs=("01ARZ3NDEKTSV4RRFFQ69G5FAV",))),
            world.submission(replace(recorded("a"), actor=account_id(address("nobody")))),
            world.submission(recorded("a", private={"x": "y" * 40_000})),
            world.submission(replace(recorded("a"), public={"items": [{"product": "p" * 60}] * 500})),
        ]
    )
    assert answers[:8] == [
        Refusal("balance.insufficient", field="op.from"),
        Refusal("member.unknown", field="subjects"),
        Refusal("member.exists"),
        Refusal("chapter.exists"),
        Refusal("chapter.unknown", field="chapter"),
        Refusal("refs.unknown"),
        Refusal("member.unknown", field="actor"),
        answers[7],
    ]
    assert isinstance(answers[7], Accepted)
    assert answers[8] == Refusal("entry.too_large", limit=32_768)
    after = everything(world.database)
    assert len(after["entries"]) == len(before["entries"]) + 1
    assert after["balances"] == before["balances"]
    assert after["accounts"] == before["accounts"]
    check_log(world.database)


def test_entries_can_point_at_earlier_ones(world: World) -> None:
    first = world.accept(recorded("a"))
    second = world.accept(replace(recorded("a"), refs=(first.entry_id,)))
    assert parse_entry(stored(world.database)[second.index][1]).refs == (first.entry_id,)


def test_32_threads_on_one_account_lose_nothing(world: World) -> None:
    results: list[Accepted | Refusal] = []

    def pay(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(15):
            pair = ("a", "b") if chance.random() < 0.5 else ("b", "a")
            draft = operated(K.TRANSFER, address(pair[0]), address(pair[1]), chance.randrange(1, 20_000))
            results.append(world.answer(draft))

    threads = [threading.Thread(target=pay, args=(seed,)) for seed in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 480
    accepted = [answer for answer in results if isinstance(answer, Accepted)]
    assert {answer.code for answer in results if isinstance(answer, Refusal)} <= {"balance.insufficient"}
    assert len({answer.index for answer in accepted}) == len(accepted) > 100
    chains = check_log(world.database)
    assert chains[account_id(address("a"))] == len(accepted) + 2
    with world.database.reader() as connection:
        held = dict(fetch_all(connection, "SELECT account, available FROM balances"))  # type: ignore[arg-type]
        moved = fetch_all(
            connection, "SELECT sender, sum(amount) FROM operations WHERE kind = 2 GROUP BY sender"
        )
    sent = {bytes(sender): int(total) for sender, total in moved}  # type: ignore[call-overload]
    a, b = sent.get(address("a"), 0), sent.get(address("b"), 0)
    assert held[address("a")] == 100_000 - a + b >= 0
    assert held[address("b")] == 100_000 - b + a >= 0


def test_restart_goes_on_where_it_stopped(database: Database, tmp_path: Path) -> None:
    clock = ManualClock()
    for turn in range(4):
        with running(database, tmp_path, clock) as world:
            if turn == 0:
                world.accept(opened())
                world.accept(joined("a"))
                kept = world.accept(recorded("a"), key="kept")
            world.accept(recorded("a"))
            assert world.accept(recorded("a"), key="kept") == replace(kept, replayed=True)
            world.publish()
    assert check_log(database)[account_id(address("a"))] == 6


@contextmanager
def failing_writer(
    world: World, monkeypatch: pytest.MonkeyPatch, *, committed: bool, times: int
) -> Iterator[list[int]]:
    """Let the next ``times`` write transactions of the sequencer fail, before or after they commit."""
    original = world.database.writer
    left = [times]

    @contextmanager
    def writer(commit: Step = UNNAMED) -> Iterator[Connection]:
        if threading.current_thread().name != "sequencer" or not left[0]:
            with original(commit) as connection:
                yield connection
            return
        if committed:
            with original(commit) as connection:
                yield connection
        else:
            with pytest.raises(ZeroDivisionError), original(commit) as connection:
                yield connection
                raise ZeroDivisionError
        left[0] -= 1
        raise OperationalError("COMMIT", {}, Exception("connection lost"))

    with monkeypatch.context() as patch:
        patch.setattr(world.database, "writer", writer)
        yield left


@pytest.mark.parametrize("committed", [False, True])
def test_commit_with_unknown_outcome_is_resolved(
    world: World, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    before = len(stored(world.database))
    with failing_writer(world, monkeypatch, committed=committed, times=1):
        # Idle rounds of the sequencer may take the failure; repeat until a submission met it.
        answer = world.accept(operated(K.TRANSFER, address("a"), address("b"), 500), key="once")
    assert answer.index == before
    world.accept(operated(K.TRANSFER, address("a"), address("b"), 500), key="twice")
    assert len(stored(world.database)) == before + 2
    check_log(world.database)
    assert world.publish() == before + 2
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT available FROM balances WHERE account = ?", address("a"))
    assert rows == [(99_000,)]


def test_database_that_stays_away_is_told_and_then_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(world.database)
    with failing_writer(world, monkeypatch, committed=False, times=1_000):
        assert world.refuse(recorded("a"), key="k") == Refusal("ledger.busy")
    assert stored(world.database) == before
    assert not world.accept(recorded("a"), key="k").replayed
    check_log(world.database)


@contextmanager
def full_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the database grow no more: SQLite by its limit of pages, PostgreSQL by what its driver raises."""
    if not world.database.is_sqlite:

        @contextmanager
        def writer(commit: Step = UNNAMED) -> Iterator[Connection]:
            raise OperationalError(
                "COPY", {}, psycopg.errors.DiskFull("could not extend file: No space left")
            )
            yield

        with monkeypatch.context() as patch:
            patch.setattr(world.database, "writer", writer)
            yield
        return
    # All writing goes over one connection, whose limit this is.
    with world.database.writer() as connection:
        pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    yield
    with world.database.writer() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {2**31}")


def test_a_full_disk_is_told_and_nothing_is_half_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(world.database)
    large = recorded("a", private={f"note{number}": "x" * 1_000 for number in range(32)})
    with full_disk(world, monkeypatch):
        # A page may have room left for some; then there is none.
        answers = [world.answer(large, key=f"full-{number}") for number in range(8)]
        assert answers[-1] == Refusal("storage.full")
        assert (answers[-1].status, answers[-1].retry_after_s) == (507, 60)
    kept = sum(isinstance(answer, Accepted) for answer in answers)
    assert len(stored(world.database)) == len(before) + kept
    # Room again: the same key records what was refused, once.
    assert not world.accept(large, key="full-7").replayed
    assert world.accept(large, key="full-7").replayed
    assert len(stored(world.database)) == len(before) + kept + 1
    check_log(world.database)


def test_replaced_sequencer_stops(world: World, tmp_path: Path) -> None:
    world.publish()
    with running(world.database, tmp_path) as other:
        refusal = world.refuse(recorded("a"))
        assert refusal == Refusal("ledger.read_only", reason="replaced by another sequencer")
        assert world.ledger.fault == "replaced by another sequencer"
        other.accept(recorded("a"))
    check_log(world.database)


def test_too_many_waiting_are_refused(database: Database, tmp_path: Path) -> None:
    with running(database, tmp_path, queue_limit=4) as world:
        world.accept(opened())
        world.accept(joined("a"))
        with database.writer():  # On SQLite the sequencer now waits; on PostgreSQL it may still go on.
            futures = [world.ledger.submit(world.submission(recorded("a"))) for _ in range(200)]
        answers = [future.result(30) for future in futures]
        refused = [answer for answer in answers if isinstance(answer, Refusal)]
        assert refused and set(refused) == {Refusal("ledger.busy")}
        accepted = [answer for answer in answers if isinstance(answer, Accepted)]
        with database.reader() as connection:
            count = connection.scalar(select(func.count()).select_from(full_metadata().tables["entries"]))
        assert count == len(accepted) + 3


def test_stopped_ledger_refuses(database: Database, tmp_path: Path) -> None:
    with running(database, tmp_path) as world:
        world.accept(opened())
    assert world.refuse(recorded("a")) == Refusal("ledger.read_only", reason="stopping")
