"""A start does not wait until all of a large log was compared; nothing is signed before it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chain.operation import OperationKind
from gateway.db import Database
from gateway.ledger import integrator
from gateway.ledger.damage import row_damage
from gateway.ledger.scrub import Scrub
from tests.unit.gateway.ledger.worlds import World, address, joined, opened, operated, recorded, running


@pytest.fixture
def half_published(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A log of four entries, of which a crash left one without a checkpoint; how many are in one."""
    with running(database, tmp_path) as world:
        for draft in (opened(), joined("a")):
            world.accept(draft)
        size = world.publish()
        with monkeypatch.context() as patch:
            patch.setattr(world.ledger.sequencer, "_on_commit", lambda leaves: None)
            world.accept(operated(OperationKind.ISSUE, receiver=address("a"), amount=10_000))
    return size


@contextmanager
def held_up(patch: pytest.MonkeyPatch, damage: str | None = None) -> Iterator[threading.Event]:
    """Have the whole comparison wait for an event, then find what is damaged, if anything is."""
    may_go = threading.Event()
    original = Scrub.check

    def check(scrub: Scrub) -> None:
        assert may_go.wait(30)
        if damage is not None:
            raise row_damage(damage, 1)
        original(scrub)

    patch.setattr(Scrub, "check", check)
    patch.setattr(integrator, "START_PATIENCE", 0.05)
    try:
        yield may_go
    finally:
        may_go.set()


def test_writes_are_taken_while_what_was_signed_is_compared(
    database: Database, tmp_path: Path, half_published: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_up(monkeypatch) as may_go, running(database, tmp_path) as world:
        assert (world.ledger.published_size(), world.ledger.fault) == (half_published, None)
        accepted = world.accept(recorded("a"))
        assert accepted.index == half_published + 1
        assert not world.ledger.view.wait_newer(half_published, 0.1)
        may_go.set()
        assert world.publish() == half_published + 2


def test_what_is_found_after_the_start_stops_writing(
    database: Database, tmp_path: Path, half_published: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_up(monkeypatch, "entries") as may_go, running(database, tmp_path) as world:
        assert world.ledger.fault is None
        may_go.set()
        world.ledger.integrator._thread.join(10)
        check_stopped(world, half_published)


def test_what_is_found_at_once_stops_the_start(
    database: Database, tmp_path: Path, half_published: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_up(monkeypatch, "entries") as may_go:
        monkeypatch.setattr(integrator, "START_PATIENCE", 30.0)
        may_go.set()
        with running(database, tmp_path) as world:
            check_stopped(world, half_published)
            assert not world.ledger.sequencer._thread.is_alive()


def check_stopped(world: World, size: int) -> None:
    """Check that nothing was signed, and that writes say why."""
    assert world.ledger.fault == "log.damaged(table=entries, index=1)"
    assert world.ledger.published_size() == size
    assert world.refuse(recorded("a")).code == "ledger.read_only"
