// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Operation} from "../libraries/Ledger.sol";
import {ICoSignature} from "./ICoSignature.sol";
import {ILogAnchor} from "./ILogAnchor.sol";
import {IMembership} from "./IMembership.sol";

/// @title ITimeCredit
/// @notice Time coins that move only as the anchored ledger says.
interface ITimeCredit {
    /// @notice Thrown when a window does not begin at the log's cursor.
    error CursorMismatch(bytes32 logId, uint64 want, uint64 got);
    /// @notice Thrown when a window holds no leaf or more than the limit.
    error WindowSizeOutOfRange(uint64 got, uint64 limit);
    /// @notice Thrown when a window reaches beyond the anchored tree.
    error WindowBeyondAnchor(uint256 end, uint64 size);
    /// @notice Thrown when there are not as many evidences as operations that need one.
    error EvidenceCountMismatch(uint256 got, uint256 want);
    /// @notice Thrown when the window does not lead to the anchored root.
    error RootMismatch(bytes32 got, bytes32 want);
    /// @notice Thrown when passing a leaf is not approved by the co-signers.
    error PassNotApproved(bytes32 digest);
    /// @notice Thrown by {transfer}, {transferFrom} and {approve}: coins move through the ledger only.
    error LedgerOnly();
    /// @notice Thrown when a month is not of the form yyyymm.
    error InvalidPeriod(uint32 got);
    /// @notice Thrown when a daily cap is above what a day's counter can tell.
    error CapTooLarge(uint64 got, uint64 limit);

    /// @notice An operation was carried out; `moved` is what it moved, locked or released.
    event OperationDone(
        bytes32 indexed logId,
        uint64 indexed index,
        bytes32 indexed leafHash,
        uint8 kind,
        address from,
        address to,
        uint128 amount,
        uint64 validUntil,
        bytes32 ref,
        bytes16 opSalt,
        uint128 moved
    );
    /// @notice An operation changed nothing, for `reason`.
    event OperationRefused(
        bytes32 indexed logId,
        uint64 indexed index,
        bytes32 indexed leafHash,
        uint8 kind,
        address from,
        address to,
        uint128 amount,
        uint64 validUntil,
        bytes32 ref,
        bytes16 opSalt,
        uint8 reason
    );
    /// @notice The leaves [start, end) of a log were executed against its anchored tree.
    event Settled(bytes32 indexed logId, uint64 start, uint64 end, uint64 anchoredSize);
    /// @notice A leaf that can no longer be opened was passed by co-signature.
    event LeafPassed(bytes32 indexed logId, uint64 indexed index, bytes32 leafHash);
    /// @notice The quota of a chapter for a month was set.
    event QuotaSet(uint32 indexed chapter, uint32 indexed period, uint64 amount);
    /// @notice The daily cap of custodial members of a chapter was set; 0 lifts it.
    event DailyCapSet(uint32 indexed chapter, uint64 amount);
    /// @notice The most a member of a chapter may hold was set; 0 lifts it.
    event HoldingCapSet(uint32 indexed chapter, uint64 amount);

    /// @notice Executes the next leaves of a log in order. Emits {OperationDone} or {OperationRefused} for each
    /// operation, {Transfer} for each balance that moved, then {Settled}.
    /// @param mask Bit i of the window is set where leaf `start + i` is an operation, 256 a word.
    /// @param ops The operations in order; `otherCommitments`: the commitments of all other leaves in order.
    /// @param left Compact range of [0, start); `right`: aligned subtrees of [start + count, anchored size).
    /// @param evidence One for each operation that needs one, in order: `abi.encode(bytes32 nonce, bytes
    /// signature)` for transfer, redeem, burn and lock from a self-custody account, `abi.encode(Operation
    /// original, uint64 index, bytes32[] inclusionProof)` for reverse.
    /// @dev Notes: a member's fault is refused and never reverts; evidence that cannot be decoded reverts.
    /// Requirements:
    /// - the caller must be operator of the network;
    /// - 1 <= count <= 4096; start must be the cursor; the end must not exceed the anchored size;
    /// - mask, operations, commitments, nodes and evidence must have exactly the lengths needed;
    /// - all leaf hashes, recomputed, must lead to the root anchored last.
    function settle(
        bytes32 logId,
        uint64 start,
        uint64 count,
        uint256[] calldata mask,
        Operation[] calldata ops,
        bytes32[] calldata otherCommitments,
        bytes32[] calldata left,
        bytes32[] calldata right,
        bytes[] calldata evidence
    ) external;

    /// @notice Moves the cursor over one leaf that can no longer be opened. Emits {LeafPassed}.
    /// @dev The place counts as refused (reason Passed). Requirements:
    /// - index must be the cursor and below the anchored size;
    /// - the leaf hash with `left` and `right` must lead to the anchored root;
    /// - the policy `keccak256("pass")` must be fulfilled for `keccak256(abi.encode(logId, index, leafHash))`
    ///   in chapter 0.
    function passLeaf(
        bytes32 logId,
        uint64 index,
        bytes32 leafHash,
        bytes32[] calldata left,
        bytes32[] calldata right
    ) external;

    /// @notice Sets how much may be issued to accounts of a chapter in a month (yyyymm, UTC+8). What was issued
    /// in that month counts against it. Emits {QuotaSet}. Requires issuer of the chapter and a valid month.
    function setQuota(uint32 chapter, uint32 period, uint64 amount) external;

    /// @notice Sets how much a custodial member of a chapter may transfer and redeem a day (UTC+8), 0 = no cap.
    /// Emits {DailyCapSet}. Requires HQ and amount < 2^40 - 1.
    function setDailyCap(uint32 chapter, uint64 amount) external;

    /// @notice Sets how much a member of a chapter may hold after an issue or transfer to them, 0 = no cap.
    /// Emits {HoldingCapSet}. Requires HQ.
    function setHoldingCap(uint32 chapter, uint64 amount) external;

    /// @notice Returns the index of the next leaf of a log to execute.
    function cursor(bytes32 logId) external view returns (uint64);

    /// @notice Returns why the operation at a place of a log was refused, 0 when it was not.
    function refused(bytes32 logId, uint64 index) external view returns (uint8);

    /// @notice Returns the locked part of a balance.
    function lockedOf(address account) external view returns (uint64);

    /// @notice Returns how many operations changed an account.
    function sequenceOf(address account) external view returns (uint40);

    /// @notice Returns what a member spent of the daily cap on the day of the latest block.
    function spentToday(address account) external view returns (uint40);

    /// @notice Returns holder and rest of a lock by its leaf hash. The holder is the one who locked; after
    /// recoveries the lock belongs to {holderNow} of it.
    function lockOf(bytes32 leafHash) external view returns (address holder, uint64 amount);

    /// @notice Returns the account that coins of `account` have moved to by recover operations.
    function holderNow(address account) external view returns (address);

    /// @notice Returns how much of the operation with this leaf hash has been reversed.
    function reversedOf(bytes32 leafHash) external view returns (uint64);

    /// @notice Returns quota and use of a chapter in a month.
    function quotaOf(uint32 chapter, uint32 period) external view returns (uint64 amount, uint64 used);

    /// @notice Returns the caps of a chapter, 0 = not set.
    function capsOf(uint32 chapter) external view returns (uint64 daily, uint64 holding);

    /// @notice Returns whether the holder's nonce was used.
    function isNonceUsed(address holder, bytes32 nonce) external view returns (bool);

    /// @notice Returns whether an approved operation digest has been acted on.
    function isApprovalSpent(bytes32 digest) external view returns (bool);

    /// @notice Returns the EIP-712 digest that a holder signs to authorise an operation.
    function authorizationDigest(
        uint8 kind,
        address from,
        address to,
        uint128 amount,
        bytes32 nonce,
        uint64 validBefore
    ) external view returns (bytes32);

    /// @notice Returns the membership contract that this one created.
    function membership() external view returns (IMembership);

    /// @notice Returns the contract whose roots are executed.
    function logAnchor() external view returns (ILogAnchor);

    /// @notice Returns the contract whose approvals cancel, reverse and pass need.
    function coSignature() external view returns (ICoSignature);
}
