"""Builds a sum tree and the paths in it. Pure.

Accounts stand in the order of their keys, each once. What is left of the tree's 2^depth leaves is padded with
leaves of random keys and no coins, sorted in between: neither the tree nor a path tells how many accounts
there are, only that they are not more than the leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from chain.errors import FormatError
from chain.hashing import HASH_SIZE
from chain.sumtree.verify import (
    MAX_DEPTH,
    AccountHead,
    AccountLeaf,
    SumNode,
    join,
    leaf_node,
)

DEPTHS = (10, 14, 17, 20, 24)
"""Depths that trees of accounts have: of how many there are, no more is told."""

_NOBODY = AccountHead(0, bytes(HASH_SIZE))


def choose_depth(accounts: int) -> int:
    """Return the depth of a tree of so many accounts. Raises FormatError above the largest."""
    for depth in DEPTHS:
        if accounts <= 1 << depth:
            return depth
    raise FormatError("accounts", f"more than {1 << DEPTHS[-1]}")


def pad(leaves: Sequence[AccountLeaf], depth: int, draw_key: Callable[[], bytes]) -> list[AccountLeaf]:
    """Return the leaves of a whole tree, sorted by key: ``leaves`` and padding whose keys ``draw_key`` gives.

    Raises FormatError where two keys are the same, or there are more leaves than the tree has.
    """
    free = (1 << depth) - len(leaves)
    if free < 0:
        raise FormatError("leaves", f"more than {1 << depth}")
    padding = [AccountLeaf(draw_key(), 0, 0, _NOBODY, _NOBODY) for _ in range(free)]
    whole = sorted([*leaves, *padding], key=lambda leaf: leaf.key)
    for before, after in pairwise(whole):
        if before.key == after.key:
            raise FormatError("leaves", "two have one key")
    return whole


class SumTree:
    """A whole tree: 2^depth nodes and all above them."""

    def __init__(self, nodes: Sequence[SumNode]) -> None:
        """Requires 1, 2, 4, ... nodes. Raises FormatError; VerificationError where a sum grows too large."""
        depth = max(len(nodes) - 1, 0).bit_length()
        if len(nodes) != 1 << depth or depth > MAX_DEPTH:
            raise FormatError("nodes", "not a power of two")
        self._levels = [list(nodes)]
        for height in range(depth):
            below = self._levels[-1]
            pairs = zip(below[::2], below[1::2], strict=True)
            self._levels.append([join(height, left, right) for left, right in pairs])

    @classmethod
    def of_accounts(cls, leaves: Sequence[AccountLeaf]) -> SumTree:
        """Return the tree of the leaves that `pad` gives."""
        return cls([leaf_node(leaf) for leaf in leaves])

    @property
    def depth(self) -> int:
        """Levels above the leaves."""
        return len(self._levels) - 1

    @property
    def root(self) -> SumNode:
        """The root, with the totals."""
        return self._levels[-1][0]

    def path(self, index: int) -> list[SumNode]:
        """Return the siblings from leaf ``index`` up, for `verify_membership`. Raises FormatError."""
        if not 0 <= index < len(self._levels[0]):
            raise FormatError("index", f"not 0 to {len(self._levels[0]) - 1}")
        return [level[index >> height ^ 1] for height, level in enumerate(self._levels[:-1])]
