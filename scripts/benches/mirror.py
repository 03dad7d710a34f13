"""The mirror: events from ``eth_getLogs`` to rows, raw and derived, in an empty SQLite database.

The peer is web3.py fetching and decoding the same events of the same node with its contracts' ``get_logs``;
it stores nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text
from web3 import Web3

from chain.evm.artifacts import load_artifact
from chain.evm.client import EvmClient
from gateway.db import Database, migrate, sqlite_url
from gateway.mirror.follower import MirrorSettings
from gateway.mirror.rebuild import rebuild_mirror
from gateway.mirror.source import Receipts
from scripts.benches.rows import Reach, Row, make_row
from scripts.benches.running import Ground

REACH = 30_000
RATIO = 8
CONTRACTS = ("Membership", "TimeCredit", "LogAnchor", "CoSignature")
"""Contracts of ours whose events are read."""


def contracts_of(ground: Ground) -> dict[str, str]:
    """Addresses by name, as the gateway says."""
    found = ground.client.status()["contracts"]
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def measure_ours(ground: Ground, last: int, receipts: Receipts) -> tuple[float, int]:
    """Events a second into an empty database up to block ``last``, and how many there were."""
    client = EvmClient(ground.addresses.rpc)
    addresses = [bytes.fromhex(address[2:]) for address in contracts_of(ground).values()]
    settings = MirrorSettings(rewind_limit=2, receipts=receipts)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "mirror.sqlite3"))
        try:
            migrate(database)
            started = time.perf_counter()
            rebuild_mirror(
                database,
                client,
                addresses,
                chain_id=ground.addresses.chain_id,
                genesis_hash=client.genesis_hash(),
                settings=settings,
                last=last,
            )
            seconds = time.perf_counter() - started
            with database.reader() as connection:
                events = int(connection.execute(text("SELECT count(*) FROM mirror_logs")).scalar_one())
        finally:
            database.close()
    client.close()
    return events / seconds, events


def measure_peer(ground: Ground, last: int, names: Sequence[str] = CONTRACTS) -> float:
    """Events a second that web3.py fetches and decodes, every kind of event by its own ``get_logs``."""
    web3 = Web3(Web3.HTTPProvider(ground.addresses.rpc, request_kwargs={"timeout": 300}))
    addresses = contracts_of(ground)
    events = 0
    started = time.perf_counter()
    for name in names:
        contract = web3.eth.contract(
            address=Web3.to_checksum_address(addresses[name]), abi=load_artifact(name).abi
        )
        for event in contract.events:  # type: ignore[attr-defined] # web3.py calls its iterator an iterable
            if event.event_name != "Transfer":
                events += len(event().get_logs(from_block=0, to_block=last))
    return events / (time.perf_counter() - started)


def run(ground: Ground, short: bool) -> list[Row]:
    """One row; needs a chain that already has many events."""
    client = EvmClient(ground.addresses.rpc)
    last = int(client.block_number())
    client.close()
    runs = 1 if short else 3
    ours, events = max(measure_ours(ground, last, Receipts.NONE) for _ in range(runs))
    return [
        make_row(
            f"mirror, eth_getLogs to SQLite rows, {events:,} events",
            ours,
            "events/s",
            reach=Reach(REACH, "events/s"),
            peer="web3.py get_logs, events/s",
            peer_value=measure_peer(ground, last),
            ratio_reach=RATIO,
        )
    ]
