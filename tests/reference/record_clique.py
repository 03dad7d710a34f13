"""Records real headers of go-ethereum Clique validators, and who geth itself says sealed each.

``python -m tests.reference.record_clique`` writes ``tests/fixtures/clique_headers.json``: four validators, a
signer list every five blocks, one validator away for a while so that blocks come out of turn. Each run gives
another chain, so the file is recorded once and kept; ``tests/reference/test_clique_headers.py`` reads it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from chain.evm.client import EvmClient
from scripts.clique.network import Network, Settings, height
from scripts.clique.node import wait_until
from scripts.consortium import GETH

FILE = Path(__file__).parents[1] / "fixtures" / "clique_headers.json"
EPOCH = 5
BLOCKS = 24


def record(folder: Path) -> dict[str, object]:
    """Run a network and return its first headers as hex, with their signers by ``clique_getSigner``."""
    with Network(GETH, folder, Settings(epoch=EPOCH), lambda text: print(text, file=sys.stderr)) as network:
        watched = network.validators[0]
        wait_until("blocks of all four", lambda: height(watched) >= 9, 60.0)
        network.validators[-1].kill()
        wait_until("blocks of three", lambda: height(watched) >= BLOCKS, 120.0)
        client = EvmClient(network.url)
        headers = client.headers(0, BLOCKS)
        client.close()
        signers = [str(watched.ask("clique_getSigner", hex(number))) for number in range(1, BLOCKS)]
        return {
            "node": "go-ethereum 1.13.15",
            "epoch": EPOCH,
            "validators": network.addresses,
            "headers": [header.raw.hex() for header in headers],
            "hashes": [header.hash.hex() for header in headers],
            "signers": ["", *signers],
        }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        FILE.write_text(json.dumps(record(Path(made) / "network"), indent=1) + "\n")
