"""Reading the log: leaves by range and proofs of any published size, for whoever settles, anchors or serves.

The view owns the tree in memory. Only the integrator extends it, and only with leaves whose checkpoint is
signed, so every proof given here is about a published size. Nothing here writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from sqlalchemy import Connection

from chain.errors import FormatError
from chain.hashing import hash_leaf
from chain.merkle.prove import consistency_proof, inclusion_proof, window_proof
from chain.merkle.tree import Tree
from chain.types import LeafIndex, NodeHash, TreeSize
from gateway.db import Database, fetch_all, fetch_in


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One leaf as settlement needs it. ``kind`` 0 means: no operation, only ``commitment`` counts.

    ``op_salt`` is None for an operation that can no longer be opened (erased). ``evidence`` is
    ``abi.encode(bytes32 nonce, bytes signature)`` of an operation its holder authorised, else None; the
    evidence of a ``reverse`` depends on the anchored size and is built from `LeafSource.operation` and an
    inclusion proof.
    """

    index: int
    leaf_hash: bytes
    commitment: bytes
    kind: int
    sender: bytes
    receiver: bytes
    amount: int
    valid_until: int
    ref: bytes
    op_salt: bytes | None
    evidence: bytes | None


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A signed checkpoint: size, root and the note's bytes as published."""

    size: TreeSize
    root: NodeHash
    note: bytes


class LeafSource(Protocol):
    """Leaves of the log by range."""

    def leaves(self, start: int, end: int) -> Sequence[LeafRow]:
        """Return the leaves of ``[start, end)``, in order. Requires ``end`` within the published size."""
        ...

    def operation(self, leaf_hash: bytes) -> LeafRow | None:
        """Return the operation whose leaf has this hash, or None."""
        ...

    def first_index(self, entry_ids: Sequence[str]) -> int | None:
        """Return the lowest index of these entries, None where the log has none of them."""
        ...


class TreeProofs(Protocol):
    """Proofs about published sizes of the log (RFC 9162 and FORMATS.md section 5)."""

    @property
    def size(self) -> TreeSize:
        """Size of the newest published checkpoint."""
        ...

    def root(self, size: TreeSize) -> NodeHash:
        """Return the root at ``size``."""
        ...

    def inclusion_proof(self, index: LeafIndex, size: TreeSize) -> list[bytes]:
        """Return the path of leaf ``index`` in the tree of ``size``."""
        ...

    def consistency_proof(self, size1: TreeSize, size2: TreeSize) -> list[bytes]:
        """Return the proof that the tree of ``size1`` is a prefix of that of ``size2``."""
        ...

    def window_proof(self, start: int, end: int, size: TreeSize) -> tuple[list[bytes], list[bytes]]:
        """Return ``left`` and ``right`` of the window ``[start, end)`` in the tree of ``size``."""
        ...


class CheckpointSource(Protocol):
    """Signed checkpoints."""

    def latest_checkpoint(self) -> CheckpointRow | None:
        """Return the newest signed checkpoint, None before the first."""
        ...

    def wait_newer(self, size: int, timeout: float) -> bool:
        """Wait until a checkpoint larger than ``size`` is published; False when ``timeout`` seconds pass
        first.
        """
        ...


class LogView:
    """The log as published: `LeafSource`, `TreeProofs` and `CheckpointSource` over SQL and the tree in
    memory.

    Safe to use from several threads beside the integrator.
    """

    def __init__(self, database: Database, refresh: Callable[[], object] | None = None) -> None:
        """``refresh`` publishes what is newer, for a view that another process's log is followed by."""
        self.tree = Tree()
        self._database = database
        self._refresh = refresh
        self._published: CheckpointRow | None = None
        self._newer = threading.Condition()

    def publish(self, checkpoint: CheckpointRow) -> None:
        """Show a signed checkpoint; requires the tree to hold its leaves. For the integrator only."""
        with self._newer:
            self._published = checkpoint
            self._newer.notify_all()

    def latest_checkpoint(self) -> CheckpointRow | None:
        """Return the newest signed checkpoint, None before the first."""
        return self._published

    def wait_newer(self, size: int, timeout: float) -> bool:
        """Wait until a checkpoint larger than ``size`` is published; False when ``timeout`` seconds pass."""
        with self._newer:
            return self._newer.wait_for(lambda: self.size > size, timeout)

    @property
    def size(self) -> TreeSize:
        """Size of the newest published checkpoint, 0 before the first."""
        published = self._published
        return TreeSize(0) if published is None else published.size

    def _check(self, size: int) -> None:
        if size > self.size and self._refresh is not None:
            self._refresh()
        if not 0 <= size <= self.size:
            raise FormatError("size", f"not a published size, newest is {self.size}")

    def root(self, size: TreeSize) -> NodeHash:
        """Return the root at a published size. Raises FormatError."""
        self._check(size)
        return self.tree.root(size)

    def leaf_hash(self, index: LeafIndex) -> bytes:
        """Return the hash of a published leaf. Raises FormatError."""
        self._check(index + 1)
        return self.tree.leaf_hash(index)

    def inclusion_proof(self, index: LeafIndex, size: TreeSize) -> list[bytes]:
        """Return the path of leaf ``index`` in the tree of a published ``size``. Raises FormatError."""
        self._check(size)
        return list(inclusion_proof(self.tree, index, size))

    def consistency_proof(self, size1: TreeSize, size2: TreeSize) -> list[bytes]:
        """Return the proof that ``size1`` is a prefix of a published ``size2``. Raises FormatError."""
        self._check(size2)
        return list(consistency_proof(self.tree, size1, size2))

    def window_proof(self, start: int, end: int, size: TreeSize) -> tuple[list[bytes], list[bytes]]:
        """Return ``left`` and ``right`` of ``[start, end)`` in the tree of a published ``size``."""
        self._check(size)
        left, right = window_proof(self.tree, start, end, size)
        return list(left), list(right)

    def leaves(self, start: int, end: int) -> list[LeafRow]:
        """Return the leaves of ``[start, end)``, in order. Raises FormatError beyond the published size."""
        self._check(end)
        with self._database.reader() as connection:
            return read_leaves(connection, start, end)

    def operation(self, leaf_hash: bytes) -> LeafRow | None:
        """Return the operation whose leaf has this hash, None when there is none."""
        with self._database.reader() as connection:
            rows = fetch_all(connection, "SELECT log_index FROM operations WHERE leaf_hash = ?", leaf_hash)
            if not rows:
                return None
            index = cast("int", rows[0][0])
            return read_leaves(connection, index, index + 1)[0]

    def first_index(self, entry_ids: Sequence[str]) -> int | None:
        """Return the lowest index of these entries, None where the log has none of them."""
        with self._database.reader() as connection:
            rows = fetch_in(
                connection, "SELECT min(log_index) FROM entries WHERE entry_id IN (@)", list(entry_ids)
            )
        return min((cast("int", row[0]) for row in rows if row[0] is not None), default=None)

    def indices(self, entry_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the index of each of these entries, published or not; ids of none are left out."""
        with self._database.reader() as connection:
            rows = fetch_in(
                connection, "SELECT entry_id, log_index FROM entries WHERE entry_id IN (@)", list(entry_ids)
            )
        return dict(cast("list[tuple[str, int]]", [tuple(row) for row in rows]))

    def first_operation(self, start: int, end: int) -> int | None:
        """Return the lowest index of an operation in ``[start, end)``, published or not, None without one."""
        with self._database.reader() as connection:
            rows = fetch_all(
                connection,
                "SELECT min(log_index) FROM operations WHERE log_index >= ? AND log_index < ?",
                start,
                end,
            )
        return cast("int | None", rows[0][0])


_SELECT_LEAVES = """
SELECT e.log_index, e.leaf_data, o.kind, o.sender, o.receiver, o.amount, o.valid_until, o.ref, o.op_salt,
       o.evidence
FROM entries e LEFT JOIN operations o ON o.log_index = e.log_index
WHERE e.log_index >= ? AND e.log_index < ? ORDER BY e.log_index"""

_NO_ADDRESS = bytes(20)
_NO_HASH = bytes(32)


def read_leaves(connection: Connection, start: int, end: int) -> list[LeafRow]:
    """Return the stored leaves of ``[start, end)``, in order."""
    found: list[LeafRow] = []
    for row in fetch_all(connection, _SELECT_LEAVES, start, end):
        index, data = cast("tuple[int, bytes]", row[:2])
        if row[2] is None:
            found.append(
                LeafRow(
                    index,
                    hash_leaf(data),
                    data[1:33],
                    0,
                    _NO_ADDRESS,
                    _NO_ADDRESS,
                    0,
                    0,
                    _NO_HASH,
                    None,
                    None,
                )
            )
        else:
            operands = cast("tuple[int, bytes, bytes, int, int, bytes, bytes | None, bytes | None]", row[2:])
            found.append(LeafRow(index, hash_leaf(data), data[1:33], *operands))
    return found
