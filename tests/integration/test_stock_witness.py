"""Our log under a policy that names a witness of others: torchwood's litewitness, built unchanged."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.base64_text import encode_base64
from chain.checkpoint import KeyKind, format_vkey, open_checkpoint
from chain.evidence.steps import StepNumber
from chain.hashing import EMPTY_ROOT
from chain.verify import verify_bundle
from gateway.data_folder import DataFolder
from gateway.keys import KeyFolder
from tests.foreign.go_tool import run_go
from tests.integration.serving import Serving
from tests.integration.test_witnessed_log import eventually
from tests.integration.witnesses_kit import copy_ledger, free_port, put_back

CHAPTER = "3101-0007"
NAME = "witness.example/stock"
SEED = sha256(b"stock witness").digest()
VKEY = format_vkey(NAME, Ed25519PrivateKey.from_private_bytes(SEED).public_key(), KeyKind.COSIGNER)
PATIENCE = 60
"""Seconds that a step may take on a busy machine."""
ENTRY: dict[str, object] = {
    "type": "service.recorded",
    "chapter": CHAPTER,
    "actor": None,
    "subjects": [],
    "public": {},
}


@dataclass(slots=True)
class StockWitness:
    """The witness as its own process, its key in an SSH agent, its state in its own database."""

    tools: Path
    folder: Path
    port: int = field(default_factory=free_port)
    agent: subprocess.Popen[str] | None = None
    process: subprocess.Popen[bytes] | None = None
    fingerprint: str = ""

    def start(self) -> StockWitness:
        """Start it and wait until it listens."""
        socket_path = self.folder / "agent"
        if self.agent is None:
            self.agent = subprocess.Popen(
                [self.tools / "keyagent", socket_path, SEED.hex()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert self.agent.stdout is not None
            self.fingerprint = self.agent.stdout.readline().strip()
        command = [self.tools / "litewitness", "-ssh-agent", socket_path, "-key", self.fingerprint]
        command += ["-name", NAME, "-db", self.folder / "state", "-listen", f"127.0.0.1:{self.port}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True)
        eventually(self.is_listening)
        return self

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def know(self, vkey: str) -> None:
        """Have it witness a log, as its own tool for this does."""
        origin = vkey.split("+")[0]
        with sqlite3.connect(self.folder / "state") as state:
            state.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, encode_base64(EMPTY_ROOT)))
            state.execute("INSERT INTO key VALUES (?, ?)", (origin, vkey))
        state.close()

    def held(self) -> int:
        """Return the size it has cosigned last, from its own database."""
        with sqlite3.connect(self.folder / "state") as state:
            ((size,),) = state.execute("SELECT tree_size FROM log").fetchall()
        state.close()
        return int(size)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)
        self.process = None

    def end(self) -> None:
        if self.process is not None:
            self.kill()
        if self.agent is not None:
            # It ends with its standard input.
            self.agent.communicate(timeout=30)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the witness and of the agent that holds its key, built."""
    place = tmp_path_factory.mktemp("litewitness")
    for name, package in (("keyagent", "."), ("litewitness", "filippo.io/torchwood/cmd/litewitness")):
        done = run_go("litewitness", "build", "-o", str(place / name), package, patience=300)
        assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def witness(tools: Path, tmp_path: Path) -> Iterator[StockWitness]:
    folder = tmp_path / "witness"
    folder.mkdir()
    witness = StockWitness(tools, folder)
    yield witness.start()
    witness.end()


@pytest.fixture
def serving(witness: StockWitness, tmp_path: Path) -> Iterator[Serving]:
    data = tmp_path / "data"
    keys = DataFolder(data).keys
    keys.mkdir(parents=True, mode=0o700)
    witness.know(KeyFolder(keys).log_identity(None).vkey)
    policy = tmp_path / "policy"
    lines = [f"witness stock {VKEY} http://127.0.0.1:{witness.port}"]
    policy.write_text("\n".join([*lines, "#operator stock independent Somebody Else", "quorum stock", ""]))
    # The chain is kept behind what the witness holds: only the witness knows of the rest.
    environment = {"TONGYI_WITNESS_POLICY": str(policy), "TONGYI_ANCHOR_INTERVAL": "2"}
    serving = Serving(data, environment=environment).start()
    yield serving
    if serving.process is not None and serving.process.poll() is None:
        serving.stop()


def published(serving: Serving) -> int:
    """Return the size of what readers get, which the witness has cosigned; 0 before there is any."""
    answer = serving.client.get("/log/checkpoint")
    if answer.status_code == 404:
        return 0
    checkpoint = open_checkpoint(answer.content, [serving.ready["vkey"], VKEY])
    (cosigned,) = [one for one in checkpoint.signatures if one.timestamp is not None]
    assert cosigned.name == NAME and abs(cosigned.timestamp - time.time()) < 120
    return checkpoint.size


def record(serving: Serving) -> int:
    """Record one entry; return the size that covers it."""
    return int(serving.made("/v1/entries", ENTRY)["index"]) + 1


def test_a_stock_witness_cosigns_what_is_published(serving: Serving, witness: StockWitness) -> None:
    assert f"vkey={VKEY}" in (witness.folder / "log").read_text()
    serving.open_chapter(CHAPTER, fill=0)
    made = serving.made("/v1/entries", ENTRY)
    eventually(lambda: published(serving) > made["index"], PATIENCE)
    size = published(serving)
    assert witness.held() >= size

    # Away, nothing more is published; back, it goes on from what it has kept.
    witness.kill()
    before = published(serving)
    size = record(serving)
    time.sleep(1.5)
    assert published(serving) == before
    witness.start()
    eventually(lambda: published(serving) >= size, PATIENCE)
    assert witness.held() >= size

    proof = f"/v1/entries/{made['id']}/proof"
    eventually(lambda: serving.client.get(proof).status_code == 200, PATIENCE)
    root = Path(serving.ready["trust_root"]).read_bytes()
    verdict = verify_bundle(serving.client.get(proof).content, root)
    (step,) = [one for one in verdict.steps if one.number == StepNumber.WITNESSES]
    assert (step.status, verdict.outcome, verdict.facts.witnesses) == ("passed", "pass", (NAME,))
    assert serving.stop() == 0


def test_a_backup_older_than_what_it_holds_is_read_only(
    serving: Serving, witness: StockWitness, tmp_path: Path
) -> None:
    serving.open_chapter(CHAPTER, fill=0)
    before = record(serving)
    eventually(lambda: published(serving) >= before, PATIENCE)
    assert serving.stop() == 0
    copy_ledger(serving.data, tmp_path / "backup")

    # A restart agrees with it; what is recorded then is not anchored any more.
    serving.environment = {**serving.environment, "TONGYI_ANCHOR_INTERVAL": "3600"}
    serving.start()
    size = record(serving)
    eventually(lambda: published(serving) >= size, PATIENCE)
    assert serving.stop() == 0
    held = witness.held()
    put_back(tmp_path / "backup", serving.data)
    serving.start()
    # It shows no checkpoint, so it is asked to cosign what was signed last, and says what it holds.
    refused = serving.post("/v1/entries", ENTRY)
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger.read_only")
    here = refused.json()["reason"].partition("here=")[2].partition(",")[0]
    assert refused.json()["reason"] == f"log.behind_witness(here={here}, witnessed={held}, witness={NAME})"
    assert before <= int(here) < held and witness.held() == held
