"""``scripts/consortium`` on real go-ethereum validators: selftest, restart, and what stays behind.

The build of geth is set-up (``python3 scripts/setup.py test``), not part of any time here.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scripts.clique.ipc import ask
from scripts.clique.node import wait_until
from scripts.consortium import GETH

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("purchase", "transfer", "issue", "gift", "redemption", "lock", "refused", "balance-and-lock")
CHECKS = {
    "the contracts are deployed",
    "a few hundred entries are settled",
    "nothing but too low balances was refused",
    "no proof file before its time",
    "final after 5 blocks",
    "an unapproved reversal is refused on chain",
    "every kind of proof file passes offline",
    *(f"{kind}: sealed by a quorum under 5 blocks" for kind in KINDS),
    "one flipped bit is refused",
    "a flipped seal byte fails at step 11",
    "a flipped seal byte under a hash made to fit fails at step 12",
    "a seal of nobody pinned fails at step 12",
    "the chain goes on with a validator away",
    "it catches up with the same chain and seals again",
    "a minority seals no more than its number of blocks",
    "the outbox took its anchors back and sent them again",
    "anchors of the losing side are anchored again",
    "the mirror stepped back",
    "no entry is lost and all are final",
    "balances are the supply",
    "reconciled with 0 mismatches",
    "the ledger's bytes are whole",
    "a mirror built anew is equal",
    "every process has ended",
}


class Consortium:
    """The script as a child process on a folder; ended by its own pid alone."""

    def __init__(self, folder: Path, *options: str) -> None:
        argv = [sys.executable, "-m", "scripts.consortium", "--json", "--data", str(folder), *options]
        self.log = (folder.parent / f"{folder.name}.log").open("ab")
        self.child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log, text=True)
        lines: queue.Queue[str] = queue.Queue()
        output = self.child.stdout
        assert output is not None
        threading.Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
        self.ready = json.loads(lines.get(timeout=120))
        self.sockets = [Path(node["ipc"]) for node in self.ready["validators"]]
        self.pids = [*(node["pid"] for node in self.ready["validators"]), self.ready["member"]["pid"]]

    def height(self) -> int:
        return int(str(ask(self.sockets[0], "eth_blockNumber")), 16)

    def end(self, number: int) -> int:
        """Send the script a signal and wait; returns its exit code."""
        self.child.send_signal(number)
        code = self.child.wait(60)
        if self.child.stdout is not None:
            self.child.stdout.close()
        self.log.close()
        return code


def runs(pid: int) -> bool:
    """Whether a process is there and not only waited for by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < deadline, [pid for pid in pids if runs(pid)]
        time.sleep(0.1)


def test_geth_is_built() -> None:
    done = subprocess.run([GETH, "version"], capture_output=True, text=True, check=True)
    assert "Version: 1.13.15-stable" in done.stdout


@pytest.mark.timeout(420)
def test_the_selftest_holds(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "scripts.consortium", "--selftest", "--json", "--epoch", "40"]
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["ok"], result["failure"]) == (True, "")
    assert set(result["checks"]) == CHECKS and all(result["checks"].values())
    counts = result["counts"]
    assert counts["validators"] == 5 and counts["proof_files"] == len(KINDS)
    assert counts["entries"] >= 500 and counts["operations"] >= 150
    assert counts["reorganised_blocks"] == 1
    assert counts["anchors_on_the_losing_side"] >= 1 and counts["mirror_steps_back"] >= 1
    assert counts["isolation"] in ("network namespace", "socket guard")
    assert set(result["seconds"]) >= {"validators", "a reorganisation", "validators stopped"}
    # The folder it made for itself is gone, with all keys.
    assert not list(tmp_path.glob("tongyi-consortium-*"))


@pytest.mark.timeout(240)
def test_a_network_that_is_kept_goes_on_and_nothing_stays_behind(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    # Of four, the loss of one may tie the others for good (scripts/clique/README.md).
    first = Consortium(folder, "--epoch", "50", "--chain-id", "4242")
    try:
        assert first.ready["chain_id"] == 4242 and len(first.sockets) == 5
        addresses = [node["address"] for node in first.ready["validators"]]
        assert set(first.ready["settings"]) == {
            "TONGYI_CHAIN_URL",
            "TONGYI_VALIDATORS",
            "TONGYI_FINALITY_DEPTH",
            "TONGYI_ANCHOR_INTERVAL",
        }
        assert first.ready["settings"]["TONGYI_VALIDATORS"] == "clique:" + ",".join(sorted(addresses))
        assert {mode(folder / f"validator-{n}" / "password") for n in range(1, 6)} == {0o600}
        assert {mode(folder / f"validator-{n}") for n in range(1, 6)} == {mode(folder)} == {0o700}
        assert mode(first.sockets[0].parent) == 0o700
        assert sorted(str(one) for one in listed(first)) == sorted(addresses)
        in_use = subprocess.run(
            [sys.executable, "-m", "scripts.consortium", "--data", str(folder)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert in_use.returncode == 1 and "another process runs this network" in in_use.stderr
        # One may go: the others seal on.
        os.kill(first.pids[3], signal.SIGKILL)
        height = first.height() + 6
        wait_until("blocks of four", lambda: first.height() >= height, 60.0)
        assert first.child.poll() is None
    finally:
        code = first.end(signal.SIGTERM)
    assert code == 0
    wait_for_end(first.pids)
    assert "validator-4 ended with exit code -9, 4 seal on" in (tmp_path / "network.log").read_text()
    assert not first.sockets[0].parent.exists()
    again = Consortium(folder)
    try:
        assert again.ready["genesis_hash"] == first.ready["genesis_hash"]
        assert [node["address"] for node in again.ready["validators"]] == addresses
        assert again.height() >= height
    finally:
        # No time to say goodbye: the nodes see that their parent is gone.
        assert again.end(signal.SIGKILL) == -signal.SIGKILL
    wait_for_end(again.pids)
    left = again.sockets[0].parent
    assert left.exists() and (folder / "sockets").readlink() == left
    last = Consortium(folder)
    assert last.end(signal.SIGINT) == 0
    # What the run that was cut short left is gone, too.
    assert not left.exists() and not last.sockets[0].parent.exists() and not (folder / "sockets").is_symlink()


@pytest.mark.timeout(300)
def test_a_selftest_that_is_stopped_stops_everything(tmp_path: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "scripts.consortium",
        "--selftest",
        "--json",
        "--data",
        str(tmp_path / "net"),
    ]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        child = subprocess.Popen(argv, cwd=ROOT, stdout=out, stderr=err)
    wait_until(
        "the gateway starts", lambda: "✓ the contracts" in (tmp_path / "err").read_text(), 180.0, pause=0.5
    )
    said = (tmp_path / "err").read_text()
    pids = [int(line.rpartition(" ")[2]) for line in said.splitlines() if " pid " in line]
    assert len(pids) == 6 and all(runs(pid) for pid in pids)
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 1
    wait_for_end(pids)
    result = json.loads((tmp_path / "out").read_text().splitlines()[-1])
    assert (result["ok"], result["failure"]) == (False, "interrupted")
    used = str(tmp_path / "net-selftest" / "gateway").encode()

    def gone() -> bool:
        return not any(used in read_quietly(path) for path in Path("/proc").glob("[0-9]*/cmdline"))

    # A process of the gateway's own may take a moment to see that it is not needed any more.
    wait_until("no process of the gateway", gone, 10.0)


def read_quietly(path: Path) -> bytes:
    """A file of a process that may end meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def listed(consortium: Consortium) -> list[object]:
    """The signers as the chain itself has them."""
    found = ask(consortium.sockets[0], "clique_getSigners")
    return found if isinstance(found, list) else []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
