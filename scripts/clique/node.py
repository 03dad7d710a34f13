"""One go-ethereum node as a child process: a validator with its own key, or a member that only follows.

A validator answers nobody but the owner of its socket file: its key is unlocked there, so it has no HTTP. The
member holds no key and serves HTTP on 127.0.0.1. Peers are added over the socket after the gas price is set
to zero, because a node refuses for minutes what it once found too cheap.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.clique.ipc import NodeSaidNo, NodeSilent, ask

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_PARENT_DEATH = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""
_LIBC = ctypes.CDLL(None)


class NodeFailed(Exception):
    """A node did not do what it must; the end of its log says why."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        tail = log.read_text(errors="replace").splitlines()[-12:] if log.exists() else []
        super().__init__("\n".join([f"{name}: {reason}; its log is {log}", *tail]))
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What does not change between two starts: ``address`` seals blocks and is empty for the member."""

    name: str
    folder: Path
    address: str
    peer_port: int
    http_port: int | None

    @property
    def data(self) -> Path:
        """The node's data folder, as geth lays it out."""
        return self.folder / "data"

    @property
    def password(self) -> Path:
        """File that opens the validator's key file."""
        return self.folder / "password"

    @property
    def log(self) -> Path:
        """What the node prints, over all its runs."""
        return self.folder / "node.log"


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """What all nodes share: ``period`` is seconds between blocks, ``epoch`` blocks between signer lists."""

    chain_id: int
    period: int
    epoch: int
    gas_limit: int


@dataclass(slots=True)
class Node:
    """A node that can be started and ended again and again."""

    geth: Path
    plan: NodePlan
    chain: ChainPlan
    sockets: Path
    peers: int
    _child: subprocess.Popen[bytes] | None = None
    _enode: str = field(default="")

    @property
    def socket_file(self) -> Path:
        """The socket that only this user can open; in a short folder, as its path may have 107 bytes."""
        return self.sockets / f"{self.plan.name}.ipc"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._child is None else self._child.pid

    @property
    def enode(self) -> str:
        """The node's address for its peers."""
        return self._enode

    @property
    def validates(self) -> bool:
        """Whether it seals blocks."""
        return bool(self.plan.address)

    def ask(self, method: str, *params: object) -> object:
        """Return the result of one call over the node's socket. Raises NodeSilent or NodeSaidNo."""
        return ask(self.socket_file, method, *params)

    def start(self) -> None:
        """Start it and wait until it answers; it has no peers yet and seals nothing. Raises NodeFailed."""
        with self.plan.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.plan.folder,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._settle()
                return
            except (NodeSilent, NodeSaidNo) as error:
                if self._child.poll() is not None:
                    raise NodeFailed(
                        self.plan.name, f"ended with exit code {self._child.returncode}", self.plan.log
                    ) from error
                if time.monotonic() > deadline:
                    raise NodeFailed(self.plan.name, f"does not answer ({error})", self.plan.log) from error
                time.sleep(0.1)

    def _settle(self) -> None:
        info = self.ask("admin_nodeInfo")
        if not isinstance(info, dict):
            raise NodeSaidNo("admin_nodeInfo", "no object")
        public = str(info["enode"]).partition("@")[0]
        self._enode = f"{public}@127.0.0.1:{self.plan.peer_port}?discport=0"
        # The option on the command line cannot say 0: geth takes its own default for it.
        self.ask("miner_setGasPrice", "0x0")

    def seal(self, on: bool) -> None:
        """Begin or stop sealing."""
        self.ask("miner_start" if on else "miner_stop")

    def stop(self) -> None:
        """Ask it to end and wait, killing it when it does not; safe to call twice."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        child.wait()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    def ended(self) -> int | None:
        """Exit code where it ended by itself."""
        return None if self._child is None else self._child.poll()

    def _command(self) -> list[str]:
        command = [str(self.geth), "--config", str(self._write_config()), "--datadir", str(self.plan.data)]
        command += ["--networkid", str(self.chain.chain_id), "--syncmode", "full", "--gcmode", "archive"]
        command += ["--state.scheme", "hash", "--snapshot=false", "--cache", "96", "--nat", "none"]
        command += ["--nodiscover", "--netrestrict", "127.0.0.0/8", "--maxpeers", str(self.peers)]
        command += ["--ipcpath", str(self.socket_file), "--authrpc.addr", "127.0.0.1", "--authrpc.port", "0"]
        command += ["--txpool.accountslots", "8192", "--txpool.globalslots", "32768", "--verbosity", "3"]
        command += ["--txpool.accountqueue", "8192", "--txpool.globalqueue", "32768"]
        command += ["--miner.gaslimit", str(self.chain.gas_limit), "--rpc.gascap", "0"]
        if self.plan.http_port is not None:
            command += ["--http", "--http.addr", "127.0.0.1", "--http.port", str(self.plan.http_port)]
            command += ["--http.api", "eth,net,web3", "--rpc.batch-request-limit", "20000"]
            command += ["--rpc.batch-response-max-size", str(256 * 1024 * 1024)]
        if self.validates:
            command += ["--unlock", self.plan.address, "--password", str(self.plan.password)]
            command += ["--miner.etherbase", self.plan.address]
        return command

    def _write_config(self) -> Path:
        """What no option says: peers are heard on 127.0.0.1 alone, and any of them may be called."""
        path = self.plan.folder / "geth.toml"
        path.write_text(f'[Node.P2P]\nListenAddr = "127.0.0.1:{self.plan.peer_port}"\nDialRatio = 1\n')
        return path


def make_key(geth: Path, folder: Path) -> str:
    """Make a validator's encrypted key file below ``folder`` and return its address, 0x and 40 hex digits.

    Raises NodeFailed where geth does not.
    """
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_hex(32))
    argv = [str(geth), "--datadir", str(folder / "data"), "account", "new", "--lightkdf"]
    done = subprocess.run([*argv, "--password", str(password)], capture_output=True, text=True, check=False)
    files = list((folder / "data" / "keystore").glob("UTC--*"))
    if done.returncode != 0 or len(files) != 1:
        raise NodeFailed(folder.name, f"made no key: {done.stderr.strip()[-300:]}", folder / "node.log")
    return "0x" + str(json.loads(files[0].read_text())["address"])


def init_chain(geth: Path, plan: NodePlan, genesis: Path) -> None:
    """Write block 0 into a node's folder. Raises NodeFailed."""
    argv = [str(geth), "--datadir", str(plan.data), "init", "--state.scheme", "hash", str(genesis)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NodeFailed(plan.name, f"takes no genesis block: {done.stderr.strip()[-300:]}", plan.log)


def wait_until(what: str, holds: Callable[[], bool], patience: float, pause: float = 0.1) -> None:
    """Wait until something holds. Raises TimeoutError naming it."""
    deadline = time.monotonic() + patience
    while True:
        try:
            if holds():
                return
        except (NodeSilent, NodeSaidNo):
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"not after {patience:.0f} s: {what}")
        time.sleep(pause)


def _end_with_parent() -> None:
    """In the child: end when the script ends, even where it could not say so any more (Linux)."""
    if os.uname().sysname == "Linux":
        _LIBC.prctl(_PARENT_DEATH, signal.SIGTERM)
