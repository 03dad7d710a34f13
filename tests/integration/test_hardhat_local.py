"""hardhat-local.md works as written: its own commands are run against a real Hardhat node.

Only what must differ between two runs on one machine is replaced: the two ports and the data folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "hardhat-local.md"
FENCE = re.compile(r"^```sh(?: terminal=(\d))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDER = ".tongyi/hardhat"


@dataclass(frozen=True, slots=True)
class Block:
    """One code block of the page; ``terminal`` 0 is the set-up that every entry point does by itself."""

    terminal: int
    script: str


def read_blocks(page: str) -> list[Block]:
    return [Block(int(terminal or 0), script) for terminal, script in FENCE.findall(page)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(script: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a terminal's block in a process group of its own; end that group and nothing else."""
    with log.open("wb") as out:
        child = subprocess.Popen(
            ["bash", "-euc", script],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        end_group(child)


def end_group(child: subprocess.Popen[bytes]) -> None:
    """Ctrl-C for one terminal; what does not end by that is killed."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def wait_for(log: Path, wanted: str, child: subprocess.Popen[bytes], patience: float) -> str:
    """The first line of a terminal that holds ``wanted``."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and child.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if wanted in line:
                return line
        time.sleep(0.1)
    raise AssertionError(f"no line with {wanted!r}:\n{log.read_text(errors='replace')[-3000:]}")


def run_block(script: str, log: Path | None = None) -> str:
    done = subprocess.run(
        ["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    said = log.read_text(errors="replace")[-3000:] if log is not None else ""
    assert done.returncode == 0, done.stdout + done.stderr + said
    return done.stdout


def test_the_set_up_step_is_the_one_the_demo_does() -> None:
    (block,) = [block for block in read_blocks(PAGE.read_text()) if block.terminal == 0]
    assert block.script == "python3 scripts/setup.py demo\n"
    assert '"$python" scripts/setup.py demo' in (ROOT / "scripts" / "demo").read_text().splitlines()


@pytest.mark.timeout(240)
def test_the_steps_of_the_page_work_on_a_real_node() -> None:
    folder = Path(".tongyi") / f"hardhat-{os.getpid()}"
    rpc_port, gateway_port = free_port(), free_port()

    def fit(script: str) -> str:
        fitted = script.replace(FOLDER, str(folder)).replace("8545", str(rpc_port))
        return fitted.replace("8000", str(gateway_port))

    blocks = read_blocks(PAGE.read_text())
    ((node,), (gateway,)) = ([fit(b.script) for b in blocks if b.terminal == n] for n in (1, 2))
    use, verify, remove = [fit(b.script) for b in blocks if b.terminal == 3]
    logs = ROOT / f"{folder}-logs"
    logs.mkdir(parents=True)
    try:
        with running(node, logs / "node.log") as node_process:
            listening = wait_for(logs / "node.log", "JSON-RPC server at", node_process, 60)
            assert f"http://127.0.0.1:{rpc_port}/" in listening
            with running(gateway, logs / "gateway.log") as gateway_process:
                ready = json.loads(wait_for(logs / "gateway.log", '"platform_key"', gateway_process, 90))
                assert ready["gateway"] == f"http://127.0.0.1:{gateway_port}"
                assert (ready["rpc"], ready["chain_id"]) == (f"http://127.0.0.1:{rpc_port}", 20261)
                shown = run_block(use, logs / "gateway.log")
                assert "gift" in shown and "balances ['1300', '700']" in shown, shown
                assert '"done"' in shown or "done" in shown.split("outcome")[1], shown
        assert "0.0.0.0" not in (logs / "node.log").read_text()
        # Node and gateway are gone: the proof file needs neither.
        verdict = run_block(verify)
        assert "development root" in verdict, verdict
        run_block(remove)
        assert not (ROOT / folder).exists()
    finally:
        shutil.rmtree(logs, ignore_errors=True)
        shutil.rmtree(ROOT / folder, ignore_errors=True)
