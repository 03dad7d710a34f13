// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReferralGates} from "./IReferralGates.sol";

/// @notice One line of a table: `role`, the code of the account that takes the part.
/// @dev `kind` 1: `value` basis points; `kind` 2: `value` fen, taken before basis points are applied.
struct Line {
    bytes32 role;
    uint8 kind;
    uint64 value;
}

/// @notice One version of a table. `residual` is the role that takes what rounding leaves.
struct Table {
    uint64 effectiveFrom;
    bytes32 residual;
    bytes32 tableHash;
    Line[] lines;
}

/// @title IRuleBook
/// @notice Split tables by version and date of effect, with the gates of referral.
/// @dev Kinds of table: 1 fee, 2 purchase, 3 referral on orders, 4 joining-fee referral, 5 fee waiver, 6 referral
/// duty. Chapter 0 is the network.
interface IRuleBook is IReferralGates {
    /// @notice Thrown when a table id is zero.
    error ZeroTableId();
    /// @notice Thrown when a version carries no digest of the full table.
    error ZeroTableHash(bytes32 tableId);
    /// @notice Thrown when a kind of table is none of 1 to 6.
    error UnknownTableKind(bytes32 tableId, uint8 got);
    /// @notice Thrown when a table would change its kind.
    error TableKindChanged(bytes32 tableId, uint8 have, uint8 got);
    /// @notice Thrown when a version would take effect in the past.
    error EffectInPast(bytes32 tableId, uint64 got, uint256 time);
    /// @notice Thrown when a version would take effect beyond `limit`, after which none could follow.
    error EffectTooFar(bytes32 tableId, uint64 got, uint256 limit);
    /// @notice Thrown when a version would not take effect after the one before.
    error EffectNotIncreasing(bytes32 tableId, uint64 have, uint64 got);
    /// @notice Thrown when there are no lines or more than the limit.
    error LineCountOutOfRange(bytes32 tableId, uint256 got, uint256 limit);
    /// @notice Thrown when line `position` has role 0, or lines do not ascend by role, then kind.
    error LinesNotAscending(bytes32 tableId, uint256 position);
    /// @notice Thrown when line `position` has an unknown kind, or a value that is zero or too large.
    error InvalidLine(bytes32 tableId, uint256 position, uint8 kind, uint64 value);
    /// @notice Thrown when no line of basis points has the residual role.
    error NoResidualLine(bytes32 tableId, bytes32 residual);
    /// @notice Thrown when the basis points do not sum to 10,000.
    error BasisPointsNotWhole(bytes32 tableId, uint256 got);
    /// @notice Thrown when there is no such version.
    error UnknownVersion(bytes32 tableId, uint32 chapter, uint32 version);
    /// @notice Thrown when no version is in effect at that time, neither the chapter's nor the network's.
    error NoTableAt(bytes32 tableId, uint32 chapter, uint64 time);

    /// @notice A version of a table was published; versions of a table and chapter count from 1.
    event TablePublished(
        bytes32 indexed tableId,
        uint32 indexed chapter,
        uint32 indexed version,
        uint8 kind,
        uint64 effectiveFrom,
        bytes32 residual,
        bytes32 tableHash,
        Line[] lines
    );

    /// @notice Publishes the next version of a table, for the network (chapter 0) or one chapter, which then no
    /// longer follows the network's. Emits {TablePublished}.
    /// @param tableHash Digest of the canonical JSON of the full table, which is kept off chain.
    /// @dev Requirements:
    /// - the caller must be HQ (of the chapter or the network);
    /// - id and digest must not be zero; the kind must be 1 to 6 and that of all versions before;
    /// - `effectiveFrom` must not be in the past nor more than three years ahead, and after that of the version before;
    /// - 1 to 32 lines, ascending by role, then kind; roles not zero; basis points 1 to 10,000, 0 also for the
    ///   residual; amounts 1 to 2^63 - 1;
    /// - a line of basis points with the residual role; basis points that sum to 10,000.
    function publish(
        bytes32 tableId,
        uint32 chapter,
        uint8 kind,
        uint64 effectiveFrom,
        Line[] calldata lines,
        bytes32 residual,
        bytes32 tableHash
    ) external;

    /// @notice Returns the version in effect at a time: the chapter's, or the network's where the chapter has none
    /// by then; `scope` tells whose. Reverts NoTableAt.
    function tableAt(bytes32 tableId, uint32 chapter, uint64 time)
        external
        view
        returns (uint32 scope, uint32 version, Table memory table);

    /// @notice Returns one version. Reverts UnknownVersion.
    function tableOf(bytes32 tableId, uint32 chapter, uint32 version) external view returns (Table memory);

    /// @notice Returns how many versions a chapter (0 = the network) has.
    function versionsOf(bytes32 tableId, uint32 chapter) external view returns (uint32);

    /// @notice Returns the kind of a table, 0 where there is none.
    function kindOf(bytes32 tableId) external view returns (uint8);

    /// @notice Returns whether a table is used now: it exists, and its kind has no gate or an open one.
    function isUsed(bytes32 tableId) external view returns (bool);
}
