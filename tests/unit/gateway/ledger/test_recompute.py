"""The second code path finds each operation in its entry's bytes exactly as the pure room writes it."""

from __future__ import annotations

import pytest

from chain.entry import build_entry, encode_entry
from chain.merkle.prove import window_proof
from chain.merkle.tree import Tree
from chain.operation import ZERO_ADDRESS, ZERO_REF, Operation, OperationKind, chapter_code
from gateway.ledger.recompute import _written, fold_range
from tests.unit.gateway.ledger.worlds import CHAPTER, address

K = OperationKind
OPERATIONS = [
    Operation(K.ISSUE, ZERO_ADDRESS, address("a"), 1, 0, ZERO_REF),
    Operation(K.TRANSFER, address("a"), address("b"), 2**63 - 1, 2**53 - 1, b"\xab" * 32),
    Operation(K.BURN, address("a"), ZERO_ADDRESS, 12_345, 7, ZERO_REF),
    Operation(K.RECOVER, address("a"), address("b"), 0, 0, ZERO_REF),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_is_found_in_its_own_entry_alone(operation: Operation) -> None:
    for other in OPERATIONS:
        entry = build_entry(
            entry_id="01ARZ3NDEKTSV4RRFFQ69G5FAV",  # type: ignore[arg-type]
            type_name="purchase.recorded", chapter=chapter_code(CHAPTER), at="2026-11-18T11:06:40.000Z",
            actor=None, authority="operator", subjects={}, operation=other, public={},
        )  # fmt: skip
        assert (_written(operation) in encode_entry(entry)) == (other == operation)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100, 255, 256, 257])
def test_folded_range_is_the_root(size: int) -> None:
    tree = Tree(bytes([n % 256]) * 32 for n in range(size + 1))
    left, _ = window_proof(tree, size, size + 1, size + 1)
    assert fold_range(list(left)) == tree.root(size)
