// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The library's internal functions with calldata arguments, in a frame in which they can revert.
interface IRfc9162Caller {
    function hashLeaf(bytes32 commitment, bytes32 digest) external view returns (bytes32);

    function hashNode(bytes32 left, bytes32 right) external view returns (bytes32);

    function isIncluded(uint64 index, uint64 size, bytes32 leaf, bytes32[] calldata proof, bytes32 root)
        external
        view
        returns (bool);

    function isConsistent(uint64 size1, bytes32 root1, uint64 size2, bytes32 root2, bytes32[] calldata proof)
        external
        view
        returns (bool);

    function rootFromWindow(
        uint64 start,
        bytes32[] calldata nodes,
        uint64 size,
        bytes32[] calldata left,
        bytes32[] calldata right
    ) external view returns (bytes32);
}
