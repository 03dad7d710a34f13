// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Roles
/// @notice The kinds of role and how a role id is made of kind and chapter. Chapter 0 is the whole network.
library Roles {
    uint8 internal constant HQ = 1;
    uint8 internal constant CITY_NODE = 2;
    uint8 internal constant PRESIDENT = 3;
    uint8 internal constant SECRETARY = 4;
    uint8 internal constant ISSUER = 5;
    uint8 internal constant OPERATOR = 6;
    uint8 internal constant FREEZER = 7;
    uint8 internal constant RECOVERER = 8;
    uint8 internal constant CUSTODIAN = 9;
    uint8 internal constant TRUSTEE = 10;
    uint8 internal constant AUDITOR = 11;
    uint8 internal constant WITNESS = 12;
    uint8 internal constant REGULATOR = 13;

    /// @notice The chapter that stands for all chapters.
    uint32 internal constant NETWORK = 0;

    /// @notice Returns the access manager's id of `kind` in `chapter`. Never 0 (its admin) for a kind from 1 on.
    function id(uint8 kind, uint32 chapter) internal pure returns (uint64) {
        return (uint64(kind) << 32) | chapter;
    }

    /// @notice Returns the kind a role id was made of.
    function kindOf(uint64 roleId) internal pure returns (uint8) {
        // The access manager's own ids (0 and the largest) fall outside 1..13 and so are no kind of ours.
        return roleId >> 40 == 0 ? uint8(roleId >> 32) : 0;
    }
}
