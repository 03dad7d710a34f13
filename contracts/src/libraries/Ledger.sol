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
/// @notice Reading, hashing and reporting of operations.
/// @dev An `Operation` in memory is eight words, the first seven of them the preimage of its digest: memory,
/// calldata and `abi.encode` write the same bytes, as all its members are of one word.
library Operations {
    /// @notice Thrown when a word of an operation has bits outside its type.
    error MalformedOperation();

    /// @dev Seven words: kind, from, to, amount, validUntil, ref, opSalt.
    uint256 private constant OPERANDS_SIZE = 224;
    /// @dev The operands and the commitment.
    uint256 private constant OPERATION_SIZE = 256;

    /// @notice Copies an operation into `into`. Reverts MalformedOperation.
    function load(Operation memory into, Operation calldata operation) internal pure {
        uint256 excess;
        // Done for each operation of a window, where the compiler's field-by-field copy costs ten times as much.
        // As there, a value outside its type reverts: all bits that must be zero are collected in `excess`.
        assembly ("memory-safe") {
            calldatacopy(into, operation, OPERATION_SIZE)
            excess := or(shr(8, mload(into)), shr(160, mload(add(into, 32))))
            excess := or(excess, shr(160, mload(add(into, 64))))
            excess := or(excess, shr(128, mload(add(into, 96))))
            excess := or(excess, shr(64, mload(add(into, 128))))
            excess := or(excess, shl(128, mload(add(into, 192))))
        }
        if (excess != 0) revert MalformedOperation();
    }

    /// @notice Returns the operation digest, equal to keccak256(abi.encode(kind, ..., opSalt)).
    function digest(Operation memory operation) internal pure returns (bytes32 hash) {
        // The operands already lie in memory as `abi.encode` would write them; encoding them again would double
        // the cost of a leaf. Tested against `abi.encode` on random operations.
        assembly ("memory-safe") {
            hash := keccak256(operation, OPERANDS_SIZE)
        }
    }

    /// @notice Emits an event of three indexed words, the operands and one more word, which takes the place of
    /// the commitment: the operation in memory must not be used afterwards.
    function report(
        Operation memory operation,
        bytes32 signature,
        bytes32 logId,
        uint256 index,
        bytes32 leafHash,
        uint256 result
    ) internal {
        // The event's data is exactly the operation with its last word replaced; the compiler's `emit` would
        // encode eight words one by one. Tests compare topic and data with the declared events.
        assembly ("memory-safe") {
            mstore(add(operation, OPERANDS_SIZE), result)
            log4(operation, OPERATION_SIZE, signature, logId, index, leafHash)
        }
    }
}
