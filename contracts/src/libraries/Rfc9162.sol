// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Rfc9162
/// @notice Merkle tree hashing and the three verifiers of RFC 9162: inclusion, consistency and range.
/// @dev PURPOSE: say what root a proof leads to, byte for byte as the Python verifier does.
///
/// INVARIANTS
/// I1. Every element of a proof is used; one too few or too many never verifies.
/// I2. Children are ordered by index bits; leaf and node hashes have different prefixes.
/// I3. Nothing is read from storage or written to it.
///
/// ROLES: none. ASSUMPTIONS: the SHA-256 precompile is at address 2. LIVENESS: pure in its arguments.
/// NON-GOALS: trees of size 0; whether a root is one to trust.
library Rfc9162 {
    /// @notice Thrown when `left` or `right` does not hold exactly the nodes that a window needs.
    error ProofLengthMismatch(uint256 got, uint256 want);

    /// @notice Thrown when a window is empty or reaches beyond the tree.
    error WindowOutOfTree(uint256 start, uint256 end, uint256 size);

    /// @dev Where a window stands on its way up: its nodes [first, end) of `level`, what of the proof is used, and
    /// whether its end is the tree's.
    struct Climb {
        uint256 first;
        uint256 end;
        uint256 level;
        uint256 unusedLeft;
        uint256 usedRight;
        bool atEdge;
    }

    /// @dev First byte of the data of a leaf, see chain/FORMATS.md section 3.
    uint256 private constant LEAF_DATA_VERSION = 1;

    /// @notice Returns SHA-256(0x00 || 0x01 || commitment || operation digest).
    function hashLeaf(bytes32 commitment, bytes32 digest) internal view returns (bytes32 hash) {
        // Called for every leaf of a window. `sha256(abi.encodePacked(...))` would allocate memory each time;
        // this writes 66 bytes past the free pointer, which nothing else reads before they are overwritten.
        // The result lands in scratch space; the precompile fails only when out of gas.
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore8(data, 0)
            mstore8(add(data, 1), LEAF_DATA_VERSION)
            mstore(add(data, 2), commitment)
            mstore(add(data, 34), digest)
            if iszero(staticcall(gas(), 2, data, 66, 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }

    /// @notice Returns SHA-256(0x01 || left || right) (RFC 9162 section 2.1.1).
    function hashNode(bytes32 left, bytes32 right) internal view returns (bytes32 hash) {
        // As in hashLeaf: no allocation, 65 bytes past the free pointer, result in scratch space.
        // Tested against the Solidity built-in on random inputs.
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore8(data, 1)
            mstore(add(data, 1), left)
            mstore(add(data, 33), right)
            if iszero(staticcall(gas(), 2, data, 65, 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }

    /// @notice Returns whether `proof` shows `leafHash` at `index` of the tree (`size`, `root`).
    /// @dev RFC 9162 section 2.1.3.2.
    function isIncluded(uint64 index, uint64 size, bytes32 leafHash, bytes32[] memory proof, bytes32 root)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        uint64 fn = index;
        uint64 sn = size - 1;
        bytes32 hash = leafHash;
        for (uint256 i = 0; i < proof.length; ++i) {
            if (sn == 0) return false;
            if (fn & 1 == 1 || fn == sn) {
                hash = hashNode(proof[i], hash);
                (fn, sn) = _skipEvenLevels(fn, sn);
            } else {
                hash = hashNode(hash, proof[i]);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && hash == root;
    }

    /// @notice Returns whether `proof` shows that (`size1`, `root1`) is a prefix of (`size2`, `root2`).
    /// @dev RFC 9162 section 2.1.4.2. Size 0 is refused; equal sizes need equal roots and no proof.
    function isConsistent(uint64 size1, bytes32 root1, uint64 size2, bytes32 root2, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        if (size1 == 0 || size1 > size2) return false;
        if (size1 == size2) return proof.length == 0 && root1 == root2;
        // A complete subtree is its own first node and so is left out of the proof.
        bool complete = size1 & (size1 - 1) == 0;
        if (proof.length == 0) return false;
        bytes32 first = complete ? root1 : proof[0];
        (bytes32 hash1, bytes32 hash2, bool whole) = _walk(size1, size2, first, complete ? proof : proof[1:]);
        return whole && hash1 == root1 && hash2 == root2;
    }

    /// @notice Returns the root of the tree of `size` leaves that holds `nodes` from `start` on.
    /// @param nodes Leaf hashes of the window; their memory is used up.
    /// @param left Compact range of [0, start), largest subtree first.
    /// @param right Aligned perfect subtrees of [start + nodes.length, size), left to right.
    /// @dev Climbs level by level from the leaves [first, end) to the root, the only node [0, 1). A first node
    /// that is a right child takes its sibling from the end of `left`, a last node that is a left child takes
    /// its own from the front of `right`, until the window reaches the tree's edge.
    /// Reverts WindowOutOfTree or ProofLengthMismatch.
    function rootFromWindow(
        uint64 start,
        bytes32[] memory nodes,
        uint64 size,
        bytes32[] calldata left,
        bytes32[] calldata right
    ) internal view returns (bytes32) {
        Climb memory climb;
        (climb.first, climb.end) = (start, uint256(start) + nodes.length);
        if (nodes.length == 0 || climb.end > size) revert WindowOutOfTree(start, climb.end, size);
        climb.unusedLeft = _popCount(start);
        if (left.length != climb.unusedLeft) revert ProofLengthMismatch(left.length, climb.unusedLeft);
        climb.atEdge = climb.end == size;
        for (; climb.first != 0 || climb.end != 1 || !climb.atEdge; ++climb.level) {
            uint256 count = climb.end - climb.first;
            if (climb.end & 1 == 1 && !climb.atEdge) {
                nodes[count - 1] = hashNode(nodes[count - 1], _rightSibling(climb, size, right));
            }
            uint256 done = climb.first & 1;
            if (done == 1) nodes[0] = hashNode(left[--climb.unusedLeft], nodes[0]);
            _joinPairs(nodes, done, count);
            climb.first >>= 1;
            climb.end = (climb.end + 1) >> 1;
        }
        if (climb.usedRight != right.length) revert ProofLengthMismatch(right.length, climb.usedRight);
        return nodes[0];
    }

    /// @dev Returns the node right of the window: a perfect subtree from the front of `right`, or the ragged
    /// edge of the tree folded from all that remains there.
    function _rightSibling(Climb memory climb, uint256 size, bytes32[] calldata right)
        private
        view
        returns (bytes32 hash)
    {
        uint256 end = (climb.end + 1) << climb.level;
        uint256 used = climb.usedRight;
        uint256 want = used + (end <= size ? 1 : _popCount(size - (climb.end << climb.level)));
        if (right.length < want) revert ProofLengthMismatch(right.length, want);
        hash = right[want - 1];
        for (uint256 i = want - 1; i > used; --i) {
            hash = hashNode(right[i - 1], hash);
        }
        climb.usedRight = want;
        climb.atEdge = end >= size;
    }

    /// @dev Replaces the nodes [done, count) of one level by their parents, in place behind the `done` (0 or 1)
    /// parents already there. A last node without partner is a parent already or rises as it is.
    function _joinPairs(bytes32[] memory nodes, uint256 done, uint256 count) private view {
        uint256 pairs = (count - done) >> 1;
        // Half of a window's gas would go into bounds checks here. Reads stay below done + 2 * pairs <= count
        // <= nodes.length, and each parent is written at or before the place of its left child, so no node is
        // overwritten before it was read. The 65 bytes to hash are put together past the free pointer.
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore8(data, 1)
            let source := add(add(nodes, 32), shl(5, done))
            let target := source
            for { let last := add(source, shl(6, pairs)) } lt(source, last) { source := add(source, 64) } {
                mstore(add(data, 1), mload(source))
                mstore(add(data, 33), mload(add(source, 32)))
                if iszero(staticcall(gas(), 2, data, 65, target, 32)) { revert(0, 0) }
                target := add(target, 32)
            }
        }
        if (done + 2 * pairs < count) nodes[done + pairs] = nodes[count - 1];
    }

    /// @dev Steps 4 to 6 of RFC 9162 section 2.1.4.2: both roots from one path, and whether it was used up.
    function _walk(uint64 size1, uint64 size2, bytes32 first, bytes32[] calldata path)
        private
        view
        returns (bytes32 hash1, bytes32 hash2, bool whole)
    {
        uint64 fn = size1 - 1;
        uint64 sn = size2 - 1;
        while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1);
        (hash1, hash2) = (first, first);
        for (uint256 i = 0; i < path.length; ++i) {
            if (sn == 0) return (hash1, hash2, false);
            if (fn & 1 == 1 || fn == sn) {
                hash1 = hashNode(path[i], hash1);
                hash2 = hashNode(path[i], hash2);
                (fn, sn) = _skipEvenLevels(fn, sn);
            } else {
                hash2 = hashNode(hash2, path[i]);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return (hash1, hash2, sn == 0);
    }

    /// @dev Where the last node of a level has no sibling it rises until it has one.
    function _skipEvenLevels(uint64 fn, uint64 sn) private pure returns (uint64, uint64) {
        while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
        return (fn, sn);
    }

    function _popCount(uint256 value) private pure returns (uint256 count) {
        for (; value != 0; value &= value - 1) {
            ++count;
        }
    }
}
