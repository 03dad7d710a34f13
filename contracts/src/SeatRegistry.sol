// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {RoleGated} from "./RoleGated.sol";
import {ICoSignature} from "./interfaces/ICoSignature.sol";
import {IMembership, Registration} from "./interfaces/IMembership.sol";
import {ISeatRegistry} from "./interfaces/ISeatRegistry.sol";
import {AccountKind} from "./libraries/Ledger.sol";
import {Roles} from "./libraries/Roles.sol";
import {SeatAction} from "./libraries/Rules.sol";

/// @title SeatRegistry
/// @notice PURPOSE: let at most one merchant hold the seat of an industry in a chapter, for a limited time.
/// @dev INVARIANTS
/// I1. A seat has at most one holder at any time.
/// I2. A holder (by Membership's commitment, so recoveries included) has at most one seat in a chapter.
/// I3. A seat is held only by a merchant registered in its chapter, and never at or after `until`.
/// I4. Each term begins with one event and ends at `until` or with a release; the next grant to seat or merchant
///     tells of a term that had ended. So the events rebuild the state.
/// I5. An approval acts at most once: it binds every operand and the number of terms so far.
/// I6. Roles of one chapter change nothing in another.
///
/// ROLES: the operator of the chapter grants, renews and releases. Where the policy `seat` exists, which HQ
/// registers once and nobody removes, the operator grants and renews only what its officers approved, and cannot
/// choose operands. Officers cannot grant by themselves. A release needs no approval: it gives nothing to anybody,
/// and names its order, against which there is an appeal.
/// ASSUMPTIONS: commitments differ for different merchants; the certificate is the digest of the reviewed document,
/// the industry a code of the network's list. Block times are right to some minutes.
/// LIVENESS: a seat becomes free by itself at `until`. NON-GOALS: reviews, scores, fees, deposits, appeals, what an
/// exclusive seat entitles to.
contract SeatRegistry is RoleGated, ISeatRegistry {
    /// @dev slot 0: merchant, until and term; slot 1: certificate.
    struct Seat {
        address merchant;
        uint64 until;
        uint32 term;
        bytes32 certificate;
    }

    bytes32 private constant POLICY = keccak256("seat");

    /// @inheritdoc ISeatRegistry
    IMembership public immutable membership;
    /// @inheritdoc ISeatRegistry
    ICoSignature public immutable coSignature;

    /// @dev Seats by place; no merchant where never granted or released, an ended term until the next grant.
    mapping(uint32 chapter => mapping(bytes32 industry => Seat)) private _seats;
    /// @dev The industry of each holder's seat, zero without one. An ended term stays until the next grant.
    mapping(uint32 chapter => mapping(bytes32 commitment => bytes32 industry)) private _industries;

    constructor(IAccessManager roles_, IMembership membership_, ICoSignature coSignature_) RoleGated(roles_) {
        if (address(membership_) == address(0) || address(coSignature_) == address(0)) revert ZeroAddress();
        membership = membership_;
        coSignature = coSignature_;
    }

    /// @inheritdoc ISeatRegistry
    function grant(uint32 chapter, bytes32 industry, address merchant, bytes32 certificate, uint64 until)
        external
    {
        _requireRole(Roles.OPERATOR, chapter);
        if (chapter == 0 || industry == 0) revert InvalidSeat(chapter, industry);
        if (certificate == 0) revert ZeroCertificate(chapter, industry);
        if (until <= block.timestamp) revert UntilNotInFuture(until, block.timestamp);
        bytes32 commitment = _requireMerchant(chapter, merchant);
        _clearEnded(chapter, industry);
        bytes32 other = _industries[chapter][commitment];
        if (other != 0) _clearEndedOf(chapter, other, merchant);
        Seat storage seat = _seats[chapter][industry];
        uint32 term = seat.term;
        _requireApproved(
            chapter, _digest(SeatAction.GRANT, chapter, industry, merchant, certificate, until, term)
        );
        (seat.merchant, seat.until, seat.term, seat.certificate) = (merchant, until, term + 1, certificate);
        _industries[chapter][commitment] = industry;
        emit SeatGranted(chapter, industry, merchant, certificate, until, term + 1);
    }

    /// @inheritdoc ISeatRegistry
    function renew(uint32 chapter, bytes32 industry, bytes32 certificate, uint64 until) external {
        _requireRole(Roles.OPERATOR, chapter);
        if (certificate == 0) revert ZeroCertificate(chapter, industry);
        Seat storage seat = _heldSeat(chapter, industry);
        if (until <= seat.until) revert TermNotLonger(seat.until, until);
        address holder = _holderNow(seat.merchant);
        uint32 term = seat.term;
        _requireApproved(
            chapter, _digest(SeatAction.RENEW, chapter, industry, holder, certificate, until, term)
        );
        (seat.merchant, seat.until, seat.term, seat.certificate) = (holder, until, term + 1, certificate);
        emit SeatRenewed(chapter, industry, holder, certificate, until, term + 1);
    }

    /// @inheritdoc ISeatRegistry
    function release(uint32 chapter, bytes32 industry, bytes32 reasonCode, bytes32 order) external {
        _requireRole(Roles.OPERATOR, chapter);
        if (reasonCode == 0) revert ZeroReason(chapter, industry);
        if (order == 0) revert ZeroOrder(chapter, industry);
        Seat storage seat = _heldSeat(chapter, industry);
        address merchant = seat.merchant;
        _clear(chapter, seat);
        emit SeatReleased(chapter, industry, _holderNow(merchant), reasonCode, order);
    }

    /// @inheritdoc ISeatRegistry
    function holderOf(uint32 chapter, bytes32 industry) external view returns (address) {
        Seat storage seat = _seats[chapter][industry];
        return block.timestamp < seat.until ? _holderNow(seat.merchant) : address(0);
    }

    /// @inheritdoc ISeatRegistry
    function seatOf(uint32 chapter, bytes32 industry)
        external
        view
        returns (address merchant, uint64 until, uint32 term, bytes32 certificate)
    {
        Seat storage seat = _seats[chapter][industry];
        return (seat.merchant, seat.until, seat.term, seat.certificate);
    }

    /// @inheritdoc ISeatRegistry
    function industryOf(uint32 chapter, address account) external view returns (bytes32) {
        bytes32 industry = _industries[chapter][membership.commitmentOf(account)];
        return block.timestamp < _seats[chapter][industry].until ? industry : bytes32(0);
    }

    /// @inheritdoc ISeatRegistry
    function approvalDigest(
        uint8 action,
        uint32 chapter,
        bytes32 industry,
        address merchant,
        bytes32 certificate,
        uint64 until
    ) external view returns (bytes32) {
        uint32 term = _seats[chapter][industry].term;
        return _digest(action, chapter, industry, merchant, certificate, until, term);
    }

    /// @dev Ends a term whose time is over; reverts where the seat is held.
    function _clearEnded(uint32 chapter, bytes32 industry) private {
        Seat storage seat = _seats[chapter][industry];
        (address merchant, uint64 until) = (seat.merchant, seat.until);
        if (merchant == address(0)) return;
        if (block.timestamp < until) revert SeatTaken(chapter, industry, _holderNow(merchant), until);
        _lapse(chapter, industry, seat);
    }

    /// @dev The same for the seat that the merchant to be granted another one has.
    function _clearEndedOf(uint32 chapter, bytes32 industry, address merchant) private {
        Seat storage seat = _seats[chapter][industry];
        if (block.timestamp < seat.until) revert MerchantHasSeat(merchant, industry, seat.until);
        _lapse(chapter, industry, seat);
    }

    function _lapse(uint32 chapter, bytes32 industry, Seat storage seat) private {
        emit SeatLapsed(chapter, industry, _holderNow(seat.merchant), seat.until);
        _clear(chapter, seat);
    }

    /// @dev Takes the seat from its holder; the number of terms stays, so that no approval acts twice.
    function _clear(uint32 chapter, Seat storage seat) private {
        delete _industries[chapter][membership.commitmentOf(seat.merchant)];
        (seat.merchant, seat.until, seat.certificate) = (address(0), 0, 0);
    }

    function _heldSeat(uint32 chapter, bytes32 industry) private view returns (Seat storage seat) {
        seat = _seats[chapter][industry];
        if (seat.merchant == address(0)) revert SeatVacant(chapter, industry);
        if (block.timestamp >= seat.until) revert SeatExpired(chapter, industry, seat.until);
    }

    function _requireMerchant(uint32 chapter, address merchant) private view returns (bytes32 commitment) {
        (Registration memory found,,) = membership.accountOf(merchant);
        if (found.kind != AccountKind.MERCHANT || found.chapter != chapter) {
            revert NotAMerchant(merchant, found.kind, found.chapter);
        }
        address successor = membership.recoveredTo(merchant);
        if (successor != address(0)) revert MerchantRetired(merchant, successor);
        return found.commitment;
    }

    function _requireApproved(uint32 chapter, bytes32 digest) private view {
        (, uint8 threshold) = coSignature.policyOf(POLICY);
        if (threshold != 0 && !coSignature.isApproved(POLICY, chapter, digest)) {
            revert SeatNotApproved(chapter, digest);
        }
    }

    /// @dev Successions form chains without loops (Membership's I3) and each link is an order of the recoverer.
    function _holderNow(address merchant) private view returns (address holder) {
        holder = merchant;
        for (address next = membership.recoveredTo(holder); next != address(0);) {
            holder = next;
            next = membership.recoveredTo(holder);
        }
    }

    function _digest(
        uint8 action,
        uint32 chapter,
        bytes32 industry,
        address merchant,
        bytes32 certificate,
        uint64 until,
        uint32 term
    ) private view returns (bytes32) {
        return keccak256(
            abi.encode(address(this), action, chapter, industry, merchant, certificate, until, term)
        );
    }
}
