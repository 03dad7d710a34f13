// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {CreditViews} from "./CreditViews.sol";
import {Membership} from "./Membership.sol";
import {OperationChecks} from "./OperationChecks.sol";
import {RoleGated} from "./RoleGated.sol";
import {ICoSignature} from "./interfaces/ICoSignature.sol";
import {ILogAnchor} from "./interfaces/ILogAnchor.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {ITimeCredit} from "./interfaces/ITimeCredit.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {Operation, Operations, Reason} from "./libraries/Ledger.sol";
import {PackedAccounts} from "./libraries/PackedAccount.sol";
import {Rfc9162} from "./libraries/Rfc9162.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title TimeCredit
/// @notice PURPOSE: execute the anchored ledger, every operation once and in order, and nothing else.
/// @dev INVARIANTS
/// I1. A log's cursor only rises, by exactly the leaves proved or passed; no leaf is executed twice or left out.
/// I2. Every leaf of a window is recomputed: an operation from its operands, any other with a zero digest; the
///     window must lead to the root that LogAnchor holds. So no operation can hide or be invented.
/// I3. Balances change through {settle} only. `transfer`, `transferFrom` and `approve` always revert.
/// I4. A refused operation does not undo the others of its window.
/// I5. Each operation emits exactly one outcome with all its operands.
/// I6-I9. As I1 to I4 of AccountBook; those of OperationRules besides.
///
/// ROLES: the network's operator settles; it cannot choose, change, skip or repeat operations. HQ sets caps and
/// the issuer of a chapter its quota; neither can move coins. HQ and regulator together pass a leaf that cannot
/// be opened, which executes nothing.
/// ASSUMPTIONS: block times are right to some minutes. The operator brings the evidence (signature, original) it
/// was given: withholding it refuses that operation, visibly. Days fit 16 bits until 2149.
/// LIVENESS: the next window needs the contents of its leaves, or the co-signers. NON-GOALS: allowances, fees,
/// hooks, pausing, upgrades, coins of the chain.
contract TimeCredit is CreditViews {
    using Operations for Operation;

    /// @dev Keeps the work of one call, and a mistake in one, bounded.
    uint64 private constant MAX_WINDOW = 4096;
    bytes32 private constant PASS_POLICY = keccak256("pass");

    Membership private immutable _membership;

    constructor(IAccessManager roles_, ILogAnchor logAnchor_, ICoSignature coSignature_)
        RoleGated(roles_)
        OperationChecks(logAnchor_, coSignature_)
    {
        _membership = new Membership(roles_);
    }

    /// @inheritdoc ITimeCredit
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
    ) external {
        _requireRole(Roles.OPERATOR, Roles.NETWORK);
        if (count == 0 || count > MAX_WINDOW) revert WindowSizeOutOfRange(count, MAX_WINDOW);
        Window memory window = _openWindow(logId, start, count);
        (bytes32[] memory nodes, bytes32[] memory hashes) =
            Leaves.hashWindow(count, mask, ops, otherCommitments);
        _requireRoot(window, Rfc9162.rootFromWindow(start, nodes, window.size, left, right));
        _cursor[logId] = start + count;
        _executeAll(window, start, mask, ops, hashes, evidence);
        if (window.evidenceUsed != evidence.length) {
            revert EvidenceCountMismatch(evidence.length, window.evidenceUsed);
        }
        emit Settled(logId, start, start + count, window.size);
    }

    /// @inheritdoc ITimeCredit
    function passLeaf(
        bytes32 logId,
        uint64 index,
        bytes32 leafHash,
        bytes32[] calldata left,
        bytes32[] calldata right
    ) external {
        Window memory window = _openWindow(logId, index, 1);
        bytes32 digest = keccak256(abi.encode(logId, index, leafHash));
        if (!_coSignature.isApproved(PASS_POLICY, Roles.NETWORK, digest)) revert PassNotApproved(digest);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = leafHash;
        _requireRoot(window, Rfc9162.rootFromWindow(index, hashes, window.size, left, right));
        _cursor[logId] = index + 1;
        _refused[logId][index] = Reason.PASSED;
        emit LeafPassed(logId, index, leafHash);
    }

    /// @inheritdoc ITimeCredit
    function setQuota(uint32 chapter, uint32 period, uint64 amount) external {
        _requireRole(Roles.ISSUER, chapter);
        uint32 month = period % 100;
        if (period < 200_001 || period > 999_912 || month == 0 || month > 12) revert InvalidPeriod(period);
        _quotas[chapter][period].amount = amount;
        emit QuotaSet(chapter, period, amount);
    }

    /// @inheritdoc ITimeCredit
    function setDailyCap(uint32 chapter, uint64 amount) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        if (amount >= PackedAccounts.MAX_SPENT) revert CapTooLarge(amount, uint64(PackedAccounts.MAX_SPENT));
        _caps[chapter].daily = amount;
        emit DailyCapSet(chapter, amount);
    }

    /// @inheritdoc ITimeCredit
    function setHoldingCap(uint32 chapter, uint64 amount) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        _caps[chapter].holding = amount;
        emit HoldingCapSet(chapter, amount);
    }

    /// @inheritdoc ITimeCredit
    function membership() external view returns (IMembership) {
        return _membership;
    }

    /// @dev `hashes` are those of the operations. The mask's bits have been counted: there are as many.
    function _executeAll(
        Window memory window,
        uint64 start,
        uint256[] calldata mask,
        Operation[] calldata ops,
        bytes32[] memory hashes,
        bytes[] calldata evidence
    ) private {
        Operation memory op;
        uint256 bits = 0;
        uint256 index = start;
        for (uint256 next = 0; next < ops.length; ++index) {
            uint256 offset = index - start;
            bits = offset & 255 == 0 ? mask[offset >> 8] : bits >> 1;
            if (bits & 1 == 0) continue;
            op.load(ops[next]);
            _executeOne(window, op, hashes[next++], uint64(index), evidence);
        }
    }

    function _executeOne(
        Window memory window,
        Operation memory op,
        bytes32 leafHash,
        uint64 index,
        bytes[] calldata evidence
    ) private {
        bytes32 logId = window.logId;
        (uint8 reason, uint128 moved) = _execute(window, op, leafHash, index, evidence);
        if (reason == Reason.NONE) {
            op.report(OperationDone.selector, logId, index, leafHash, moved);
        } else {
            _refused[logId][index] = reason;
            op.report(OperationRefused.selector, logId, index, leafHash, reason);
        }
    }

    function _openWindow(bytes32 logId, uint64 start, uint64 count)
        private
        view
        returns (Window memory window)
    {
        uint64 want = _cursor[logId];
        if (start != want) revert CursorMismatch(logId, want, start);
        window.logId = logId;
        (window.size, window.root) = _logAnchor.latest(logId);
        uint256 end = uint256(start) + count;
        if (end > window.size) revert WindowBeyondAnchor(end, window.size);
    }

    function _membershipAddress() internal view override returns (address) {
        return address(_membership);
    }

    function _requireRoot(Window memory window, bytes32 got) private pure {
        if (got != window.root) revert RootMismatch(got, window.root);
    }
}
