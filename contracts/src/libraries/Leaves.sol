// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Operation} from "./Ledger.sol";

/// @title Leaves
/// @notice Leaf hashes of a window of the ledger, from its operations and the other leaves' commitments.
/// @dev PURPOSE: rebuild each leaf from what is executed, so that nothing else can be behind it.
///
/// INVARIANTS
/// I1. A leaf is an operation exactly where the mask has its bit; all others get a zero operation digest.
/// I2. Every operation and every commitment is used once, in order.
///
/// ROLES: none. ASSUMPTIONS: the SHA-256 precompile is at address 2. LIVENESS: pure in its arguments.
/// NON-GOALS: checking operands; `Operations.load` does when they are executed.
library Leaves {
    /// @notice Thrown when the mask is not one word for each 256 leaves.
    error MaskLengthMismatch(uint256 got, uint256 want);
    /// @notice Thrown when the mask has bits beyond the window.
    error MaskBeyondWindow(uint64 count);
    /// @notice Thrown when there are not as many operations as the mask has bits.
    error OperationCountMismatch(uint256 got, uint256 want);
    /// @notice Thrown when there are not as many commitments as leaves without operation.
    error CommitmentCountMismatch(uint256 got, uint256 want);

    /// @notice Returns the hashes of `count` leaves, and those of the operations among them once more.
    /// @dev Reverts MaskLengthMismatch, MaskBeyondWindow, OperationCountMismatch or CommitmentCountMismatch.
    function hashWindow(
        uint64 count,
        uint256[] calldata mask,
        Operation[] calldata operations,
        bytes32[] calldata commitments
    ) internal view returns (bytes32[] memory hashes, bytes32[] memory operationHashes) {
        _requireCounts(count, mask, operations.length, commitments.length);
        hashes = new bytes32[](count);
        operationHashes = new bytes32[](operations.length);
        // One pass over calldata without a check of bounds at each step: _requireCounts has shown that the mask
        // covers the window and that it selects exactly as many operations and commitments as there are. With
        // checked indexing a leaf costs four times as much. Two buffers past the free pointer are reused for
        // all leaves: the leaf's 66 bytes at `leaf`, an operation's 256 bytes at `operands`.
        assembly ("memory-safe") {
            let leaf := mload(0x40)
            let operands := add(leaf, 96)
            mstore(leaf, 0)
            mstore8(add(leaf, 1), 1)
            let nextOperation := operations.offset
            let nextCommitment := commitments.offset
            let target := add(hashes, 32)
            let operationTarget := add(operationHashes, 32)
            let bits
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                switch and(i, 255)
                case 0 { bits := calldataload(add(mask.offset, shr(3, i))) }
                default { bits := shr(1, bits) }
                switch and(bits, 1)
                case 1 {
                    calldatacopy(operands, nextOperation, 256)
                    mstore(add(leaf, 2), mload(add(operands, 224)))
                    mstore(add(leaf, 34), keccak256(operands, 224))
                    if iszero(staticcall(gas(), 2, leaf, 66, target, 32)) { revert(0, 0) }
                    mstore(operationTarget, mload(target))
                    operationTarget := add(operationTarget, 32)
                    nextOperation := add(nextOperation, 256)
                }
                default {
                    mstore(add(leaf, 2), calldataload(nextCommitment))
                    mstore(add(leaf, 34), 0)
                    if iszero(staticcall(gas(), 2, leaf, 66, target, 32)) { revert(0, 0) }
                    nextCommitment := add(nextCommitment, 32)
                }
                target := add(target, 32)
            }
        }
    }

    function _requireCounts(uint64 count, uint256[] calldata mask, uint256 operations, uint256 commitments)
        private
        pure
    {
        uint256 words = (uint256(count) + 255) >> 8;
        if (mask.length != words) revert MaskLengthMismatch(mask.length, words);
        uint256 used = count & 255;
        if (used != 0 && mask[words - 1] >> used != 0) revert MaskBeyondWindow(count);
        uint256 selected = 0;
        for (uint256 i = 0; i < words; ++i) {
            selected += _popCount(mask[i]);
        }
        if (operations != selected) revert OperationCountMismatch(operations, selected);
        if (commitments != count - selected) revert CommitmentCountMismatch(commitments, count - selected);
    }

    /// @dev Adds neighbouring bits, pairs, nibbles, then all bytes by one multiplication.
    function _popCount(uint256 word) private pure returns (uint256) {
        if (word == type(uint256).max) return 256;
        uint256 pairs = type(uint256).max / 3;
        uint256 nibbles = type(uint256).max / 5;
        uint256 bytes_ = type(uint256).max / 17;
        // The multiplication is meant to wrap: only its top byte, the sum of all bytes, is used. That sum is at
        // most 255 here, as a full word has been answered above. The subtraction cannot go below zero.
        unchecked {
            word -= (word >> 1) & pairs;
            word = (word & nibbles) + ((word >> 2) & nibbles);
            word = (word + (word >> 4)) & bytes_;
            return (word * (type(uint256).max / 255)) >> 248;
        }
    }
}
