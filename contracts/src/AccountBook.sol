// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {RoleGated} from "./RoleGated.sol";
import {Registration} from "./interfaces/IMembership.sol";
import {IStandings, Standing} from "./interfaces/IStandings.sol";
import {Custody} from "./libraries/Ledger.sol";
import {PackedAccount, PackedAccounts} from "./libraries/PackedAccount.sol";

/// @title AccountBook
/// @notice PURPOSE: keep balance and standing of every account in one slot, and the total.
/// @dev INVARIANTS
/// I1. The sum of all balances equals `totalSupply`, which never exceeds 2^63 - 1; so no balance overflows.
/// I2. locked <= balance for every account.
/// I3. Standings (flags and place) are written only by Membership, everything else only by the rules.
/// I4. Each change of a balance emits `Transfer` with what moved; nothing moved emits nothing.
///
/// ROLES: none of its own. ASSUMPTIONS: the contract that inherits it gives Membership's address and calls the
/// primitives only after checking their preconditions. LIVENESS: none.
/// NON-GOALS: deciding who may move what.
abstract contract AccountBook is RoleGated, IStandings {
    /// @dev Where accounts belong; an account's word holds the number of its place.
    struct Place {
        bytes32 homeLog;
        uint32 chapter;
    }

    /// @dev The most coins (in hundredths) there can be.
    uint256 internal constant MAX_SUPPLY = uint256(uint64(type(int64).max));

    /// @dev One word an account, see PackedAccount for its bits.
    mapping(address account => PackedAccount) internal _accounts;
    /// @dev Places by number, from 1.
    mapping(uint24 number => Place) internal _places;
    /// @dev Numbers of places by keccak256(abi.encode(home log, chapter)).
    mapping(bytes32 key => uint24 number) private _placeNumbers;
    /// @dev How many places there are.
    uint24 private _placeCount;
    /// @dev Sum of all balances.
    uint64 internal _supply;

    modifier onlyMembership() {
        if (msg.sender != _membershipAddress()) revert NotMembership(msg.sender);
        _;
    }

    /// @inheritdoc IStandings
    function openAccounts(Registration[] calldata registrations) external onlyMembership {
        for (uint256 i = 0; i < registrations.length; ++i) {
            Registration calldata item = registrations[i];
            uint24 place = _placeNumber(item.homeLog, item.chapter);
            _accounts[item.account] = PackedAccounts.open(item.kind, item.custody == Custody.SELF, place);
        }
    }

    /// @inheritdoc IStandings
    function changeRights(address account, bool maySend, bool mayReceive) external onlyMembership {
        _accounts[account] = _accounts[account].withRights(maySend, mayReceive);
    }

    /// @inheritdoc IStandings
    function moveStanding(address from, address to) external onlyMembership {
        PackedAccount word = _accounts[from];
        _accounts[to] = word.standingOnly();
        _accounts[from] = word.withRights(false, false);
    }

    /// @inheritdoc IStandings
    function standingOf(address account) external view returns (Standing memory) {
        PackedAccount word = _accounts[account];
        Place storage place = _places[word.place()];
        return Standing({
            kind: word.kind(),
            custody: word.kind() == 0 ? 0 : word.isSelfCustody() ? Custody.SELF : Custody.OPERATOR,
            maySend: word.maySend(),
            mayReceive: word.mayReceive(),
            chapter: place.chapter,
            homeLog: place.homeLog
        });
    }

    function _membershipAddress() internal view virtual returns (address);

    /// @dev Requires both open and different, amount <= balance of `from` less what stays locked.
    function _move(address from, PackedAccount source, address to, PackedAccount target, uint64 amount)
        internal
    {
        _accounts[from] = source.debit(amount);
        _accounts[to] = target.credit(amount);
        emit IERC20.Transfer(from, to, amount);
    }

    /// @dev Requires _supply + amount <= MAX_SUPPLY.
    function _mint(address to, PackedAccount target, uint64 amount) internal {
        _supply += amount;
        _accounts[to] = target.credit(amount);
        emit IERC20.Transfer(address(0), to, amount);
    }

    /// @dev Requires amount <= balance less what stays locked.
    function _burn(address from, PackedAccount source, uint64 amount) internal {
        _supply -= amount;
        _accounts[from] = source.debit(amount);
        emit IERC20.Transfer(from, address(0), amount);
    }

    function _placeNumber(bytes32 homeLog, uint32 chapter) private returns (uint24 number) {
        bytes32 key = keccak256(abi.encode(homeLog, chapter));
        number = _placeNumbers[key];
        if (number != 0) return number;
        if (_placeCount == type(uint24).max) revert TooManyPlaces(type(uint24).max);
        number = ++_placeCount;
        _placeNumbers[key] = number;
        _places[number] = Place(homeLog, chapter);
    }
}
