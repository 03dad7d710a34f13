// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An operation of the ledger with everything needed to rebuild its leaf.
/// @dev The first seven words in calldata are the preimage of the operation digest (chain/FORMATS.md section 3).
struct Operation {
    uint8 kind;
    address from;
    address to;
    uint128 amount;
    uint64 validUntil;
    bytes32 ref;
    bytes16 opSalt;
    bytes32 commitment;
}

/// @title Kind
/// @notice The kinds of operation. Plain numbers, not an enum: an unknown kind is refused, never reverts.
library Kind {
    uint8 internal constant ISSUE = 1;
    uint8 internal constant TRANSFER = 2;
    uint8 internal constant REDEEM = 3;
    uint8 internal constant BURN = 4;
    uint8 internal constant LOCK = 5;
    uint8 internal constant RELEASE = 6;
    uint8 internal constant CANCEL = 7;
    uint8 internal constant REVERSE = 8;
    uint8 internal constant RECOVER = 9;
}

/// @title Reason
/// @notice Why an operation was refused; 0 where it was not.
library Reason {
    uint8 internal constant NONE = 0;
    uint8 internal constant UNKNOWN_KIND = 1;
    uint8 internal constant EXPIRED = 2;
    uint8 internal constant UNKNOWN_SENDER = 3;
    uint8 internal constant UNKNOWN_RECEIVER = 4;
    uint8 internal constant SENDER_BLOCKED = 5;
    uint8 internal constant RECEIVER_BLOCKED = 6;
    uint8 internal constant INSUFFICIENT_BALANCE = 7;
    uint8 internal constant BAD_AMOUNT = 8;
    uint8 internal constant QUOTA_EXCEEDED = 9;
    uint8 internal constant DAILY_CAP_EXCEEDED = 10;
    uint8 internal constant HOLDING_CAP_EXCEEDED = 11;
    uint8 internal constant BAD_AUTHORIZATION = 12;
    uint8 internal constant NOT_APPROVED = 13;
    uint8 internal constant UNKNOWN_LOCK = 14;
    uint8 internal constant BAD_ORIGINAL = 15;
    uint8 internal constant WRONG_PARTIES = 16;
    uint8 internal constant WRONG_HOME_LOG = 17;
    uint8 internal constant NOT_RECOVERED = 18;
    uint8 internal constant PASSED = 19;
    uint8 internal constant LOCK_EXISTS = 20;
}

/// @title AccountKind
/// @notice What an account is. 0 is no account.
library AccountKind {
    uint8 internal constant MEMBER = 1;
    uint8 internal constant MERCHANT = 2;
    uint8 internal constant POOL = 3;
    uint8 internal constant SYSTEM = 4;
}

/// @title Custody
/// @notice Who signs for an account.
library Custody {
    uint8 internal constant OPERATOR = 1;
    uint8 internal constant SELF = 2;
}

/// @title Operations
/// @notice Hashing of operations.
library Operations {
    /// @dev Seven words: kind, from, to, amount, validUntil, ref, opSalt.
    uint256 private constant OPERANDS_SIZE = 224;

    /// @notice Returns the digest of an operation in calldata.
    function digest(Operation calldata operation) internal pure returns (bytes32 hash) {
        // The operands lie in calldata exactly as `abi.encode` would write them, so one copy replaces seven
        // checked reads. Words with dirty high bits are caught later: settle reads every field for its event.
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, operation, OPERANDS_SIZE)
            hash := keccak256(data, OPERANDS_SIZE)
        }
    }

    /// @notice Returns the digest of an operation in memory.
    function digestOf(Operation memory operation) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                operation.kind,
                operation.from,
                operation.to,
                operation.amount,
                operation.validUntil,
                operation.ref,
                operation.opSalt
            )
        );
    }
}
