// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Registration} from "./IMembership.sol";

/// @notice What an account is and may do. `kind` 0 means that there is no account.
struct Standing {
    uint8 kind;
    uint8 custody;
    bool maySend;
    bool mayReceive;
    uint32 chapter;
    bytes32 homeLog;
}

/// @title IStandings
/// @notice The standing of accounts, kept in the slot of their balance. Membership alone writes it.
interface IStandings {
    /// @notice Thrown when a caller other than `Membership` tries to change a standing.
    error NotMembership(address caller);
    /// @notice Thrown when there is no number left for one more pair of home log and chapter.
    error TooManyPlaces(uint256 limit);

    /// @notice Opens accounts with both rights. Membership has checked every registration.
    function openAccounts(Registration[] calldata registrations) external;

    /// @notice Sets the rights of an open account.
    function changeRights(address account, bool maySend, bool mayReceive) external;

    /// @notice Opens `to` with the standing of `from` and takes both rights from `from`.
    function moveStanding(address from, address to) external;

    /// @notice Returns the standing of `account`.
    function standingOf(address account) external view returns (Standing memory);
}
