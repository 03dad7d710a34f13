"""RFC 9162 section 2.1 written down as it reads: recursion over lists, slow, sharing nothing with ``chain``.

Provers take all leaf hashes. Verifiers rebuild roots from a proof by the same recursion and return them;
a proof of the wrong length raises ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def leaf(data: bytes) -> bytes:
    """SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def parent(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """Largest power of two below ``size``."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of section 2.1.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return parent(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion(index, leaves[:k]), tree_hash(leaves[k:])]
    return [*inclusion(index - k, leaves[k:]), tree_hash(leaves[:k])]


def consistency(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF of section 2.1.4.1. Requires 0 < old <= len(leaves)."""
    if old == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*consistency(old, leaves[:k], whole=whole), tree_hash(leaves[k:])]
    return [*consistency(old - k, leaves[k:], whole=False), tree_hash(leaves[:k])]


def root_from_inclusion(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes]) -> bytes:
    """The root that ``path`` gives leaf ``index`` of ``size``."""
    if not 0 <= index < size:
        raise ValueError("index")
    if size == 1:
        if path:
            raise ValueError("too long")
        return leaf_hash
    if not path:
        raise ValueError("too short")
    k = split(size)
    if index < k:
        return parent(root_from_inclusion(index, k, leaf_hash, path[:-1]), path[-1])
    return parent(path[-1], root_from_inclusion(index - k, size - k, leaf_hash, path[:-1]))


def roots_from_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, *, whole: bool = True
) -> tuple[bytes, bytes]:
    """(root of the old tree, root of the new tree) as ``proof`` gives them. Requires 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError("sizes")
    if old == new:
        if len(proof) != (0 if whole else 1):
            raise ValueError("length")
        shared = old_root if whole else proof[0]
        return shared, shared
    if not proof:
        raise ValueError("too short")
    k = split(new)
    if old <= k:
        first, second = roots_from_consistency(old, k, proof[:-1], old_root, whole=whole)
        return first, parent(second, proof[-1])
    first, second = roots_from_consistency(old - k, new - k, proof[:-1], old_root, whole=False)
    return parent(proof[-1], first), parent(proof[-1], second)


def root_from_window(
    start: int, window: Sequence[bytes], left: Sequence[bytes], right: Sequence[bytes], size: int
) -> bytes:
    """The root of ``size`` leaves when those from ``start`` are ``window``, walking down from the root."""
    end = start + len(window)
    if not 0 <= start < end <= size:
        raise ValueError("window")
    before, after = list(left), list(right)

    def build(low: int, high: int) -> bytes:
        width = high - low
        perfect = width & (width - 1) == 0
        if perfect and (high <= start or low >= end):
            nodes = before if high <= start else after
            if not nodes:
                raise ValueError("too short")
            return nodes.pop(0)
        if width == 1:
            return window[low - start]
        k = low + split(width)
        return parent(build(low, k), build(k, high))

    root = build(0, size)
    if before or after:
        raise ValueError("too long")
    return root
