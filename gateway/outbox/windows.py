"""Cut the log into windows and encode each as one `settle` call. Pure: sizes by formula, never by estimate.

A window may hold no operation at all; its leaves then pass as commitments, which is cheap, so such windows
are long. Limits: leaves, gas (a cap that fits the node's block limit) and calldata (what a node's pool
takes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain.evm.calldata import encode_original, encode_settle, pack_operation
from chain.operation import OperationKind
from chain.types import Address, LeafIndex, TreeSize
from gateway.outbox.calls import MAX_CALLDATA, ChainCall, Window
from gateway.outbox.sources import Leaf, LeafSource, TreeProofs

CONTRACT_LEAVES = 4_096
"""Leaves that the contract takes in one window at most."""

_REVERSE = int(OperationKind.REVERSE)
_OPERATION_GAS = {
    int(OperationKind.ISSUE): 40_000,
    int(OperationKind.LOCK): 55_000,
    int(OperationKind.CANCEL): 70_000,
    int(OperationKind.REVERSE): 130_000,
    int(OperationKind.RECOVER): 75_000,
}
_WINDOW_GAS, _LEAF_GAS, _NODE_GAS, _BYTE_GAS = 120_000, 3_000, 2_500, 16
_OPERATION_BYTES, _COMMITMENT_BYTES, _WINDOW_BYTES = 256, 32, 4_800


@dataclass(frozen=True, slots=True)
class WindowLimits:
    """What one window may be. ``gas_scale`` grows after a window ran out of gas."""

    leaves: int
    gas: int
    calldata: int = MAX_CALLDATA
    gas_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """The leaves ``[start, end)`` that fit one call, and the gas to allow for them."""

    leaves: Sequence[Leaf]
    start: int
    end: int
    gas: int


def operation_gas(kind: int, evidence: int) -> int:
    """Return the gas to allow for one operation with ``evidence`` bytes of evidence, without its leaf.

    About 1.5 times what was measured. Every kind may be refused, which writes one new slot.
    """
    gas = _OPERATION_GAS.get(kind, 36_000)
    if evidence:
        gas += 35_000 + evidence * (_BYTE_GAS + 8)
    return gas


def cut_window(leaves: Sequence[Leaf], start: int, limits: WindowLimits) -> PlannedWindow | None:
    """Return the longest window from ``start`` that keeps to the limits, or None where the first leaf blocks.

    ``leaves`` begin at ``start``. A leaf that can no longer be opened ends the window before it: only a
    co-signature passes it. A single leaf is always allowed, whatever the limits say.
    """
    gas, size, count = _WINDOW_GAS * limits.gas_scale, _WINDOW_BYTES, 0
    for leaf in leaves[: min(limits.leaves, CONTRACT_LEAVES)]:
        if leaf.kind and leaf.op_salt is None:
            break
        bits, more = _leaf_cost(leaf)
        bits = bits * limits.gas_scale
        if count and (gas + bits > limits.gas or size + more > limits.calldata):
            break
        gas, size, count = gas + bits, size + more, count + 1
    if not count:
        return None
    return PlannedWindow(leaves[:count], start, start + count, int(gas))


def _leaf_cost(leaf: Leaf) -> tuple[float, int]:
    """Return gas and calldata bytes that one leaf adds."""
    if not leaf.kind:
        return _LEAF_GAS + _COMMITMENT_BYTES * _BYTE_GAS, _COMMITMENT_BYTES
    evidence = len(leaf.evidence) + 64 if leaf.evidence else 0
    if leaf.kind == _REVERSE:
        # Original operation, index, and a path of at most 40 nodes.
        evidence = 256 + 4 * 32 + 40 * 32
    return (
        _LEAF_GAS + _OPERATION_BYTES * _BYTE_GAS + operation_gas(leaf.kind, evidence),
        _OPERATION_BYTES + evidence,
    )


@dataclass(frozen=True, slots=True)
class WindowEncoder:
    """Encodes windows of one log."""

    log_id: bytes
    source: LeafSource
    proofs: TreeProofs
    signer: str

    def encode(
        self, planned: PlannedWindow, size: TreeSize, run: int, needs_evidence: Callable[[Leaf], bool]
    ) -> ChainCall:
        """Return the `settle` call of a planned window against the tree of ``size``.

        ``needs_evidence`` tells for which operations of a sender's own kinds the contract takes evidence.

        Raises:
            FormatError: a leaf does not fit the contract's types.
        """
        mask, operations, others, evidence = 0, list[bytes](), list[bytes](), list[bytes]()
        for at, leaf in enumerate(planned.leaves):
            if not leaf.kind:
                others.append(leaf.commitment)
                continue
            mask |= 1 << at
            operations.append(_pack(leaf))
            if leaf.kind == _REVERSE:
                evidence.append(self._original(leaf, planned.start + at, size))
            elif needs_evidence(leaf):
                evidence.append(leaf.evidence or b"")
        left, right = self.proofs.window_proof(planned.start, planned.end, size)
        count = planned.end - planned.start
        calldata = encode_settle(
            self.log_id, planned.start, count, mask, operations, others, left, right, evidence
        )
        gas = planned.gas + (len(left) + len(right)) * _NODE_GAS
        window = Window(self.log_id, planned.start, planned.end, size, run)
        return ChainCall("settle", "TimeCredit", calldata, gas, self.signer, window=window)

    def _original(self, leaf: Leaf, index: int, size: TreeSize) -> bytes:
        """Return the evidence of a reversal; none where the original cannot be shown, which is refused."""
        original = self.source.operation(leaf.ref)
        if original is None or original.op_salt is None or original.index >= index:
            return b""
        path = self.proofs.inclusion_proof(LeafIndex(original.index), size)
        return encode_original(_pack(original), original.index, path)


def _pack(leaf: Leaf) -> bytes:
    salt = leaf.op_salt
    assert salt is not None  # noqa: S101  windows end before a leaf without its salt
    return pack_operation(
        leaf.kind,
        Address(leaf.sender),
        Address(leaf.receiver),
        leaf.amount,
        leaf.valid_until,
        leaf.ref,
        salt,
        leaf.commitment,
    )
