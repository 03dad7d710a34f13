"""Reading the log: leaves by range and proofs of any published size, for whoever settles, anchors or serves.

The view owns the tree in memory. Only the integrator extends it, and only with leaves whose checkpoint is signed, so
every proof given here is about a published size. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chain.types import LeafIndex, NodeHash, TreeSize


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One leaf as settlement needs it. ``kind`` 0 means: no operation, only ``commitment`` counts.

    ``op_salt`` is None for an operation that can no longer be opened (erased). ``evidence`` is
    ``abi.encode(bytes32 nonce, bytes signature)`` of an operation its holder authorised, else None; the evidence of
    a ``reverse`` depends on the anchored size and is built from `LeafSource.operation` and an inclusion proof.
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
        """Wait until a checkpoint larger than ``size`` is published; False when ``timeout`` seconds pass first."""
        ...
