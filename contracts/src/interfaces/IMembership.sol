// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRoleGated} from "./IRoleGated.sol";

/// @notice One account as it is registered.
/// @dev `kind`: 1 member, 2 merchant, 3 pool, 4 system. `custody`: 1 operator, 2 self.
struct Registration {
    address account;
    uint32 chapter;
    uint8 kind;
    uint8 custody;
    bytes32 homeLog;
    bytes32 commitment;
}

/// @title IMembership
/// @notice Who has an account, where it belongs, and what it may do.
interface IMembership is IRoleGated {
    /// @notice Thrown when `account` has a registration already, be it retired.
    error AlreadyRegistered(address account);
    /// @notice Thrown when `account` has no registration.
    error NotRegistered(address account);
    /// @notice Thrown when `account` was replaced by `successor` and can get no rights again.
    error AccountRetired(address account, address successor);
    /// @notice Thrown when a kind of account is none of 1 to 4.
    error UnknownAccountKind(address account, uint8 got);
    /// @notice Thrown when a custody is neither 1 nor 2.
    error UnknownCustody(address account, uint8 got);
    /// @notice Thrown when a registration names no home log.
    error ZeroHomeLog(address account);
    /// @notice Thrown when a registration carries no commitment of its holder.
    error ZeroCommitment(address account);
    /// @notice Thrown when a change of rights or a recovery names no order.
    error ZeroOrder(address account);

    /// @notice An account was registered with both rights, or takes over another's standing by recovery.
    event AccountRegistered(
        address indexed account,
        uint32 indexed chapter,
        uint8 kind,
        uint8 custody,
        bytes32 homeLog,
        bytes32 commitment
    );
    /// @notice The rights of an account were set by an order.
    event RightsChanged(address indexed account, bool maySend, bool mayReceive, bytes32 order);
    /// @notice `to` took over the standing of `from`, which lost both rights for ever.
    event AccountRecovered(address indexed from, address indexed to, bytes32 order);

    /// @notice Registers accounts. Emits {AccountRegistered} for each.
    /// @dev Requirements, for each in turn:
    /// - the caller must be operator of its chapter;
    /// - the account must not be zero nor registered;
    /// - kind, custody, home log and commitment must be valid.
    function register(Registration[] calldata registrations) external;

    /// @notice Sets what `account` may do. Emits {RightsChanged}.
    /// @dev Requirements:
    /// - `account` must be registered and not retired;
    /// - the caller must be freezer of its chapter;
    /// - `order`, the digest of the order acted on, must not be zero.
    function setRights(address account, bool maySend, bool mayReceive, bytes32 order) external;

    /// @notice Gives the standing of `from` to the new account `to`. Emits {AccountRegistered} for `to`, then
    /// {AccountRecovered}. Coins and locks follow by a `recover` operation of the ledger.
    /// @dev Requirements:
    /// - `from` must be registered and not retired;
    /// - the caller must be recoverer of its chapter;
    /// - `to` must not be zero nor registered;
    /// - `order` must not be zero.
    function recover(address from, address to, bytes32 order) external;

    /// @notice Returns the account that replaced `account`, zero when none did.
    function recoveredTo(address account) external view returns (address);

    /// @notice Returns the salted commitment of the holder of `account`, zero when it is not registered.
    function commitmentOf(address account) external view returns (bytes32);

    /// @notice Returns the registration and rights of `account`. Reverts NotRegistered.
    function accountOf(address account)
        external
        view
        returns (Registration memory registration, bool maySend, bool mayReceive);
}
