"""The mirror once more from the chain, into a place of its own, up to where the stored one stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from gateway.db import Database, fetch_all
from gateway.mirror.follower import MirrorSettings
from gateway.mirror.rebuild import rebuild_mirror
from gateway.mirror.source import Receipts
from gateway.repair.promises import ChainView

_SELECT_LAST = "SELECT number, hash FROM mirror_blocks WHERE chain_id = ? ORDER BY number DESC LIMIT 1"
_SELECT_ABOVE = "SELECT count(*) FROM chain_transactions WHERE chain_id = ? AND block_number > ?"


@dataclass(frozen=True, slots=True)
class Moved:
    """Why the mirror is not compared: the chain is behind it, or went another way, or nothing is mirrored.

    On start the mirror follows the chain back and the outbox sends the same bytes of ``resend`` transactions
    again; nothing is to be repaired.
    """

    code: str
    mirrored: int
    head: int
    resend: int


def mirror_again(
    stored: Database, place: Database, chain: ChainView, on_block: Callable[[int], None] | None
) -> Moved | None:
    """Mirror the chain into the empty ``place`` as far as ``stored`` does; say where that cannot be compared.

    Raises TransientChainError, FatalChainError: the node does not answer, or contradicts itself.
    """
    chain_id, client = chain.deployment.chain_id, chain.client
    with stored.reader() as connection:
        rows = fetch_all(connection, _SELECT_LAST, chain_id)
        if not rows:
            return Moved("mirror.empty", 0, client.block_number(), 0)
        number, block_hash = cast("tuple[int, bytes]", rows[0])
        head = min(client.block_number(), number)
        resend = int(str(fetch_all(connection, _SELECT_ABOVE, chain_id, head)[0][0]))
    if head < number:
        return Moved("chain.behind", number, head, resend)
    if client.header(number).hash != block_hash:
        return Moved("chain.elsewhere", number, head, resend)
    rebuild_mirror(
        place, client, chain.contracts, chain_id=chain_id, genesis_hash=chain.deployment.genesis_hash,
        settings=MirrorSettings(
            rewind_limit=1, first_block=chain.deployment.first_block, receipts=Receipts.ALL
        ),
        last=number, on_block=on_block,
    )  # fmt: skip
    return None
