"""A mirror built afresh from the node, held row for row against the one of a gateway that is stopped."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

from chain.evm.client import EvmClient
from chain.evm.deployment import load_deployment
from gateway.db import Database, migrate, sqlite_url
from gateway.mirror.compare import compare_mirrors
from gateway.mirror.follower import MirrorSettings
from gateway.mirror.rebuild import rebuild_mirror
from gateway.mirror.write import load_cursor
from scripts.faults.world import Case

_MIGRATING = threading.Lock()
"""Alembic keeps what it works on in one place for the whole process; workers are threads of one."""


def differs_from_rescan(case: Case) -> list[str]:
    """Return the first mirrored row that is not what a fresh scan of the same blocks gives, if any."""
    record = load_deployment(case.data / "deployment.json")
    contracts = [bytes(found.address) for found in record.contracts.values()]
    path = Path(f"{case.data}.rescan.sqlite3")
    path.unlink(missing_ok=True)
    client = EvmClient(case.rpc)
    with closing(Database(case.database)) as kept, closing(Database(sqlite_url(path))) as fresh:
        with _MIGRATING:
            migrate(fresh)
        with kept.reader() as connection:
            cursor = load_cursor(connection, record.chain_id)
        if cursor is None:
            return ["O7 rescan: nothing is mirrored"]
        rebuild_mirror(
            fresh,
            client,
            contracts,
            chain_id=record.chain_id,
            genesis_hash=record.genesis_hash,
            settings=MirrorSettings(rewind_limit=0, first_block=record.first_block),
            last=cursor.number,
        )
        found = compare_mirrors(kept, fresh, record.chain_id).difference
    client.close()
    return [] if found is None else [f"O7 rescan: {found.place}: {found.had} is {found.want}"]
