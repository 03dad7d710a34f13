// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {RoleGated} from "./RoleGated.sol";
import {IMembership, Registration} from "./interfaces/IMembership.sol";
import {IStandings, Standing} from "./interfaces/IStandings.sol";
import {AccountKind, Custody} from "./libraries/Ledger.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Membership
/// @notice PURPOSE: decide who has an account, where it belongs and what it may do.
/// @dev INVARIANTS
/// I1. An account is registered once; chapter, kind, custody, home log and commitment never change.
/// I2. A retired account (one with a successor) has no rights and never gets any.
/// I3. An account has at most one successor, which was no account before; so successions form chains.
/// I4. Only a salted commitment of the person is stored.
/// I5. Roles of one chapter change nothing in another.
/// I6. Standings live in the credit contract beside the balances and are written by this contract alone.
///
/// ROLES: the operator of a chapter registers, and cannot change or remove. The freezer sets rights, and cannot
/// move coins or register. The recoverer replaces an account, and cannot choose what moves: all of it does.
/// ASSUMPTIONS: the salt of a commitment is kept off chain and destroyed to forget a person; `order` is the digest
/// of the written order acted on. LIVENESS: registered accounts need nobody to stay usable.
/// NON-GOALS: balances, names, proof of who a person is.
contract Membership is RoleGated, IMembership {
    /// @dev The salted commitment of each account's holder; never zero for a registered account.
    mapping(address account => bytes32 commitment) private _commitments;
    /// @inheritdoc IMembership
    mapping(address account => address successor) public recoveredTo;

    /// @notice The contract that keeps the standings, which created this one.
    IStandings public immutable standings;

    constructor(IAccessManager roles_) RoleGated(roles_) {
        standings = IStandings(msg.sender);
    }

    /// @inheritdoc IMembership
    function register(Registration[] calldata registrations) external {
        for (uint256 i = 0; i < registrations.length; ++i) {
            Registration calldata item = registrations[i];
            _requireRole(Roles.OPERATOR, item.chapter);
            _requireNew(item.account);
            _requireValid(item);
            _commitments[item.account] = item.commitment;
            _emitRegistered(item);
        }
        standings.openAccounts(registrations);
    }

    /// @inheritdoc IMembership
    function setRights(address account, bool maySend, bool mayReceive, bytes32 order) external {
        Standing memory standing = _activeStanding(account);
        _requireRole(Roles.FREEZER, standing.chapter);
        if (order == 0) revert ZeroOrder(account);
        emit RightsChanged(account, maySend, mayReceive, order);
        standings.changeRights(account, maySend, mayReceive);
    }

    /// @inheritdoc IMembership
    function recover(address from, address to, bytes32 order) external {
        Standing memory standing = _activeStanding(from);
        _requireRole(Roles.RECOVERER, standing.chapter);
        _requireNew(to);
        if (order == 0) revert ZeroOrder(from);
        bytes32 commitment = _commitments[from];
        _commitments[to] = commitment;
        recoveredTo[from] = to;
        emit AccountRegistered(
            to, standing.chapter, standing.kind, standing.custody, standing.homeLog, commitment
        );
        emit AccountRecovered(from, to, order);
        standings.moveStanding(from, to);
    }

    /// @inheritdoc IMembership
    function commitmentOf(address account) external view returns (bytes32) {
        return _commitments[account];
    }

    /// @inheritdoc IMembership
    function accountOf(address account)
        external
        view
        returns (Registration memory registration, bool maySend, bool mayReceive)
    {
        Standing memory standing = _registeredStanding(account);
        registration = Registration({
            account: account,
            chapter: standing.chapter,
            kind: standing.kind,
            custody: standing.custody,
            homeLog: standing.homeLog,
            commitment: _commitments[account]
        });
        return (registration, standing.maySend, standing.mayReceive);
    }

    function _emitRegistered(Registration calldata item) private {
        emit AccountRegistered(
            item.account, item.chapter, item.kind, item.custody, item.homeLog, item.commitment
        );
    }

    function _activeStanding(address account) private view returns (Standing memory) {
        address successor = recoveredTo[account];
        if (successor != address(0)) revert AccountRetired(account, successor);
        return _registeredStanding(account);
    }

    function _registeredStanding(address account) private view returns (Standing memory) {
        if (_commitments[account] == 0) revert NotRegistered(account);
        return standings.standingOf(account);
    }

    function _requireNew(address account) private view {
        if (account == address(0)) revert ZeroAddress();
        if (_commitments[account] != 0) revert AlreadyRegistered(account);
    }

    function _requireValid(Registration calldata item) private pure {
        if (item.kind < AccountKind.MEMBER || item.kind > AccountKind.SYSTEM) {
            revert UnknownAccountKind(item.account, item.kind);
        }
        if (item.custody != Custody.OPERATOR && item.custody != Custody.SELF) {
            revert UnknownCustody(item.account, item.custody);
        }
        if (item.homeLog == 0) revert ZeroHomeLog(item.account);
        if (item.commitment == 0) revert ZeroCommitment(item.account);
    }
}
