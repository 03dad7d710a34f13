// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICoSignature} from "./ICoSignature.sol";
import {IRoleGated} from "./IRoleGated.sol";

/// @title IReferralGates
/// @notice How deep referral rewards go and which referral tables are used. Raising takes two and time.
/// @dev Gates: 1 depth (0 to 3, 1 at first), 2 joining-fee referral, 3 fee waiver, 4 referral duty (0 off, 1 on).
interface IReferralGates is IRoleGated {
    /// @notice Thrown when a delay is shorter than the least.
    error DelayTooShort(uint64 got, uint64 least);
    /// @notice Thrown when a delay is longer than ten years.
    error DelayTooLong(uint64 got, uint64 most);
    /// @notice Thrown when a gate is none of 1 to 4.
    error UnknownGate(uint8 got);
    /// @notice Thrown when a raise is not above the present value or above the gate's limit.
    error RaiseOutOfRange(uint8 gate, uint8 have, uint8 got, uint8 limit);
    /// @notice Thrown when a lowering is not below the present value.
    error NotLower(uint8 gate, uint8 have, uint8 got);
    /// @notice Thrown when a raise names no legal opinion.
    error ZeroOpinion(uint8 gate);
    /// @notice Thrown when HQ and regulator have not both approved `digest`; bit n of `kinds` is kind n.
    error RaiseNotApproved(bytes32 digest, uint16 kinds);
    /// @notice Thrown when no raise of the gate is announced.
    error NothingAnnounced(uint8 gate);
    /// @notice Thrown when the announced raise may be activated only from `readyAt` on.
    error NotReady(uint8 gate, uint64 readyAt, uint256 time);
    /// @notice Thrown when the announced raise could be activated only before `end`.
    error AnnouncementOver(uint8 gate, uint64 end, uint256 time);

    /// @notice A raise was announced. It may be activated from `readyAt` on, for 30 days.
    event ReferralAnnounced(uint8 indexed gate, uint8 value, bytes32 opinion, uint64 readyAt);
    /// @notice The announced raise is in force.
    event ReferralActivated(uint8 indexed gate, uint8 value, bytes32 opinion);
    /// @notice A gate was lowered at once, and what was announced for it dropped.
    event ReferralLowered(uint8 indexed gate, uint8 value, uint8 was);
    /// @notice An announced raise was dropped.
    event ReferralWithdrawn(uint8 indexed gate, uint8 value);

    /// @notice Announces a raise of a gate, in place of one announced before. Emits {ReferralAnnounced}.
    /// @param opinion Digest of the legal opinion on this very change.
    /// @dev Requirements:
    /// - the caller must be HQ;
    /// - the gate must exist; `value` must be above the present one and within the gate's limit;
    /// - `opinion` must not be zero;
    /// - the policy `keccak256("referral")` must be fulfilled in chapter 0 for {raiseDigest}, and HQ and regulator
    ///   must be among those who approved, whatever else the policy asks.
    function announce(uint8 gate, uint8 value, bytes32 opinion) external;

    /// @notice Puts the announced raise in force. Emits {ReferralActivated}.
    /// @dev Requirements: the caller must be HQ; a raise must be announced, at least the delay ago and at most the
    /// delay and 30 days.
    function activate(uint8 gate) external;

    /// @notice Lowers a gate at once and drops what is announced for it. Emits {ReferralLowered}.
    /// @dev Requirements: the caller must be HQ or regulator; the gate must exist; `value` must be lower.
    function lower(uint8 gate, uint8 value) external;

    /// @notice Drops an announced raise. Emits {ReferralWithdrawn}.
    /// @dev Requirements: the caller must be HQ or regulator; a raise must be announced.
    function withdraw(uint8 gate) external;

    /// @notice Returns the value of a gate in force. Reverts UnknownGate.
    function gateValue(uint8 gate) external view returns (uint8);

    /// @notice Returns through how many levels a referral is rewarded at most.
    function depth() external view returns (uint8);

    /// @notice Returns the raise announced for a gate; value and times are 0 where none is.
    function announcementOf(uint8 gate)
        external
        view
        returns (uint8 value, uint64 readyAt, uint64 end, bytes32 opinion);

    /// @notice Returns what HQ and regulator approve for the next change of a gate:
    /// `keccak256(abi.encode(this contract, gate, value, opinion, change))`, where `change` is how often the gate
    /// was announced, lowered or withdrawn. So an approval is void after any of these.
    function raiseDigest(uint8 gate, uint8 value, bytes32 opinion) external view returns (bytes32);

    /// @notice Returns how often a gate was announced, lowered or withdrawn.
    function changesOf(uint8 gate) external view returns (uint32);

    /// @notice Returns the seconds between announcement and activation. Never changes.
    function delay() external view returns (uint64);

    /// @notice Returns the contract whose approvals count.
    function coSignature() external view returns (ICoSignature);
}
