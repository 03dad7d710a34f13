// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice One account in one storage slot, so that an operation reads and writes one slot a side.
/// @dev slot, from the lowest bit: balance 64 | locked 64 | sequence 40 | day 16 | spent 40 | flags 8 | place 24.
/// `balance` includes what is locked. `place` numbers a pair of home log and chapter. Flags, from the lowest
/// bit: kind 3 | self custody 1 | may send 1 | may receive 1 | unused 2.
type PackedAccount is uint256;

using PackedAccounts for PackedAccount global;

/// @title PackedAccounts
/// @notice Reads and changes the fields of a `PackedAccount`. Pure; `with` functions return the changed word.
library PackedAccounts {
    uint256 private constant LOCKED = 64;
    uint256 private constant SEQUENCE = 128;
    uint256 private constant DAY = 168;
    uint256 private constant SPENT = 184;
    uint256 private constant FLAGS = 224;
    uint256 private constant PLACE = 232;
    uint256 private constant SELF_CUSTODY = 1 << 227;
    uint256 private constant MAY_SEND = 1 << 228;
    uint256 private constant MAY_RECEIVE = 1 << 229;
    /// @notice The largest value of the counter of a day's spending, where it stops.
    uint256 internal constant MAX_SPENT = type(uint40).max;

    function balance(PackedAccount self) internal pure returns (uint64) {
        return uint64(PackedAccount.unwrap(self));
    }

    function locked(PackedAccount self) internal pure returns (uint64) {
        return uint64(PackedAccount.unwrap(self) >> LOCKED);
    }

    function unlocked(PackedAccount self) internal pure returns (uint64) {
        return balance(self) - locked(self);
    }

    function sequence(PackedAccount self) internal pure returns (uint40) {
        return uint40(PackedAccount.unwrap(self) >> SEQUENCE);
    }

    function kind(PackedAccount self) internal pure returns (uint8) {
        return uint8((PackedAccount.unwrap(self) >> FLAGS) & 7);
    }

    function place(PackedAccount self) internal pure returns (uint24) {
        return uint24(PackedAccount.unwrap(self) >> PLACE);
    }

    function isSelfCustody(PackedAccount self) internal pure returns (bool) {
        return PackedAccount.unwrap(self) & SELF_CUSTODY != 0;
    }

    function maySend(PackedAccount self) internal pure returns (bool) {
        return PackedAccount.unwrap(self) & MAY_SEND != 0;
    }

    function mayReceive(PackedAccount self) internal pure returns (bool) {
        return PackedAccount.unwrap(self) & MAY_RECEIVE != 0;
    }

    /// @notice Returns what was spent on `day`: 0 when the counter stands on another day.
    function spentOn(PackedAccount self, uint16 day) internal pure returns (uint40) {
        uint256 word = PackedAccount.unwrap(self);
        return uint16(word >> DAY) == day ? uint40(word >> SPENT) : 0;
    }

    /// @notice Returns a new account's word: no coins, both rights.
    function open(uint8 kind_, bool selfCustody, uint24 place_) internal pure returns (PackedAccount) {
        uint256 word = (uint256(kind_) << FLAGS) | (uint256(place_) << PLACE) | MAY_SEND | MAY_RECEIVE;
        return PackedAccount.wrap(selfCustody ? word | SELF_CUSTODY : word);
    }

    /// @notice Returns a word with the standing (flags and place) of `self` and nothing else.
    function standingOnly(PackedAccount self) internal pure returns (PackedAccount) {
        return PackedAccount.wrap((PackedAccount.unwrap(self) >> FLAGS) << FLAGS);
    }

    function withRights(PackedAccount self, bool send, bool receive_) internal pure returns (PackedAccount) {
        uint256 word = PackedAccount.unwrap(self) & ~(MAY_SEND | MAY_RECEIVE);
        if (send) word |= MAY_SEND;
        if (receive_) word |= MAY_RECEIVE;
        return PackedAccount.wrap(word);
    }

    function withSpent(PackedAccount self, uint16 day, uint256 spent) internal pure returns (PackedAccount) {
        uint256 word = PackedAccount.unwrap(self) & ~(((uint256(1) << 56) - 1) << DAY);
        uint256 capped = spent < MAX_SPENT ? spent : MAX_SPENT;
        return PackedAccount.wrap(word | (uint256(day) << DAY) | (capped << SPENT));
    }

    /// @notice Adds `amount` to the balance and counts the operation. Requires the sum to stay below 2^64.
    function credit(PackedAccount self, uint64 amount) internal pure returns (PackedAccount) {
        return PackedAccount.wrap(PackedAccount.unwrap(count(self)) + amount);
    }

    /// @notice Takes `amount` from the balance and counts the operation. Requires amount <= balance.
    function debit(PackedAccount self, uint64 amount) internal pure returns (PackedAccount) {
        return PackedAccount.wrap(PackedAccount.unwrap(count(self)) - amount);
    }

    /// @notice Adds `amount` to the locked part. Requires amount <= unlocked.
    function lock(PackedAccount self, uint64 amount) internal pure returns (PackedAccount) {
        return PackedAccount.wrap(PackedAccount.unwrap(self) + (uint256(amount) << LOCKED));
    }

    /// @notice Takes `amount` from the locked part. Requires amount <= locked.
    function unlock(PackedAccount self, uint64 amount) internal pure returns (PackedAccount) {
        return PackedAccount.wrap(PackedAccount.unwrap(self) - (uint256(amount) << LOCKED));
    }

    /// @notice Counts one more operation; the counter stays at its largest value.
    function count(PackedAccount self) internal pure returns (PackedAccount) {
        if (sequence(self) == type(uint40).max) return self;
        return PackedAccount.wrap(PackedAccount.unwrap(self) + (uint256(1) << SEQUENCE));
    }
}
