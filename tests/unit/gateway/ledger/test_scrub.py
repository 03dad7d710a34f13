"""The scrub: every change of what was signed is found before the next signature, with its first bad index."""

from __future__ import annotations

import itertools
import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
import pytest

from chain.tiles import entries_path, parse_tile_path, tile_path
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.ledger import scrub
from gateway.ledger.damage import first_bad
from gateway.ledger.faults import LedgerFault
from gateway.ledger.scrub_files import check_published
from tests.unit.gateway.ledger.test_integrator import fill, record_many
from tests.unit.gateway.ledger.worlds import World, recorded, running

ENTRIES = 305


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A ledger of 305 published entries."""
    with running(database, tmp_path) as world:
        fill(world)
        record_many(world, 300)
        assert world.publish() == ENTRIES
        yield world


def change(database: Database, *statements: str) -> None:
    """Write as somebody else does: over a connection of one's own."""
    if database.is_sqlite:
        # Another library would not see that this process has the file open, and take its log away.
        with closing(sqlite_driver.connect(str(database.url.database), timeout=10)) as connection:
            for sql in statements:
                assert connection.execute(sql).rowcount >= 1
            connection.commit()
    else:
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as other:
            for sql in statements:
                assert other.execute(sql.encode()).rowcount >= 1


def wait_fault(world: World, seconds: float = 10.0) -> str:
    """Return why the ledger takes no writes, once it takes none."""
    deadline = time.monotonic() + seconds
    while world.ledger.fault is None:
        assert time.monotonic() < deadline, "nothing was found"
        time.sleep(0.01)
    return world.ledger.fault


def hold_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the finding to what is done before a signature."""
    monkeypatch.setattr(scrub, "ROUND_SECONDS", 60.0)
    monkeypatch.setattr(scrub, "REST_SECONDS", 60.0)


TAMPERED = [
    ("UPDATE entries SET body = (SELECT body FROM entries WHERE log_index = 9) WHERE log_index = 7",
     "entries", 7),
    ("UPDATE entries SET salt = leaf_data WHERE log_index = 12", "entries", 12),
    ("UPDATE entries SET body = NULL, salt = NULL WHERE log_index = 13", "entries", 13),
    ("UPDATE entries SET leaf_data = salt WHERE log_index = 5", "entries", 5),
    ("UPDATE entries SET type = 'credit.issued' WHERE log_index = 6", "entries", 6),
    ("UPDATE entries SET chapter = 31010008 WHERE log_index = 6", "entries", 6),
    ("UPDATE entries SET at = '2020-01-01T00:00:00.000Z' WHERE log_index = 6", "entries", 6),
    ("UPDATE entries SET entry_id = '01ARZ3NDEKTSV4RRFFQ69G5FAV' WHERE log_index = 6", "entries", 6),
    ("DELETE FROM entries WHERE log_index = 44", "entries", 44),
    ("UPDATE operations SET amount = amount + 1 WHERE log_index = 8", "operations", 8),
    ("UPDATE operations SET leaf_hash = op_salt WHERE log_index = 8", "operations", 8),
    ("UPDATE operations SET kind = 99 WHERE log_index = 8", "operations", 8),
    ("DELETE FROM operations WHERE log_index = 11", "operations", 11),
    ("INSERT INTO operations (log_index, leaf_hash, kind, sender, receiver, amount, valid_until, ref, moved,"
     " outcome) SELECT 9, ref, kind, sender, receiver, amount, valid_until, ref, 0, 0 FROM operations"
     " WHERE log_index = 8", "operations", 9),
    ("UPDATE account_entries SET log_index = 7 WHERE log_index = 6", "account_entries", 7),
    ("DELETE FROM account_entries WHERE log_index = 6", "account_entries", 7),
    ("UPDATE checkpoints SET note = leaf_data FROM entries WHERE size = 1 AND log_index = 1",
     "checkpoints", 1),
    ("UPDATE checkpoints SET root = leaf_data FROM entries WHERE size = 1 AND log_index = 1",
     "checkpoints", 1),
    ("INSERT INTO checkpoints SELECT 1000, root, note, at FROM checkpoints WHERE size = 1",
     "checkpoints", 1000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "table", "index"), TAMPERED, ids=[f"{row[1]}-{n}" for n, row in enumerate(TAMPERED)]
)
def test_a_changed_row_is_found_before_the_next_signature(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, table: str, index: int
) -> None:
    hold_thread(monkeypatch)
    with running(database, tmp_path) as world:
        fill(world)
        record_many(world, 60)
        size = world.publish()
        before = world.ledger.checkpoint()
        change(database, sql)
        world.answer(recorded("a"))
        reason = f"log.damaged(table={table}, index={index})"
        assert wait_fault(world) == reason
        assert world.refuse(recorded("a")) == Refusal("ledger.read_only", reason=reason)
        assert (world.ledger.published_size(), world.ledger.checkpoint()) == (size, before)


def test_the_thread_finds_what_nobody_signs_behind(world: World, database: Database) -> None:
    change(database, "UPDATE entries SET salt = leaf_data WHERE log_index = 12")
    assert wait_fault(world) == "log.damaged(table=entries, index=12)"


def test_a_long_log_is_checked_whole_when_somebody_else_wrote(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_thread(monkeypatch)
    monkeypatch.setattr(scrub, "SMALL", 0)
    with running(database, tmp_path) as world:
        fill(world)
        record_many(world, 60)
        world.publish()
        whole = world.ledger.scrub.cycles
        for count in (1, 20, 1):
            record_many(world, count)
            world.publish()
        # Our own writing is no reason to read everything again.
        assert world.ledger.scrub.cycles == whole
        change(database, "UPDATE entries SET salt = leaf_data WHERE log_index = 12")
        if not database.is_sqlite:
            time.sleep(0.5)
        size = world.ledger.published_size()
        world.answer(recorded("a"))
        assert wait_fault(world) == "log.damaged(table=entries, index=12)"
        assert world.ledger.published_size() == size


def test_what_somebody_wrote_between_check_and_signature_is_found_too(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_thread(monkeypatch)
    with running(database, tmp_path) as world:
        fill(world)
        size = world.publish()
        found = world.ledger.integrator.scrub
        original, done = found.before_signing, []

        def late() -> object:
            mark = original()
            if not done:
                done.append(1)
                change(database, "UPDATE entries SET salt = leaf_data WHERE log_index = 2")
                time.sleep(0.0 if database.is_sqlite else 0.5)
            return mark

        monkeypatch.setattr(found, "before_signing", late)
        world.answer(recorded("a"))
        assert wait_fault(world) == "log.damaged(table=entries, index=2)"
        assert world.ledger.published_size() == size


def test_what_was_changed_while_stopped_is_found_before_the_first_signature(
    database: Database, tmp_path: Path
) -> None:
    with running(database, tmp_path) as world:
        fill(world)
        size = world.publish()
    change(database, "UPDATE entries SET salt = leaf_data WHERE log_index = 2")
    with running(database, tmp_path) as world:
        world.answer(recorded("a"))
        assert wait_fault(world) == "log.damaged(table=entries, index=2)"
        assert world.ledger.published_size() == size


def test_every_bit_flip_of_a_file_is_found_and_named(world: World) -> None:
    # Its thread still takes away what was superseded.
    world.ledger.integrator.stop()
    chance = random.Random("flips")
    found, tree = world.ledger.integrator.scrub, world.ledger.view.tree
    folder = world.folder / "log"
    files = sorted(path for path in (folder / "tile").rglob("*") if path.is_file())
    for _ in range(200):
        path = chance.choice(files)
        whole = path.read_bytes()
        bit = chance.randrange(len(whole) * 8)
        bad = bytearray(whole)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        name = path.relative_to(folder).as_posix()
        width = 67 if "entries" in name else 32
        index = parse_tile_path(name).index * 256 + bit // 8 // width
        with pytest.raises(LedgerFault) as fault:
            found.check()
        assert fault.value.check == f"log.damaged(file={name}, index={index})"
        assert first_bad(parse_tile_path(name), bytes(bad), tree) == index
        with pytest.raises(Refusal) as refusal:
            world.ledger.tile(parse_tile_path(name))
        assert refusal.value.code == "log.damaged"
        path.write_bytes(whole)
    found.check()


@pytest.mark.parametrize("name", [entries_path(0), entries_path(1, 49), tile_path(0, 0), tile_path(1, 0, 1)])
def test_a_file_that_is_gone_or_cut_is_found(world: World, name: str) -> None:
    world.ledger.integrator.scrub.stop()
    place, found = world.folder / "log" / name, world.ledger.integrator.scrub
    whole = place.read_bytes()
    place.write_bytes(whole[:-1])
    with pytest.raises(LedgerFault, match=r"log\.damaged\(file="):
        found.check()
    place.unlink()
    index = parse_tile_path(name).index * 256
    with pytest.raises(LedgerFault) as fault:
        found.check()
    assert fault.value.check == f"log.damaged(file={name}, index={index})"


def test_another_published_checkpoint_is_found(world: World, tmp_path: Path) -> None:
    place, found = world.folder / "log" / "checkpoint", world.ledger.integrator.scrub
    found.stop()
    shutil.copy(place, tmp_path / "kept")
    place.write_bytes(place.read_bytes() + b"\n")
    with pytest.raises(LedgerFault) as fault:
        found.check()
    assert fault.value.check == f"log.damaged(file=checkpoint, index={ENTRIES})"
    shutil.copy(tmp_path / "kept", place)
    found.check()


def test_a_published_checkpoint_put_back_or_gone_is_found(world: World) -> None:
    place, found = world.folder / "log" / "checkpoint", world.ledger.integrator.scrub
    before = place.read_bytes()
    world.accept(recorded("a"))
    assert world.publish() == ENTRIES + 1
    found.stop()
    now = place.read_bytes()
    place.write_bytes(before)
    with pytest.raises(LedgerFault) as fault:
        found.check()
    assert fault.value.check == f"log.damaged(file=checkpoint, index={ENTRIES})"
    place.unlink()
    with pytest.raises(LedgerFault) as fault:
        found.check()
    assert fault.value.check == "log.damaged(file=checkpoint, index=0)"
    place.write_bytes(now)
    found.check()


def test_the_first_checkpoint_is_stored_before_it_is_written_and_shown(world: World) -> None:
    """Read in the order that publishing has backwards, no moment of the first one looks like damage."""
    stored = world.ledger.checkpoint()
    with world.database.reader() as connection:
        check_published(0, None, connection)
        check_published(0, stored, connection)
        check_published(ENTRIES, stored, connection)
        with pytest.raises(LedgerFault):
            check_published(ENTRIES, None, connection)


def test_a_deleted_checkpoint_is_missed(world: World, database: Database) -> None:
    found = world.ledger.integrator.scrub
    found.stop()
    found.check()
    change(database, "DELETE FROM checkpoints WHERE size = 1")
    with pytest.raises(LedgerFault) as fault:
        found.check()
    assert fault.value.check == "log.damaged(table=checkpoints, index=1)"


def put_note(database: Database, size: int, note: bytes) -> None:
    literal = f"x'{note.hex()}'" if database.is_sqlite else f"'\\x{note.hex()}'::bytea"
    change(database, f"UPDATE checkpoints SET note = {literal} WHERE size = {size}")


def test_a_start_shows_nobody_the_note_of_another_size(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_thread(monkeypatch)
    with running(database, tmp_path) as world:
        fill(world)
        world.publish()
    with database.reader() as connection:
        rows = fetch_all(connection, "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 2")
    (last, note), (first, other) = cast("list[tuple[int, bytes]]", rows)
    shown = tmp_path / "log" / "checkpoint"
    for bad in ({last: other}, {last: other, first: note}, {last: note[:-1]}):
        for size, told in bad.items():
            put_note(database, size, told)
        with running(database, tmp_path) as world:
            assert world.ledger.fault == f"log.damaged(table=checkpoints, index={min(bad)})"
            assert world.refuse(recorded("a")).code == "ledger.read_only"
        assert shown.read_bytes() == note
        put_note(database, last, note)
        put_note(database, first, other)
        with running(database, tmp_path) as world:
            assert (world.ledger.fault, world.ledger.checkpoint()) == (None, note)


def test_while_many_entries_come_a_round_is_short(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world.ledger.integrator.scrub
    found.stop()
    now, size = [0.0], [0]
    monkeypatch.setattr(scrub, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(found, "_signed", lambda: size[0])
    monkeypatch.setattr(found, "_stop", threading.Event())

    def steps(grown: int) -> int:
        """Work for one round in steps of four milliseconds, after so many entries; return how many."""
        size[0] += grown
        done = itertools.count()

        def cycle() -> Iterator[int]:
            for number in done:
                now[0] += 0.004
                yield number

        assert found._advance(cycle())
        return next(done)

    assert [steps(0), steps(scrub.BUSY_GROWTH), steps(scrub.BUSY_GROWTH - 1)] == [13, 3, 13]


def test_figures_say_how_far_it_is(world: World) -> None:
    deadline = time.monotonic() + 10
    while world.ledger.scrub.position < ENTRIES and time.monotonic() < deadline:
        time.sleep(0.02)
    figures = world.ledger.scrub
    assert figures.position == ENTRIES and figures.cycles >= 1
    assert 0 <= figures.age_seconds < 10
