// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoleGated} from "./IRoleGated.sol";

/// @title ILogAnchor
/// @notice Roots of append-only logs, each proved to extend the one before.
interface ILogAnchor is IRoleGated {
    /// @notice Thrown when a log id, root or growth limit is zero where a log is registered.
    error InvalidLog(bytes32 logId);
    /// @notice Thrown when a log is registered already.
    error LogExists(bytes32 logId);
    /// @notice Thrown when a log is not registered.
    error UnknownLog(bytes32 logId);
    /// @notice Thrown when the log has a successor and takes no more anchors.
    error LogClosed(bytes32 logId, bytes32 successor);
    /// @notice Thrown when a new size is not above the anchored one.
    error TreeSizeNotIncreasing(uint64 have, uint64 got);
    /// @notice Thrown when a size is further ahead than the log may grow by one anchor.
    error GrowthTooLarge(uint64 got, uint64 limit);
    /// @notice Thrown when the proof does not show that the anchored tree is a prefix of the new one.
    error InconsistentTree(bytes32 logId, uint64 have, uint64 got);
    /// @notice Thrown when a size is above 2^63, the most that a tree head may name.
    error SizeTooLarge(uint64 got);
    /// @notice Thrown when the contract is created without the genesis block's hash.
    error ZeroSalt();
    /// @notice Thrown when no root is anchored for a size.
    error UnknownSize(bytes32 logId, uint64 size);
    /// @notice Thrown when a proof does not lead from the leaf to the anchored root.
    error NotIncluded(bytes32 logId, uint64 size, uint64 index);
    /// @notice Thrown when signers are not 1 to 16 distinct ascending addresses or the threshold does not fit.
    error InvalidSigners(uint256 signers, uint8 threshold);
    /// @notice Thrown when there are fewer signatures than the threshold or more than signers.
    error SignatureCountOutOfRange(uint256 got, uint256 least, uint256 most);
    /// @notice Thrown when the signature at `position` is not one of a signer, in ascending order of address.
    error InvalidSignature(uint256 position, address recovered);

    /// @notice A log was registered; its size is 1 and its root the genesis root.
    event LogRegistered(bytes32 indexed logId, bytes32 genesisRoot, uint64 maxGrowth);
    /// @notice The signers of a log were set.
    event SignersSet(bytes32 indexed logId, address[] signers, uint8 threshold);
    /// @notice A root was anchored.
    event Anchored(bytes32 indexed logId, uint64 indexed size, bytes32 root, uint64 previousSize);
    /// @notice A log was closed; its accounts go on in another.
    event LogSucceeded(bytes32 indexed oldLog, bytes32 indexed newLog);

    /// @notice Registers a log at size 1. Emits {LogRegistered} and {SignersSet}.
    /// @dev Requirements:
    /// - the caller must be HQ;
    /// - id, root and growth limit must not be zero; the log must not exist;
    /// - signers must be 1 to 16 addresses, ascending, none zero; 1 <= threshold <= their number.
    function registerLog(
        bytes32 logId,
        bytes32 genesisRoot,
        uint64 maxGrowth,
        address[] calldata signers,
        uint8 threshold
    ) external;

    /// @notice Anchors a larger tree. Anyone may call: the signatures are the authority. Emits {Anchored}.
    /// @dev Requirements:
    /// - the log must be registered and have no successor;
    /// - size must be above the anchored size, by at most the log's growth limit, and at most 2^63;
    /// - root must not be zero;
    /// - signatures over `Anchor(logId, size, root)` must be by at least `threshold` signers, ascending;
    /// - the consistency proof from the anchored tree must hold.
    function anchor(
        bytes32 logId,
        uint64 size,
        bytes32 root,
        bytes32[] calldata proof,
        bytes[] calldata signatures
    ) external;

    /// @notice Replaces the signers of a log. Emits {SignersSet}.
    /// @dev Requirements: the caller must be HQ; the log must exist; signers as in {registerLog}.
    function setSigners(bytes32 logId, address[] calldata signers, uint8 threshold) external;

    /// @notice Closes `oldLog` for ever in favour of `newLog`. Emits {LogSucceeded}.
    /// @dev Requirements: the caller must be HQ; both must be registered, different and have no successor.
    function succeed(bytes32 oldLog, bytes32 newLog) external;

    /// @notice Returns the hash of the chain's genesis block, the salt of all EIP-712 domains of the deployment.
    function domainSalt() external view returns (bytes32);

    /// @notice Returns the anchored size and root; size 0 when the log is not registered.
    function latest(bytes32 logId) external view returns (uint64 size, bytes32 root);

    /// @notice Returns the root anchored for `size`, zero when there is none.
    function rootAt(bytes32 logId, uint64 size) external view returns (bytes32);

    /// @notice Returns the log that goes on for `logId`, zero when none does.
    function successorOf(bytes32 logId) external view returns (bytes32);

    /// @notice Returns the signers of a log and how many of them an anchor needs.
    function signersOf(bytes32 logId) external view returns (address[] memory signers, uint8 threshold);

    /// @notice Returns the largest growth by one anchor.
    function maxGrowthOf(bytes32 logId) external view returns (uint64);

    /// @notice Returns without value when the leaf is in the anchored tree of that size.
    /// @dev Reverts UnknownSize or NotIncluded.
    function verifyInclusion(
        bytes32 logId,
        uint64 size,
        uint64 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) external view;
}
