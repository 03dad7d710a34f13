// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoleGated} from "./IRoleGated.sol";

/// @title ICoSignature
/// @notice Approvals of a digest by several officers of different kinds.
interface ICoSignature is IRoleGated {
    /// @notice Thrown when a policy id is zero, its kinds are not 2 to 13 ascending kinds of role, or its
    /// threshold is not 2 to their number.
    error InvalidPolicy(bytes32 policy, uint256 kinds, uint8 threshold);
    /// @notice Thrown when a policy exists already: policies never change.
    error PolicyExists(bytes32 policy);
    /// @notice Thrown when a policy does not exist.
    error UnknownPolicy(bytes32 policy);
    /// @notice Thrown when the digest to approve is zero.
    error ZeroDigest(bytes32 policy);
    /// @notice Thrown when `approver` approved this digest before, in whatever role.
    error AlreadyApproved(address approver, bytes32 digest);
    /// @notice Thrown when `approver` holds no kind of the policy that has not approved yet.
    error NotAnApprover(address approver, bytes32 policy, uint32 chapter);

    /// @notice A policy was registered: `threshold` different ones of `kinds` must approve.
    event PolicyRegistered(bytes32 indexed policy, uint8[] kinds, uint8 threshold);
    /// @notice `approver` approved a digest as holder of `kind`.
    event Approved(
        bytes32 indexed policy, bytes32 indexed digest, address indexed approver, uint32 chapter, uint8 kind
    );

    /// @notice Registers a policy for ever. Emits {PolicyRegistered}.
    /// @dev Requirements:
    /// - the caller must be HQ;
    /// - the id must not be zero nor exist; kinds ascending within 1 to 13; 2 <= threshold <= their number.
    function registerPolicy(bytes32 policy, uint8[] calldata kinds, uint8 threshold) external;

    /// @notice Approves a digest. Counts for the first kind of the policy that the caller holds for the
    /// chapter (or the network) and for which nobody approved yet. Emits {Approved}.
    /// @dev Requirements: the policy must exist; the digest must not be zero; the caller must not have approved
    /// it before and must hold such a kind.
    function approve(bytes32 policy, uint32 chapter, bytes32 digest) external;

    /// @notice Returns whether enough different kinds have approved. An approval stands once given.
    function isApproved(bytes32 policy, uint32 chapter, bytes32 digest) external view returns (bool);

    /// @notice Returns the bit set of the kinds that have approved (bit n for kind n).
    function approvedKinds(bytes32 policy, uint32 chapter, bytes32 digest) external view returns (uint16);

    /// @notice Returns the bit set of the kinds of a policy and its threshold, 0 when it does not exist.
    function policyOf(bytes32 policy) external view returns (uint16 kinds, uint8 threshold);
}
