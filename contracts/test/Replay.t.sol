// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITimeCredit} from "../src/interfaces/ITimeCredit.sol";
import {Kind, Operation, Reason} from "../src/libraries/Ledger.sol";
import {Fixture, ICredit} from "./support/Fixture.sol";

/// @dev Why new contracts cannot take over by settling the ledger again from its first leaf: an outcome rests on
/// the block, the contract and the approvals of its day, which are not in the ledger. Each test is the most
/// favourable case, with the same roles, anchors and approvals and every register's call sent again.
contract ReplayTest is Fixture {
    ICredit private _old;

    function setUp() public override {
        super.setUp();
        _settleAll(LOG);
    }

    /// @dev Settles all of LOG on a contract deployed anew.
    function _replay(bytes[] memory evidence) private {
        (_old, credit) =
        (credit, ICredit(deploy("TimeCredit.sol:TimeCredit", abi.encode(roles, anchor, cosign))));
        membership = credit.membership();
        _register(alice, 1, 1);
        _register(bob, 1, 1);
        _register(shop, 2, 1);
        _register(pool, 3, 1);
        _register(holder, 1, 2);
        (uint64 daily, uint64 holding) = _old.capsOf(CHAPTER);
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, daily);
        vm.prank(hq);
        credit.setHoldingCap(CHAPTER, holding);
        (uint64 quota,) = _old.quotaOf(CHAPTER, MONTH);
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, quota);
        _settleAll(LOG, evidence);
        assertEq(credit.cursor(LOG), _old.cursor(LOG), "all of it");
    }

    function _replay() private {
        _replay(new bytes[](0));
    }

    function _assertOther(uint64 index, uint8 before, uint8 after_) private view {
        assertEq(_old.refused(LOG, index), before, "reason of its day");
        assertEq(credit.refused(LOG, index), after_, "reason of the replay");
    }

    function test_ofTheSameDayIsTheSame() public {
        _fund(alice, 50);
        uint64 index = _expectDone(_op(Kind.TRANSFER, alice, bob, 20), 20).index;
        _replay();
        _assertOther(index, Reason.NONE, Reason.NONE);
        assertEq(credit.balanceOf(alice), _old.balanceOf(alice), "same balance");
    }

    function test_whatWasInTimeHasExpired() public {
        _fund(alice, 50);
        Operation memory op = _op(Kind.TRANSFER, alice, bob, 20);
        op.validUntil = uint64(block.timestamp + 60);
        uint64 index = _expectDone(op, 20).index;
        vm.warp(op.validUntil);
        _replay();
        _assertOther(index, Reason.NONE, Reason.EXPIRED);
        assertEq(_old.balanceOf(bob), 20, "given");
        assertEq(credit.balanceOf(bob), 0, "not given");
    }

    function test_anIssueCountsInTheMonthOfTheReplay() public {
        uint64 index = _fund(alice, 50).index;
        vm.warp(START + 31 days);
        _replay();
        _assertOther(index, Reason.NONE, Reason.QUOTA_EXCEEDED);
        assertEq(credit.totalSupply(), 0, "nothing came into being");
    }

    function test_twoDaysUnderACapAreOne() public {
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, 30);
        _fund(alice, 50);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 20), 20);
        vm.warp(START + 1 days);
        uint64 index = _expectDone(_op(Kind.TRANSFER, alice, bob, 20), 20).index;
        _replay();
        _assertOther(index, Reason.NONE, Reason.DAILY_CAP_EXCEEDED);
    }

    function test_aHoldersSignatureNamesTheOldContract() public {
        _fund(holder, 50);
        Operation memory op = _op(Kind.TRANSFER, holder, bob, 20);
        bytes[] memory evidence = new bytes[](1);
        evidence[0] = _authorize(op, HOLDER_KEY, "n1");
        uint64 index = _runIn(LOG, op, evidence).index;
        _replay(evidence);
        _assertOther(index, Reason.NONE, Reason.BAD_AUTHORIZATION);
    }

    function test_whatWasNotApprovedThenIsNow() public {
        _fund(alice, 50);
        bytes32 leafHash = _expectDone(_op(Kind.LOCK, alice, alice, 50), 50).leafHash;
        Operation memory op = _op(Kind.CANCEL, alice, address(0), 20, leafHash);
        uint64 index = _run(op).index;
        _approve(CANCEL, op);
        _replay();
        _assertOther(index, Reason.NOT_APPROVED, Reason.NONE);
        assertEq(_old.totalSupply() - credit.totalSupply(), 20, "burned by the replay alone");
    }
}
