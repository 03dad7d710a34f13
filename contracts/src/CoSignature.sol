// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {RoleGated} from "./RoleGated.sol";
import {ICoSignature} from "./interfaces/ICoSignature.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title CoSignature
/// @notice PURPOSE: tell whether enough officers of different kinds have approved a digest.
/// @dev INVARIANTS
/// I1. A policy never changes and needs at least two different kinds.
/// I2. One address approves a digest once, for one kind: one person is never two approvers.
/// I3. Approvals only grow; nobody withdraws one, neither their giver nor an admin.
/// I4. An approval for one policy, chapter and digest counts for no other.
///
/// ROLES: HQ registers policies, and cannot approve for others. Holders of a policy's kinds approve.
/// ASSUMPTIONS: who acts on an approval sees to it that it acts once; the digest binds all that is approved. An
/// officer who holds two kinds of a policy is counted for the lower one that is free.
/// LIVENESS: where the officers do not act, nothing is approved. NON-GOALS: carrying out what is approved; expiry.
contract CoSignature is RoleGated, ICoSignature {
    /// @dev slot: the kinds as bits (bit n for kind n) and how many must approve.
    struct Policy {
        uint16 kinds;
        uint8 threshold;
    }

    /// @dev Policies by id; threshold 0 where there is none.
    mapping(bytes32 policy => Policy) private _policies;
    /// @dev The kinds that have approved, by key of policy, chapter and digest.
    mapping(bytes32 key => uint16 kinds) private _approved;
    /// @dev Who has approved, by the same key.
    mapping(bytes32 key => mapping(address approver => bool)) private _approvers;

    constructor(IAccessManager roles_) RoleGated(roles_) {}

    /// @inheritdoc ICoSignature
    function registerPolicy(bytes32 policy, uint8[] calldata kinds, uint8 threshold) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        if (_policies[policy].threshold != 0) revert PolicyExists(policy);
        if (policy == 0 || threshold < 2 || threshold > kinds.length) {
            revert InvalidPolicy(policy, kinds.length, threshold);
        }
        uint16 bits = 0;
        uint8 last = 0;
        for (uint256 i = 0; i < kinds.length; ++i) {
            if (kinds[i] <= last || kinds[i] > Roles.REGULATOR) {
                revert InvalidPolicy(policy, kinds.length, threshold);
            }
            last = kinds[i];
            bits |= uint16(1) << last;
        }
        _policies[policy] = Policy(bits, threshold);
        emit PolicyRegistered(policy, kinds, threshold);
    }

    /// @inheritdoc ICoSignature
    function approve(bytes32 policy, uint32 chapter, bytes32 digest) external {
        Policy memory rule = _policies[policy];
        if (rule.threshold == 0) revert UnknownPolicy(policy);
        if (digest == 0) revert ZeroDigest(policy);
        bytes32 key = _key(policy, chapter, digest);
        if (_approvers[key][msg.sender]) revert AlreadyApproved(msg.sender, digest);
        uint8 kind = _freeKind(rule.kinds & ~_approved[key], chapter);
        if (kind == 0) revert NotAnApprover(msg.sender, policy, chapter);
        _approvers[key][msg.sender] = true;
        _approved[key] |= uint16(1) << kind;
        emit Approved(policy, digest, msg.sender, chapter, kind);
    }

    /// @inheritdoc ICoSignature
    function isApproved(bytes32 policy, uint32 chapter, bytes32 digest) external view returns (bool) {
        uint8 threshold = _policies[policy].threshold;
        uint256 count = 0;
        for (uint16 bits = _approved[_key(policy, chapter, digest)]; bits != 0; bits &= bits - 1) {
            ++count;
        }
        return threshold != 0 && count >= threshold;
    }

    /// @inheritdoc ICoSignature
    function approvedKinds(bytes32 policy, uint32 chapter, bytes32 digest) external view returns (uint16) {
        return _approved[_key(policy, chapter, digest)];
    }

    /// @inheritdoc ICoSignature
    function policyOf(bytes32 policy) external view returns (uint16 kinds, uint8 threshold) {
        return (_policies[policy].kinds, _policies[policy].threshold);
    }

    /// @dev Returns the lowest kind of the bit set that the caller holds, 0 when there is none.
    function _freeKind(uint16 bits, uint32 chapter) private view returns (uint8) {
        for (uint8 kind = Roles.HQ; kind <= Roles.REGULATOR; ++kind) {
            if (bits & (uint16(1) << kind) != 0 && _hasRole(kind, chapter, msg.sender)) return kind;
        }
        return 0;
    }

    function _key(bytes32 policy, uint32 chapter, bytes32 digest) private pure returns (bytes32) {
        return keccak256(abi.encode(policy, chapter, digest));
    }
}
