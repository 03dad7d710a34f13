// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IRoleGated} from "./interfaces/IRoleGated.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title RoleGated
/// @notice PURPOSE: ask one access manager, fixed for ever, whether a caller holds a role.
/// @dev INVARIANTS: I1. The access manager never changes. I2. A role held with an execution delay does not count,
/// as these contracts have no way to wait. I3. A network-wide role counts for every chapter.
/// ROLES: as of the access manager. ASSUMPTIONS: it answers `hasRole` as OpenZeppelin's does.
/// LIVENESS: as of the access manager. NON-GOALS: granting, delays, scheduling.
abstract contract RoleGated is IRoleGated {
    /// @inheritdoc IRoleGated
    IAccessManager public immutable roles;

    constructor(IAccessManager roles_) {
        if (address(roles_) == address(0)) revert ZeroAddress();
        roles = roles_;
    }

    function _requireRole(uint8 kind, uint32 chapter) internal view {
        if (!_hasRole(kind, chapter, msg.sender)) revert MissingRole(msg.sender, kind, chapter);
    }

    function _hasRole(uint8 kind, uint32 chapter, address account) internal view returns (bool) {
        return _holds(Roles.id(kind, Roles.NETWORK), account)
            || (chapter != Roles.NETWORK && _holds(Roles.id(kind, chapter), account));
    }

    function _holds(uint64 roleId, address account) private view returns (bool) {
        (bool isMember, uint32 delay) = roles.hasRole(roleId, account);
        return isMember && delay == 0;
    }
}
