"""The integrator: committed leaves become tiles, tiles become a signed checkpoint.

Order of one step: tree in memory, second computation from SQL, tiles on disk, what was signed before compared
once more (`gateway.ledger.scrub`), compare-and-set of (size, root) together with the signed note in one
transaction, checkpoint file, readers. A signature leaves this module only after the two computations agreed
and the note is durable. Under a witness policy it leaves to
the witnesses first; file and readers follow when the quorum cosigned (`release`), and nothing else waits.
"""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from chain.hashing import EMPTY_ROOT
from chain.merkle.prove import consistency_proof, window_proof
from chain.tiles import TILE_HEIGHT, TILE_WIDTH, encode_entry_bundle, list_tiles
from chain.types import NodeHash, TreeSize
from gateway.db import Database, execute, fetch_all, insert_rows
from gateway.failpoints import step
from gateway.ledger.append import Leaf
from gateway.ledger.faults import LedgerFault
from gateway.ledger.genesis import Clock
from gateway.ledger.identity import LogIdentity
from gateway.ledger.log_keys import own_keys
from gateway.ledger.log_view import CheckpointRow, LogView
from gateway.ledger.proposed import newest_published, propose, publish_proposed, stored_note
from gateway.ledger.recompute import recompute_leaf_hashes, recompute_root
from gateway.ledger.recovery import read_committed, recover_tree, stored_leaves
from gateway.ledger.scrub import Scrub
from gateway.ledger.scrub_rows import check_note
from gateway.ledger.tile_files import TileFiles
from gateway.rules.calendar import format_timestamp
from gateway.telemetry import fault_place
from gateway.witness.client import Cosignature
from gateway.witness.collector import Collector, SignedNote

_log = structlog.get_logger("integrator")

PRESSED = 2048
"""Waiting leaves at which a checkpoint is made at once, whatever the interval."""

START_PATIENCE = 1.0
"""Seconds for which a start waits until what a crash left is published: a large log is compared longer."""

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


class Integrator:
    """Publishes what the sequencer committed. One thread; `offer` may be called from another."""

    def __init__(
        self,
        database: Database,
        identity: LogIdentity,
        files: TileFiles,
        *,
        clock: Clock,
        interval: float,
        on_fault: Callable[[str], None],
        collector: Collector | None = None,
    ) -> None:
        """``collector`` gets cosignatures under a witness policy; without one nothing waits for witnesses."""
        self.view = LogView(database)
        self._database = database
        self._identity = identity
        self._files = files
        self._clock, self._interval = clock, interval
        self._on_fault = on_fault
        self._collector = collector
        # What was signed last; under a policy readers may be shown an older one.
        self._size, self._root = 0, EMPTY_ROOT
        # What was signed in a commit that may or may not have happened, None where all is known.
        self._unsure: SignedNote | None = None
        # Leaf data of the bundle that is not full yet.
        self._tail: list[bytes] = []
        self._waiting: deque[Leaf] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._caught_up = threading.Event()
        self._fault: LedgerFault | None = None
        self._thread = threading.Thread(target=self._run, name="integrator", daemon=True)
        self.scrub = Scrub(database, identity, files, self.view, signed=lambda: self._size, on_fault=on_fault)

    def recover(self) -> None:
        """Rebuild the tree from SQL and compare it with everything ever signed here; signs nothing.

        Afterwards the tree holds every stored entry, and the last signed checkpoint is published again.
        Raises LedgerFault when they contradict each other.
        """
        self._size, self._root, note = recover_tree(
            self._database, self._identity, self._files, self.view.tree
        )
        first = self._size - self._size % TILE_WIDTH
        with self._database.reader() as connection:
            self._tail = stored_leaves(connection, first, self._size)
            end = int(connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() or 0)
        if note is not None:
            self._show_last(SignedNote(self._size, self._root, note))
        if end > self._size:
            with self._database.reader() as connection:
                self._extend(read_committed(connection, self._size, end))

    def _show_last(self, signed: SignedNote) -> None:
        """Publish again what is published; without a policy, also what one held back before.

        Raises LedgerFault where a row does not hold its own checkpoint: readers would get another one.
        """
        self._check_last(signed)
        if self._collector is None:
            with self._database.writer(step("start.republish")) as connection:
                publish_proposed(connection, signed, signed.note, ())
        with self._database.reader() as connection:
            published = newest_published(connection, signed.size)
        if published is not None:
            self._files.write_checkpoint(published.note)
            self.view.publish(published)
        # If we crash here, nothing is lost: what waits for witnesses is the last signed checkpoint.
        if self._collector is not None and (published is None or published.size < signed.size):
            self._collector.offer(signed)

    def _check_last(self, signed: SignedNote) -> None:
        """Check the last checkpoint, and the last published one, before readers are shown what is stored."""
        with self._database.reader() as connection:
            published = newest_published(connection, signed.size)
            keys = own_keys(connection, self._identity)
        try:
            for one in (signed, published):
                if one is not None:
                    check_note("checkpoints", self.view.tree, keys, one.size, one.root, one.note)
        except LedgerFault:
            # It names the first bad one and its table.
            self.scrub.check_notes()
            raise

    def start(self) -> None:
        """Begin, first with what a crash left between commit and checkpoint. Requires `recover`.

        Before the first signature all that is signed is compared once more, which takes a large log ten
        seconds: readers have the last checkpoint meanwhile, and nobody waits for it longer than a moment.
        Raises LedgerFault where until then something was found, as when the two computations of the root
        differ; nothing is signed then.
        """
        if self._collector is not None:
            self._collector.start(self._consistency, self.release, self._on_fault)
        self._thread.start()
        self._caught_up.wait(START_PATIENCE)
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """Publish what waits, then end the thread."""
        self.scrub.stop()
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        if self._collector is not None:
            self._collector.stop()

    def offer(self, leaves: list[Leaf]) -> None:
        """Hand over the leaves of one committed transaction, in order."""
        with self._wake:
            self._waiting.extend(leaves)
            self._wake.notify()

    def _run(self) -> None:
        while self.view.tree.size > self._size:
            if not self._step():
                self._caught_up.set()
                return
        self._caught_up.set()
        while True:
            if not self._waiting:
                self._files.clean()
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._stopping)
                if not self._stopping:
                    # Wait a little for more: one checkpoint serves all that arrive meanwhile.
                    self._wake.wait_for(
                        lambda: len(self._waiting) >= PRESSED or self._stopping, self._interval
                    )
                if not self._waiting:
                    return
            if not self._step():
                return

    def _step(self) -> bool:
        """Integrate what waits; False when it cannot go on."""
        try:
            self.integrate()
        except LedgerFault as fault:
            _log.error("integrator stopped", error=fault.check, got=fault.got, want=fault.want)
            self._fault = fault
            self._on_fault(fault.check)
            return False
        except OSError as error:
            _log.error("tiles not written", error=type(error).__name__, number=error.errno)
            # No room is the one failure after which the same files may be written again. After any other,
            # what the disk holds is unknown: stop, restart, derive everything anew.
            if error.errno not in _NO_SPACE or self._pause():
                self._on_fault("storage")
                return False
        except DBAPIError as error:
            _log.warning("checkpoint not stored", error=type(error).__name__, place=fault_place(error))
            return not self._pause()
        except Exception as error:
            _log.error("integrator stopped", error=type(error).__name__, place=fault_place(error))
            self._on_fault("internal")
            return False
        return True

    def _pause(self) -> bool:
        """Wait a second before the next try; True when stopping."""
        with self._wake:
            return self._wake.wait_for(lambda: self._stopping, 1.0)

    def integrate(self) -> int:
        """Integrate every leaf offered so far and publish a checkpoint; return its size.

        Raises LedgerFault when the two computations differ or another process moved the log.
        """
        with self._wake:
            leaves = list(self._waiting)
        tree = self.view.tree
        # After a failed try some are in the tree already.
        self._extend([leaf for leaf in leaves if leaf.index >= tree.size])
        while tree.size > self._size:
            self._publish()
        with self._wake:
            for _ in leaves:
                self._waiting.popleft()
        return self._size

    def _extend(self, leaves: list[Leaf]) -> None:
        tree = self.view.tree
        for position, leaf in enumerate(leaves):
            if leaf.index != tree.size + position:
                raise LedgerFault("leaves are not in order", got=leaf.index, want=tree.size + position)
        tree.append(leaf.leaf_hash for leaf in leaves)
        self._tail += [leaf.leaf_data for leaf in leaves]

    def _publish(self) -> None:
        """Sign for the whole tree; or only show what was signed in a commit whose outcome was unknown."""
        tree = self.view.tree
        start, end = self._size, tree.size
        root = tree.root()
        left, _ = window_proof(tree, start, end, end)
        with self._database.reader() as connection:
            hashes = recompute_leaf_hashes(connection, start, end)
        second = recompute_root(start, hashes, list(left), self._root)
        if second != root:
            raise LedgerFault("two computations of the root differ", got=second.hex(), want=root.hex())
        self._files.write(self._changed_files(start, end))
        # If we crash here, tiles speak of leaves that no checkpoint covers yet: the next start writes the
        # same bytes.
        signed = None
        while signed is None:
            signed = self._sign(end, root, self.scrub.before_signing())
        # If we crash here, the note is stored and not published: the next start publishes the same bytes.
        if self._collector is None:
            self._files.write_checkpoint(signed.note)
        self._advance(signed)
        if self._collector is None:
            self.view.publish(CheckpointRow(TreeSize(signed.size), NodeHash(signed.root), signed.note))
        else:
            self._collector.offer(signed)

    def _advance(self, signed: SignedNote) -> None:
        """Go on behind a signed size, which may be below the tree's."""
        base = self._size - self._size % TILE_WIDTH
        self._tail = self._tail[signed.size - signed.size % TILE_WIDTH - base :]
        self._size, self._root, self._unsure = signed.size, NodeHash(signed.root), None

    def _consistency(self, size1: int, size2: int) -> Sequence[bytes]:
        """Return the proof between two signed sizes, which readers may not know yet."""
        return list(consistency_proof(self.view.tree, size1, size2))

    def release(self, signed: SignedNote, cosignatures: Sequence[Cosignature]) -> None:
        """Publish a signed checkpoint with the cosignatures that met the quorum."""
        note = signed.note + "".join(one.line for one in cosignatures).encode()
        with self._database.writer() as connection:
            publish_proposed(connection, signed, note, cosignatures)
        # If we crash here, the next start publishes the same bytes.
        self._files.write_checkpoint(note)
        self.view.publish(CheckpointRow(TreeSize(signed.size), NodeHash(signed.root), note))

    def _sign(self, size: int, root: NodeHash, mark: object) -> SignedNote | None:
        """Return the signed note, durable together with the compare-and-set that allows it.

        Where the commit of the note before failed and was done all the same, that note is returned instead;
        None where somebody else wrote to the database since it was compared with what is signed (``mark``).
        """
        with self._database.writer(step("log.sign")) as connection:
            if not self.scrub.is_current(connection, mark):
                return None
            moved = execute(
                connection,
                "UPDATE log_trees SET size = ?, root = ? WHERE origin = ? AND size = ? AND root = ?",
                size, root, self._identity.origin, self._size, self._root,
            )  # fmt: skip
            if moved != 1:
                return self._adopted(connection)
            signed = SignedNote(size, root, self._identity.sign_checkpoint(size, root))
            at = format_timestamp(self._clock())
            if self._collector is not None:
                propose(connection, signed, at)
            else:
                insert_rows(connection, "checkpoints", "size,root,note,at", [(size, root, signed.note, at)])
            # Until it is shown: after an error of this commit, or of a file, it may be what is stored.
            self._unsure = signed
        return signed

    def _adopted(self, connection: Connection) -> SignedNote:
        """Return the note of unknown outcome, when it is what is stored as signed last.

        Raises LedgerFault: somebody else moved the log.
        """
        unsure = self._unsure
        stored = fetch_all(
            connection, "SELECT size, root FROM log_trees WHERE origin = ?", self._identity.origin
        )
        signed = [(size, bytes(cast("bytes", root))) for size, root in stored]
        if (
            unsure is not None
            and signed == [(unsure.size, unsure.root)]
            and stored_note(connection, unsure.size) == unsure.note
        ):
            _log.warning("a checkpoint was stored though its commit failed", size=unsure.size)
            return unsure
        raise LedgerFault("another process signed for this log", got="another tree", want=self._size)

    def _changed_files(self, start: int, end: int) -> Iterator[tuple[str, bytes]]:
        """Yield the files that leaves ``[start, end)`` complete or extend."""
        base = start - start % TILE_WIDTH
        for path in list_tiles(end, start):
            first = path.index * TILE_WIDTH
            if path.level is None:
                data = encode_entry_bundle(self._tail[first - base : first - base + path.width])
            else:
                data = self.view.tree.nodes(TILE_HEIGHT * path.level, first, first + path.width)
            yield path.name, data
