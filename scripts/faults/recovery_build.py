"""A gateway with a large log, all of whose operations are settled and mirrored; made once, kept in a folder.

The folder holds ``data`` (the gateway's), ``chain`` (the node's state as one file), ``kept.json`` (accounts,
and answers that are asked for again) and nothing that runs. `open_copy` gives a copy of it with a node, so
that what is kept is never changed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chain.evm.local import LocalChain
from scripts.faults.bulk import Bulk, count_batches, record_all
from scripts.faults.client import Accounts, Target
from scripts.faults.onchain import Chain
from scripts.faults.recovery_serving import Serving
from scripts.faults.stored import Stored
from scripts.faults.world import Case, NotQuiet, State, populate

FUNDS = 50_000_000
"""Hundredths of a coin that the pool has, of which every transfer takes some."""
KEPT_BATCHES = 12
"""Batches whose answers are kept, spread over the log."""
QUIET_WITHIN = 1_200.0
WHOLE_CHAIN = 100_000
"""Entries up to which the node keeps all events; beyond, those that have long been mirrored are forgotten."""
KEPT_BLOCKS = 600
BLOCK_SECONDS = 0.5
WRITTEN_WITHIN = 600.0


class LargeChain(LocalChain):
    """A local chain whose state is written once, at its end, and taken as it is: it may be gigabytes."""

    def __init__(self, folder: Path, *, whole: bool) -> None:
        """``whole``: transactions of all blocks are kept, five kilobytes for each event; else of the last."""
        super().__init__(folder, block_time=BLOCK_SECONDS, kept_states=128, dump_interval=1_000_000)
        self._whole = whole

    def _command(self) -> list[str]:
        return super()._command() + ([] if self._whole else ["--transaction-block-keeper", str(KEPT_BLOCKS)])

    def forget_old(self) -> None:
        """Have empty blocks follow until nothing is kept of the others, where not all is."""
        if not self._whole:
            Chain(self.url).call("anvil_mine", hex(KEPT_BLOCKS + 1))

    def _adopt_dump(self) -> None:
        dump = self._dir / "dump.json"
        if dump.exists():
            dump.replace(self._dir / "state.json")

    def write_down(self) -> None:
        """Have the node write its state and end, however long it takes."""
        process = self._started().process
        process.terminate()
        process.wait(WRITTEN_WITHIN)

    def drop(self) -> None:
        """End the node at once, with nothing written."""
        self._started().process.kill()

    def _keep_one_genesis(self) -> None:
        """Nothing: a state is written by a first start alone, and read by one that is thrown away."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the gateway that was made; ``answers`` are by number of batch."""

    entries: int
    accounts: Accounts
    key: str
    vkey: str
    answers: dict[int, list[dict[str, Any]]]

    @property
    def bulk(self) -> Bulk:
        """What was recorded."""
        accounts = self.accounts
        return Bulk(accounts.chapter, accounts.pool, accounts.members, "large", transfers=True)

    def write(self, path: Path) -> None:
        """Write it; the last thing done."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)))
        part.replace(path)


def read_kept(path: Path) -> Kept:
    """Read what `Kept.write` wrote."""
    said = json.loads(path.read_text())
    answers = {int(batch): lines for batch, lines in said.pop("answers").items()}
    return Kept(**{**said, "accounts": Accounts(**said["accounts"]), "answers": answers})


def settings_of(rpc: str) -> dict[str, str]:
    """Return the environment of a gateway at a node; all else is as it is without settings."""
    return {
        "TONGYI_CHAIN_URL": rpc,
        "TONGYI_FINALITY_DEPTH": "2",
        "TONGYI_LOG_LEVEL": "WARNING",
        "TONGYI_WINDOW_LEAVES": "2000",
        "TONGYI_ANCHOR_INTERVAL": "1",
    }


def case_of(data: Path, rpc: str, key: str, vkey: str, accounts: Accounts) -> Case:
    """Return a data folder as the checker and `Case.wait_quiet` take it."""
    url = f"sqlite:///{data / 'gateway.sqlite3'}"
    return Case(data, url, rpc, State(data, None, accounts, key, vkey), settings_of(rpc))


def wait_proven(case: Case) -> None:
    """Wait until no mirrored block is to be proven yet, for which the node has to keep it."""
    stored, deadline = Stored(case.database), time.monotonic() + QUIET_WITHIN
    while count := stored.one("SELECT count(*) FROM mirror_unproven"):
        if time.monotonic() > deadline:
            raise NotQuiet(f"{count} blocks are not proven")
        time.sleep(1.0)


def build(folder: Path, entries: int) -> Kept:
    """Make the gateway in ``folder``, unless it is there; return what is known of it."""
    kept = folder / "kept.json"
    if kept.exists():
        found = read_kept(kept)
        if found.entries == entries:
            return found
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700)
    with LargeChain(folder / "chain", whole=entries <= WHOLE_CHAIN) as chain:
        serving = Serving(data, settings_of(chain.url))
        try:
            serving.start()
            key, vkey = str(serving.ready["platform_key"]), str(serving.ready["vkey"])
            accounts = populate(Target(key, serving.port), FUNDS)
            made = Kept(entries, accounts, key, vkey, {})
            batches = count_batches(entries)
            wanted = [batches * place // KEPT_BATCHES for place in range(KEPT_BATCHES)]
            answers = record_all(made.bulk, entries, serving.port, key, wanted)
            case = case_of(data, chain.url, key, vkey, accounts)
            case.wait_quiet(QUIET_WITHIN, 1.0)
            wait_proven(case)
            chain.forget_old()
            case.wait_quiet(QUIET_WITHIN, 1.0)
            if (code := serving.stop()) != 0:
                raise RuntimeError(f"the gateway that was to be kept ended with {code}")
        finally:
            serving.close()
        chain.write_down()
    made = Kept(entries, accounts, key, vkey, answers)
    made.write(kept)
    return made


@contextmanager
def open_copy(folder: Path, kept: Kept) -> Iterator[Case]:
    """Give a copy of what is kept, with its node; removed afterwards."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(mode=0o700)
    # Where the file system can, blocks are shared until they are changed.
    subprocess.run(["cp", "-a", "--reflink=auto", str(folder / "data"), str(copy / "data")], check=True)
    (copy / "chain").mkdir(mode=0o700)
    (copy / "chain" / "state.json").symlink_to(folder / "chain" / "state.json")
    try:
        with LargeChain(copy / "chain", whole=kept.entries <= WHOLE_CHAIN) as chain:
            try:
                yield case_of(copy / "data", chain.url, kept.key, kept.vkey, kept.accounts)
            finally:
                chain.drop()
    finally:
        shutil.rmtree(copy, ignore_errors=True)
