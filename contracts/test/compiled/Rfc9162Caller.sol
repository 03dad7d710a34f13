// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rfc9162} from "../../src/libraries/Rfc9162.sol";

/// @dev Gives the library's internal functions calldata arguments and a frame in which they can revert.
contract Rfc9162Caller {
    function hashLeaf(bytes32 commitment, bytes32 digest) external view returns (bytes32) {
        return Rfc9162.hashLeaf(commitment, digest);
    }

    function hashNode(bytes32 left, bytes32 right) external view returns (bytes32) {
        return Rfc9162.hashNode(left, right);
    }

    function isIncluded(uint64 index, uint64 size, bytes32 leaf, bytes32[] calldata proof, bytes32 root)
        external
        view
        returns (bool)
    {
        return Rfc9162.isIncluded(index, size, leaf, proof, root);
    }

    function isConsistent(uint64 size1, bytes32 root1, uint64 size2, bytes32 root2, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return Rfc9162.isConsistent(size1, root1, size2, root2, proof);
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
}

