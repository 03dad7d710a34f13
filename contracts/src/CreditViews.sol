// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {OperationRules} from "./OperationRules.sol";
import {ICoSignature} from "./interfaces/ICoSignature.sol";
import {ILogAnchor} from "./interfaces/ILogAnchor.sol";
import {ITimeCredit} from "./interfaces/ITimeCredit.sol";
import {Beijing} from "./libraries/Beijing.sol";

/// @title CreditViews
/// @notice PURPOSE: let anyone read the ledger's state, also as an ERC-20 token that nobody can move.
/// @dev INVARIANTS: I1. Nothing here writes. I2. `transfer`, `transferFrom` and `approve` always revert.
/// ROLES: none. ASSUMPTIONS: none. LIVENESS: reads depend on nothing outside. NON-GOALS: allowances.
abstract contract CreditViews is OperationRules, ITimeCredit, IERC20Metadata {
    /// @inheritdoc IERC20
    function transfer(address, uint256) external pure returns (bool) {
        revert LedgerOnly();
    }

    /// @inheritdoc IERC20
    function approve(address, uint256) external pure returns (bool) {
        revert LedgerOnly();
    }

    /// @inheritdoc IERC20
    function transferFrom(address, address, uint256) external pure returns (bool) {
        revert LedgerOnly();
    }

    /// @inheritdoc IERC20
    function allowance(address, address) external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IERC20
    function balanceOf(address account) external view returns (uint256) {
        return _accounts[account].balance();
    }

    /// @inheritdoc IERC20
    function totalSupply() external view returns (uint256) {
        return _supply;
    }

    /// @inheritdoc IERC20Metadata
    function name() external pure returns (string memory) {
        return "Tongyi TimeCredit";
    }

    /// @inheritdoc IERC20Metadata
    function symbol() external pure returns (string memory) {
        return "TYTC";
    }

    /// @inheritdoc IERC20Metadata
    function decimals() external pure returns (uint8) {
        return 2;
    }

    /// @inheritdoc ITimeCredit
    function cursor(bytes32 logId) external view returns (uint64) {
        return _cursor[logId];
    }

    /// @inheritdoc ITimeCredit
    function refused(bytes32 logId, uint64 index) external view returns (uint8) {
        return _refused[logId][index];
    }

    /// @inheritdoc ITimeCredit
    function lockedOf(address account) external view returns (uint64) {
        return _accounts[account].locked();
    }

    /// @inheritdoc ITimeCredit
    function sequenceOf(address account) external view returns (uint40) {
        return _accounts[account].sequence();
    }

    /// @inheritdoc ITimeCredit
    function spentToday(address account) external view returns (uint40) {
        return _accounts[account].spentOn(Beijing.dayOf(block.timestamp));
    }

    /// @inheritdoc ITimeCredit
    function lockOf(bytes32 leafHash) external view returns (address holder, uint64 amount) {
        return (_locks[leafHash].holder, _locks[leafHash].amount);
    }

    /// @inheritdoc ITimeCredit
    function holderNow(address account) external view returns (address) {
        return _holderNow(account);
    }

    /// @inheritdoc ITimeCredit
    function reversedOf(bytes32 leafHash) external view returns (uint64) {
        return _reversed[leafHash];
    }

    /// @inheritdoc ITimeCredit
    function quotaOf(uint32 chapter, uint32 period) external view returns (uint64 amount, uint64 used) {
        return (_quotas[chapter][period].amount, _quotas[chapter][period].used);
    }

    /// @inheritdoc ITimeCredit
    function capsOf(uint32 chapter) external view returns (uint64 daily, uint64 holding) {
        return (_caps[chapter].daily, _caps[chapter].holding);
    }

    /// @inheritdoc ITimeCredit
    function isNonceUsed(address holder, bytes32 nonce) external view returns (bool) {
        return _nonces[holder][nonce];
    }

    /// @inheritdoc ITimeCredit
    function isApprovalSpent(bytes32 digest) external view returns (bool) {
        return _spentApprovals[digest];
    }

    /// @inheritdoc ITimeCredit
    function authorizationDigest(
        uint8 kind,
        address from,
        address to,
        uint128 amount,
        bytes32 nonce,
        uint64 validBefore
    ) external view returns (bytes32) {
        return _authorizationDigest(kind, from, to, amount, nonce, validBefore);
    }

    /// @inheritdoc ITimeCredit
    function logAnchor() external view returns (ILogAnchor) {
        return _logAnchor;
    }

    /// @inheritdoc ITimeCredit
    function coSignature() external view returns (ICoSignature) {
        return _coSignature;
    }
}
