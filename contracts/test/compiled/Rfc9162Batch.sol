// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rfc9162} from "../../src/libraries/Rfc9162.sol";

/// @dev Judges many packed cases in one call, so that a hundred thousand of them take seconds. A case is: kind
/// (0 inclusion, 1 consistency, 2 window), index / first size / start (8 bytes), size (8), leaf hash / first root
/// (32), root (32), three counts (1 each), and that many nodes of 32 bytes: the proof, or leaves, left and right.
contract Rfc9162Batch {
    uint256 private constant HEAD = 84;

    /// @dev Returns one byte for each of `count` cases: 1 accepted, 0 refused.
    function judge(bytes calldata cases, uint256 count) external view returns (bytes memory verdicts) {
        verdicts = new bytes(count);
        uint256 at = 0;
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata head = cases[at:at + HEAD];
            uint256 nodes = uint256(uint8(head[81])) + uint8(head[82]) + uint8(head[83]);
            uint256 end = at + HEAD + 32 * nodes;
            if (accepts(head, cases[at + HEAD:end])) verdicts[i] = 0x01;
            at = end;
        }
        require(at == cases.length, "cases left over");
    }

    function rootFromWindow(
        uint64 start,
        bytes32[] calldata nodes,
        uint64 size,
        bytes32[] calldata left,
        bytes32[] calldata right
    ) external view returns (bytes32) {
        return Rfc9162.rootFromWindow(start, nodes, size, left, right);
    }

    function accepts(bytes calldata head, bytes calldata nodes) private view returns (bool) {
        uint8 kind = uint8(head[0]);
        uint64 first = uint64(bytes8(head[1:9]));
        uint64 size = uint64(bytes8(head[9:17]));
        bytes32 value = bytes32(head[17:49]);
        bytes32 root = bytes32(head[49:81]);
        uint256 middle = 32 * uint256(uint8(head[81]));
        bytes32[] calldata proof = words(nodes[:middle]);
        if (kind == 0) return Rfc9162.isIncluded(first, size, value, proof, root);
        if (kind == 1) return Rfc9162.isConsistent(first, value, size, root, proof);
        uint256 last = middle + 32 * uint256(uint8(head[82]));
        try this.rootFromWindow(first, proof, size, words(nodes[middle:last]), words(nodes[last:])) returns (
            bytes32 computed
        ) {
            return computed == root;
        } catch {
            return false;
        }
    }

    /// @dev The same bytes as an array of words, without a copy.
    function words(bytes calldata data) private pure returns (bytes32[] calldata found) {
        assembly {
            found.offset := data.offset
            found.length := div(data.length, 32)
        }
    }
}
