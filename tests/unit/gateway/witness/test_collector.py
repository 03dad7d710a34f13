"""From a signed checkpoint to a published one: quorum, rounds, what waits and what does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, cosignature_line, format_vkey, open_checkpoint
from chain.errors import FormatError
from chain.tiles import TilePath, parse_entry_bundle
from chain.witness_policy import parse_policy
from gateway.db import Database, fetch_all
from gateway.witness.client import Cosignature, Proofs, WitnessClient, WitnessTrouble
from gateway.witness.collector import Collector, build_clients
from gateway.witness.refusals import WitnessRefusal
from gateway.witness.requests import format_request, open_request
from gateway.witness.state import WitnessState
from tests.unit.gateway.ledger.worlds import IDENTITY, World, joined, opened, recorded, running

NAMES = ("a", "b", "c")
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode() * 32) for name in NAMES}
VKEYS = {
    name: format_vkey(f"w.example/{name}", key.public_key(), KeyKind.COSIGNER) for name, key in KEYS.items()
}
LINES = "".join(f"witness {name} {vkey} http://127.0.0.1:1/{name}\n" for name, vkey in VKEYS.items())
TWO_OF_THREE = parse_policy(f"{LINES}group g 2 a b c\nquorum g\n".encode())


class Client(WitnessClient):
    """A witness in this process: its state is real, its line to us may be cut."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(VKEYS[name], "http://127.0.0.1:1")
        self.state = WitnessState(
            folder / f"{name}.sqlite3",
            lambda text, at: cosignature_line(text, f"w.example/{name}", KEYS[name], at),
            lambda: int(time.time()),
        )
        self.is_away = False
        self.asked: list[tuple[int, int]] = []
        self.held = 0

    def cosign(self, note: bytes, size: int, proofs: Proofs) -> Cosignature:
        if self.is_away:
            raise WitnessTrouble(self.name, "unreachable")
        last = self.state.last(IDENTITY.origin)
        old = 0 if last is None else last.size
        self.asked.append((old, size))
        body = format_request(old, proofs(old, size) if 0 < old < size else (), note)
        try:
            line = self.state.cosign(open_request(body, {IDENTITY.origin: (IDENTITY.vkey,)}))
        except WitnessRefusal as refusal:
            raise WitnessTrouble(self.name, refusal.code) from None
        return Cosignature(self.name, b"\0" * 4, line, 1)


class Town:
    """Three witnesses for one ledger."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir(exist_ok=True)
        self.clients = {name: Client(name, folder) for name in NAMES}
        for client in self.clients.values():
            stack.callback(client.state.close)

    def collector(self) -> Collector:
        return Collector(TWO_OF_THREE, list(self.clients.values()), round_seconds=0.3)

    def away(self, *names: str) -> None:
        for name, client in self.clients.items():
            client.is_away = name in names


def committed(world: World) -> int:
    with world.database.reader() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() or 0)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def signed_size(database: Database) -> int:
    with database.reader() as connection:
        return int(connection.exec_driver_sql("SELECT size FROM log_trees").scalar() or 0)


def cosigners(note: bytes) -> set[str]:
    """Return who cosigned a published note; every one of them is checked."""
    opened_note = open_checkpoint(note, [IDENTITY.vkey, *VKEYS.values()])
    return {one.name.removeprefix("w.example/") for one in opened_note.signatures if one.timestamp}


def published(world: World) -> tuple[int, set[str]]:
    note = world.ledger.checkpoint() or b""
    newest = world.ledger.view.latest_checkpoint()
    assert newest is not None and newest.note == note
    assert newest.size == open_checkpoint(note, [IDENTITY.vkey]).size == world.ledger.published_size()
    with world.database.reader() as connection:
        stored = fetch_all(connection, "SELECT note FROM checkpoints WHERE size = ?", newest.size)
        lines = fetch_all(connection, "SELECT line FROM cosignatures WHERE size = ?", newest.size)
    assert stored == [(note,)] and all(str(line).encode() in note for (line,) in lines)
    assert len(lines) == len(cosigners(note))
    return newest.size, cosigners(note)


def fill(world: World, count: int = 3) -> None:
    for number in range(count):
        if committed(world) == 1:
            world.accept(opened())
            world.accept(joined("m"))
        world.accept(recorded("m"), key=f"k{number}-{time.monotonic_ns()}")


def test_what_is_published_has_met_the_quorum(database: Database, tmp_path: Path) -> None:
    with ExitStack() as stack:
        town = Town(tmp_path / "w", stack)
        with running(database, tmp_path, collector=town.collector()) as world:
            fill(world)
            assert world.publish() == committed(world)
            assert published(world) == (committed(world), {"a", "b", "c"})
            town.away("b")
            fill(world)
            world.publish()
            assert published(world) == (committed(world), {"a", "c"})
        with database.reader() as connection:
            sizes = fetch_all(connection, "SELECT size FROM checkpoints ORDER BY size")
            proposed = fetch_all(connection, "SELECT size FROM proposed_checkpoints ORDER BY size")
        assert set(sizes) <= set(proposed)


def test_without_a_quorum_readers_stay_and_entries_go_on(database: Database, tmp_path: Path) -> None:
    with ExitStack() as stack:
        town = Town(tmp_path / "w", stack)
        with running(database, tmp_path, collector=town.collector()) as world:
            fill(world)
            before = world.publish()
            town.away("b", "c")
            fill(world, 300)
            eventually(lambda: signed_size(database) == committed(world))
            assert published(world) == (before, {"a", "b", "c"})
            assert world.ledger.fault is None
            with pytest.raises(FormatError):
                world.ledger.view.root(signed_size(database))  # type: ignore[arg-type]
            # What readers have is whole: also the bundle of a width that has been overtaken.
            bundle = world.ledger.tile(TilePath(None, 0, before))
            assert len(parse_entry_bundle(bundle or b"", before)) == before
            town.away("c")
            assert world.publish() == committed(world)
            assert published(world) == (committed(world), {"a", "b"})
            # The one that was away is brought up from its own last size.
            assert before in {old for old, _ in town.clients["b"].asked}
            assert town.clients["b"].asked[-1][1] == committed(world)


def test_a_restart_asks_again_for_what_was_signed(database: Database, tmp_path: Path) -> None:
    with ExitStack() as stack:
        town = Town(tmp_path / "w", stack)
        with running(database, tmp_path, collector=town.collector()) as world:
            fill(world)
            before = world.publish()
            town.away("a", "b", "c")
            fill(world)
            eventually(lambda: signed_size(database) == committed(world))
        town.away()
        with running(database, tmp_path, collector=town.collector()) as world:
            assert world.publish() == committed(world) > before
            assert published(world) == (committed(world), {"a", "b", "c"})
            assert signed_size(database) == committed(world)


def test_a_policy_taken_away_lets_what_waited_out(database: Database, tmp_path: Path) -> None:
    with ExitStack() as stack:
        town = Town(tmp_path / "w", stack)
        town.away("a", "b", "c")
        with running(database, tmp_path, collector=town.collector()) as world:
            fill(world)
            eventually(lambda: signed_size(database) == committed(world))
            assert world.ledger.checkpoint() is None
        with running(database, tmp_path) as world:
            assert published(world) == (committed(world), set())
            fill(world)
            assert world.publish() == committed(world)


def test_the_quorum_s_witnesses_need_an_address() -> None:
    policy = parse_policy(f"witness a {VKEYS['a']}\nquorum a\n".encode())
    with pytest.raises(FormatError) as refused:
        build_clients(policy, 1.0)
    assert refused.value.where == "policy: witness w.example/a"
    for client in build_clients(TWO_OF_THREE, 1.0):
        client.close()


def test_stopping_does_not_wait_for_witnesses(tmp_path: Path) -> None:
    with ExitStack() as stack:
        town = Town(tmp_path / "w", stack)
        town.away(*NAMES)
        collector = town.collector()
        collector.start(lambda one, two: (), lambda signed, given: None, lambda reason: None)
        before = threading.active_count()
        collector.stop()
        assert threading.active_count() == before - 4
