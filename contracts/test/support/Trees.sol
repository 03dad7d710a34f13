// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Trees
/// @notice RFC 9162 written down as it stands there, by recursion over all leaves; shares nothing with `src`.
library Trees {
    function leaf(bytes32 commitment, bytes32 digest) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0), uint8(1), commitment, digest));
    }

    function node(bytes32 left_, bytes32 right_) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(1), left_, right_));
    }

    /// @dev Section 2.1.1: MTH of leaves [start, end).
    function root(bytes32[] memory leaves, uint256 start, uint256 end) internal pure returns (bytes32) {
        if (end - start == 1) return leaves[start];
        uint256 middle = start + split(end - start);
        return node(root(leaves, start, middle), root(leaves, middle, end));
    }

    /// @dev Section 2.1.3.1: PATH.
    function inclusion(bytes32[] memory leaves, uint256 index, uint256 start, uint256 end)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (end - start == 1) return new bytes32[](0);
        uint256 middle = start + split(end - start);
        return index < middle
            ? append(inclusion(leaves, index, start, middle), root(leaves, middle, end))
            : append(inclusion(leaves, index, middle, end), root(leaves, start, middle));
    }

    /// @dev Section 2.1.4.1: SUBPROOF of the first `size` leaves of [start, end).
    function consistency(bytes32[] memory leaves, uint256 size, uint256 start, uint256 end, bool whole)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (size == end - start) {
            bytes32[] memory none = new bytes32[](0);
            return whole ? none : append(none, root(leaves, start, end));
        }
        uint256 half = split(end - start);
        return size <= half
            ? append(consistency(leaves, size, start, start + half, whole), root(leaves, start + half, end))
            : append(
                consistency(leaves, size - half, start + half, end, false), root(leaves, start, start + half)
            );
    }

    /// @dev Compact range of [0, start), largest subtree first.
    function left(bytes32[] memory leaves, uint256 start) internal pure returns (bytes32[] memory out) {
        uint256 position = 0;
        for (uint256 level = 64; level > 0; --level) {
            uint256 width = uint256(1) << (level - 1);
            if (start & width == 0) continue;
            out = append(out, root(leaves, position, position + width));
            position += width;
        }
    }

    /// @dev Aligned perfect subtrees of [position, size), each as large as alignment and size allow.
    function right(bytes32[] memory leaves, uint256 position, uint256 size)
        internal
        pure
        returns (bytes32[] memory out)
    {
        while (position < size) {
            uint256 width = 1;
            while (position % (2 * width) == 0 && 2 * width <= size - position) width *= 2;
            out = append(out, root(leaves, position, position + width));
            position += width;
        }
    }

    function append(bytes32[] memory list, bytes32 item) internal pure returns (bytes32[] memory out) {
        out = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            out[i] = list[i];
        }
        out[list.length] = item;
    }

    function without(bytes32[] memory list, uint256 position) internal pure returns (bytes32[] memory out) {
        out = new bytes32[](list.length - 1);
        for (uint256 i = 0; i < out.length; ++i) {
            out[i] = list[i < position ? i : i + 1];
        }
    }

    function split(uint256 size) internal pure returns (uint256 half) {
        for (half = 1; half * 2 < size;) {
            half *= 2;
        }
    }
}
