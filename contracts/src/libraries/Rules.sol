// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title TableKind
/// @notice What a table of the rule book is for. The last three are used only while their gate is open.
library TableKind {
    uint8 internal constant FEE = 1;
    uint8 internal constant PURCHASE = 2;
    uint8 internal constant REFERRAL = 3;
    uint8 internal constant JOINING_FEE_REFERRAL = 4;
    uint8 internal constant FEE_WAIVER = 5;
    uint8 internal constant REFERRAL_DUTY = 6;
}

/// @title LineKind
/// @notice How a line of a table takes its part: fixed amounts in fen first, then basis points of what is left.
library LineKind {
    uint8 internal constant BASIS_POINTS = 1;
    uint8 internal constant FIXED_AMOUNT = 2;
}

/// @title Gate
/// @notice What about referrals needs headquarters and regulator together to be raised or switched on.
library Gate {
    uint8 internal constant DEPTH = 1;
    uint8 internal constant JOINING_FEE_REFERRAL = 2;
    uint8 internal constant FEE_WAIVER = 3;
    uint8 internal constant REFERRAL_DUTY = 4;
}

/// @title SeatAction
/// @notice What an approval under the policy `keccak256("seat")` is for.
library SeatAction {
    uint8 internal constant GRANT = 1;
    uint8 internal constant RENEW = 2;
}
