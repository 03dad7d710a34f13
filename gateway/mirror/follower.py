"""Follow the chain block by block: verify, derive, store, and step back where the chain did.

One step handles one range of blocks: headers are checked and linked to the cursor, logs are bound to their
headers, and raw rows, derived rows and cursor are committed together. A crash at any point leaves the mirror
at a block boundary and the next step starts from there. A lower head is a node that is behind and changes
nothing; only another hash at a height the mirror holds, with linked headers up to it, is a reorganisation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog
from sqlalchemy.exc import OperationalError

from chain.errors import FatalChainError, TransientChainError
from chain.evm.blocks import HEAVY_GAS, QUIET_BLOCKS, Header
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from gateway.db import Database, execute
from gateway.failpoints import step
from gateway.mirror.ahead import Loaded, ReadAhead
from gateway.mirror.derive import Derived
from gateway.mirror.source import LogSource, Receipts, check_same
from gateway.mirror.unproven import forget_unproven, note_unproven, oldest_unproven
from gateway.mirror.write import (
    Block,
    Cursor,
    CursorMoved,
    load_block,
    load_cursor,
    load_logs,
    lookups,
    rewind_to,
    write_blocks,
)

_log = structlog.get_logger("mirror")

_WORTH_READING_AHEAD = 5_000
"""Logs of a range from which on the next one is read while it is written."""

_WAIT_OUT = (TransientChainError, NodeRefused, OperationalError)
"""Trouble of node or database that passes: nothing was stored, the next try starts from the cursor."""


class Progress(StrEnum):
    """What one step did."""

    STORED = "stored"
    CURRENT = "current"
    BEHIND = "behind"
    REWOUND = "rewound"


@dataclass(frozen=True, slots=True)
class MirrorSettings:
    """How to follow.

    ``first_block`` is where the contracts begin (the block of the first deployment, or 0). ``rewind_limit``
    is the deepest reorganisation followed: the finality depth, or more where the chain is an embedded one
    that may lose its last blocks with a kill. ``pause`` is in seconds.
    """

    rewind_limit: int
    first_block: int = 0
    receipts: Receipts = Receipts.LIGHT
    heavy_gas: int = HEAVY_GAS
    pause: float = 0.25


class Follower:
    """Keeps one chain's mirror in one database. Of several on one database the cursor lets one through."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        contracts: Sequence[bytes],
        *,
        chain_id: int,
        genesis_hash: bytes,
        settings: MirrorSettings,
    ) -> None:
        self._database = database
        self._client = client
        self._source = LogSource(client, contracts, receipts=settings.receipts, heavy_gas=settings.heavy_gas)
        self._chain_id = chain_id
        self._genesis = genesis_hash
        self._settings = settings
        self._ahead = ReadAhead(self._load)
        self._rewinds = 0
        self._light_blocks = 0

    @property
    def rewinds(self) -> int:
        """How many reorganisations this follower stepped back from."""
        return self._rewinds

    def run(self, stop: threading.Event, on_step: Callable[[Progress], None] | None = None) -> None:
        """Follow until ``stop`` is set; node trouble is waited out, contradictions end it.

        Raises:
            FatalChainError: the chain contradicts what is final here; the evidence is in ``mirror_halts``.
        """
        pause = self._settings.pause
        while not stop.is_set():
            try:
                progress = self.step()
                is_idle = progress in (Progress.CURRENT, Progress.BEHIND)
                is_idle = is_idle and (self._light_blocks < QUIET_BLOCKS or not self.scrub())
            except _WAIT_OUT as error:
                _log.warning("mirror waits for the node", error=type(error).__name__, reason=str(error)[:200])
                pause = min(pause * 2, 5.0)
                stop.wait(pause)
                continue
            pause = self._settings.pause
            if on_step is not None:
                on_step(progress)
            if is_idle:
                stop.wait(pause)

    def step(self, last: int | None = None) -> Progress:
        """Do one range of blocks, not beyond height ``last`` where given.

        Raises:
            TransientChainError: the node did not answer, or answered something that does not fit together.
            FatalChainError: a reorganisation below the rewind limit, another chain, or an impossible event.
        """
        with self._database.reader() as connection:
            cursor = load_cursor(connection, self._chain_id)
        if cursor is not None and cursor.genesis_hash != self._genesis:
            raise FatalChainError(f"chain {self._chain_id} was mirrored from another genesis block")
        try:
            return self._step(cursor, last)
        except CursorMoved:
            return Progress.STORED

    def _step(self, cursor: Cursor | None, last: int | None) -> Progress:
        loaded = None if cursor is None else self._ahead.take(cursor.number, cursor.hash, last)
        if loaded is None:
            head = self._head(last)
            first = self._settings.first_block if cursor is None else cursor.number + 1
            if head < first:
                return Progress.CURRENT if cursor is None else self._look_back(cursor, head)
            headers = self._headers(first, head)
            if cursor is not None and headers[0].parent_hash != cursor.hash:
                return self._rewind(cursor, cursor.number, headers)
            loaded = Loaded(headers, self._source.load(headers))
        if len(loaded.logs) > _WORTH_READING_AHEAD:
            self._ahead.start(loaded.headers[-1].number + 1, last)
        self._store(cursor, loaded)
        return Progress.STORED

    def _head(self, last: int | None) -> int:
        head = int(self._client.block_number())
        return head if last is None else min(head, last)

    def _headers(self, first: int, head: int) -> list[Header]:
        headers = self._source.headers(first, min(head + 1, first + self._source.span))
        return self._source.storable(headers)

    def _load(self, first: int, last: int | None) -> Loaded | None:
        head = self._head(last)
        if head < first:
            return None
        headers = self._headers(first, head)
        return Loaded(headers, self._source.load(headers))

    def _look_back(self, cursor: Cursor, head: int) -> Progress:
        """The head is at or below the cursor: current, behind, or another chain."""
        with self._database.reader() as connection:
            mine = load_block(connection, self._chain_id, head)
        if mine is None:
            return Progress.BEHIND
        theirs = self._client.header(head)
        if theirs.hash == mine.hash:
            return Progress.CURRENT if head == cursor.number else Progress.BEHIND
        return self._rewind(cursor, head, [])

    def _store(self, cursor: Cursor | None, loaded: Loaded) -> None:
        headers = loaded.headers
        by_block: dict[int, int] = {header.number: header.timestamp for header in headers}
        blocks = [Block(h.number, h.hash, h.parent_hash, h.timestamp) for h in headers]
        put_off = [header for header in headers if self._source.is_put_off(header)]
        # Whoever else changed the mirrored rows since this was read has moved the cursor, too.
        with self._database.reader() as connection:
            derived = Derived(self._chain_id, by_block, lookups(connection, self._chain_id))
            derived.add(loaded.logs)
        # If we crash before this commits, nothing of these blocks is stored; the next step reads them again.
        with self._database.writer(step("mirror.store")) as connection:
            write_blocks(connection, cursor, blocks, derived, self._genesis)
            note_unproven(connection, self._chain_id, put_off)
        after = headers[-1].number - put_off[-1].number if put_off else self._light_blocks + len(headers)
        self._light_blocks = after

    def scrub(self) -> bool:
        """Check the lowest heavy block stored unproven against its receipts. Returns whether there was one.

        Raises:
            FatalChainError: the node had given other logs than the block holds; the block stays unproven.
            TransientChainError: the node has another block there, or did not answer.
        """
        with self._database.reader() as connection:
            oldest = oldest_unproven(connection, self._chain_id)
            mine = None if oldest is None else load_block(connection, self._chain_id, oldest[0])
        if oldest is None:
            return False
        number, block_hash = oldest
        if mine is not None and mine.hash == block_hash:
            header = self._client.header(number)
            if header.hash != block_hash:
                raise TransientChainError(f"block {number}: the node has another one than the mirror")
            with self._database.reader() as connection:
                stored = load_logs(connection, self._chain_id, header)
            check_same(header, stored, self._source.proven(header))
        # If we crash here, the block is proven once more.
        with self._database.writer(step("mirror.prove")) as connection:
            forget_unproven(connection, self._chain_id, number, block_hash)
        return True

    def _rewind(self, cursor: Cursor, height: int, above: Sequence[Header]) -> Progress:
        """Find the newest block both chains have, and take back everything above it in one transaction."""
        ancestor, fork = self._common_ancestor(cursor, height, above)
        depth = cursor.number - (ancestor.number if ancestor is not None else -1)
        if ancestor is None or depth > self._settings.rewind_limit:
            self._halt(cursor, ancestor, fork, depth)
        assert ancestor is not None  # noqa: S101  _halt never returns
        with self._database.writer(step("mirror.rewind")) as connection:
            removed = rewind_to(connection, cursor, ancestor, self._chain_id)
        self._rewinds += 1
        _log.warning("mirror stepped back", blocks=removed, to=ancestor.number)
        return Progress.REWOUND

    def _common_ancestor(
        self, cursor: Cursor, height: int, above: Sequence[Header]
    ) -> tuple[Block | None, Header]:
        """Return the common block and the other chain's first header above it.

        The other chain's headers are read downwards and must link, or it is no chain but a confused node.
        """
        child = above[0] if above else None
        number = height
        while number >= self._settings.first_block:
            low = max(self._settings.first_block, number - 63)
            headers = self._source.headers(low, number + 1)
            if child is not None and headers[-1].hash != child.parent_hash:
                raise TransientChainError(
                    f"block {child.number}: the node changed its chain while it was read"
                )
            with self._database.reader() as connection:
                for header in reversed(headers):
                    mine = load_block(connection, self._chain_id, header.number)
                    if mine is not None and mine.hash == header.hash:
                        if child is None:
                            raise TransientChainError("the node returned to the mirrored chain")
                        return mine, child
                    child = header
            number = low - 1
        if child is None:
            raise TransientChainError(f"block {cursor.number}: the node has no chain below it")
        return None, child

    def _halt(self, cursor: Cursor, ancestor: Block | None, fork: Header, depth: int) -> None:
        """Keep the evidence and stop; the mirrored rows stay as they are.

        Raises:
            FatalChainError: always.
        """
        with self._database.writer(step("mirror.halt")) as connection:
            mine = load_block(connection, self._chain_id, fork.number)
            execute(
                connection,
                "INSERT INTO mirror_halts (chain_id, number, seen_hash, stored_hash, seen_header, reason) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                self._chain_id,
                fork.number,
                fork.hash,
                mine.hash if mine is not None else b"",
                fork.raw,
                f"reorganisation of {depth} blocks, at most {self._settings.rewind_limit} may change",
            )
        raise FatalChainError(
            f"block {fork.number}: the node has {fork.hash.hex()}, final here is "
            f"{mine.hash.hex() if mine is not None else 'nothing'} ({depth} blocks deep)"
        )
