// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IRoleManager} from "./interfaces/IRoleManager.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title RoleManager
/// @notice PURPOSE: hold all roles of the network in OpenZeppelin's access manager, with three rules added.
/// @dev INVARIANTS
/// I1. There is always an address with the admin role in force; grants that are still in their delay do not count.
/// I2. No address holds two of issuer, freezer and recoverer, in whatever chapters; grants that are still in
///     their delay count.
/// I3. It never holds coins of the chain.
/// I4. A grant for a chapter waits at least as long as one of the same kind for the network.
///
/// ROLES: the admin grants, revokes and sets delays. It cannot remove the last admin nor break I2. It holds no
/// role of the other contracts unless it grants itself one, which emits.
/// ASSUMPTIONS: the admin is a multi-signature account with the grant delays of the deployment plan.
/// LIVENESS: a lost admin key cannot be replaced by anybody but another admin.
/// NON-GOALS: targets, selectors and scheduled calls of the access manager, which the other contracts do not use.
contract RoleManager is AccessManager, IRoleManager {
    /// @dev How many grants of issuer, freezer and recoverer an address holds, over all chapters.
    mapping(address member => mapping(uint8 kind => uint256 grants)) private _grants;

    /// @dev Addresses with the admin role, those in their delay included. Only admins make it longer.
    address[] private _admins;

    constructor(address initialAdmin) AccessManager(initialAdmin) {}

    /// @inheritdoc AccessManager
    /// @dev Refuses coins: the base function is payable and this contract could not give them back.
    function execute(address target, bytes calldata data) public payable override returns (uint32) {
        if (msg.value != 0) revert NoEther(msg.value);
        return super.execute(target, data);
    }

    /// @inheritdoc AccessManager
    /// @dev Chapters are many and come later: without this, each new one's issuer would need a delay of its own.
    function getRoleGrantDelay(uint64 roleId) public view override returns (uint32) {
        uint32 own = super.getRoleGrantDelay(roleId);
        uint8 kind = Roles.kindOf(roleId);
        if (kind == 0) return own;
        uint32 network = super.getRoleGrantDelay(Roles.id(kind, Roles.NETWORK));
        return network > own ? network : own;
    }

    /// @inheritdoc IRoleManager
    function adminCount() external view returns (uint256) {
        return _admins.length;
    }

    /// @inheritdoc IRoleManager
    function grantsOf(address account, uint8 kind) external view returns (uint256) {
        return _grants[account][kind];
    }

    function _grantRole(uint64 roleId, address account, uint32 grantDelay, uint32 executionDelay)
        internal
        override
        returns (bool newMember)
    {
        if (account == address(0)) revert ZeroMember(roleId);
        newMember = super._grantRole(roleId, account, grantDelay, executionDelay);
        if (!newMember) return false;
        if (roleId == ADMIN_ROLE) _admins.push(account);
        uint8 kind = Roles.kindOf(roleId);
        if (!_isSeparated(kind)) return true;
        _requireNone(account, Roles.ISSUER, kind);
        _requireNone(account, Roles.FREEZER, kind);
        _requireNone(account, Roles.RECOVERER, kind);
        ++_grants[account][kind];
    }

    function _revokeRole(uint64 roleId, address account) internal override returns (bool revoked) {
        revoked = super._revokeRole(roleId, account);
        if (!revoked) return false;
        if (roleId == ADMIN_ROLE) _dropAdmin(account);
        uint8 kind = Roles.kindOf(roleId);
        if (_isSeparated(kind)) --_grants[account][kind];
    }

    /// @dev Called when `account` has lost the role already.
    function _dropAdmin(address account) private {
        bool isLeft = false;
        uint256 last = _admins.length - 1;
        for (uint256 i = 0; i <= last; ++i) {
            if (_admins[i] == account) _admins[i] = _admins[last];
            (bool isInForce,) = hasRole(ADMIN_ROLE, _admins[i]);
            isLeft = isLeft || isInForce;
        }
        if (!isLeft) revert LastAdmin(account);
        _admins.pop();
    }

    function _requireNone(address account, uint8 held, uint8 wanted) private view {
        if (held != wanted && _grants[account][held] != 0) revert ConflictingRoles(account, held, wanted);
    }

    function _isSeparated(uint8 kind) private pure returns (bool) {
        return kind == Roles.ISSUER || kind == Roles.FREEZER || kind == Roles.RECOVERER;
    }
}
