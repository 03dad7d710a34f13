"""Part ``failpoints``: every step × four modes × both databases, each on a copy of a warmed gateway.

A case arms one step, brings the gateway to it, and asserts that it fired. A crashed gateway is started again
as it would be by whoever watches over it; one that stopped taking writes is, too. Then every request must get
its answer, everything accepted must reach the chain and come back, and the checker must find nothing.
"""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from chain.evm.local import CHAIN_ID
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields
from gateway.failpoints import FIRED
from scripts.faults.asked_drives import KeyEnded, Proposed, Subscribed
from scripts.faults.checker import check
from scripts.faults.client import Client, Connection, Target, draw_request
from scripts.faults.drives import (
    ApiKey,
    Changed,
    Companion,
    Foreign,
    Halted,
    Refused,
    SignerKey,
    Unproven,
    Withdrawn,
)
from scripts.faults.failpoint_cases import CASES, Drive, Point, list_points, list_short_points
from scripts.faults.fleets import SERVE, Fleet, NotReady
from scripts.faults.onchain import Chain
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome
from scripts.faults.running import ROTATE_API, ROTATE_LOG, ROTATE_SIGNER, GatewayProcess
from scripts.faults.watching import comes_back
from scripts.faults.world import Case, NotQuiet, World

FIRES_WITHIN = 20.0
ANSWERED_WITHIN = 30.0
STUCK_AFTER = 1.5
"""Seconds of red `/readyz` after which whoever watches over a gateway starts it again."""
APART_STUCK_AFTER = 8.0
"""The same for process roles: so long may an election take."""
REQUESTS, MOST_REQUESTS = 24, 2_000
REORG_DEPTH, HALT_DEPTH = 2, 5
"""Blocks that the chain loses: as many as the gateway takes back, and more."""
COMMANDS: Mapping[str, str] = {
    "rotate.log": ROTATE_LOG,
    "rotate.api": ROTATE_API,
    "rotate.signer": ROTATE_SIGNER,
}
"""The commands that cross steps of a stopped gateway."""
COMPANIONS: Mapping[Drive, Callable[[Case, Point], Companion]] = {
    Drive.FRESH_KEY: Changed,
    Drive.GAP: Changed,
    Drive.UNPROVEN: Unproven,
    Drive.HALT: Halted,
    Drive.FOREIGN: Foreign,
    Drive.REFUSED: Refused,
    Drive.WITHDRAWN: Withdrawn,
    Drive.WEBHOOK: Subscribed,
    Drive.KEY_END: KeyEnded,
    Drive.PROPOSAL: Proposed,
}
"""What a drive does beside the load."""
OF_COMMANDS: Mapping[str, Callable[[Case, Point], Companion]] = {
    "rotate.api": ApiKey,
    "rotate.signer": SignerKey,
}


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
        self._drives = CASES[point.name]
        make = OF_COMMANDS.get(point.name) or COMPANIONS.get(self._drives, Companion)
        self._companion = make(case, point)
        self._is_loaded = False
        self._target = Target(case.state.key)
        self._fleet = Fleet(case, point.victim)
        self._how: list[str] = []
        self._failures: list[str] = []
        accounts = case.state.accounts
        self._client = Client(
            case.place.journals,
            self._target,
            connections=4,
            draw=lambda number: draw_request(accounts, point.seed, number) if self._asks(number) else None,
        )

    def _asks(self, number: int) -> bool:
        """Whether one more is posted: so many, and as many as it takes to a later crossing."""
        return number < REQUESTS or (self._point.nth > 1 and number < MOST_REQUESTS and not self._fired())

    def run(self) -> Outcome:
        """Return what came of it."""
        began = time.monotonic()
        try:
            self._begin()
            self._load()
            self._companion.start(self._target)
            self._drive()
            self._finish()
        except (NotQuiet, NotReady, AssertionError, OSError) as error:
            self._failures.append(f"O10 {type(error).__name__}: {error}; {self._fleet.last_words()}")
        finally:
            self._companion.close()
            self._client.close()
            self._fleet.kill_all()
        fired, how = self._fired(), " ".join(self._how) or "by itself"
        tally = self._client.tally
        return Outcome(
            self._point.fault, self._point.seed, int(fired), tuple(self._failures), how,
            time.monotonic() - began, tally.accepted, tally.issues,
        )  # fmt: skip

    def _fired(self) -> bool:
        path = self._case.data / FIRED
        return path.exists() and path.read_text() == f"{self._point.order}\n"

    def _begin(self) -> None:
        """Bring the state to where the step is reached, and start, armed where that comes first."""
        if self._companion.earlier is not None:
            self._crash_at(self._companion.earlier)
        self._companion.prepare()
        if self._drives is Drive.ROTATE:
            self._rotate()
            self._companion.finish_command()
            self._start()
        else:
            self._start(self._point.order)

    def _load(self) -> None:
        """Have the clients post, once."""
        if not self._is_loaded:
            self._is_loaded = True
            self._client.start()

    def _crash_at(self, order: str) -> None:
        """Crash a gateway under load at another step than the case's."""
        fleet = self._fleet
        fleet.start_victim(order)
        fleet.wait(self._target)
        self._load()
        fleet.victim.wait_end(FIRES_WITHIN)
        fleet.note_down(self._target)
        if fleet.victim.exit_code != -signal.SIGKILL:
            raise AssertionError(f"{order}: ended with {fleet.victim.exit_code}")
        (self._case.data / FIRED).unlink()

    def _rotate(self) -> None:
        """Rotate the key with the commit armed; what follows is the next start's to finish."""
        process = self._case.process(COMMANDS[self._point.name], failpoint=self._point.order)
        process.start()
        process.wait_end(FIRES_WITHIN)
        self._expect_end(process)
        self._how.append("at the command")

    def _start(self, failpoint: str | None = None) -> None:
        fleet = self._fleet
        fleet.start_victim(failpoint)
        if failpoint is not None:
            fleet.start_others()
        try:
            fleet.wait(self._target)
        except NotReady:
            if failpoint is None or fleet.victim.exit_code is None:
                raise
            # A start that fails ends with a word, a crash without one.
            self._expect_end(fleet.victim)
            self._again("at start")
        if failpoint is not None:
            fleet.wait_others(self._target)

    def _again(self, word: str) -> None:
        """Start again, as whoever watches over a gateway does."""
        self._how.append(word)
        self._start()

    def _expect_end(self, process: GatewayProcess) -> None:
        code = process.exit_code
        if code is None or self._point.crashes != (code == -signal.SIGKILL):
            raise AssertionError(f"ended with {code}: {process.log()[-600:]}")

    def _drive(self) -> None:
        depth = {Drive.REORG: REORG_DEPTH, Drive.HALT: HALT_DEPTH}.get(self._drives)
        if depth is not None:
            if not self._client.join(ANSWERED_WITHIN):
                raise AssertionError("requests without an answer before the fault")
            self._case.wait_quiet()
        deadline, again_at = time.monotonic() + FIRES_WITHIN, 0.0
        while not self._fired():
            now = time.monotonic()
            if now > deadline:
                raise AssertionError("the step was not reached")
            if depth is not None and now >= again_at:
                # A mirror that had not seen these blocks yet has nothing to take back.
                replace_blocks(self._case.rpc, depth)
                again_at = now + (1.0 if self._drives is Drive.REORG else FIRES_WITHIN)
            time.sleep(0.005)
        if not self._how:
            self._get_over()

    def _get_over(self) -> None:
        """After the fault: start again what crashed, or what does not get ready again by itself."""
        victim = self._fleet.victim
        if self._point.crashes:
            victim.wait_end(5.0)
            self._expect_end(victim)
            self._fleet.note_down(self._target)
            self._again("restart")
        elif not self._is_ready_again(victim):
            self._fleet.note_down(self._target)
            if victim.exit_code is None and victim.stop() != 0:
                raise AssertionError(f"does not stop in order: {victim.exit_code}")
            self._again("read-only, restart")

    def _is_ready_again(self, process: GatewayProcess) -> bool:
        """Whether it takes writes; given up after so long of red, or when all is answered and green."""
        patience = STUCK_AFTER if self._point.victim == SERVE else APART_STUCK_AFTER
        return comes_back(process, self._target, patience, settle=0.5)

    def _finish(self) -> None:
        if not self._client.join(ANSWERED_WITHIN):
            raise AssertionError(f"requests without an answer: {self._client.tally}")
        self._failures += self._companion.finish()
        if self._companion.comes_to_rest:
            self._case.wait_quiet()
            # What became final meanwhile has consequences, too.
            self._failures += self._companion.finish()
        else:
            self._expect_refusal()
        # What is said of entries now must hold, too.
        time.sleep(0.15)
        self._client.close()
        if self._point.name == "rotate.log":
            self._adopt_key()
        self._failures += self._fleet.stop()
        self._failures += self._companion.verify()
        self._failures += [f"O10 answer: {what}" for what in self._client.tally.strange]
        if self._companion.comes_to_rest:
            self._failures += [str(failure) for failure in check(self._case.place)]

    def _expect_refusal(self) -> None:
        """From a contradiction on nothing is written: red `/readyz`, and 503 for whoever writes."""
        connection = Connection(self._target)
        request = draw_request(self._case.state.accounts, f"{self._point.seed}-late", 0)
        deadline = time.monotonic() + FIRES_WITHIN
        while connection.ask("GET", "/readyz")[0] == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        ready = connection.ask("GET", "/readyz")[0]
        status = connection.ask("POST", request.path, request.body, request.key)[0]
        connection.close()
        if (ready, status) != (503, 503):
            self._failures.append(f"O9 open: /readyz {ready}, a write {status} after a contradiction")

    def _adopt_key(self) -> None:
        """From a commit that happened on, the log's key is the new one, and only from such a one on."""
        vkey, former = str(self._fleet.victim.ready["vkey"]), self._case.state.vkey
        if (vkey != former) != self._point.is_done:
            self._failures.append(f"O8 key: the log's key is {vkey}, was {former}")
        self._case.state = replace(self._case.state, vkey=vkey, former=(former,))


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return a job for every case; of each step for one, in the short form."""
    return [
        Job(point.fault, point.seed, point.database, partial(_run_point, point))
        for point in (list_short_points() if campaign.short else list_points())
    ]


def _run_point(point: Point, world: World) -> Outcome:
    with world.case() as case:
        return Run(case, point).run()
