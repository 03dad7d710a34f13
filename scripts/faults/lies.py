"""Part ``lies``: a gateway whose node lies, loses and breaks off, one rule for one method at a time.

A job is one gateway and the cells of one rule: each lie lasts until it has hit what the gateway asked, and a
while longer; public reads must be answered meanwhile. Then the node is honest again, and the gateway must
take writes by itself, or after a restart where it stopped writing. In the end every request is answered,
everything accepted is on chain, the mirror is row for row what a fresh scan gives, and the checker decides.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import groupby

from scripts.faults.checker import check
from scripts.faults.client import Client, Connection, Request, Target, draw_request
from scripts.faults.parts import Campaign, Job
from scripts.faults.rescan import differs_from_rescan
from scripts.faults.results import Outcome
from scripts.faults.rpc_proxy import CONNECTION_RULES, Lie, Proxy
from scripts.faults.running import GatewayProcess
from scripts.faults.told_lies import list_told
from scripts.faults.world import CHAPTER, DATABASES, SQLITE, Case, NotQuiet, World

ASKED = (
    "eth_blockNumber", "eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getLogs", "eth_call",
    "eth_getTransactionReceipt", "eth_getTransactionCount", "eth_sendRawTransaction", "eth_getProof",
)  # fmt: skip
"""What a running gateway asks its node again and again."""
HITS_WITHIN = 20.0
LASTS = 0.5
"""Seconds a lie goes on after its first hit."""
OVER_WITHIN = 15.0
"""Seconds of red `/readyz` after an honest answer, after which the gateway is started again."""
ANSWERED_WITHIN = 60.0
READ_WITHIN = 5.0
PACE = 0.04
"""Seconds between two requests of all clients."""
SHORT_STEP = 7
"""CI takes every so many-th cell, from an offset that the seed gives."""
CONTRADICTIONS = ("FatalChainError", "WrongChain", "LedgerFault")
"""Errors by which a loop may end: what the node said contradicts itself or what is final."""
READS = ("/livez", "/log/checkpoint", "/v1/entries?after=0&limit=20", "/v1/chapters")


def list_cells() -> list[Lie]:
    """Return every lie: each rule for each method that it can be told of."""
    broken = [Lie(name, method, rule) for name, rule in CONNECTION_RULES.items() for method in ASKED]
    return broken + list_told()


class Run:
    """One gateway and the lies told to it."""

    def __init__(self, case: Case, proxy: Proxy, seed: str) -> None:
        self._case = replace(case, settings={**case.settings, "TONGYI_CHAIN_URL": proxy.url})
        self._proxy = proxy
        self._seed = seed
        self._target = Target(case.state.key)
        self._process: GatewayProcess | None = None
        self._restarts = 0
        self.fired = 0
        self.failures: list[str] = []
        self.client = Client(case.place.journals, self._target, connections=2, draw=self._draw, observe=0.2)

    def _draw(self, number: int) -> Request:
        time.sleep(PACE)
        return draw_request(self._case.state.accounts, self._seed, number)

    @property
    def how(self) -> str:
        """How the gateway got over it."""
        return f"{self._restarts} restarts" if self._restarts else "by itself"

    def run(self, cells: Iterable[Lie]) -> None:
        """Tell every lie and judge in the end."""
        try:
            self._start()
            self.client.start()
            for cell in cells:
                self._tell(cell)
            self._finish()
        except (NotQuiet, AssertionError, OSError) as error:
            self.failures.append(f"O10 {type(error).__name__}: {error}")
        finally:
            self._proxy.be_honest()
            self.client.close()
            if self._process is not None and self._process.exit_code is None:
                self._process.kill()

    def _start(self) -> None:
        process = self._process = self._case.process()
        process.start()
        if not process.wait_ready():
            raise AssertionError(f"does not start: {process.log()[-600:]}")
        self._target.port = process.port

    def _tell(self, cell: Lie) -> None:
        proxy = self._proxy
        proxy.lie(cell)
        deadline = time.monotonic() + HITS_WITHIN
        while not proxy.fired and time.monotonic() < deadline:
            self._stir(cell)
            time.sleep(0.02)
        if proxy.fired:
            self.fired += 1
            time.sleep(LASTS)
        else:
            self.failures.append(f"{cell.name} {cell.method}: never asked for")
        self._read(cell)
        proxy.be_honest()
        self._get_over(cell)

    def _stir(self, cell: Lie) -> None:
        """Have the gateway ask what it asks only now and then."""
        connection = Connection(self._target)
        try:
            if cell.method == "eth_chainId":
                connection.ask("GET", "/readyz")
            elif cell.method == "eth_call":
                # The outbox asks for the contract's cursor before it signs what another key is to call.
                period = 203001 + 100 * random.Random(time.monotonic()).randrange(60)  # noqa: S311
                body: dict[str, object] = {"period": period, "amount": "1000"}
                connection.ask("POST", f"/v1/chapters/{CHAPTER}/quotas", body, f"{self._seed}-q{time.time()}")
                time.sleep(0.3)
        except OSError:
            pass
        finally:
            connection.close()

    def _read(self, cell: Lie) -> None:
        """Reads must not suffer from a node that does."""
        connection = Connection(self._target)
        for path in READS:
            began = time.monotonic()
            status, _ = connection.ask("GET", path)
            took = time.monotonic() - began
            if status != 200 or took > READ_WITHIN:
                self.failures.append(f"O10 read: {cell.name} {cell.method}: {path} {status} in {took:.1f} s")
        connection.close()

    def _get_over(self, cell: Lie) -> None:
        """Wait until it takes writes; start it again where it does not by itself."""
        assert self._process is not None  # noqa: S101
        connection = Connection(self._target)
        deadline = time.monotonic() + OVER_WITHIN
        failing = b""
        while time.monotonic() < deadline:
            if self._process.exit_code is not None:
                self.failures.append(f"O10 died: {cell.name} {cell.method}: {self._process.log()[-600:]}")
                break
            status, failing = connection.ask("GET", "/readyz")
            if status == 200:
                connection.close()
                return
            if b"ledger" in failing:
                break
            time.sleep(0.05)
        connection.close()
        self._target.port = None
        if self._process.exit_code is None and self._process.stop() != 0:
            self.failures.append(f"O10 stop: {cell.name} {cell.method}: {self._process.exit_code}")
        self._restarts += 1
        self._start()

    def _judge_log(self) -> None:
        """A loop may end by a contradiction of the node's, never by an answer that nobody thought of."""
        assert self._process is not None  # noqa: S101
        for line in self._process.log().splitlines():
            if '"loop ended"' in line and not any(f'"{name}"' in line for name in CONTRADICTIONS):
                self.failures.append(f"O10 loop: {line}")

    def _finish(self) -> None:
        self.client.stop()
        if not self.client.join(ANSWERED_WITHIN):
            raise AssertionError(f"requests without an answer: {self.client.tally}")
        self._case.wait_quiet()
        time.sleep(0.3)
        self.client.close()
        assert self._process is not None  # noqa: S101
        if (code := self._process.stop()) != 0:
            self.failures.append(f"O10 stop: ended with {code}: {self._process.log()[-600:]}")
        self._judge_log()
        self.failures += [f"O10 answer: {what}" for what in self.client.tally.strange]
        self.failures += [str(failure) for failure in check(self._case.place)]
        self.failures += differs_from_rescan(self._case)


def run_lies(fault: str, seed: str, cells: list[Lie], world: World) -> Outcome:
    """Tell one gateway all of ``cells``, one after the other."""
    began = time.monotonic()
    with world.case() as case, Proxy(case.rpc, seed) as proxy:
        run = Run(case, proxy, seed)
        run.run(cells)
        tally = run.client.tally
    seconds = time.monotonic() - began
    return Outcome(
        fault, seed, run.fired, tuple(run.failures), run.how, seconds, tally.accepted, tally.issues,
        len(cells),
    )  # fmt: skip


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return the jobs: in the short form a share of the cells on one gateway, else all of them."""
    cells = list_cells()
    if campaign.short:
        offset = sum(campaign.seed.encode()) % SHORT_STEP
        some = cells[offset::SHORT_STEP]
        seed = f"{campaign.seed}-lies-short-{offset}"
        return [Job("lies of every kind", seed, SQLITE, partial(run_lies, "lies of every kind", seed, some))]
    jobs = []
    for database in DATABASES:
        for name, found in groupby(cells, key=lambda cell: cell.name):
            fault, seed = f"node: {name} ({database})", f"{campaign.seed}-lies-{name}-{database}"
            jobs.append(Job(fault, seed, database, partial(run_lies, fault, seed, list(found))))
    return jobs
