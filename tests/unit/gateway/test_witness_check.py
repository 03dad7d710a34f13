"""What a start does with what its witnesses hold: less, the same, more or other; and with silent ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, cosignature_line, format_vkey
from chain.merkle.tree import Tree
from chain.witness_policy import parse_policy
from gateway.db import Database, sqlite_url
from gateway.ledger.faults import LedgerFault
from gateway.ledger.proposed import propose
from gateway.ledger.service import StartWaits
from gateway.witness.client import WitnessClient, WitnessTrouble
from gateway.witness.collector import SignedNote
from gateway.witness.refusals import WitnessRefusal
from gateway.witness.requests import open_request
from gateway.witness.state import WitnessState
from gateway.witness_check import WitnessCheck
from tests.unit.gateway.witness.false_witness import Given, answering
from tests.unit.gateway.witness.logs import ORIGIN, VKEY, TestLog

LOG = TestLog(60)
NAMES = ("a", "b", "c")
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode() * 32) for name in NAMES}
VKEYS = {name: format_vkey(f"w/{name}", key.public_key(), KeyKind.COSIGNER) for name, key in KEYS.items()}
POLICY = parse_policy(
    ("".join(f"witness {n} {v}\n" for n, v in VKEYS.items()) + "group g 2 a b c\nquorum g\n").encode()
)


class Town:
    """Three witnesses; ``shows`` says whether they serve what they hold, as a stock witness need not."""

    def __init__(self, folder: Path, database: Database, stack: ExitStack) -> None:
        self.shows = True
        self.silent: set[str] = set()
        self.wrong: dict[str, bytes] = {}
        self._database = database
        self.states = {name: self._state(folder, name) for name in NAMES}
        self.urls = {name: stack.enter_context(answering(self._answerer(name))) for name in NAMES}
        for state in self.states.values():
            stack.callback(state.close)

    def _state(self, folder: Path, name: str) -> WitnessState:
        def sign(text: str, at: int) -> str:
            return cosignature_line(text, f"w/{name}", KEYS[name], at)

        return WitnessState(folder / f"{name}.sqlite3", sign, lambda: 1_800_000_000)

    def _answerer(self, name: str) -> Callable[[bytes], Given]:
        def answer(body: bytes) -> Given:
            try:
                line = self.states[name].cosign(open_request(body, {ORIGIN: (VKEY,)}))
            except WitnessRefusal as refusal:
                size = "" if refusal.size is None else f"{refusal.size}\n"
                return refusal.status, {"content-type": "text/x.tlog.size"}, size.encode()
            return 200, {}, line.encode()

        return answer

    def holds(self, name: str, size: int, log: TestLog = LOG) -> None:
        """Bring one witness to a size."""
        last = self.states[name].last(ORIGIN)
        body = log.request(0 if last is None else last.size, size)
        self.states[name].cosign(open_request(body, {ORIGIN: (VKEY,)}))

    def signed(self, size: int, log: TestLog = LOG) -> None:
        """Keep a checkpoint as signed here."""
        with self._database.writer() as connection:
            propose(connection, SignedNote(size, log.tree.root(size), log.note(size)), "")  # type: ignore[arg-type]

    def check(self, tree: Tree) -> None:
        WitnessCheck(POLICY, self.clients, self._database, origin=ORIGIN, vkey=VKEY)(tree)

    def clients(self) -> list[WitnessClient]:
        town = self

        class Client(WitnessClient):
            def last_checkpoint(self, origin: str) -> bytes | None:
                name = self.name.removeprefix("w/")
                if name in town.silent:
                    raise WitnessTrouble(self.name, "unreachable")
                last = town.states[name].last(origin)
                return town.wrong.get(name) or (last.note if last is not None and town.shows else None)

        return [Client(VKEYS[name], self.urls[name]) for name in NAMES]


@pytest.fixture
def town(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Town]:
    place = tmp_path / "gateway.sqlite3"
    place.write_bytes(migrated_sqlite.read_bytes())
    with ExitStack() as stack:
        database = Database(sqlite_url(place))
        stack.callback(database.close)
        yield Town(tmp_path, database, stack)


def tree_of(size: int, branch: str = "a", fork: int = 0) -> Tree:
    return TestLog(size, branch, fork).tree


def fault(town: Town, tree: Tree) -> str:
    with pytest.raises(LedgerFault) as found:
        town.check(tree)
    return found.value.check


@pytest.mark.parametrize("shows", [True, False])
def test_what_is_ours_and_no_more_is_agreed_with(town: Town, shows: bool) -> None:
    town.shows = shows
    town.check(tree_of(1))
    town.signed(40)
    town.check(tree_of(40))
    for name, size in (("a", 40), ("b", 40), ("c", 40)):
        if shows:
            town.holds(name, size)
    town.check(tree_of(40))
    town.check(tree_of(60))


@pytest.mark.parametrize("shows", [True, False])
def test_one_that_holds_more_stops_the_start(town: Town, shows: bool) -> None:
    town.shows = shows
    town.signed(30)
    town.holds("b", 31)
    assert fault(town, tree_of(30)) == "log.behind_witness(here=30, witnessed=31, witness=w/b)"


@pytest.mark.parametrize(("shows", "held"), [(True, 30), (True, 20), (False, 30), (False, 20)])
def test_one_that_holds_another_history_stops_the_start(town: Town, shows: bool, held: int) -> None:
    town.shows = shows
    town.signed(30)
    town.holds("c", held, TestLog(held, "b", fork=7))
    assert fault(town, tree_of(30)) == f"log.differs_from_witness(here=30, witnessed={held}, witness=w/c)"


def test_an_emptied_database_is_behind(town: Town) -> None:
    town.holds("a", 50)
    assert fault(town, tree_of(1)) == "log.behind_witness(here=1, witnessed=50, witness=w/a)"


def test_too_few_answers_are_waited_for(town: Town) -> None:
    town.signed(30)
    town.silent = {"a"}
    town.check(tree_of(30))
    town.silent = {"a", "b"}
    with pytest.raises(StartWaits) as waits:
        town.check(tree_of(30))
    assert waits.value.reason == "witnesses.unanswered"


def test_what_our_log_has_not_signed_says_nothing(town: Town) -> None:
    """A witness alone cannot make us believe that we are behind: it lacks our signature."""
    forged = LOG.note(60, Ed25519PrivateKey.from_private_bytes(b"\4" * 32))
    cosigned = TestLog(60).note(60)
    text = forged.decode().partition("\n\n")[0] + "\n"
    town.wrong = {"a": forged + cosignature_line(text, "w/a", KEYS["a"], 5).encode(), "b": cosigned}
    with pytest.raises(StartWaits):
        town.check(tree_of(30))
