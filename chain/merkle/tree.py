"""The log's tree in memory: packed hashes of every complete subtree. RFC 9162 section 2.1.1. Pure.

64 bytes a leaf, so a million leaves take 64 MB. Only ever grows; any earlier size stays readable, because a
complete subtree never changes. Readers may run beside one writer: a size once read stays provable.
"""

from __future__ import annotations

from collections.abc import Iterable

from chain.errors import FormatError
from chain.hashing import EMPTY_ROOT, HASH_SIZE, hash_node, hash_pairs
from chain.types import LeafHash, NodeHash

_EDGES_KEPT = 16  # A log proves against its last few checkpoints; older sizes cost 20 hashes once more.


class Tree:
    """Leaf hashes and complete subtrees, one packed ``bytearray`` a level."""

    __slots__ = ("_edges", "_levels", "_size")

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        self._edges: dict[int, tuple[NodeHash, ...]] = {}
        self._size = 0
        self.append(leaf_hashes)

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._size

    def append(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaves in order, whole batch or nothing.

        Raises FormatError when one is not 32 bytes.
        """
        hashes = list(leaf_hashes)
        for position, leaf_hash in enumerate(hashes):
            if len(leaf_hash) != HASH_SIZE:
                raise FormatError(f"leaf {position} of the batch", "not 32 bytes")
        added = b"".join(hashes)
        level = 0
        while added:
            if level == len(self._levels):
                self._levels.append(bytearray())
            packed = self._levels[level]
            # Parents start at the last node that had no sibling yet.
            start = len(packed) & -(2 * HASH_SIZE)
            packed += added
            end = len(packed) & -(2 * HASH_SIZE)
            added = hash_pairs(bytes(packed[start:end]))
            level += 1
        # Last, so that a reader never sees a size whose subtrees are not all there.
        self._size += len(hashes)

    def leaf_hash(self, index: int) -> LeafHash:
        """Return the hash of leaf ``index``. Requires 0 <= index < size."""
        return LeafHash(self.node(0, index))

    def node(self, level: int, index: int) -> NodeHash:
        """Return the root of leaves [index * 2^level, (index + 1) * 2^level), all of which must exist.

        Raises FormatError when that subtree is not complete.
        """
        if 0 <= level < len(self._levels) and index >= 0:
            node = bytes(self._levels[level][index * HASH_SIZE : (index + 1) * HASH_SIZE])
            if len(node) == HASH_SIZE:
                return NodeHash(node)
        raise FormatError(f"node {index} of level {level}", f"not complete at size {self._size}")

    def nodes(self, level: int, start: int, end: int) -> bytes:
        """Return the packed nodes [start, end) of a level: what a tile holds. All must be complete."""
        if not (
            0 <= level < len(self._levels) and 0 <= start <= end <= len(self._levels[level]) // HASH_SIZE
        ):
            raise FormatError(
                f"nodes {start} to {end} of level {level}", f"not complete at size {self._size}"
            )
        return bytes(self._levels[level][start * HASH_SIZE : end * HASH_SIZE])

    def root(self, size: int | None = None) -> NodeHash:
        """Return the root of the first ``size`` leaves (default: all). Requires 0 <= size <= current size."""
        if size is None:
            size = self._size
        if size == 0:
            return EMPTY_ROOT
        return self.edge(size)[-1]

    def edge(self, size: int) -> tuple[NodeHash, ...]:
        """Return, for each level from the leaves to the root, the last node of the tree of ``size`` leaves.

        A last node without a sibling is carried up unchanged, as RFC 9162 section 2.1.1 splits a tree.
        Requires 1 <= size <= current size; raises FormatError otherwise.
        """
        edge = self._edges.get(size)
        if edge is None:
            if not 1 <= size <= self._size:
                raise FormatError(f"size {size}", f"not a size of this tree of {self._size}")
            edge = self._build_edge(size)
            if len(self._edges) >= _EDGES_KEPT:
                self._edges = {}
            self._edges[size] = edge
        return edge

    def _build_edge(self, size: int) -> tuple[NodeHash, ...]:
        last = size - 1
        edge = [self.node(0, last)]
        for level in range(last.bit_length()):
            # A right child joins its complete sibling; a left child without one is carried up.
            if last >> level & 1:
                edge.append(hash_node(self.node(level, (last >> level) - 1), edge[-1]))
            else:
                edge.append(edge[-1])
        return tuple(edge)
