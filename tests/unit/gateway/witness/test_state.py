"""A witness's record: forward only, one root a size, whatever runs at once and whatever was there before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chain.checkpoint import open_checkpoint
from chain.hashing import EMPTY_ROOT
from gateway.witness.refusals import WitnessRefusal
from gateway.witness.requests import AddCheckpoint, format_request, open_request
from gateway.witness.state import MAX_EVIDENCE, WitnessState
from tests.unit.gateway.witness.logs import ORIGIN, VKEY, WITNESS_VKEY, TestLog, witness_line

LOG = TestLog(300)


class Clock:
    """A clock that stands where a test puts it."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000)


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> Iterator[WitnessState]:
    state = WitnessState(tmp_path / "witness.sqlite3", witness_line, clock)
    yield state
    state.close()


def request(old: int, new: int, log: TestLog = LOG) -> AddCheckpoint:
    return open_request(log.request(old, new), {ORIGIN: (VKEY,)})


def with_proof(old: int, proof: list[bytes], new: int) -> AddCheckpoint:
    return open_request(format_request(old, proof, LOG.note(new)), {ORIGIN: (VKEY,)})


def cosigned(state: WitnessState, old: int, new: int, log: TestLog = LOG) -> int:
    """Cosign, check the line as a client does, and return its time."""
    line = state.cosign(request(old, new, log))
    assert line.endswith("\n") and line.count("\n") == 1
    opened = open_checkpoint(log.note(new) + line.encode(), [VKEY, WITNESS_VKEY])
    assert (opened.size, opened.root) == (new, log.tree.root(new))  # type: ignore[arg-type]
    (time,) = [one.timestamp for one in opened.signatures if one.timestamp is not None]
    return time


def refused(state: WitnessState, asked: AddCheckpoint) -> tuple[str, int | None]:
    with pytest.raises(WitnessRefusal) as refusal:
        state.cosign(asked)
    return refusal.value.code, refusal.value.size


def test_sizes_go_forward_and_the_record_says_so(state: WitnessState) -> None:
    assert state.last(ORIGIN) is None
    before = 0
    for size in (0, 0, 1, 1, 2, 3, 64, 65, 256, 300):
        cosigned(state, before, size)
        before = size
        last = state.last(ORIGIN)
        assert last is not None and (last.size, state.sizes()) == (size, {ORIGIN: size})
        held = open_checkpoint(last.note, [VKEY, WITNESS_VKEY])
        assert (held.size, len(held.signatures)) == (size, 2)
        assert last.root == (LOG.tree.root(size) if size else EMPTY_ROOT)  # type: ignore[arg-type]


def test_another_old_size_is_409_with_the_last_one(state: WitnessState) -> None:
    assert refused(state, request(5, 9)) == ("size.other", 0)
    cosigned(state, 0, 9)
    for old, new in ((0, 9), (0, 300), (8, 9), (10, 20), (0, 5)):
        assert refused(state, request(old, new)) == ("size.other", 9)
    assert state.evidence(ORIGIN) == []


def test_a_proof_that_does_not_lead_there_is_422(state: WitnessState) -> None:
    assert refused(state, with_proof(0, [b"\0" * 32], 7)) == ("proof.invalid", None)
    cosigned(state, 0, 7)
    proof = LOG.proof(7, 20)
    for wrong in ([], proof[:-1], [*proof, proof[0]], proof[::-1], LOG.proof(8, 20)):
        assert refused(state, with_proof(7, wrong, 20)) == ("proof.invalid", None)
    assert refused(state, with_proof(7, [proof[0]], 7)) == ("proof.invalid", None)
    assert refused(state, request(7, 20, TestLog(20, "b", fork=6))) == ("proof.invalid", None)
    cosigned(state, 7, 20, TestLog(20, "b", fork=7))


def test_another_root_of_the_same_size_is_refused_and_kept(state: WitnessState) -> None:
    other = TestLog(20, "b", fork=10)
    cosigned(state, 0, 20)
    assert refused(state, request(20, 20, other)) == ("root.other", None)
    # Asked from another old size it is a 409, and still the log's own contradiction.
    third = TestLog(20, "c", fork=10)
    assert refused(state, request(0, 20, third)) == ("size.other", 20)
    assert refused(state, request(20, 20, other)) == ("root.other", None)
    found = {item.refused: item for item in state.evidence(ORIGIN)}
    assert set(found) == {other.note(20), third.note(20)} and state.count_evidence() == 2
    for item in found.values():
        held = open_checkpoint(item.held, [VKEY, WITNESS_VKEY])
        assert (item.size, held.size, held.root) == (20, 20, LOG.tree.root(20))  # type: ignore[arg-type]
        assert open_checkpoint(item.refused, [VKEY]).root != held.root
    cosigned(state, 20, 21)


def test_evidence_has_a_limit(state: WitnessState) -> None:
    cosigned(state, 0, 2)
    for number in range(MAX_EVIDENCE + 5):
        assert refused(state, request(2, 2, TestLog(2, f"b{number}"))) == ("root.other", None)
    assert len(state.evidence(ORIGIN)) == MAX_EVIDENCE


def test_time_is_never_0_and_never_goes_back(state: WitnessState, clock: Clock) -> None:
    assert cosigned(state, 0, 1) == 1_800_000_000
    clock.now -= 500
    assert cosigned(state, 1, 2) == 1_800_000_000
    clock.now = 1_800_000_007
    assert [cosigned(state, 2, 3), cosigned(state, 3, 3)] == [1_800_000_007] * 2


def test_a_clock_at_the_epoch_still_gives_a_time(tmp_path: Path) -> None:
    state = WitnessState(tmp_path / "epoch.sqlite3", witness_line, Clock(0))
    assert cosigned(state, 0, 1) == 1
    state.close()


def test_a_restart_goes_on_where_it_was(state: WitnessState, clock: Clock, tmp_path: Path) -> None:
    cosigned(state, 0, 30)
    state.close()
    clock.now -= 1_000_000
    again = WitnessState(tmp_path / "witness.sqlite3", witness_line, clock)
    assert refused(again, request(0, 40)) == ("size.other", 30)
    assert cosigned(again, 30, 40) == 1_800_000_000
    again.close()


def test_nothing_is_kept_when_signing_fails(tmp_path: Path, clock: Clock) -> None:
    def fail(text: str, at: int) -> str:
        raise RuntimeError

    state = WitnessState(tmp_path / "failing.sqlite3", fail, clock)
    with pytest.raises(RuntimeError):
        state.cosign(request(0, 5))
    assert state.last(ORIGIN) is None
    state.close()


def test_sixteen_at_once_never_get_two_roots_for_one_size_nor_go_back(state: WitnessState) -> None:
    """Two histories of one log race for a witness: one wins at the first fork and stays alone."""
    histories = [LOG, TestLog(300, "b", fork=40)]
    cosigned(state, 0, 40)
    begin = threading.Barrier(16)
    won: list[tuple[int, bytes]] = []
    lock = threading.Lock()

    def race(number: int) -> None:
        log, size = histories[number % 2], 40
        begin.wait(30)
        for step in range(12):
            target = min(300, size + 1 + (number * 7 + step * 5) % 11)
            try:
                state.cosign(request(size, target, log))
            except WitnessRefusal as refusal:
                size = refusal.size or size
                continue
            with lock:
                won.append((target, log.tree.root(target)))  # type: ignore[arg-type]
            size = target

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(race, range(16)))
    roots: dict[int, set[bytes]] = {}
    for size, root in won:
        roots.setdefault(size, set()).add(root)
    assert len(won) >= 12 and all(len(found) == 1 for found in roots.values())
    winner = next(log for log in histories if log.tree.root(won[0][0]) == won[0][1])  # type: ignore[arg-type]
    assert all(root == winner.tree.root(size) for size, root in won)  # type: ignore[arg-type]
    last = state.last(ORIGIN)
    assert last is not None and last.size == max(size for size, _ in won)


def test_sixteen_requests_for_one_step_are_answered_once_from_each_size(state: WitnessState) -> None:
    """All ask to go from 0: exactly one is cosigned, every other is told the size that stands now."""
    begin = threading.Barrier(16)

    def ask(size: int) -> int | None:
        begin.wait(30)
        try:
            state.cosign(request(0, size))
        except WitnessRefusal as refusal:
            return refusal.size
        return None

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(101, 117)))
    last = state.last(ORIGIN)
    assert last is not None and sorted(answers, key=str) == [last.size] * 15 + [None]
