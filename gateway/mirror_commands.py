"""``tongyi mirror rebuild`` and ``tongyi reconcile``: the mirror held against events and against storage.

Both only read the gateway's database, so they run beside a serving gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chain.errors import FatalChainError, FormatError
from chain.evm.client import EvmClient
from chain.evm.deployment import Deployment, load_deployment
from chain.evm.recursion import reset_recursion_limit
from gateway.command_failures import EXIT_USAGE, CommandFailure
from gateway.data_folder import DataFolder
from gateway.data_present import present_database, require_folder
from gateway.db import Database, migrate
from gateway.mirror.compare import compare_mirrors
from gateway.mirror.follower import Follower, MirrorSettings
from gateway.mirror.rebuild import rebuild_mirror
from gateway.mirror.reconcile import Reconciliation, reconcile
from gateway.mirror.source import Receipts
from gateway.mirror.write import load_cursor
from gateway.row_compare import Comparison
from gateway.settings import load_settings

ATTEMPTS = 30
"""Times the comparison is tried again because the serving mirror moved on in between."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A gateway's database, its contracts and the node they are on."""

    database: Database
    deployment: Deployment
    client: EvmClient


@contextmanager
def open_gateway(data: Path | None, chain_url: str | None, database_url: str | None) -> Iterator[Opened]:
    """Open what a data folder belongs to, for reading.

    Raises:
        FormatError: there is no deployment in the folder.
        CommandFailure: no chain is named, or there is no folder or no database.
        FatalChainError: the node is on another chain.
    """
    settings = load_settings(data, chain_url=chain_url, database_url=database_url)
    folder, url = DataFolder(settings.data), settings.chain_url
    reset_recursion_limit()
    if url is None:
        raise CommandFailure(
            "--chain-url：必须给出，见 tongyi serve 就绪行中的 rpc",
            "--chain-url is needed: the ready line of tongyi serve names it as rpc",
            EXIT_USAGE,
        )
    require_folder(folder)
    if not folder.deployment.exists():
        raise FormatError(folder.deployment.name, "is not in the data folder")
    deployment = load_deployment(folder.deployment)
    address = present_database(settings)
    with ExitStack() as stack:
        client = EvmClient(
            url, expected_chain_id=deployment.chain_id, expected_genesis=deployment.genesis_hash
        )
        stack.callback(client.close)
        database = Database(address, pool_size=2)
        stack.callback(database.close)
        yield Opened(database, deployment, client)


def run_rebuild(
    data: Path | None,
    into: str,
    chain_url: str | None,
    database_url: str | None,
    on_block: Callable[[int], None],
) -> tuple[Comparison, int]:
    """Mirror the chain from block 0 into an empty database and compare it with the gateway's, row for row.

    Returns the comparison and the block both stand at.

    Raises:
        NotEmpty: ``into`` mirrors this chain already.
        FatalChainError: the gateway has mirrored nothing, or never stood still long enough to compare.
    """
    with open_gateway(data, chain_url, database_url) as opened, ExitStack() as stack:
        fresh = Database(into, pool_size=2)
        stack.callback(fresh.close)
        migrate(fresh)
        deployed = opened.deployment
        contracts = [bytes(found.address) for found in deployed.contracts.values()]
        settings = MirrorSettings(rewind_limit=1, first_block=deployed.first_block, receipts=Receipts.ALL)
        chain_id, genesis = deployed.chain_id, deployed.genesis_hash
        rebuild_mirror(
            fresh, opened.client, contracts, chain_id=chain_id, genesis_hash=genesis, settings=settings,
            last=_block(opened.database, chain_id), on_block=on_block,
        )  # fmt: skip
        follower = Follower(
            fresh, opened.client, contracts, chain_id=chain_id, genesis_hash=genesis, settings=settings
        )
        for _ in range(ATTEMPTS):
            # The serving mirror goes on meanwhile: follow it to where it is, then compare at once.
            last = _block(opened.database, chain_id)
            while _block(fresh, chain_id) < last:
                follower.step(last)
            comparison = compare_mirrors(opened.database, fresh, chain_id)
            difference = comparison.difference
            if difference is None or difference.table.name != "mirror_cursor":
                return comparison, last
        raise FatalChainError("the mirror never stood still long enough to compare")


def run_reconcile(data: Path | None, chain_url: str | None, database_url: str | None) -> Reconciliation:
    """Compare every mirrored balance, lock and cursor, and their sum, with the contract's storage."""
    with open_gateway(data, chain_url, database_url) as opened:
        deployed = opened.deployment
        return reconcile(
            opened.database,
            opened.client,
            chain_id=deployed.chain_id,
            credit=deployed.address("TimeCredit"),
        )


def _block(database: Database, chain_id: int) -> int:
    with database.reader() as connection:
        cursor = load_cursor(connection, chain_id)
    if cursor is None:
        raise FatalChainError(f"chain {chain_id} is not mirrored yet")
    return cursor.number
