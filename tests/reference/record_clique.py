"""Records real headers of go-ethereum Clique validators, and who geth itself says sealed each.

``python -m tests.reference.record_clique`` writes ``tests/fixtures/clique_headers.json``: four validators, a
signer list every five blocks; one validator goes away, so that blocks come out of turn, and is then voted out
by the others. Each run gives another chain, so the file is recorded once and kept;
``tests/reference/test_clique_headers.py`` reads it.
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
VOTE_AT = 24
BLOCKS = 40


def record(folder: Path) -> dict[str, object]:
    """Run a network and return its first headers as hex, with their signers by ``clique_getSigner``."""
    with Network(GETH, folder, Settings(epoch=EPOCH), lambda text: print(text, file=sys.stderr)) as network:
        watched = network.validators[0]
        wait_until("blocks of all four", lambda: height(watched) >= 9, 60.0)
        network.validators[-1].kill()
        wait_until("blocks of three", lambda: height(watched) >= VOTE_AT, 120.0)
        away = network.validators[-1].plan.address
        for node in network.validators[:-1]:
            node.ask("clique_propose", away, False)
        wait_until("blocks of a smaller consortium", lambda: height(watched) >= BLOCKS, 120.0)
        client = EvmClient(network.url)
        headers = client.headers(0, BLOCKS)
        client.close()
        signers = [str(watched.ask("clique_getSigner", hex(number))) for number in range(1, BLOCKS)]
        # What holds after a block is who may seal the next one.
        may_seal = [watched.ask("clique_getSigners", hex(number)) for number in range(BLOCKS - 1)]
        smaller = [
            number for number, found in enumerate(may_seal, 1) if isinstance(found, list) and len(found) == 3
        ]
        return {
            "node": "go-ethereum 1.13.15",
            "epoch": EPOCH,
            "validators": network.addresses,
            "headers": [header.raw.hex() for header in headers],
            "hashes": [header.hash.hex() for header in headers],
            "signers": ["", *signers],
            "voted_out": away,
            "from": smaller[0],
        }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        FILE.write_text(json.dumps(record(Path(made) / "network"), indent=1) + "\n")
