"""Tessera, whose log publishes nothing that its witness policy is not met for, takes ours for witnesses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.base64_text import encode_base64
from chain.checkpoint import format_vkey, open_checkpoint, parse_vkey
from chain.hashing import sha256
from tests.foreign.go_tool import run_go
from tests.integration.witnesses_kit import Witnessing

ORIGIN = "tessera.example/log"
SEED = b"\x09" * 32
VKEY = format_vkey(ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED).public_key())
SKEY = f"PRIVATE+KEY+{ORIGIN}+{parse_vkey(VKEY).key_id.hex()}+{encode_base64(bytes((1,)) + SEED)}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client, built."""
    place = tmp_path_factory.mktemp("client") / "witnessclient"
    done = run_go("witnessclient", "build", "-o", str(place), ".", patience=300)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def witnesses(tmp_path: Path) -> Iterator[list[Witnessing]]:
    started = [Witnessing(tmp_path / name, ("--log", VKEY)).start() for name in ("one", "two")]
    yield started
    for one in started:
        if one.running:
            assert one.stop() == 0


def policy_file(folder: Path, witnesses: list[Witnessing], quorum: str) -> Path:
    lines = [f"witness w{n} {one.vkey} {one.url}/witness/" for n, one in enumerate(witnesses)]
    names = " ".join(f"w{n}" for n in range(len(witnesses)))
    path = folder / "policy"
    path.write_text("\n".join([f"log {VKEY}", *lines, f"group town {quorum} {names}", "quorum town", ""]))
    return path


def run(client: Path, folder: Path, policy: Path, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = ["-folder", str(folder / "log"), "-policy", str(policy), "-skey", SKEY, *more]
    return subprocess.run([str(client), *arguments], capture_output=True, text=True, timeout=90, check=False)


def grown(client: Path, folder: Path, policy: Path, *more: str) -> dict[str, Any]:
    done = run(client, folder, policy, *more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def answers(witness: Witnessing) -> dict[str, float]:
    """Return how often the witness gave each answer."""
    found = {}
    for line in witness.get("/metrics").text.splitlines():
        if line.startswith("tongyi_witness_answers_total{"):
            found[line.split('"')[1]] = float(line.rpartition(" ")[2])
    return found


def test_it_is_cosigned_and_advanced(client: Path, witnesses: list[Witnessing], tmp_path: Path) -> None:
    policy = policy_file(tmp_path, witnesses, "all")
    vkeys = [VKEY, *(one.vkey for one in witnesses)]
    first = grown(client, tmp_path, policy, "-count", "5")
    opened = open_checkpoint(first["checkpoint"].encode(), vkeys)
    assert opened.size >= first["size"] == 5 and len(opened.signatures) == 3
    for one in witnesses:
        held = open_checkpoint(one.checkpoint(ORIGIN) or b"", vkeys)
        assert held.size >= 5 and answers(one)["cosigned"] >= 2
    # A new process goes on from the size it has published.
    second = grown(client, tmp_path, policy, "-count", "40", "-prefix", "more")
    opened = open_checkpoint(second["checkpoint"].encode(), vkeys)
    assert opened.size >= second["size"] == 45 and len(opened.signatures) == 3
    for one in witnesses:
        # Nothing was refused that should have been accepted.
        assert set(answers(one)) == {"cosigned"} and answers(one)["cosigned"] >= 3
        held = open_checkpoint(one.checkpoint(ORIGIN) or b"", vkeys)
        assert (held.size, held.root) == (opened.size, opened.root)


def test_a_witness_left_behind_is_taken_up_again_after_its_409(
    client: Path, witnesses: list[Witnessing], tmp_path: Path
) -> None:
    policy = policy_file(tmp_path, witnesses, "any")
    grown(client, tmp_path, policy, "-count", "3")
    witnesses[0].stop(9)
    alone = grown(client, tmp_path, policy, "-count", "3", "-prefix", "alone")
    signers = open_checkpoint(alone["checkpoint"].encode(), [VKEY, witnesses[1].vkey]).signatures
    assert len(signers) == 2
    witnesses[0].start()
    policy = policy_file(tmp_path, witnesses, "all")
    both = grown(client, tmp_path, policy, "-count", "1", "-prefix", "both")
    opened = open_checkpoint(both["checkpoint"].encode(), [VKEY, *(one.vkey for one in witnesses)])
    assert opened.size >= 7 and len(opened.signatures) == 3
    # It held 3 or so, was asked from a later size, said so, and took the proof from its own.
    told = answers(witnesses[0])
    assert set(told) == {"size.other", "cosigned"} and told["size.other"] == 1


def test_a_log_that_begins_anew_is_not_cosigned(
    client: Path, witnesses: list[Witnessing], tmp_path: Path
) -> None:
    policy = policy_file(tmp_path, witnesses, "all")
    grown(client, tmp_path, policy, "-count", "9")
    (tmp_path / "log").rename(tmp_path / "old")
    done = run(client, tmp_path, policy, "-count", "2", "-prefix", "other", "-patience", "4s")
    assert done.returncode == 1 and done.stdout == ""
    for one in witnesses:
        held = open_checkpoint(one.checkpoint(ORIGIN) or b"", [VKEY, one.vkey])
        assert held.size >= 9
        assert one.get(f"/{sha256(ORIGIN.encode()).hex()}/checkpoint").status_code == 200
