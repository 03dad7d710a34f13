"""Build a mirror from the first block into an empty database: the proof that it follows from events alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chain.errors import FatalChainError, NotaryError
from chain.evm.client import EvmClient
from gateway.db import Database
from gateway.mirror.follower import Follower, MirrorSettings, Progress
from gateway.mirror.write import Cursor, load_cursor


class NotEmpty(NotaryError):
    """The database already mirrors this chain; rows of ours are never deleted to build them again.

    ``chain_id`` and ``block`` name what is there.
    """

    def __init__(self, chain_id: int, block: int) -> None:
        super().__init__(f"the database already mirrors chain {chain_id} up to block {block}")
        self.chain_id = chain_id
        self.block = block


def rebuild_mirror(
    database: Database,
    client: EvmClient,
    contracts: Sequence[bytes],
    *,
    chain_id: int,
    genesis_hash: bytes,
    settings: MirrorSettings,
    last: int,
    on_block: Callable[[int], None] | None = None,
) -> Cursor:
    """Mirror all blocks up to height ``last`` into ``database``, migrated but empty. Returns the cursor.

    ``on_block`` is told the height reached after each step.

    Raises:
        NotEmpty: the database mirrors this chain already.
        TransientChainError: the node does not have block ``last``, or did not answer.
    """
    with database.reader() as connection:
        there = load_cursor(connection, chain_id)
    if there is not None:
        raise NotEmpty(chain_id, there.number)
    follower = Follower(
        database, client, contracts, chain_id=chain_id, genesis_hash=genesis_hash, settings=settings
    )
    while True:
        progress = follower.step(last)
        with database.reader() as connection:
            cursor = load_cursor(connection, chain_id)
        if cursor is not None and on_block is not None:
            on_block(cursor.number)
        if cursor is not None and cursor.number == last:
            while follower.scrub():
                pass
            return cursor
        if progress in (Progress.CURRENT, Progress.BEHIND):
            raise FatalChainError(f"the chain ends before block {last}")
