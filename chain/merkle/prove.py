"""Builds proofs from a :class:`chain.merkle.tree.Tree`. RFC 9162 sections 2.1.3.1 and 2.1.4.1. Pure.

Verifiers never import this module, so that a mistake here cannot excuse itself.
"""

from __future__ import annotations

from chain.errors import FormatError
from chain.merkle.tree import Tree
from chain.types import NodeHash


def inclusion_proof(tree: Tree, index: int, size: int) -> list[NodeHash]:
    """Return the siblings of leaf ``index`` from the leaf up to the root of the first ``size`` leaves.

    Requires 0 <= index < size <= tree size; raises FormatError otherwise.
    """
    if not 0 <= index < size:
        raise FormatError(f"index {index}", f"not below size {size}")
    edge = tree.edge(size)
    proof: list[NodeHash] = []
    last = size - 1
    for level in range(last.bit_length()):
        sibling = index >> level ^ 1
        last_node = last >> level
        if sibling < last_node:
            proof.append(tree.node(level, sibling))
        elif sibling == last_node:
            proof.append(edge[level])
        # Above last_node there is no sibling: the node is carried up.
    return proof


def consistency_proof(tree: Tree, size1: int, size2: int) -> list[NodeHash]:
    """Return the proof that the tree of ``size1`` is a prefix of the tree of ``size2``; empty if equal or 0.

    Requires 0 <= size1 <= size2 <= tree size; raises FormatError otherwise.
    """
    if not 0 <= size1 <= size2 <= tree.size:
        raise FormatError(f"sizes {size1} and {size2}", f"not in order up to {tree.size}")
    if size1 in (0, size2):
        return []
    edge = tree.edge(size2)
    # RFC 9162 section 2.1.4.1, SUBPROOF, without its recursion: walk down towards the end of the old tree,
    # keeping the subtree beside the path; what remains at the bottom is a subtree of both trees.
    beside: list[NodeHash] = []
    start, end = 0, size2
    while size1 != end:
        split = 1 << (end - start - 1).bit_length() - 1
        if size1 - start <= split:
            beside.append(_subtree(tree, edge, start + split, end))
            end = start + split
        else:
            beside.append(_subtree(tree, edge, start, start + split))
            start += split
    if start != 0:
        # Otherwise the old root itself is that subtree, and the verifier has it.
        beside.append(_subtree(tree, edge, start, end))
    beside.reverse()
    return beside


def window_proof(tree: Tree, start: int, end: int, size: int) -> tuple[list[NodeHash], list[NodeHash]]:
    """Return (left, right): what joins the leaves [start, end) to the root of ``size`` leaves.

    As FORMATS.md section 5: ``left`` is the compact range of [0, start), largest subtree first; ``right``
    covers [end, size) with aligned perfect subtrees, left to right.

    Requires 0 <= start < end <= size <= tree size; raises FormatError otherwise.
    """
    if not 0 <= start < end <= size <= tree.size:
        raise FormatError(f"window {start} to {end}", f"not a window of size {size} in a tree of {tree.size}")
    left: list[NodeHash] = []
    position = 0
    for level in reversed(range(start.bit_length())):
        if start >> level & 1:
            left.append(tree.node(level, position >> level))
            position += 1 << level
    right: list[NodeHash] = []
    position = end
    while position < size:
        alignment = (position & -position).bit_length() - 1
        level = min(alignment, (size - position).bit_length() - 1)
        right.append(tree.node(level, position >> level))
        position += 1 << level
    return left, right


def _subtree(tree: Tree, edge: tuple[NodeHash, ...], start: int, end: int) -> NodeHash:
    """Return the root of [start, end), either complete or reaching the end of the tree ``edge`` is of."""
    level = (end - start - 1).bit_length()
    if end - start == 1 << level:
        return tree.node(level, start >> level)
    return edge[level]
