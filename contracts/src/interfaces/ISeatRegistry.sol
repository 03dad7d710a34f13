// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICoSignature} from "./ICoSignature.sol";
import {IMembership} from "./IMembership.sol";
import {IRoleGated} from "./IRoleGated.sol";

/// @title ISeatRegistry
/// @notice One merchant for each industry of a chapter, for a limited time.
interface ISeatRegistry is IRoleGated {
    /// @notice Thrown when chapter or industry of a seat is zero.
    error InvalidSeat(uint32 chapter, bytes32 industry);
    /// @notice Thrown when a grant or renewal names no certificate.
    error ZeroCertificate(uint32 chapter, bytes32 industry);
    /// @notice Thrown when a term would end before it begins.
    error UntilNotInFuture(uint64 got, uint256 time);
    /// @notice Thrown when `account` is of another kind than merchant (2) or of another chapter.
    error NotAMerchant(address account, uint8 kind, uint32 chapter);
    /// @notice Thrown when `merchant` was replaced by `successor`, who is to be granted the seat instead.
    error MerchantRetired(address merchant, address successor);
    /// @notice Thrown when somebody holds the seat.
    error SeatTaken(uint32 chapter, bytes32 industry, address holder, uint64 until);
    /// @notice Thrown when the merchant holds another seat of the chapter.
    error MerchantHasSeat(address merchant, bytes32 industry, uint64 until);
    /// @notice Thrown when nobody was granted the seat since it was last released.
    error SeatVacant(uint32 chapter, bytes32 industry);
    /// @notice Thrown when the seat's term has ended: it is to be granted anew.
    error SeatExpired(uint32 chapter, bytes32 industry, uint64 until);
    /// @notice Thrown when a renewal does not lengthen the term.
    error TermNotLonger(uint64 have, uint64 got);
    /// @notice Thrown when the policy exists and is not fulfilled for `digest`.
    error SeatNotApproved(uint32 chapter, bytes32 digest);
    /// @notice Thrown when a release names no reason.
    error ZeroReason(uint32 chapter, bytes32 industry);
    /// @notice Thrown when a release names no order.
    error ZeroOrder(uint32 chapter, bytes32 industry);

    /// @notice `merchant` holds the seat before `until` (Unix seconds).
    event SeatGranted(
        uint32 indexed chapter,
        bytes32 indexed industry,
        address indexed merchant,
        bytes32 certificate,
        uint64 until,
        uint32 term
    );
    /// @notice The term of the seat was lengthened. `merchant` is its holder after recoveries.
    event SeatRenewed(
        uint32 indexed chapter,
        bytes32 indexed industry,
        address indexed merchant,
        bytes32 certificate,
        uint64 until,
        uint32 term
    );
    /// @notice The seat was taken from `merchant`, its holder after recoveries, by an order.
    event SeatReleased(
        uint32 indexed chapter,
        bytes32 indexed industry,
        address indexed merchant,
        bytes32 reasonCode,
        bytes32 order
    );
    /// @notice A seat whose term had ended at `until` was cleared, as it or its merchant is granted anew.
    event SeatLapsed(
        uint32 indexed chapter, bytes32 indexed industry, address indexed merchant, uint64 until
    );

    /// @notice Gives a free seat to a merchant. Emits {SeatLapsed} for a term of this seat, and for one of
    /// another seat of the merchant, that had ended; then {SeatGranted}.
    /// @dev Requirements:
    /// - the caller must be operator of the chapter;
    /// - chapter, industry and certificate must not be zero; `until` must be in the future;
    /// - `merchant` must be a merchant of the chapter and not retired;
    /// - nobody may hold the seat, and the merchant's holder no other seat of the chapter;
    /// - where the policy `keccak256("seat")` exists, it must be fulfilled in the chapter for
    ///   {approvalDigest} of action 1.
    function grant(uint32 chapter, bytes32 industry, address merchant, bytes32 certificate, uint64 until)
        external;

    /// @notice Lengthens the term of a seat under a new certificate. Emits {SeatRenewed}.
    /// @dev Requirements:
    /// - the caller must be operator of the chapter;
    /// - the certificate must not be zero;
    /// - the seat must be held; `until` must be later than the present end of its term;
    /// - where the policy exists, it must be fulfilled for {approvalDigest} of action 2 and the holder.
    function renew(uint32 chapter, bytes32 industry, bytes32 certificate, uint64 until) external;

    /// @notice Takes a seat from its holder. Emits {SeatReleased}.
    /// @dev Requirements:
    /// - the caller must be operator of the chapter;
    /// - reason code and `order`, the digest of the order acted on, must not be zero;
    /// - the seat must be held.
    function release(uint32 chapter, bytes32 industry, bytes32 reasonCode, bytes32 order) external;

    /// @notice Returns who holds a seat at the time of the latest block, after recoveries; zero when nobody.
    function holderOf(uint32 chapter, bytes32 industry) external view returns (address);

    /// @notice Returns the record of a seat: to whom it was granted (zero when released), when its term ends or
    /// ended, how many grants and renewals there were, and the latest certificate.
    function seatOf(uint32 chapter, bytes32 industry)
        external
        view
        returns (address merchant, uint64 until, uint32 term, bytes32 certificate);

    /// @notice Returns the industry whose seat the holder behind `account` has in a chapter, zero when none.
    function industryOf(uint32 chapter, address account) external view returns (bytes32);

    /// @notice Returns what officers approve for the next grant (action 1) or renewal (2) of a seat:
    /// `keccak256(abi.encode(this contract, action, chapter, industry, merchant, certificate, until, term))`,
    /// where `term` is the present number of terms. So it is void once anything was granted or renewed.
    function approvalDigest(
        uint8 action,
        uint32 chapter,
        bytes32 industry,
        address merchant,
        bytes32 certificate,
        uint64 until
    ) external view returns (bytes32);

    /// @notice Returns the contract that knows the merchants.
    function membership() external view returns (IMembership);

    /// @notice Returns the contract whose approvals count.
    function coSignature() external view returns (ICoSignature);
}
