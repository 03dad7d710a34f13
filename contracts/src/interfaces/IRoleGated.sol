// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

/// @title IRoleGated
/// @notice What every contract that asks for roles has in common.
interface IRoleGated {
    /// @notice Thrown when `caller` holds `kind` neither for `chapter` nor for the whole network, or only with
    /// an execution delay.
    error MissingRole(address caller, uint8 kind, uint32 chapter);

    /// @notice Thrown when an address that must be given is zero.
    error ZeroAddress();

    /// @notice The access manager that is asked. Never changes.
    function roles() external view returns (IAccessManager);
}
