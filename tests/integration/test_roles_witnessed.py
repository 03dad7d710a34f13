"""The gateway as separate processes on PostgreSQL under a witness policy: what readers get, the quorum has
cosigned, whichever of the processes ends.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chain.checkpoint import open_checkpoint
from chain.evidence.steps import StepNumber
from chain.evm.local import LocalChain
from chain.verify import verify_bundle
from gateway.data_folder import DataFolder
from gateway.keys import KeyFolder
from tests.databases import fresh_postgres
from tests.integration.roles_kit import ROLES, Town
from tests.integration.serving import Serving
from tests.integration.test_witnessed_log import eventually
from tests.integration.witnesses_kit import Witnessing

CHAPTER = "3105-0001"
NAMES = ("hq", "city", "regulator")
PATIENCE = 60
"""Seconds that a step may take on a busy machine."""
ENTRY: dict[str, object] = {
    "type": "service.recorded",
    "chapter": CHAPTER,
    "actor": None,
    "subjects": [],
    "public": {},
}


class WitnessedTown:
    """The processes, their witnesses, and what readers get of the log."""

    def __init__(self, town: Town, api: Serving, witnesses: list[Witnessing]) -> None:
        self.town = town
        self.api = api
        self.witnesses = witnesses

    def published(self) -> tuple[int, set[str]]:
        """Return size and cosigners of the checkpoint that readers get; at least two hold. 0 before it."""
        answer = self.api.client.get("/log/checkpoint")
        if answer.status_code == 404:
            return 0, set()
        vkeys = [self.api.ready["vkey"], *(one.vkey for one in self.witnesses)]
        checkpoint = open_checkpoint(answer.content, vkeys)
        cosigners = {one.name.removeprefix("w.example/") for one in checkpoint.signatures if one.timestamp}
        assert len(cosigners) >= 2
        return checkpoint.size, cosigners

    def record(self) -> int:
        """Record one entry; return the size that covers it."""
        return int(self.api.made("/v1/entries", ENTRY)["index"]) + 1

    def until_published(self, size: int) -> set[str]:
        eventually(lambda: self.published()[0] >= size, PATIENCE)
        return self.published()[1]

    def status(self) -> dict[str, int]:
        found: dict[str, int] = self.api.client.get("/v1/status").json()
        return found

    def restart(self, role: str) -> None:
        """Kill the process that leads in a role and start another."""
        self.town.leader(role).kill()
        self.town.start(role).wait_state("leading")


def end(witnesses: list[Witnessing]) -> None:
    for one in witnesses:
        if one.running:
            one.stop()


@pytest.fixture
def town(postgres_url: str, tmp_path: Path) -> Iterator[WitnessedTown]:
    keys = DataFolder(tmp_path / "data").keys
    keys.mkdir(parents=True, mode=0o700)
    log = KeyFolder(keys).log_identity(None).vkey
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        url = stack.enter_context(fresh_postgres(postgres_url))
        chain = stack.enter_context(LocalChain(tmp_path / "chain", block_time=0.5))
        witnesses = [
            Witnessing(tmp_path / name, ("--log", log, "--name", f"w.example/{name}")).start()
            for name in NAMES
        ]
        stack.callback(end, witnesses)
        lines = [f"witness w{n} {one.vkey} {one.url}/witness" for n, one in enumerate(witnesses)]
        policy = tmp_path / "policy"
        policy.write_text("\n".join([*lines, "group all 2 w0 w1 w2", "quorum all", ""]))
        patch.setenv("TONGYI_WITNESS_POLICY", str(policy))
        patch.setenv("TONGYI_ANCHOR_INTERVAL", "0.5")
        patch.setenv("TONGYI_DUE_SECONDS", "0")
        town = Town(tmp_path / "data", ("--database-url", url, "--chain-url", chain.url))
        stack.callback(town.end)
        started = [town.start(name) for name in ROLES]
        api = town.start_api()
        for role in started:
            role.wait_state("leading")
        yield WitnessedTown(town, api, witnesses)


def test_roles_publish_and_anchor_what_a_quorum_has_cosigned(town: WitnessedTown) -> None:
    api = town.api
    api.open_chapter(CHAPTER, fill=0)
    town.until_published(town.record())

    # A witness ends, and the role that asks them: two are enough for the one that takes over.
    town.witnesses[1].stop(signal.SIGKILL)
    town.restart("sequencer")
    assert town.until_published(town.record()) == {"hq", "regulator"}

    # Two away: entries and receipts go on; nothing is published, nothing anchored, by a new anchor neither.
    eventually(lambda: town.status()["anchored_size"] == town.published()[0], PATIENCE)
    town.witnesses[2].stop(signal.SIGKILL)
    before = town.published()[0]
    last = [town.record() for _ in range(3)][-1]
    town.restart("anchor")
    eventually(lambda: town.status()["witnesses_behind"] == last - before, PATIENCE)
    time.sleep(1.5)
    assert (town.published()[0], town.status()["anchored_size"]) == (before, before)

    # Back: all of it is published in one step and anchored.
    for one in town.witnesses[1:]:
        one.start()
    assert len(town.until_published(last)) >= 2
    eventually(lambda: town.status()["anchored_size"] >= last, PATIENCE)
    eventually(lambda: town.status()["witnesses_behind"] == 0, PATIENCE)

    # The bundle shows it under the root that the first of the processes wrote.
    made = api.made("/v1/entries", ENTRY)
    api.wait_state(made["id"], "final", 60)
    verdict = verify_bundle(api.proof(made["id"]), Path(api.ready["trust_root"]).read_bytes())
    (step,) = [one for one in verdict.steps if one.number == StepNumber.WITNESSES]
    assert (step.status, verdict.outcome, len(verdict.facts.witnesses) >= 2) == ("passed", "pass", True)
    assert set(town.town.end()) == {0}
