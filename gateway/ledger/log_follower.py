"""The published log in a process that does not write it: its own tree, brought up to each signed checkpoint.

Leaves come from SQL; a checkpoint is shown only when its signature is the log's and they give its root.
"""

from __future__ import annotations

import threading
from typing import cast

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from chain.checkpoint import open_checkpoint
from chain.errors import NotaryError
from chain.hashing import hash_leaf
from chain.tiles import TilePath
from chain.types import NodeHash, TreeSize
from gateway.db import Database, fetch_all
from gateway.ledger.damage import whole_tile
from gateway.ledger.faults import LedgerFault
from gateway.ledger.log_keys import load_log_keys, vkeys_at
from gateway.ledger.log_view import CheckpointRow, LogView
from gateway.ledger.recovery import stored_leaves
from gateway.ledger.tile_files import TileFiles

_log = structlog.get_logger("log")

LOOK_SECONDS = 0.1
"""How often a new checkpoint is looked for."""
_PART = 8192


class LogFollower:
    """Follows one log; ``view`` gives its proofs as the integrator's does."""

    def __init__(self, database: Database, vkey: str) -> None:
        # What is asked about a size seen elsewhere, in an anchor's row, does not wait for the next look.
        self.view = LogView(database, self.catch_up)
        self._lock = threading.Lock()
        self._database = database
        self._vkey = vkey

    def run(self, stop: threading.Event) -> None:
        """Follow until ``stop`` is set; a database that does not answer is waited out.

        Raises LedgerFault as `catch_up` does.
        """
        while not stop.wait(LOOK_SECONDS):
            try:
                self.catch_up()
            except OperationalError as error:
                _log.warning("the log is not read", error=type(error).__name__)
                stop.wait(1.0)

    def catch_up(self) -> int:
        """Take over the newest checkpoint; return its size, 0 where there is none.

        Raises LedgerFault when its signature is not the log's or the stored leaves do not give its root.
        """
        with self._lock, self._database.reader() as connection:
            return self._catch_up(connection)

    def _catch_up(self, connection: Connection) -> int:
        tree = self.view.tree
        rows = fetch_all(connection, "SELECT size, root, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        if not rows:
            return 0
        size, root, note = cast("tuple[int, bytes, bytes]", rows[0])
        if size <= self.view.size:
            return self.view.size
        while tree.size < size:
            part = stored_leaves(connection, tree.size, min(tree.size + _PART, size))
            if not part:
                raise LedgerFault("fewer entries than the last checkpoint", got=tree.size, want=size)
            tree.append(map(hash_leaf, part))
        self._check(size, root, note, vkeys_at(load_log_keys(connection), size) or [self._vkey])
        self.view.publish(CheckpointRow(TreeSize(size), NodeHash(root), note))
        return size

    def _check(self, size: int, root: bytes, note: bytes, vkeys: list[str]) -> None:
        try:
            signed = open_checkpoint(note, vkeys)
        except NotaryError:
            raise LedgerFault("a stored checkpoint is not the log's", got="a note", want=self._vkey) from None
        computed = self.view.tree.root(TreeSize(size))
        if (signed.size, signed.root, root) != (size, computed, computed):
            raise LedgerFault(
                "entries do not give the last signed root", got=computed.hex(), want=signed.root.hex()
            )


class FollowedLog:
    """The log as the routes show it: checkpoints of a view, tiles from the folder the log is written to."""

    def __init__(self, view: LogView, files: TileFiles, vkey: str) -> None:
        self.vkey = vkey
        self._view = view
        self._files = files

    def checkpoint(self) -> bytes | None:
        """Return the newest signed checkpoint."""
        newest = self._view.latest_checkpoint()
        return None if newest is None else newest.note

    def published_size(self) -> int:
        """Return that checkpoint's size."""
        return self._view.size

    def tile(self, path: TilePath) -> bytes | None:
        """Return a tile's or entry bundle's bytes as `gateway.ledger.service.Ledger.tile` does."""
        return whole_tile(path, self._files.tile(path), self._view.tree)
