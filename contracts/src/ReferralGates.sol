// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoleGated} from "./RoleGated.sol";
import {ICoSignature} from "./interfaces/ICoSignature.sol";
import {IReferralGates} from "./interfaces/IReferralGates.sol";
import {Roles} from "./libraries/Roles.sol";
import {Gate} from "./libraries/Rules.sol";

/// @title ReferralGates
/// @notice PURPOSE: keep referral rewards as shallow and as plain as they ship, unless HQ and regulator both say
/// otherwise, in public and in time.
/// @dev INVARIANTS
/// I1. The depth is at most 3, and 1 at first; the other gates are 0 or 1, and 0 at first.
/// I2. A gate rises only by {activate}, to exactly the value that was announced.
/// I3. What is announced was approved by HQ and by regulator, two addresses, with the digest of a legal opinion on
///     that gate and value; whatever policy was registered under `referral`, both kinds must be among the approvers.
/// I4. Between announcement and activation lies at least the delay, which never changes and is at least 7 days, and at
///     most 30 days more: nothing waits announced until it is forgotten.
/// I5. An approval acts at most once: it binds every operand and how often the gate was changed.
/// I6. Lowering takes effect at once and drops what was announced.
///
/// ROLES: HQ announces and activates, and can do neither without the regulator's approval. The regulator approves,
/// lowers and withdraws, and cannot announce or activate. HQ lowers and withdraws too. The admin of the roles
/// changes nothing here but by granting both roles to addresses of its own, which emits.
/// ASSUMPTIONS: the opinion's digest is of a document that anybody concerned can ask for.
/// LIVENESS: lowering needs one of two. NON-GOALS: who referred whom; paying; pausing anything else.
abstract contract ReferralGates is RoleGated, IReferralGates {
    /// @dev slot 0: value, announced value, changes, readyAt (0 = nothing announced); slot 1: opinion.
    struct State {
        uint8 value;
        uint8 announced;
        uint32 changes;
        uint64 readyAt;
        bytes32 opinion;
    }

    uint8 public constant MAX_DEPTH = 3;
    uint64 public constant MIN_DELAY = 7 days;
    /// @dev How long an announced raise can be activated.
    uint64 private constant OPEN_TIME = 30 days;
    /// @dev Keeps `readyAt` and its end within 64 bits.
    uint64 private constant MAX_DELAY = 3650 days;
    bytes32 private constant POLICY = keccak256("referral");
    uint16 private constant BOTH = (uint16(1) << Roles.HQ) | (uint16(1) << Roles.REGULATOR);

    /// @inheritdoc IReferralGates
    uint64 public immutable delay;
    /// @inheritdoc IReferralGates
    ICoSignature public immutable coSignature;

    /// @dev Gates by number.
    mapping(uint8 gate => State) private _gates;

    constructor(ICoSignature coSignature_, uint64 delay_) {
        if (address(coSignature_) == address(0)) revert ZeroAddress();
        if (delay_ < MIN_DELAY) revert DelayTooShort(delay_, MIN_DELAY);
        if (delay_ > MAX_DELAY) revert DelayTooLong(delay_, MAX_DELAY);
        coSignature = coSignature_;
        delay = delay_;
        _gates[Gate.DEPTH].value = 1;
    }

    /// @inheritdoc IReferralGates
    function announce(uint8 gate, uint8 value, bytes32 opinion) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        State storage state = _existing(gate);
        uint8 limit = gate == Gate.DEPTH ? MAX_DEPTH : 1;
        if (value <= state.value || value > limit) revert RaiseOutOfRange(gate, state.value, value, limit);
        if (opinion == 0) revert ZeroOpinion(gate);
        _requireApproved(raiseDigest(gate, value, opinion));
        uint64 readyAt = uint64(block.timestamp) + delay;
        (state.announced, state.readyAt, state.opinion) = (value, readyAt, opinion);
        ++state.changes;
        emit ReferralAnnounced(gate, value, opinion, readyAt);
    }

    /// @inheritdoc IReferralGates
    function activate(uint8 gate) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        State storage state = _announced(gate);
        (uint8 value, uint64 readyAt, bytes32 opinion) = (state.announced, state.readyAt, state.opinion);
        if (block.timestamp < readyAt) revert NotReady(gate, readyAt, block.timestamp);
        uint64 end = readyAt + OPEN_TIME;
        if (block.timestamp >= end) revert AnnouncementOver(gate, end, block.timestamp);
        _drop(state);
        state.value = value;
        emit ReferralActivated(gate, value, opinion);
    }

    /// @inheritdoc IReferralGates
    function lower(uint8 gate, uint8 value) external {
        _requireEither();
        State storage state = _existing(gate);
        uint8 was = state.value;
        if (value >= was) revert NotLower(gate, was, value);
        _drop(state);
        state.value = value;
        ++state.changes;
        emit ReferralLowered(gate, value, was);
    }

    /// @inheritdoc IReferralGates
    function withdraw(uint8 gate) external {
        _requireEither();
        State storage state = _announced(gate);
        uint8 value = state.announced;
        _drop(state);
        ++state.changes;
        emit ReferralWithdrawn(gate, value);
    }

    /// @inheritdoc IReferralGates
    function gateValue(uint8 gate) external view returns (uint8) {
        return _existing(gate).value;
    }

    /// @inheritdoc IReferralGates
    function depth() external view returns (uint8) {
        return _gates[Gate.DEPTH].value;
    }

    /// @inheritdoc IReferralGates
    function announcementOf(uint8 gate)
        external
        view
        returns (uint8 value, uint64 readyAt, uint64 end, bytes32 opinion)
    {
        State storage state = _existing(gate);
        readyAt = state.readyAt;
        return (state.announced, readyAt, readyAt == 0 ? 0 : readyAt + OPEN_TIME, state.opinion);
    }

    /// @inheritdoc IReferralGates
    function changesOf(uint8 gate) external view returns (uint32) {
        return _existing(gate).changes;
    }

    /// @inheritdoc IReferralGates
    function raiseDigest(uint8 gate, uint8 value, bytes32 opinion) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), gate, value, opinion, _existing(gate).changes));
    }

    function _isOpen(uint8 gate) internal view returns (bool) {
        return _gates[gate].value != 0;
    }

    function _drop(State storage state) private {
        (state.announced, state.readyAt, state.opinion) = (0, 0, 0);
    }

    function _existing(uint8 gate) private view returns (State storage) {
        if (gate < Gate.DEPTH || gate > Gate.REFERRAL_DUTY) revert UnknownGate(gate);
        return _gates[gate];
    }

    function _announced(uint8 gate) private view returns (State storage state) {
        state = _existing(gate);
        if (state.readyAt == 0) revert NothingAnnounced(gate);
    }

    function _requireEither() private view {
        if (!_hasRole(Roles.REGULATOR, Roles.NETWORK, msg.sender)) _requireRole(Roles.HQ, Roles.NETWORK);
    }

    function _requireApproved(bytes32 digest) private view {
        uint16 kinds = coSignature.approvedKinds(POLICY, Roles.NETWORK, digest);
        if (kinds & BOTH != BOTH || !coSignature.isApproved(POLICY, Roles.NETWORK, digest)) {
            revert RaiseNotApproved(digest, kinds);
        }
    }
}
