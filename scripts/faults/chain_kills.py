"""Kills of the chain's node under load: it comes back at what it last wrote down, blocks older.

The gateway runs on. What was sent and is no more on chain is sent again, as the same signed bytes; blocks
that were mirrored and are no more are taken back. A job has a chain of its own, since a killed node forgets
the moment to which other cases go back.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from chain.evm.local import LocalChain
from scripts.faults.checker import check
from scripts.faults.client import Accounts, Client, Request, Target, draw_request
from scripts.faults.fleets import SERVE, Fleet, NotReady
from scripts.faults.results import Outcome
from scripts.faults.stored import Stored
from scripts.faults.world import BLOCK_SECONDS, Case, Clone, NotQuiet, World

CHAIN = "chain node"
FINALITY = 100
"""Blocks after which something is final here: more than a node that is killed twice in a row may lose."""
QUIET_WITHIN = 60.0
ANSWERED_WITHIN = 60.0
LIVES_FOR = (0.3, 3.0)
"""Seconds that a node lives, at random between these."""
PACE = 0.02
"""Seconds between two requests of a connection: what is lost has to be mined once more."""
IS_DOWN_FOR = (0.0, 0.8)
"""Seconds that it is gone."""


class KilledChain(LocalChain):
    """A local chain that can be killed and comes back at the same address, with what it wrote down."""

    _port: str | None = None

    def kill(self) -> bool:
        """Kill the node, as a power cut would; return whether it ran and ended by that."""
        process = self._started().process
        self._port = self.url.rpartition(":")[2]
        if process.poll() is not None:
            return False
        os.kill(process.pid, signal.SIGKILL)
        return process.wait(10) == -signal.SIGKILL

    def come_back(self) -> None:
        """Start the node again from what it wrote down. Requires `kill`."""
        self.stop()
        self.start()

    def _command(self) -> list[str]:
        command = super()._command()
        if self._port is not None:
            command[command.index("--port") + 1] = self._port
        return command


class KilledWorld(World):
    """A world whose chain may be killed; gives one case."""

    def __init__(self, folder: Path, kind: str, clone: Clone) -> None:
        super().__init__(folder, kind, clone)
        self._depth: int | None = None
        # A whole dump a second; one that the kill cut off is dropped for the one before.
        self.killed = KilledChain(
            folder / "chain", block_time=BLOCK_SECONDS, kept_states=512, dump_interval=1
        )
        self._chain = self.killed

    def warm(self) -> None:
        """Make the state, with a chain that is final at once; what follows is on one that loses blocks."""
        super().warm()
        self._depth = FINALITY

    def settings(self, database: str | None) -> dict[str, str]:
        """Return the environment of a gateway of this world."""
        settings = super().settings(database)
        return settings if self._depth is None else {**settings, "TONGYI_FINALITY_DEPTH": str(self._depth)}


def signed_hashes(case: Case) -> dict[int, str]:
    """Return the hash of each call's signed bytes, by its row."""
    rows = Stored(case.database).rows("SELECT id, tx_hash FROM chain_transactions WHERE tx_hash IS NOT NULL")
    return {row: bytes(tx_hash).hex() for row, tx_hash in rows}


def _draw_slowly(accounts: Accounts, seed: str, number: int) -> Request:
    time.sleep(PACE)
    return draw_request(accounts, seed, number)


def run_chain_kills(fault: str, seed: str, kills: int, world: World) -> Outcome:
    """Kill the node as often as asked under load, then let the checker decide."""
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    failures: list[str] = []
    fired = 0
    own = world.beside(f"killed-{seed}", KilledWorld)
    with own:
        own.warm()
        with own.case() as case:
            target, fleet = Target(case.state.key), Fleet(case, SERVE)
            accounts = case.state.accounts
            client = Client(
                case.place.journals, target, connections=2,
                draw=lambda number: _draw_slowly(accounts, seed, number),
            )  # fmt: skip
            try:
                fleet.start(target)
                client.start()
                signed: dict[int, str] = {}
                for _ in range(kills):
                    time.sleep(chance.uniform(*LIVES_FOR))
                    signed = signed_hashes(case) | signed
                    fired += own.killed.kill()
                    time.sleep(chance.uniform(*IS_DOWN_FOR))
                    own.killed.come_back()
                client.stop()
                failures += _come_to_rest(case, fleet, client, signed)
            except (NotReady, NotQuiet, OSError) as error:
                failures.append(f"O10 {type(error).__name__}: {error}")
            finally:
                client.close()
                fleet.kill_all()
            tally = client.tally
    return Outcome(
        fault, seed, fired, tuple(failures), f"{tally.accepted} accepted", time.monotonic() - began,
        tally.accepted, tally.issues, kills,
    )  # fmt: skip


def _come_to_rest(case: Case, fleet: Fleet, client: Client, signed: dict[int, str]) -> list[str]:
    """Wait for answers and rest, and return what is not as it should be."""
    failures = []
    if not client.join(ANSWERED_WITHIN):
        failures.append(f"O10 requests without an answer: {client.tally}")
    case.wait_quiet(QUIET_WITHIN)
    time.sleep(0.15)
    client.close()
    now = signed_hashes(case)
    changed = [row for row, tx_hash in signed.items() if now.get(row) != tx_hash]
    if changed:
        failures.append(f"O3 bytes: calls {changed[:5]} were signed anew")
    failures += fleet.stop()
    failures += [f"O10 answer: {what}" for what in client.tally.strange]
    return failures + [str(failure) for failure in check(case.place)]
