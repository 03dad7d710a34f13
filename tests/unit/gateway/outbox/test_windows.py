"""Windows keep to leaves, gas and calldata, whatever is in them."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from chain.types import LeafIndex, TreeSize
from gateway.outbox.calls import MAX_CALLDATA
from gateway.outbox.sources import Leaf
from gateway.outbox.windows import WindowEncoder, WindowLimits, cut_window, operation_gas


@dataclass(frozen=True)
class Row:
    index: int
    kind: int = 0
    op_salt: bytes | None = bytes(16)
    evidence: bytes | None = None
    commitment: bytes = bytes(32)
    sender: bytes = b"\x01" * 20
    receiver: bytes = b"\x02" * 20
    amount: int = 1
    valid_until: int = 0
    ref: bytes = bytes(32)


class NoProofs:
    def window_proof(self, start: int, end: int, size: TreeSize) -> tuple[list[bytes], list[bytes]]:
        return [bytes(32)] * 20, [bytes(32)] * 20

    def inclusion_proof(self, index: LeafIndex, size: TreeSize) -> list[bytes]:
        return [bytes(32)] * 40

    def leaves(self, start: int, end: int) -> list[Leaf]:
        return []

    def operation(self, leaf_hash: bytes) -> Leaf | None:
        return Row(0, 2)


LIMITS = WindowLimits(leaves=2_000, gas=15_000_000)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=700), st.integers(0, 300))
def test_a_window_keeps_to_its_limits(kinds: list[int], evidence: int) -> None:
    rows = [
        Row(1 + at, kind, evidence=bytes(evidence) if kind == 2 else None) for at, kind in enumerate(kinds)
    ]
    window = cut_window(rows, 1, LIMITS)
    assert window is not None
    assert (window.start, window.end) == (1, 1 + len(window.leaves))
    assert window.gas <= LIMITS.gas
    source = NoProofs()
    call = WindowEncoder(bytes(32), source, source, "operator").encode(
        window, TreeSize(10_000), 1, lambda leaf: leaf.evidence is not None
    )
    assert len(call.calldata) <= MAX_CALLDATA
    if window.end <= len(kinds):
        # The next leaf did not fit: without it the window is nearly full on one side or the other.
        more = operation_gas(9, 0) + operation_gas(8, 2_000) + 20_000
        assert window.gas + more > LIMITS.gas or len(call.calldata) > MAX_CALLDATA - 8_000


def test_leaves_without_operation_make_long_windows() -> None:
    window = cut_window([Row(at) for at in range(2_500)], 0, LIMITS)
    assert window is not None
    assert window.end == 2_000
    assert window.gas < LIMITS.gas // 2 + 1


def test_a_leaf_that_cannot_be_opened_ends_the_window_or_blocks() -> None:
    rows = [Row(0), Row(1, 2), Row(2, 2, op_salt=None), Row(3)]
    window = cut_window(rows, 0, LIMITS)
    assert window is not None
    assert window.end == 2
    assert cut_window(rows[2:], 2, LIMITS) is None


def test_one_leaf_is_always_allowed() -> None:
    window = cut_window([Row(0, 8)], 0, WindowLimits(leaves=400, gas=1, calldata=1))
    assert window is not None
    assert (window.end, window.gas) == (1, window.gas)


def test_more_gas_a_leaf_after_failed_runs() -> None:
    rows = [Row(at, 2) for at in range(1_000)]
    plain = cut_window(rows, 0, LIMITS)
    careful = cut_window(rows, 0, WindowLimits(leaves=2_000, gas=15_000_000, gas_scale=2.0))
    assert plain is not None
    assert careful is not None
    assert plain.end // 2 - 1 <= careful.end <= plain.end // 2
    assert careful.gas <= LIMITS.gas
