"""The embedded chain is one chain however often it is started again."""

from __future__ import annotations

import time
from pathlib import Path

from chain.evm.client import EvmClient
from chain.evm.local import LocalChain


def test_the_genesis_block_stays_the_same_through_many_starts(tmp_path: Path) -> None:
    seen = set()
    for _ in range(4):
        with LocalChain(tmp_path, block_time=0.2) as chain:
            client = EvmClient(chain.url)
            # A second apart, since a new genesis block would differ by its time alone.
            time.sleep(1.1)
            seen.add(client.genesis_hash())
            client.close()
    assert len(seen) == 1
