"""Part ``failpoints``: every step × four modes × both databases, each on a copy of a warmed gateway.

A case arms one step, brings the gateway to it, and asserts that it fired. A crashed gateway is started again
as it would be by whoever watches over it; one that stopped taking writes is, too. Then every request must get
its answer, everything accepted must reach the chain and come back, and the checker must find nothing.
"""

from __future__ import annotations

import secrets
import signal
import time
from dataclasses import dataclass
from enum import Enum
from functools import partial

from chain.evm.local import CHAIN_ID
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields
from gateway.failpoints import FIRED, Mode
from scripts.faults.checker import check
from scripts.faults.client import Client, Connection, Target, draw_request
from scripts.faults.onchain import Chain
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.running import GatewayProcess
from scripts.faults.stored import Stored
from scripts.faults.world import DATABASES, Case, NotQuiet, World

FIRES_WITHIN = 20.0
ANSWERED_WITHIN = 30.0
STUCK_AFTER = 1.5
"""Seconds of red `/readyz` after which whoever watches over a gateway starts it again."""
REQUESTS = 24
REORG_DEPTH = 2
"""Blocks that the chain loses: as many as the gateway takes back."""


class Drive(Enum):
    """How a case brings a gateway to the step."""

    LIFE = "entries, issues and transfers are posted"
    FRESH_KEY = "a key that never sent anything is not known yet"
    REORG = "the chain loses its last block"


CASES: dict[str, Drive] = {
    "start.migrate": Drive.LIFE,
    "start.log": Drive.LIFE,
    "start.tree": Drive.LIFE,
    "start.republish": Drive.LIFE,
    "start.epoch": Drive.LIFE,
    "start.signer": Drive.FRESH_KEY,
    "ledger.keys": Drive.LIFE,
    "ledger.commit": Drive.LIFE,
    "ledger.outcomes": Drive.LIFE,
    "ledger.receipts": Drive.LIFE,
    "log.tiles": Drive.LIFE,
    "log.rename": Drive.LIFE,
    "log.sign": Drive.LIFE,
    "log.checkpoint": Drive.LIFE,
    "anchor.sign": Drive.LIFE,
    "anchor.queue": Drive.LIFE,
    "anchor.evidence": Drive.LIFE,
    "anchor.complete": Drive.LIFE,
    "settle.queue": Drive.LIFE,
    "outbox.sign": Drive.LIFE,
    "outbox.send": Drive.LIFE,
    "outbox.sent": Drive.LIFE,
    "outbox.outcome": Drive.LIFE,
    "mirror.store": Drive.LIFE,
    "mirror.rewind": Drive.REORG,
}
"""How each registered step is reached; a test holds it to the table of steps."""


@dataclass(frozen=True, slots=True)
class Point:
    """One case: a step, a mode, a kind of database."""

    name: str
    mode: Mode
    database: str

    @property
    def fault(self) -> str:
        """What the table calls it: the step, over its modes and databases."""
        return f"failpoint {self.name}"

    @property
    def seed(self) -> str:
        """What repeats it."""
        return f"{self.name}:{self.mode.value}:{self.database}"


def list_points() -> list[Point]:
    """Return every case, by database, so that each is warmed once."""
    return [Point(name, mode, kind) for kind in DATABASES for name in CASES for mode in Mode]


def replace_blocks(rpc: str, depth: int) -> None:
    """Have the chain replace its last blocks; what was in them waits to be mined again, or is gone.

    A stranger's empty transaction is in the first new one: an empty block would come out with the same hash.
    """
    chain, stranger = Chain(rpc), LocalKey(secrets.token_bytes(32))
    raw = stranger.sign_transaction(
        TransactionFields(chain_id=CHAIN_ID, nonce=0, gas=21_000, to=stranger.address, data=b"")
    )
    chain.call("anvil_reorg", depth, [["0x" + raw.hex(), 0]])


class Run:
    """One case from its start to its verdict."""

    def __init__(self, case: Case, point: Point) -> None:
        self._case = case
        self._point = point
        self._target = Target(case.state.key)
        self._process: GatewayProcess | None = None
        self._how: list[str] = []
        self._failures: list[str] = []
        accounts = case.state.accounts
        self._client = Client(
            case.place.journals,
            self._target,
            connections=4,
            draw=lambda number: draw_request(accounts, point.seed, number) if number < REQUESTS else None,
        )

    def run(self) -> Outcome:
        """Return what came of it."""
        began = time.monotonic()
        try:
            if CASES[self._point.name] is Drive.FRESH_KEY:
                # As before the outbox first saw it: its nonces begin where the chain has them.
                Stored(self._case.database).change("DELETE FROM chain_signers WHERE signer = 'freezer'")
            self._start(f"{self._point.name}:{self._point.mode.value}")
            self._client.start()
            self._drive()
            self._finish()
        except (NotQuiet, AssertionError, OSError) as error:
            self._failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            self._client.close()
            if self._process is not None and self._process.exit_code is None:
                self._process.kill()
        fired, how = self._fired(), " ".join(self._how) or "by itself"
        tally = self._client.tally
        return Outcome(
            self._point.fault, self._point.seed, int(fired), tuple(self._failures), how,
            time.monotonic() - began, tally.accepted, tally.issues,
        )  # fmt: skip

    def _fired(self) -> bool:
        path = self._case.data / FIRED
        return path.exists() and path.read_text() == f"{self._point.name}:{self._point.mode.value}:1\n"

    def _start(self, failpoint: str | None = None) -> None:
        process = self._process = self._case.process(failpoint=failpoint)
        process.start()
        if process.wait_ready():
            self._target.port = process.port
        elif failpoint is None:
            raise AssertionError(f"does not start again: {process.log()[-600:]}")
        else:
            # A start that fails ends with a word, a crash without one.
            self._expect_end(process)
            self._again("at start")

    def _again(self, word: str) -> None:
        """Start again, as whoever watches over a gateway does."""
        self._how.append(word)
        self._start()

    def _expect_end(self, process: GatewayProcess) -> None:
        crashes = self._point.mode in (Mode.CRASH_BEFORE, Mode.CRASH_AFTER)
        if crashes != (process.exit_code == -signal.SIGKILL):
            raise AssertionError(f"ended with {process.exit_code}: {process.log()[-600:]}")

    def _drive(self) -> None:
        if CASES[self._point.name] is Drive.REORG:
            if not self._client.join(ANSWERED_WITHIN):
                raise AssertionError("requests without an answer before the fault")
            self._case.wait_quiet()
        deadline = time.monotonic() + FIRES_WITHIN
        again_at = time.monotonic()
        while not self._fired():
            now = time.monotonic()
            if now > deadline:
                raise AssertionError("the step was not reached")
            if CASES[self._point.name] is Drive.REORG and now >= again_at:
                # A mirror that had not seen these blocks yet has nothing to take back.
                replace_blocks(self._case.rpc, REORG_DEPTH)
                again_at = now + 1.0
            time.sleep(0.005)
        self._get_over()

    def _get_over(self) -> None:
        """After the fault: start again what crashed, or what does not get ready again by itself."""
        process = self._process
        if process is None or "at start" in self._how:
            return
        if self._point.mode in (Mode.CRASH_BEFORE, Mode.CRASH_AFTER):
            deadline = time.monotonic() + 5
            while process.exit_code is None and time.monotonic() < deadline:
                time.sleep(0.005)
            self._expect_end(process)
            self._target.port = None
            self._again("restart")
            return
        if not self._is_ready_again(process):
            self._target.port = None
            if process.exit_code is None and process.stop() != 0:
                raise AssertionError(f"does not stop in order: {process.exit_code}")
            self._again("read-only, restart")

    def _is_ready_again(self, process: GatewayProcess) -> bool:
        """Whether it takes writes; given up after `STUCK_AFTER` of red, or when all is answered and green."""
        connection = Connection(self._target)
        red_since: float | None = None
        green_until = time.monotonic() + 0.5
        try:
            while process.exit_code is None:
                try:
                    ready = connection.ask("GET", "/readyz")[0] == 200
                except OSError:
                    ready = False
                now = time.monotonic()
                red_since = None if ready else (red_since or now)
                if red_since is not None and now - red_since > STUCK_AFTER:
                    return False
                if ready and now > green_until:
                    return True
                time.sleep(0.05)
            return False
        finally:
            connection.close()

    def _finish(self) -> None:
        if not self._client.join(ANSWERED_WITHIN):
            raise AssertionError(f"requests without an answer: {self._client.tally}")
        self._case.wait_quiet()
        # What is said of entries now must hold, too.
        time.sleep(0.15)
        self._client.close()
        assert self._process is not None  # noqa: S101
        code = self._process.stop()
        if code != 0:
            self._failures.append(f"O10 stop: ended with {code}")
        self._failures += [f"O10 answer: {what}" for what in self._client.tally.strange]
        self._failures += [str(failure) for failure in check(self._case.place)]


def list_jobs(_: Campaign) -> list[Job]:
    """Return a job for every case; the short form is no shorter."""
    return [
        Job(point.fault, point.seed, point.database, partial(_run_point, point)) for point in list_points()
    ]


def _run_point(point: Point, world: World) -> Outcome:
    with world.case() as case:
        return Run(case, point).run()
