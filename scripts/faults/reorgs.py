"""Part ``reorgs``: the chain replaces its last blocks, again and again, or comes back with an older state.

A gateway whose finality lies above the depth must follow: the outbox sends its stored bytes again, and the
mirror is row for row what a fresh scan gives. Where blocks change that were final, the mirror stops, keeps
what it had and what contradicts it, and nothing is signed any more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gateway.failpoints import FIRED
from scripts.faults.checker import check
from scripts.faults.client import Client, Connection, Target, draw_request
from scripts.faults.failpoint_part import replace_blocks
from scripts.faults.onchain import Chain
from scripts.faults.parts import Campaign, Job
from scripts.faults.rescan import differs_from_rescan
from scripts.faults.results import Outcome
from scripts.faults.running import GatewayProcess
from scripts.faults.stored import Stored
from scripts.faults.world import POSTGRESQL, SQLITE, Case, NotQuiet, World

DEPTHS = (1, 2, 7, 64, 256)
SEEDS = 20
"""Runs of each depth in the long form."""
REQUESTS = 16
ANSWERED_WITHIN = 120.0
FOLLOWED_WITHIN = 90.0
"""Seconds; a node that replaces its blocks may leave a request unanswered until its time is over (30 s)."""
BELOW = 7
"""Blocks replaced below a finality of two."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens: ``depths`` of reorganisations one behind the other; ``crash`` is a failpoint's mode."""

    fault: str
    depths: tuple[int, ...]
    crash: str | None = None


class Run:
    """One gateway under one chain that changes."""

    def __init__(self, case: Case, seed: str, finality: int) -> None:
        self.case = replace(case, settings={**case.settings, "TONGYI_FINALITY_DEPTH": str(finality)})
        self._seed = seed
        self._finality = finality
        self._chain = Chain(case.rpc)
        self._stored = Stored(case.database)
        self.target = Target(case.state.key)
        self.process: GatewayProcess | None = None
        self.failures: list[str] = []
        self.accepted = self.issues = 0
        self._clients: list[tuple[Path, Client]] = []

    def start(self, failpoint: str | None = None) -> None:
        """Start the gateway and wait until it is ready."""
        self.target.port = None
        process = self.process = self.case.process(failpoint=failpoint)
        process.start()
        if not process.wait_ready():
            raise AssertionError(f"does not start: {process.log()[-600:]}")
        self.target.port = process.port

    def client(self, count: int) -> Client:
        """Start a client of so many requests."""
        number = len(self._clients)
        name, accounts = f"{self._seed}-{number}", self.case.state.accounts
        folder = self.case.place.journals / str(number)
        client = Client(
            folder,
            self.target,
            connections=2,
            draw=lambda number: draw_request(accounts, name, number) if number < count else None,
            # One of them sees checkpoints in the order in which they were shown.
            observe=3_600.0 if number else 0.1,
        )
        self._clients.append((folder, client))
        client.start()
        return client

    def finish_client(self, client: Client) -> None:
        """Wait for every answer."""
        if not client.join(ANSWERED_WITHIN):
            raise AssertionError(f"requests without an answer: {client.tally}")
        self.accepted += client.tally.accepted
        self.issues += client.tally.issues
        self.failures += [f"O10 answer: {what}" for what in client.tally.strange]

    def close_clients(self) -> None:
        """End all clients and put what they wrote where the checker reads it."""
        for number, (folder, client) in enumerate(self._clients):
            client.close()
            for path in folder.glob("*.ndjson"):
                path.rename(folder.parent / f"{number}-{path.name}")
        self._clients.clear()

    def mirrored(self) -> tuple[int, bytes]:
        """Return height and hash of the last mirrored block."""
        ((number, block_hash),) = self._stored.rows("SELECT block_number, block_hash FROM mirror_cursor")
        return number, bytes(block_hash)

    def wait_mirrored(self, height: int) -> None:
        """Wait until the mirror holds a block of the chain at ``height`` or above."""
        deadline = time.monotonic() + FOLLOWED_WITHIN
        while time.monotonic() < deadline:
            number, block_hash = self.mirrored()
            there = self._chain.call("eth_getBlockByNumber", hex(number), False)
            if number >= height and there is not None and there["hash"] == "0x" + block_hash.hex():
                return
            time.sleep(0.02)
        raise AssertionError(f"the mirror is at {self.mirrored()[0]}, not at {height}")

    def reorganise(self, depth: int) -> bool:
        """Have the chain replace blocks that the mirror has. Returns whether it did."""
        self.wait_mirrored(self._chain.head() - 1)
        number, block_hash = self.mirrored()
        replace_blocks(self.case.rpc, depth)
        there = self._chain.call("eth_getBlockByNumber", hex(number), False)
        return there is not None and there["hash"] != "0x" + block_hash.hex()

    def bury(self) -> None:
        """Make what was mined final."""
        self._chain.call("anvil_mine", hex(self._finality + 3))

    def finish(self) -> None:
        """Come to rest, stop, judge."""
        deadline = time.monotonic() + ANSWERED_WITHIN
        while True:
            self.bury()
            try:
                self.case.wait_quiet(2.0)
                break
            except NotQuiet:
                if time.monotonic() > deadline:
                    raise
        time.sleep(0.15)
        self.close_clients()
        assert self.process is not None  # noqa: S101
        if (code := self.process.stop()) != 0:
            self.failures.append(f"O10 stop: ended with {code}")
        self.failures += [str(failure) for failure in check(self.case.place)]
        self.failures += differs_from_rescan(self.case)


Work = Callable[[Run], int]
"""Does what happens with a run and returns how often it did."""


def follow(plan: Plan, run: Run) -> int:
    """Replace blocks under load, as often as planned; crash in the first rewind where planned."""
    fired = 0
    Chain(run.case.rpc).call("anvil_mine", hex(max(plan.depths)))
    run.start(None if plan.crash is None else f"mirror.rewind:{plan.crash}")
    first = run.client(REQUESTS)
    run.finish_client(first)
    second = run.client(REQUESTS)
    for at, depth in enumerate(plan.depths):
        fired += run.reorganise(depth)
        if plan.crash is not None and at == 0:
            _expect_crash(run)
            # While nobody looks, the chain changes once more.
            replace_blocks(run.case.rpc, depth)
            run.start()
    run.finish_client(second)
    run.finish()
    return fired


def _expect_crash(run: Run) -> None:
    assert run.process is not None  # noqa: S101
    deadline = time.monotonic() + FOLLOWED_WITHIN
    while run.process.exit_code is None:
        if time.monotonic() > deadline:
            raise AssertionError("the mirror never stepped back")
        time.sleep(0.01)
    if not (run.case.data / FIRED).exists():
        raise AssertionError(f"ended without its fault: {run.process.log()[-600:]}")


def stop_below_finality(run: Run) -> int:
    """Replace final blocks; the mirror must stop with evidence and keep what it has."""
    Chain(run.case.rpc).call("anvil_mine", hex(2 * BELOW))
    run.start()
    client = run.client(REQUESTS)
    run.finish_client(client)
    run.case.wait_quiet()
    run.close_clients()
    stored = Stored(run.case.database)
    fired = int(run.reorganise(BELOW))
    connection = Connection(run.target)
    deadline = time.monotonic() + FOLLOWED_WITHIN
    status, content = 200, b""
    while time.monotonic() < deadline and not stored.one("SELECT count(*) FROM mirror_halts"):
        time.sleep(0.05)
    while time.monotonic() < deadline and (status == 200 or b"mirror" not in content):
        time.sleep(0.05)
        status, content = connection.ask("GET", "/readyz")
    run.failures += _judge_halt(run, stored, status, json.loads(content))
    before = stored.rows(_KEPT)
    body: dict[str, object] = {"chapter": run.case.state.accounts.chapter, "kind": "member"}
    status, content = connection.ask("POST", "/v1/members", body, "halted")
    if status != 503:
        run.failures.append(f"O9 writes: {status} {content[:200]!r} while the mirror is halted")
    for path in ("/livez", "/log/checkpoint", "/v1/entries?after=0&limit=20"):
        if connection.ask("GET", path)[0] != 200:
            run.failures.append(f"O10 read: {path} while the mirror is halted")
    connection.close()
    assert run.process is not None  # noqa: S101
    if run.process.stop() != 0:
        run.failures.append("O10 stop: halted gateway does not stop in order")
    # Started again it must not forget.
    run.start()
    time.sleep(0.5)
    connection = Connection(run.target)
    if connection.ask("GET", "/readyz")[0] != 503:
        run.failures.append("O9 ready: the halted gateway is ready after a restart")
    connection.close()
    run.process.stop()
    if stored.rows(_KEPT) != before:
        run.failures.append("O8 taken back: mirrored rows changed below finality")
    return fired


_KEPT = "SELECT number, hash, parent_hash FROM mirror_blocks ORDER BY number"


def _judge_halt(run: Run, stored: Stored, status: int, answer: dict[str, object]) -> list[str]:
    halts = stored.rows("SELECT number, seen_hash, stored_hash, seen_header FROM mirror_halts")
    if len(halts) != 1:
        return [f"O9 evidence: {len(halts)} rows"]
    number, seen, kept, header = halts[0]
    failures = []
    there = Chain(run.case.rpc).call("eth_getBlockByNumber", hex(number), False)
    if there["hash"] != "0x" + bytes(seen).hex() or not header:
        failures.append(f"O9 evidence: the header of block {number} is not the node's")
    mine = stored.one(f"SELECT hash FROM mirror_blocks WHERE number = {int(number)}")  # noqa: S608
    if mine is None or bytes(mine) != bytes(kept) or bytes(kept) == bytes(seen):
        failures.append(f"O9 evidence: the hash of block {number} is not the mirror's")
    said = str(answer.get("detail"))
    if status != 503 or bytes(seen).hex() not in said or bytes(kept).hex() not in said:
        failures.append(f"O9 evidence: /readyz says {status} {said}")
    return failures


def come_back_older(run: Run) -> int:
    """Give the gateway a node that lost its last blocks and all that waited, as after a kill."""
    chain = Chain(run.case.rpc)
    chain.call("anvil_mine", hex(4))
    run.start()
    first = run.client(REQUESTS)
    run.finish_client(first)
    moment = chain.call("evm_snapshot")
    height = chain.head()
    second = run.client(REQUESTS)
    run.finish_client(second)
    run.wait_mirrored(height + 3)
    chain.call("anvil_dropAllTransactions")
    fired = int(chain.call("evm_revert", moment) is True and chain.head() < run.mirrored()[0])
    third = run.client(REQUESTS)
    run.finish_client(third)
    run.finish()
    return fired


def _run(work: Work, fault: str, seed: str, finality: int, injected: int, world: World) -> Outcome:
    began = time.monotonic()
    fired = 0
    with world.case() as case:
        run = Run(case, seed, finality)
        try:
            fired = work(run)
        except (NotQuiet, AssertionError, OSError) as error:
            run.failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            run.close_clients()
            if run.process is not None and run.process.exit_code is None:
                run.process.kill()
    return Outcome(
        fault, seed, fired, tuple(run.failures), "", time.monotonic() - began, run.accepted, run.issues,
        injected,
    )  # fmt: skip


def _job(campaign: Campaign, plan: Plan, number: int, database: str) -> Job:
    seed = f"{campaign.seed}-reorg-{plan.fault}-{number}-{database}"
    finality = max(plan.depths) + 16
    work = partial(_run, partial(follow, plan), plan.fault, seed, finality, len(plan.depths))
    return Job(plan.fault, seed, database, work)


def _special(campaign: Campaign, fault: str, work: Work, finality: int, number: int, database: str) -> Job:
    seed = f"{campaign.seed}-{fault}-{number}-{database}"
    return Job(fault, seed, database, partial(_run, work, fault, seed, finality, 1))


def list_plans() -> list[Plan]:
    """Return what is done in the long form, each `SEEDS` times."""
    single = [Plan(f"reorg {depth} deep", (depth,)) for depth in DEPTHS]
    nested = [Plan("reorgs nested", (7, 3, 12)), Plan("reorgs nested deep", (64, 1, 65, 128))]
    crashed = [Plan(f"reorg, {mode} in the rewind", (32,), mode) for mode in ("crash-before", "crash-after")]
    return single + nested + crashed


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the jobs; the short form has one of each kind on one database."""
    older, below = "node comes back older", "reorg below finality"
    if campaign.short:
        short = [Plan("reorg 256 deep", (256,)), Plan("reorgs nested", (7, 3, 12))]
        short.append(Plan("reorg, crash-after in the rewind", (32,), "crash-after"))
        jobs = [_job(campaign, plan, 0, SQLITE) for plan in short]
        jobs.append(_special(campaign, older, come_back_older, 512, 0, SQLITE))
        return [*jobs, _special(campaign, below, stop_below_finality, 2, 0, SQLITE)]
    jobs = []
    for number in range(SEEDS):
        database = (SQLITE, POSTGRESQL)[number % 2]
        jobs += [_job(campaign, plan, number, database) for plan in list_plans()]
        jobs.append(_special(campaign, older, come_back_older, 512, number, database))
        jobs.append(_special(campaign, below, stop_below_finality, 2, number, database))
    return jobs
