// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IRoleManager
/// @notice What `RoleManager` adds to OpenZeppelin's access manager.
interface IRoleManager {
    /// @notice Thrown when the last address that may administer roles would lose that role.
    error LastAdmin(address account);

    /// @notice Thrown when `account` would hold two of issuer, freezer and recoverer.
    error ConflictingRoles(address account, uint8 held, uint8 wanted);

    /// @notice Thrown when a role would be granted to the zero address.
    error ZeroMember(uint64 roleId);

    /// @notice Thrown when coins of the chain are sent along with a call.
    error NoEther(uint256 got);

    /// @notice Returns how many addresses hold the admin role.
    function adminCount() external view returns (uint256);

    /// @notice Returns how many grants of `kind` (issuer, freezer or recoverer; else 0) `account` holds.
    function grantsOf(address account, uint8 kind) external view returns (uint256);
}
