// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRuleBook, Line} from "../../src/interfaces/IRuleBook.sol";
import {ISeatRegistry} from "../../src/interfaces/ISeatRegistry.sol";
import {Roles} from "../../src/libraries/Roles.sol";
import {Fixture} from "./Fixture.sol";

/// @title RuleFixture
/// @notice Seats and rules besides the other contracts, with the policy of referral.
abstract contract RuleFixture is Fixture {
    bytes32 internal constant SEAT = keccak256("seat");
    bytes32 internal constant REFERRAL = keccak256("referral");
    bytes32 internal constant TABLE = "purchase.cross_store";
    bytes32 internal constant TABLE_HASH = keccak256("canonical json");
    bytes32 internal constant OPINION = keccak256("legal opinion");
    bytes32 internal constant BAKERY = "bakery";
    bytes32 internal constant HAIR = "hair";
    bytes32 internal constant CERTIFICATE = keccak256("certificate");
    bytes32 internal constant REASON = "score";
    bytes32 internal constant FUND = "chapter_fund";
    bytes32 internal constant PLATFORM = "platform";
    bytes32 internal constant SERVING = "serving_shop";
    uint64 internal constant DELAY = 8 days;

    ISeatRegistry internal seats;
    IRuleBook internal rules;

    function setUp() public virtual override {
        super.setUp();
        seats = ISeatRegistry(deploy("SeatRegistry.sol:SeatRegistry", abi.encode(roles, membership, cosign)));
        rules = IRuleBook(deploy("RuleBook.sol:RuleBook", abi.encode(roles, cosign, DELAY)));
        _policy(REFERRAL, Roles.HQ, Roles.REGULATOR);
    }

    function _grantSeat(uint32 chapter, bytes32 industry, address merchant, uint64 until) internal {
        vm.prank(operator);
        seats.grant(chapter, industry, merchant, CERTIFICATE, until);
    }

    /// @dev Role by role, so that they ascend: chapter fund 10%, platform 10%, residual to the serving shop.
    function _lines() internal pure returns (Line[] memory lines) {
        lines = new Line[](3);
        lines[0] = Line(FUND, 1, 1000);
        lines[1] = Line(PLATFORM, 1, 1000);
        lines[2] = Line(SERVING, 1, 8000);
    }

    function _publish(bytes32 tableId, uint32 chapter, uint8 kind, uint64 effectiveFrom) internal {
        vm.prank(hq);
        rules.publish(tableId, chapter, kind, effectiveFrom, _lines(), SERVING, TABLE_HASH);
    }

    function _approveRaise(address officer, uint8 gate, uint8 value) internal {
        bytes32 digest = rules.raiseDigest(gate, value, OPINION);
        vm.prank(officer);
        cosign.approve(REFERRAL, 0, digest);
    }

    function _announce(uint8 gate, uint8 value) internal {
        _approveRaise(hq, gate, value);
        _approveRaise(regulator, gate, value);
        vm.prank(hq);
        rules.announce(gate, value, OPINION);
    }

    function _raise(uint8 gate, uint8 value) internal {
        _announce(gate, value);
        vm.warp(block.timestamp + DELAY);
        vm.prank(hq);
        rules.activate(gate);
    }
}
