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

    /// @dev First byte of the data of a leaf, see chain/FORMATS.md section 3.
    uint256 private constant LEAF_DATA_VERSION = 1;
    /// @dev A tree of fewer than 2^64 leaves has at most 64 subtrees in its compact range.
    uint256 private constant MAX_DEPTH = 64;

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

    /// @notice Returns the root of the tree of `size` leaves that holds `hashes` from `start` on.
    /// @param left Compact range of [0, start), largest subtree first.
    /// @param right Aligned perfect subtrees of [start + hashes.length, size), left to right.
    /// @dev Requires start + hashes.length <= size and at least one hash. Reverts ProofLengthMismatch.
    function rootFromWindow(
        uint64 start,
        bytes32[] memory hashes,
        uint64 size,
        bytes32[] calldata left,
        bytes32[] calldata right
    ) internal view returns (bytes32) {
        bytes32[] memory stack = new bytes32[](MAX_DEPTH + 1);
        uint256 depth = _popCount(start);
        if (depth != left.length) revert ProofLengthMismatch(left.length, depth);
        for (uint256 i = 0; i < depth; ++i) stack[i] = left[i];
        depth = _pushLeaves(stack, depth, start, hashes);
        depth = _pushSubtrees(stack, depth, uint256(start) + hashes.length, size, right);
        bytes32 root = stack[depth - 1];
        for (uint256 i = depth - 1; i > 0; --i) root = hashNode(stack[i - 1], root);
        return root;
    }

    /// @dev Appends leaves one by one: a position's trailing ones say how many complete subtrees it closes.
    function _pushLeaves(bytes32[] memory stack, uint256 depth, uint256 start, bytes32[] memory hashes)
        private
        view
        returns (uint256)
    {
        uint256 end = start + hashes.length;
        // No arithmetic here can overflow: positions are below 2^64 + 2^16, the depth is the number of set bits
        // of the position. Checked arithmetic costs a tenth of the whole window.
        unchecked {
            for (uint256 position = start; position < end; ++position) {
                bytes32 hash = hashes[position - start];
                for (uint256 bits = position; bits & 1 == 1; bits >>= 1) hash = hashNode(stack[--depth], hash);
                stack[depth++] = hash;
            }
        }
        return depth;
    }

    /// @dev Appends the perfect subtrees right of the window, each as large as alignment and size allow.
    function _pushSubtrees(
        bytes32[] memory stack,
        uint256 depth,
        uint256 position,
        uint256 size,
        bytes32[] calldata right
    ) private view returns (uint256) {
        uint256 used = 0;
        while (position < size) {
            uint256 level = 0;
            while ((position >> level) & 1 == 0 && (uint256(2) << level) <= size - position) ++level;
            if (used == right.length) revert ProofLengthMismatch(right.length, used + 1);
            bytes32 hash = right[used++];
            for (uint256 bits = position >> level; bits & 1 == 1; bits >>= 1) hash = hashNode(stack[--depth], hash);
            stack[depth++] = hash;
            position += uint256(1) << level;
        }
        if (used != right.length) revert ProofLengthMismatch(right.length, used);
        return depth;
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

    function _popCount(uint64 value) private pure returns (uint256 count) {
        for (; value != 0; value &= value - 1) ++count;
    }
}
