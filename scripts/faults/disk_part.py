"""Part ``disk``: each call on the disk of one submit-and-anchor fails, and the disk gets full.

A case fails the n-th call of one kind (what it does, whose file it is) in one of the ways a disk has, and
asserts that it did. A torn write ends the process, which is started again. After a flush that failed nothing
may be believed any more: a gateway must not take writes before it was started again. What only lacked room
must go on by itself. Then as everywhere: answers to all, rest, the checker.

A full disk is a small file system in memory where root may mount one, else every write of the process that
is refused; clients must be told so, reads go on, and writes resume when there is room.
"""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from scripts.faults.checker import check
from scripts.faults.client import Client, Connection, Target, draw_request
from scripts.faults.disk_calls import COUNT, DATABASE, LOG, NOTES, ORDER, OTHER, VAULT, Op, Order, Sort
from scripts.faults.fleets import SERVE, Fleet, NotReady
from scripts.faults.mounts import SmallMount, why_no_mounts
from scripts.faults.parts import Campaign, Job
from scripts.faults.power_part import moved
from scripts.faults.results import Outcome
from scripts.faults.stored import Stored
from scripts.faults.watching import comes_back
from scripts.faults.world import POSTGRESQL, SQLITE, Case, NotQuiet, World

FIRES_WITHIN = 20.0
ANSWERED_WITHIN = 30.0
REQUESTS, MOST_REQUESTS = 12, 2_000
STUCK_AFTER = 2.5
"""Seconds of red `/readyz` after which whoever watches over a gateway starts it again: room is looked for
each second."""
FULL_FOR = 3.0
"""Seconds for which a disk stays full, from the first refusal on."""
LOST_STATUS = 255
"""What multiprocessing says of a child whose status it lost: of how it ended nothing is known."""
ROOM = 96 << 20
"""Bytes of the small file system."""

CALLS: Mapping[tuple[Op, str], int] = {
    (Op.OPEN, DATABASE): 14,
    (Op.WRITE, DATABASE): 520,
    (Op.SYNC, DATABASE): 48,
    (Op.OPEN, VAULT): 4,
    (Op.WRITE, VAULT): 6,
    (Op.SYNC, VAULT): 5,
    (Op.OPEN, LOG): 24,
    (Op.WRITE, LOG): 12,
    (Op.SYNC, LOG): 24,
    (Op.RENAME, LOG): 12,
    (Op.CLOSE, LOG): 24,
    (Op.MKDIR, LOG): 2,
    (Op.MKDIR, OTHER): 2,
}
"""Calls of one start, submit and anchor, by what they do and whose file it is; counted by a case."""
SORTS: Mapping[tuple[Op, str], Sequence[Sort]] = {
    (Op.OPEN, DATABASE): (Sort.EIO,),
    (Op.WRITE, DATABASE): (Sort.EIO, Sort.ENOSPC, Sort.TORN),
    (Op.SYNC, DATABASE): (Sort.EIO,),
    (Op.OPEN, VAULT): (Sort.EIO,),
    (Op.WRITE, VAULT): (Sort.EIO, Sort.ENOSPC, Sort.TORN),
    (Op.SYNC, VAULT): (Sort.EIO,),
    (Op.OPEN, LOG): (Sort.EIO, Sort.ENOSPC),
    (Op.WRITE, LOG): (Sort.EIO, Sort.ENOSPC, Sort.SHORT, Sort.TORN),
    (Op.SYNC, LOG): (Sort.EIO, Sort.ENOSPC),
    (Op.RENAME, LOG): (Sort.EIO, Sort.ENOSPC),
    (Op.CLOSE, LOG): (Sort.EIO,),
    (Op.MKDIR, LOG): (Sort.EIO, Sort.ENOSPC),
    (Op.MKDIR, OTHER): (Sort.EIO, Sort.ENOSPC),
}
"""In which ways each of them is failed."""


class Run:
    """One case: a gateway with its calls exchanged, from its start to the verdict."""

    def __init__(self, case: Case, order: str, seed: str) -> None:
        self.case = case
        self.notes = case.data.with_suffix(".disk")
        self.target = Target(case.state.key)
        self.fleet = Fleet(case, SERVE)
        self.how: list[str] = []
        self.failures: list[str] = []
        self._began = time.monotonic()
        self._seed = seed
        self._armed = {ORDER: order, NOTES: str(self.notes)} if order else {}
        self._most = REQUESTS if order == COUNT else MOST_REQUESTS
        accounts = case.state.accounts
        self.client = Client(
            case.place.journals,
            self.target,
            connections=3,
            draw=lambda number: draw_request(accounts, seed, number) if self.asks(number) else None,
        )

    def asks(self, number: int) -> bool:
        """Whether one more is posted: so many, and as many as it takes to the ordered call."""
        return number < REQUESTS or (number < self._most and not self.fired())

    def fired(self) -> bool:
        """Whether the ordered call failed."""
        return self.notes.exists() and "fired " in self.notes.read_text()

    def start(self, *, armed: bool) -> None:
        """Start the gateway and wait for it; one that ends by an ordered fault is started again without."""
        if armed:
            self.case.settings.update(self._armed)
        try:
            self.fleet.start_victim()
        finally:
            for name in self._armed:
                self.case.settings.pop(name, None)
        try:
            self.fleet.wait(self.target)
        except NotReady:
            if not armed or not self.fired():
                raise
            self.fleet.victim.kill()
            self.again("at start")

    def again(self, word: str) -> None:
        """Start again, as whoever watches over a gateway does."""
        self.how.append(word)
        self.start(armed=False)

    def stop_and_start(self) -> None:
        """Start one again that does not get ready by itself; it must have ended, or end in order."""
        victim = self.fleet.victim
        self.fleet.note_down(self.target)
        if victim.exit_code is None and victim.stop() not in (0, LOST_STATUS):
            raise AssertionError(f"does not stop in order: {victim.exit_code}: {victim.log()[-600:]}")
        self.again("read-only, restart")

    def finish(self) -> None:
        """Wait for answers and rest, stop, and have the checker decide."""
        if not self.client.join(ANSWERED_WITHIN):
            raise AssertionError(f"requests without an answer: {self.client.tally}")
        self.case.wait_quiet()
        time.sleep(0.15)
        self.client.close()
        self.failures += self.fleet.stop()
        self.failures += [f"O10 answer: {what}" for what in self.client.tally.strange]
        self.failures += [str(failure) for failure in check(self.case.place)]

    def outcome(self, fault: str, fired: bool) -> Outcome:
        """Return what came of it."""
        tally = self.client.tally
        return Outcome(
            fault, self._seed, int(fired), tuple(self.failures), " ".join(self.how) or "by itself",
            time.monotonic() - self._began, tally.accepted, tally.issues,
        )  # fmt: skip


def run_call(order: Order, fault: str, seed: str, world: World) -> Outcome:
    """Fail one call and see what the gateway makes of it."""
    with world.case() as case:
        run = Run(case, str(order), seed)
        if order.place == VAULT:
            forget_keys(case)
        try:
            run.start(armed=True)
            run.client.start()
            _wait(run.fired, FIRES_WITHIN, "the call was not reached", run)
            _get_over(run, order)
            run.finish()
        except (NotQuiet, NotReady, AssertionError, OSError) as error:
            run.failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            run.client.close()
            run.fleet.kill_all()
        return run.outcome(fault, run.fired())


def forget_keys(case: Case) -> None:
    """Have the gateway make its members' keys anew, so that it writes to the key store."""
    Stored(f"sqlite:///{case.data / 'vault.sqlite3'}").change("DELETE FROM subject_keys")


def _wait(holds: Callable[[], bool], timeout: float, otherwise: str, run: Run) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{otherwise}: {run.client.tally}: {run.fleet.victim.log()[-600:]}")
        time.sleep(0.005)


def _get_over(run: Run, order: Order) -> None:
    """After the fault: start again what died, and what must not go on."""
    if run.how:
        return
    victim = run.fleet.victim
    if order.sort is Sort.TORN:
        victim.wait_end(5.0)
        if victim.exit_code is None:
            raise AssertionError("a torn write did not end the process")
        run.fleet.note_down(run.target)
        run.again("restart")
        return
    if comes_back(victim, run.target, STUCK_AFTER, settle=1.0):
        if order.op is Op.SYNC and order.sort is Sort.EIO:
            run.failures.append("O9 it takes writes although a flush failed")
        return
    if order.sort in (Sort.ENOSPC, Sort.SHORT):
        run.failures.append(f"O10 it does not go on by itself although there is room: {victim.log()[-600:]}")
    run.stop_and_start()


def run_count(fault: str, seed: str, world: World) -> Outcome:
    """Count the calls of a start, one request after the other and rest: none may be missing in the sweep."""
    with world.case() as case:
        run = Run(case, COUNT, seed)
        forget_keys(case)
        try:
            run.start(armed=True)
            counted = read_counts(run.notes)
            run.client.start()
            run.finish()
            counted = read_counts(run.notes)
            run.how = [f"{op} {place}: {count}" for (op, place), count in sorted(counted.items())]
            run.failures += [
                f"calls that no case fails: {op} {place}" for op, place in counted if (op, place) not in CALLS
            ]
        except (NotQuiet, NotReady, AssertionError, OSError) as error:
            run.failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            run.client.close()
            run.fleet.kill_all()
        return run.outcome(fault, bool(counted))


def read_counts(notes: Path) -> dict[tuple[Op, str], int]:
    """Return how often each kind of call was made."""
    counts: dict[tuple[Op, str], int] = {}
    for line in notes.read_text().splitlines():
        _, op, place = line.split(" ")
        counts[Op(op), place] = counts.get((Op(op), place), 0) + 1
    return counts


class _Room:
    """The disk of one case: a small one where root may mount it, else writes that are refused."""

    def __init__(self, case: Case, stack: ExitStack) -> None:
        self._flag = case.data.with_suffix(".full")
        self._mount = SmallMount(ROOM) if why_no_mounts() is None else None
        self.name = "writes refused" if self._mount is None else "small file system"
        self.order = f"full:{self._flag}" if self._mount is None else ""
        if self._mount is not None:
            stack.enter_context(self._mount)
            stack.enter_context(moved(case, self._mount))

    def fill(self) -> None:
        """Leave no room."""
        self._flag.touch() if self._mount is None else self._mount.fill()

    def empty(self) -> None:
        """Give the room back."""
        self._flag.unlink() if self._mount is None else self._mount.empty()


def run_full(fault: str, seed: str, world: World) -> Outcome:
    """Fill the disk under load, look what clients are told, and give the room back."""
    with world.case() as case, ExitStack() as stack:
        room = _Room(case, stack)
        run = FullRun(case, room.order, seed)
        stack.callback(run.close)
        try:
            run.start(armed=True)
            run.client.start()
            _wait(
                lambda: run.client.tally.accepted >= REQUESTS // 2, FIRES_WITHIN, "nothing was accepted", run
            )
            room.fill()
            _wait(run.was_refused, FIRES_WITHIN, "nobody was told that there is no room", run)
            run.read_on(FULL_FOR)
            room.empty()
            run.is_over = True
            if not comes_back(run.fleet.victim, run.target, 10.0, settle=1.0):
                word = run.fleet.victim.log()[-600:]
                run.failures.append(f"O10 it does not go on by itself although there is room: {word}")
                run.stop_and_start()
            run.finish()
        except (NotQuiet, NotReady, AssertionError, OSError) as error:
            run.failures.append(f"O10 {type(error).__name__}: {error}")
        run.close()
        run.how.append(room.name)
        return run.outcome(fault, run.is_over)


class FullRun(Run):
    """A case whose clients post until the disk has room again."""

    is_over = False

    def asks(self, number: int) -> bool:
        """Whether one more is posted."""
        return not self.is_over

    def was_refused(self) -> bool:
        """Whether a client was told so; where the database has a disk of its own, whether tiles waited."""
        if self.case.state.url is not None:
            return '"number": 28, "event": "tiles not written"' in self.fleet.victim.log()
        folder = self.case.place.journals
        return any('"why":"storage.full"' in path.read_text() for path in folder.glob("client-*.ndjson"))

    def read_on(self, seconds: float) -> None:
        """Read for so long; every answer must be as if nothing had happened."""
        connection = Connection(self.target)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for path in ("/livez", "/log/checkpoint", "/v1/entries?after=0&limit=50", "/v1/status"):
                try:
                    status, content = connection.ask("GET", path)
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(f"O10 {path} without room: {type(error).__name__}")
                    continue
                if status != 200:
                    self.failures.append(f"O10 {path} without room: {status} {content[:200]!r}")
            if len(self.failures) > 8:
                break
            time.sleep(0.1)
        connection.close()

    def close(self) -> None:
        """End what runs."""
        self.client.close()
        self.fleet.kill_all()


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return a job for every call and way, or for one of each kind of call; full disks; and the counting."""
    jobs = []
    for (op, place), calls in CALLS.items():
        sorts = SORTS[op, place]
        if campaign.short:
            drawn = random.Random(f"{campaign.seed}-{op}-{place}")  # noqa: S311  repeatable, not secret
            sorts = [drawn.choice(sorts)]
        for sort in sorts:
            name = f"{campaign.seed}-disk-{sort}-{op}-{place}"
            chance = random.Random(name)  # noqa: S311  repeatable, not secret
            every = range(1, calls + 1)
            for nth in [chance.choice(every)] if campaign.short else every:
                fault, seed = f"{sort} at {op} ({place})", f"{name}-{nth}"
                order = Order(sort, op, place, nth)
                jobs.append(Job(fault, seed, SQLITE, partial(run_call, order, fault, seed)))
    for kind in (SQLITE, POSTGRESQL):
        fault, seed = f"disk full ({kind})", f"{campaign.seed}-disk-full-{kind}"
        jobs.append(Job(fault, seed, kind, partial(run_full, fault, seed)))
    fault, seed = "calls counted", f"{campaign.seed}-disk-count"
    return [*jobs, Job(fault, seed, SQLITE, partial(run_count, fault, seed))]
