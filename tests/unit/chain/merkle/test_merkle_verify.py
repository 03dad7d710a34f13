"""Verifiers return or raise VerificationError, whatever they are given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import VerificationError
from chain.hashing import EMPTY_ROOT, hash_leaf, hash_node
from chain.merkle.prove import consistency_proof, inclusion_proof, window_proof
from chain.merkle.tree import Tree
from chain.merkle.verify import MAX_SIZE, root_from_window, verify_consistency, verify_inclusion

TREE = Tree(hash_leaf(bytes([number])) for number in range(13))
LEAF, ROOT = TREE.leaf_hash(5), TREE.root(11)
PROOF = inclusion_proof(TREE, 5, 11)
PREFIX = consistency_proof(TREE, 6, 11)
ROOT6 = TREE.root(6)
HOSTILE_SIZES = [-1, MAX_SIZE + 1, 2**64, 5.0, "5", None, True, b"5", [5]]
HOSTILE_HASHES = [b"", LEAF[:-1], LEAF + b"\0", LEAF.hex(), bytearray(LEAF), memoryview(LEAF), None, 5]
HOSTILE_LISTS: list[Any] = [None, 5, b"".join(PROOF), "x", {"a": 1}, iter(PROOF), {LEAF}]
anything = (
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.binary(max_size=33))
)


def step_of(check: Any, *arguments: Any) -> str:
    with pytest.raises(VerificationError) as caught:
        check(*arguments)
    return caught.value.step


@pytest.mark.parametrize("size", HOSTILE_SIZES)
def test_sizes_of_wrong_type_or_range(size: Any) -> None:
    assert step_of(verify_inclusion, size, 11, LEAF, PROOF, ROOT) == "inclusion"
    assert step_of(verify_inclusion, 5, size, LEAF, PROOF, ROOT) == "inclusion"
    assert step_of(verify_consistency, size, 11, PREFIX, ROOT6, ROOT) == "consistency"
    assert step_of(verify_consistency, 6, size, PREFIX, ROOT6, ROOT) == "consistency"
    assert step_of(root_from_window, size, [LEAF], [], [], 11) == "window"
    assert step_of(root_from_window, 5, [LEAF], [], [], size) == "window"


@pytest.mark.parametrize("value", HOSTILE_HASHES)
def test_hashes_of_wrong_type_or_length(value: Any) -> None:
    assert step_of(verify_inclusion, 5, 11, value, PROOF, ROOT) == "inclusion"
    assert step_of(verify_inclusion, 5, 11, LEAF, PROOF, value) == "inclusion"
    assert step_of(verify_inclusion, 5, 11, LEAF, [*PROOF[:-1], value], ROOT) == "inclusion"
    assert step_of(verify_consistency, 6, 11, PREFIX, value, ROOT) == "consistency"
    assert step_of(verify_consistency, 6, 11, PREFIX, ROOT6, value) == "consistency"
    assert step_of(verify_consistency, 6, 11, [*PREFIX[:-1], value], ROOT6, ROOT) == "consistency"
    assert step_of(root_from_window, 0, [value], [], [LEAF], 2) == "window"
    assert step_of(root_from_window, 1, [LEAF], [value], [], 2) == "window"
    assert step_of(root_from_window, 0, [LEAF], [], [value], 2) == "window"


@pytest.mark.parametrize("nodes", HOSTILE_LISTS)
def test_proofs_that_are_not_lists(nodes: Any) -> None:
    assert step_of(verify_inclusion, 5, 11, LEAF, nodes, ROOT) == "inclusion"
    assert step_of(verify_consistency, 6, 11, nodes, ROOT6, ROOT) == "consistency"
    assert step_of(root_from_window, 0, nodes, [], [], 1) == "window"
    assert step_of(root_from_window, 0, [LEAF], nodes, [], 1) == "window"
    assert step_of(root_from_window, 0, [LEAF], [], nodes, 1) == "window"


def test_true_is_not_one() -> None:
    one: Any = True
    proof = inclusion_proof(TREE, 1, 2)
    verify_inclusion(1, 2, TREE.leaf_hash(1), proof, TREE.root(2))
    assert step_of(verify_inclusion, one, 2, TREE.leaf_hash(1), proof, TREE.root(2)) == "inclusion"
    assert step_of(verify_inclusion, 0, one, LEAF, [], LEAF) == "inclusion"


@given(anything, anything, anything, anything, anything)
def test_nothing_else_is_ever_raised(a: Any, b: Any, c: Any, d: Any, e: Any) -> None:
    for check in (verify_inclusion, verify_consistency, root_from_window):
        try:
            check(a, b, c, d, e)
        except VerificationError:
            continue


def test_a_tuple_is_a_proof_too() -> None:
    verify_inclusion(5, 11, LEAF, tuple(PROOF), ROOT)
    verify_consistency(6, 11, tuple(PREFIX), ROOT6, ROOT)


def test_errors_carry_both_sides() -> None:
    for arguments, reason, got, want in (
        ((11, 11, LEAF, PROOF, ROOT), "index is not below size", 11, 11),
        ((5, 11, LEAF, PROOF[:-1], ROOT), "proof is too short", 3, None),
        ((5, 11, LEAF, [*PROOF, LEAF], ROOT), "proof is too long", 5, None),
        ((5, 11, LEAF, [LEAF] * 129, ROOT), "proof is too long", 129, None),
        ((0, 1, LEAF, [], ROOT), "root differs", LEAF.hex(), ROOT.hex()),
    ):
        with pytest.raises(VerificationError) as caught:
            verify_inclusion(*arguments)  # type: ignore[arg-type]
        assert (caught.value.reason, caught.value.got, caught.value.want) == (reason, got, want)
    for arguments, reason, got, want in (
        ((11, 6, PREFIX, ROOT, ROOT6), "first size is above second", 11, 6),
        ((6, 11, [], ROOT6, ROOT), "proof is too short", 0, None),
        ((8, 11, [], TREE.root(8), ROOT), "proof is too short", 0, None),
        ((11, 11, [LEAF], ROOT, ROOT), "proof is too long", 1, 0),
        ((11, 11, [], ROOT, ROOT6), "roots of one size differ", ROOT.hex(), ROOT6.hex()),
        ((0, 11, [LEAF], EMPTY_ROOT, ROOT), "proof is too long", 1, 0),
        ((0, 11, [], ROOT6, ROOT), "first root is not the empty root", ROOT6.hex(), EMPTY_ROOT.hex()),
        ((6, 11, PREFIX, LEAF, ROOT), "first root differs", ROOT6.hex(), LEAF.hex()),
        ((6, 11, PREFIX, ROOT6, LEAF), "second root differs", ROOT.hex(), LEAF.hex()),
    ):
        with pytest.raises(VerificationError) as caught:
            verify_consistency(*arguments)  # type: ignore[arg-type]
        assert (caught.value.reason, caught.value.got, caught.value.want) == (reason, got, want)


def test_size_zero_is_a_prefix_of_every_tree() -> None:
    verify_consistency(0, 11, [], EMPTY_ROOT, ROOT)
    verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert step_of(verify_consistency, 0, 0, [], EMPTY_ROOT, ROOT) == "consistency"


def test_the_largest_tree() -> None:
    nodes = [bytes([number]) * 32 for number in range(63)]
    root = LEAF
    for node in nodes[:-1]:
        root = hash_node(root, node)
    # Leaf 0 of 2^62 leaves has 62 siblings, all to its right.
    verify_inclusion(0, 2**62, LEAF, nodes[:-1], root)
    verify_inclusion(0, MAX_SIZE, LEAF, nodes, hash_node(root, nodes[-1]))
    last = LEAF
    for node in nodes:
        last = hash_node(node, last)
    assert step_of(verify_inclusion, MAX_SIZE, MAX_SIZE, LEAF, nodes, last) == "inclusion"


def test_window_errors() -> None:
    left, right = window_proof(TREE, 5, 7, 11)
    window = [TREE.leaf_hash(5), TREE.leaf_hash(6)]
    assert root_from_window(5, window, left, right, 11) == ROOT
    for arguments, reason, got, want in (
        ((5, [], left, right, 11), "window is empty or beyond size", 5, 11),
        ((10, window, left, right, 11), "window is empty or beyond size", 12, 11),
        ((5, window, left[:-1], right, 11), "left has wrong length", 1, 2),
        ((5, window, left, right[:-1], 11), "right is too short", len(right) - 1, None),
        ((5, window, left, [*right, LEAF], 11), "right is too long", len(right) + 1, len(right)),
        ((5, window, left, [LEAF] * 129, 11), "right is too long", 129, None),
    ):
        with pytest.raises(VerificationError) as caught:
            root_from_window(*arguments)  # type: ignore[arg-type]
        assert (caught.value.step, caught.value.reason) == ("window", reason)
        assert (caught.value.got, caught.value.want) == (got, want)


def test_every_bit_of_a_proof_counts() -> None:
    for bit in range(256 * len(PROOF)):
        changed = list(PROOF)
        node = int.from_bytes(changed[bit // 256], "big") ^ 1 << bit % 256
        changed[bit // 256] = node.to_bytes(32, "big")  # type: ignore[call-overload]
        with pytest.raises(VerificationError, match="root differs"):
            verify_inclusion(5, 11, LEAF, changed, ROOT)
