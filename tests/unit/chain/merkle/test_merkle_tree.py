"""The packed tree and its prover."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.hashing import EMPTY_ROOT, hash_leaf, hash_node, hash_pairs
from chain.merkle.prove import consistency_proof, inclusion_proof, window_proof
from chain.merkle.tree import Tree
from chain.merkle.verify import root_from_window, verify_consistency, verify_inclusion

LEAVES = [hash_leaf(number.to_bytes(2, "big")) for number in range(300)]
TREE = Tree(LEAVES)


@given(st.lists(st.integers(0, 40), max_size=8))
def test_batches_of_any_size_give_one_tree(batches: list[int]) -> None:
    tree, done = Tree(), 0
    for batch in batches:
        tree.append(LEAVES[done : done + batch])
        done = min(done + batch, len(LEAVES))
        assert tree.size == done
        assert tree.root() == TREE.root(done)


def test_earlier_sizes_stay_provable_while_the_tree_grows() -> None:
    tree = Tree(LEAVES[:77])
    root, proof = tree.root(), inclusion_proof(tree, 70, 77)
    tree.append(LEAVES[77:])
    assert tree.root(77) == root
    assert inclusion_proof(tree, 70, 77) == proof
    verify_inclusion(70, 77, LEAVES[70], proof, root)
    for size in range(60, 120):
        assert tree.root(size) == Tree(LEAVES[:size]).root()
        verify_consistency(size, 300, consistency_proof(tree, size, 300), tree.root(size), tree.root())


def test_nodes_are_complete_subtrees() -> None:
    assert TREE.leaf_hash(7) == LEAVES[7]
    assert TREE.node(3, 2) == Tree(LEAVES[16:24]).root()
    assert TREE.nodes(0, 256, 300) == b"".join(LEAVES[256:])
    assert TREE.nodes(8, 0, 1) == Tree(LEAVES[:256]).root()
    assert hash_pairs(TREE.nodes(0, 0, 4)) == hash_node(*LEAVES[:2]) + hash_node(*LEAVES[2:4])
    assert Tree().root() == EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize(
    ("ask", "where"),
    [
        (lambda: TREE.node(0, 300), "node 300 of level 0"),
        (lambda: TREE.node(0, -1), "node -1 of level 0"),
        (lambda: TREE.node(9, 0), "node 0 of level 9"),
        (lambda: TREE.node(-1, 0), "node 0 of level -1"),
        (lambda: TREE.nodes(8, 0, 2), "nodes 0 to 2 of level 8"),
        (lambda: TREE.root(301), "size 301"),
        (lambda: TREE.root(-1), "size -1"),
        (lambda: inclusion_proof(TREE, 5, 5), "index 5"),
        (lambda: inclusion_proof(TREE, -1, 5), "index -1"),
        (lambda: inclusion_proof(TREE, 5, 301), "size 301"),
        (lambda: consistency_proof(TREE, 6, 5), "sizes 6 and 5"),
        (lambda: consistency_proof(TREE, 0, 301), "sizes 0 and 301"),
        (lambda: window_proof(TREE, 5, 5, 9), "window 5 to 5"),
        (lambda: window_proof(TREE, 5, 10, 9), "window 5 to 10"),
        (lambda: window_proof(TREE, 5, 6, 301), "window 5 to 6"),
    ],
)
def test_what_is_not_in_the_tree_is_refused(ask: Any, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        ask()
    assert caught.value.where == where


def test_a_bad_batch_changes_nothing() -> None:
    tree = Tree(LEAVES[:5])
    with pytest.raises(FormatError) as caught:
        tree.append([LEAVES[5], b"short", LEAVES[6]])
    assert (caught.value.where, caught.value.reason) == ("leaf 1 of the batch", "not 32 bytes")
    tree.append(LEAVES[5:9])
    assert (tree.size, tree.root()) == (9, TREE.root(9))


def test_windows_of_a_larger_tree() -> None:
    for start, end in ((0, 300), (1, 2), (255, 257), (256, 300), (299, 300), (100, 228)):
        left, right = window_proof(TREE, start, end, 300)
        assert root_from_window(start, LEAVES[start:end], left, right, 300) == TREE.root()


def test_a_leaf_takes_at_most_eighty_bytes() -> None:
    count = 1 << 16
    leaf = hash_leaf(b"")
    tracemalloc.start()
    try:
        tree = Tree()
        for _ in range(count // 256):
            tree.append([leaf] * 256)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tree.size == count
    assert used <= 80 * count
