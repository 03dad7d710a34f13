"""A chain on this machine: the native anvil binary as a child process on 127.0.0.1.

The chain holds no keys and no unlocked accounts, gas costs nothing, and its chain id is not one of the
well-known development ids. Blocks come from ``block_clock``. State is written on SIGTERM and now and then;
blocks, receipts and logs since block 0 are served after a restart, state proofs only for the last
``kept_states`` blocks (measured with anvil 1.7.1). The lock in the state folder is inherited by the node,
so two never share a folder, and a node whose parent was killed is waited for.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from chain.evm.errors import LocalChainError
from chain.evm.node_process import LocalNode, NodeProcess
from chain.evm.transport import Transport

CHAIN_ID: Final = 20261
"""Chain id of the embedded chain."""

CONTRACTS_DIR: Final = Path(__file__).resolve().parents[2] / "contracts"
HARDFORK: Final = "paris"
"""Headers with London's 16 fields and no later one; what Clique and older consortium nodes execute."""

_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def find_anvil() -> Path:
    """Return the native anvil binary: ``TONGYI_ANVIL``, else that of the contracts' npm packages.

    The npm wrapper is not used, since killing it leaves the native process behind. Raises LocalChainError.
    """
    named = os.environ.get("TONGYI_ANVIL")
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    package = f"anvil-{platform.system().lower()}-{machine}"
    path = (
        Path(named) if named else CONTRACTS_DIR / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    )
    if not path.is_file():
        raise LocalChainError(f"no anvil in package {package}: run npm ci in contracts/")
    return path


class LocalChain(LocalNode):
    """The embedded chain in ``state_dir``; a context manager, or ``start`` and ``stop``."""

    def __init__(
        self,
        state_dir: Path,
        *,
        block_time: float = 1.0,
        gas_limit: int = 600_000_000,
        chain_id: int = CHAIN_ID,
        kept_states: int = 128,
        dump_interval: int = 30,
        patience: float = 30.0,
        first_time: int | None = None,
    ) -> None:
        """Bound memory by ``kept_states``, about 2 MB each; times are in seconds.

        A new chain's time starts at ``first_time`` (Unix seconds) where given, and runs on from there.

        ``patience`` is how long ``start`` waits for a folder that is still in use.
        """
        self._dir = state_dir
        self._block_time = block_time
        self._gas_limit = gas_limit
        self._chain_id = chain_id
        self._kept_states = kept_states
        self._dump_interval = dump_interval
        self._patience = patience
        self._first_time = first_time
        self._clock: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    def start(self) -> str:
        """Start the node from its stored state, if any, and return its address.

        Raises LocalChainError where the folder is in use or the node does not start.
        """
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = self._take_lock()
        try:
            self._adopt_dump()
            self._keep_one_genesis()
            self._node = NodeProcess(self._command(), keep_open=(self._lock,))
            self._silence(self._node.url)
            self._clock = self._start_clock(self._node)
        except BaseException:
            self.stop()
            raise
        return self._node.url

    def stop(self) -> None:
        """Stop the node, letting it write its state; safe to call twice."""
        if self._clock is not None:
            # First the clock, which would send its own signal when it sees us leave.
            self._clock.kill()
            self._clock.communicate()
            self._clock = None
        if self._node is not None:
            self._node.end()
            self._node = None
            # If we crash here, the next start checks the dump and adopts it.
            self._adopt_dump()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> int:
        lock = os.open(self._dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise LocalChainError("another process holds the state folder") from error
                time.sleep(0.1)
            else:
                return lock

    def _adopt_dump(self) -> None:
        """Make a whole dump the stored state; a cut-off one is dropped for the last copy of the clock."""
        dump, state = self._dir / "dump.json", self._dir / "state.json"
        if not dump.exists():
            return
        try:
            json.loads(dump.read_bytes())
        except ValueError:
            dump.unlink()
        else:
            dump.replace(state)

    def _keep_one_genesis(self) -> None:
        """Drop the block 0 that every later start adds to the stored state: the oldest is the chain's own.

        anvil makes a new one each time it starts, keeps all of them in its dump, and serves any of them.
        """
        state = self._dir / "state.json"
        if not state.exists():
            return
        content = json.loads(state.read_bytes())
        blocks = content["blocks"]
        genesis = [block for block in blocks if int(block["header"]["number"], 16) == 0]
        if len(genesis) < 2:
            return
        own = min(genesis, key=lambda block: int(block["header"]["timestamp"], 16))
        content["blocks"] = [block for block in blocks if block is own or block not in genesis]
        part = state.with_suffix(".part")
        part.write_text(json.dumps(content))
        # If we crash here, the old state still stands and the next start does the same.
        part.replace(state)

    def _command(self) -> list[str]:
        command = [
            str(find_anvil()),
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-cors",
            "--no-request-size-limit",
        ]
        command += ["--no-mining", "--order", "fifo", "--hardfork", HARDFORK, "--accounts", "0"]
        command += ["--chain-id", str(self._chain_id), "--gas-limit", str(self._gas_limit)]
        command += ["--base-fee", "0", "--gas-price", "0", "--no-priority-fee"]
        command += ["--prune-history", str(self._kept_states)]
        command += [
            "--dump-state",
            str(self._dir / "dump.json"),
            "--state-interval",
            str(self._dump_interval),
        ]
        state = self._dir / "state.json"
        if state.exists():
            return [*command, "--load-state", str(state)]
        return command if self._first_time is None else [*command, "--timestamp", str(self._first_time)]

    def _silence(self, url: str) -> None:
        transport = Transport(url, timeout=10.0)
        try:
            # A line for every request would cost more than many requests do.
            transport.call("anvil_setLoggingEnabled", False)
        finally:
            transport.close()

    def _start_clock(self, node: NodeProcess) -> subprocess.Popen[bytes]:
        dump, state = self._dir / "dump.json", self._dir / "state.json"
        arguments = [node.url, str(node.process.pid), str(self._block_time), str(dump), str(state)]
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "chain.evm.block_clock", *arguments],
            cwd=CONTRACTS_DIR.parent,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
