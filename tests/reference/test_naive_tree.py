"""Cross-checks chain/merkle with the naive reference for every size to 64 and every index."""

from __future__ import annotations

import pytest

from chain.hashing import hash_leaf
from chain.merkle.prove import consistency_proof, inclusion_proof, window_proof
from chain.merkle.tree import Tree
from chain.merkle.verify import root_from_window, verify_consistency, verify_inclusion
from tests.reference import naive_tree as naive

SIZES = range(65)
LEAVES = [naive.leaf(number.to_bytes(2, "big")) for number in SIZES]

# Leaves and roots of Certificate Transparency's test data, as published with RFC 6962's implementation.
CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_published_roots() -> None:
    hashes = [hash_leaf(bytes.fromhex(data)) for data in CT_LEAVES]
    tree = Tree(hashes)
    assert [tree.root(size).hex() for size in range(9)] == CT_ROOTS
    assert [naive.tree_hash(hashes[:size]).hex() for size in range(9)] == CT_ROOTS


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(LEAVES)


def test_roots_of_every_size(tree: Tree) -> None:
    for size in SIZES:
        want = naive.tree_hash(LEAVES[:size])
        assert tree.root(size) == want
        assert Tree(LEAVES[:size]).root() == want


def test_inclusion_of_every_index(tree: Tree) -> None:
    for size in SIZES:
        root = tree.root(size)
        for index in range(size):
            proof = inclusion_proof(tree, index, size)
            assert proof == naive.inclusion(index, LEAVES[:size])
            assert naive.root_from_inclusion(index, size, LEAVES[index], proof) == root
            verify_inclusion(index, size, LEAVES[index], proof, root)


def test_consistency_of_every_pair(tree: Tree) -> None:
    for size in SIZES:
        assert consistency_proof(tree, 0, size) == []
        verify_consistency(0, size, [], naive.tree_hash([]), tree.root(size))
        for old in range(1, size + 1):
            proof = consistency_proof(tree, old, size)
            assert proof == naive.consistency(old, LEAVES[:size])
            roots = (tree.root(old), tree.root(size))
            assert naive.roots_from_consistency(old, size, proof, roots[0]) == roots
            verify_consistency(old, size, proof, *roots)


def test_every_window_of_small_trees_and_edges_of_large(tree: Tree) -> None:
    for size in SIZES:
        for start in range(size):
            last = size if size <= 24 else min(start + 2, size)
            for end in {*range(start + 1, last + 1), size}:
                left, right = window_proof(tree, start, end, size)
                window = LEAVES[start:end]
                assert naive.root_from_window(start, window, left, right, size) == tree.root(size)
                assert root_from_window(start, window, left, right, size) == tree.root(size)
