"""``tongyi verify`` as a process: exit codes, both kinds of output, where the trust root comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chain.proof_file import TlogProof, format_tlog_proof
from gateway.verify_command import NO_TRUST_ROOT, run_verify
from tests.reference.bundle_maker import Made, make, require_nothing

FULL = make()
SOURCES = Path(__file__).parents[3]
FORBIDDEN = "sqlalchemy fastapi web3 pydantic httpx2 requests starlette uvicorn eth_abi".split()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file for every outcome and the trust root, which is not named anywhere yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TONGYI_TRUST_ROOT", raising=False)
    bare = replace(FULL.bundle, chain=None, anchor=None, outcome=None, state=None)
    shallow = require_nothing(FULL, depth=9)
    parts = {
        "pass.json": FULL.data,
        "mismatch.json": FULL.data.replace(b'"2000"', b'"2001"', 1),
        "pending.json": Made(bare, FULL.root).data,
        "cannot.json": shallow.data,
        "root.json": FULL.root_data,
        "deep_root.json": shallow.root_data,
    }
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def run(files: Path, *names: str, root: str | None = "root.json", **options: object) -> int:
    chosen = None if root is None else files / root
    return run_verify([files / name for name in names], chosen, **options)  # type: ignore[arg-type]


def test_exit_codes(files: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(files, "pass.json") == 0
    assert run(files, "mismatch.json") == 1
    assert run(files, "pending.json") == 3
    assert run(files, "cannot.json", root="deep_root.json") == 4
    assert run(files, "absent.json") == 4
    assert run(files, "pass.json", root="absent.json") == 4
    assert run(files) == 2


def test_of_several_files_the_worst_counts(files: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(files, "pass.json", "pass.json") == 0
    assert run(files, "pass.json", "pending.json") == 3
    assert run(files, "pending.json", "absent.json") == 4
    assert run(files, "absent.json", "mismatch.json", "pending.json") == 1


def test_json_gives_one_line_a_file(files: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(files, "pass.json", "mismatch.json", json=True) == 1
    first, second = (json.loads(line) for line in capfdbinary.readouterr().out.splitlines())
    assert (first["outcome"], first["failed_step"]) == ("pass", None)
    assert first["file"] == str(files / "pass.json")
    assert [step["number"] for step in first["steps"]] == list(range(1, 16))
    assert {step["name"]: step["status"] for step in first["steps"] if step["status"] != "passed"} == {
        "lock": "not_present"
    }
    assert first["facts"]["witnesses"] == ["witness.example.org/bank", "witness.example.org/regulator"]
    assert first["words"]["zh"][:2] == ["核验通过", "未证明：所记录的内容在记录之前就是真实的。"]
    assert (second["outcome"], second["failed_step"]) == ("mismatch", 3)
    assert second["words"]["en"][0] == "Verification failed (step 3: record commitment)"


def test_text_in_either_language_or_both(files: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    texts = {}
    for lang in ("zh", "en", "both"):
        assert run(files, "pass.json", lang=lang) == 0
        texts[lang] = capfdbinary.readouterr().out.decode()
    assert "核验通过" in texts["zh"] and "Verified" not in texts["zh"]
    assert "Verified" in texts["en"] and "核验通过" not in texts["en"]
    assert "Verified" in texts["both"] and "核验通过" in texts["both"]


def test_trust_root_by_argument_then_environment_then_folder_never_from_the_file(
    files: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(files, "pass.json", root=None) == 4
    told = capfdbinary.readouterr()
    assert told.err.decode() == f"{NO_TRUST_ROOT}\n" and "--trust-root" in NO_TRUST_ROOT
    assert "no trust root was given" in told.out.decode() and "character 0" not in told.out.decode()
    (files / "trust_root.json").write_bytes(b"{}")
    assert run(files, "pass.json", root=None) == 4
    (files / "trust_root.json").write_bytes(FULL.root_data)
    assert run(files, "pass.json", root=None) == 0
    monkeypatch.setenv("TONGYI_TRUST_ROOT", str(files / "deep_root.json"))
    assert run(files, "pass.json", root=None) == 1
    assert run(files, "pass.json", root="root.json") == 0
    monkeypatch.setenv("TONGYI_TRUST_ROOT", str(files / "absent.json"))
    assert run(files, "pass.json", root=None) == 4


def test_tlog_proof_files_and_oversized_files(files: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    log = FULL.bundle.log
    lax = require_nothing(FULL)
    (files / "lax.json").write_bytes(lax.root_data)
    proof = format_tlog_proof(TlogProof(log.index, log.path, log.checkpoint.encode(), log.leaf))
    (files / "a.tlog-proof").write_bytes(proof)
    assert run(files, "a.tlog-proof", root="lax.json") == 0
    assert run(files, "a.tlog-proof") == 4
    (files / "huge.json").write_bytes(FULL.data + b" " * 3_000_000)
    assert run(files, "huge.json") == 1


def test_starts_without_servers_databases_or_web3_and_without_a_network(files: Path) -> None:
    """A fresh process in which a socket is an error verifies, and has loaded none of the heavy rooms."""
    script = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from pathlib import Path\n"
        "from gateway.verify_command import run_verify\n"
        "code = run_verify([Path('pass.json')], Path('root.json'), json=True)\n"
        f"loaded = [name for name in {FORBIDDEN!r} if name in sys.modules]\n"
        "assert loaded == [], loaded\n"
        "sys.exit(code)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=files, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "pass"
