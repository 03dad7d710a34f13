// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoSignature} from "../src/interfaces/ICoSignature.sol";
import {ITimeCredit} from "../src/interfaces/ITimeCredit.sol";
import {Kind, Operation, Reason} from "../src/libraries/Ledger.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev T7: whatever acted once does not act again, neither after its coins were burned nor by new officers.
/// L4: an operation counts before its `validUntil`, not at it; a lock ends once, and by no clock.
contract OnceTest is Fixture {
    address private immutable newcomer = account("newcomer");

    function setUp() public override {
        super.setUp();
        _settleAll(LOG);
        _settleAll(OTHER_LOG);
    }

    function _burnAll(address member) private {
        uint128 balance = uint128(credit.balanceOf(member));
        _expectDone(_op(Kind.BURN, member, address(0), balance), balance);
    }

    function _replace(uint8 kind, uint32 chapter, address old, address next) private {
        roles.revokeRole(Roles.id(kind, chapter), old);
        _grant(kind, chapter, next);
    }

    function test_issueIsNotRepeatedAfterBurnByANewOperator() public {
        uint64 start = credit.cursor(LOG);
        _fund(alice, 40);
        Proof memory proof = _proof(LOG, start, 1);
        _burnAll(alice);
        assertEq(credit.totalSupply(), 0, "all burned");
        _replace(Roles.OPERATOR, 0, operator, newcomer);
        _replace(Roles.ISSUER, 0, issuer, account("new issuer"));
        uint64 cursor = credit.cursor(LOG);
        vm.prank(newcomer);
        vm.expectRevert(abi.encodeWithSelector(ITimeCredit.CursorMismatch.selector, LOG, cursor, start));
        credit.settle(
            LOG, start, 1, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
        assertEq(credit.totalSupply(), 0, "nothing came back");
        (, uint64 used) = credit.quotaOf(CHAPTER, MONTH);
        assertEq(used, 40, "burning gives no quota back");
    }

    function test_authorizationIsNotRepeatedAfterBurn() public {
        _fund(holder, 10);
        Operation memory op = _op(Kind.TRANSFER, holder, bob, 4);
        bytes memory evidence = _authorize(op, HOLDER_KEY, "n1");
        assertEq(_run(op, evidence).moved, 4, "once");
        _burnAll(bob);
        _replace(Roles.OPERATOR, 0, operator, newcomer);
        _grant(Roles.OPERATOR, 0, operator);
        Operation memory again = _op(op.kind, op.from, op.to, op.amount, op.ref);
        assertEq(_run(again, evidence).reason, Reason.BAD_AUTHORIZATION, "twice");
        assertEq(credit.balanceOf(holder), 6, "untouched");
    }

    function test_approvalIsNotRepeatedAfterBurnByNewOfficers() public {
        _fund(alice, 100);
        bytes32 leafHash = _expectDone(_op(Kind.LOCK, alice, alice, 50), 50).leafHash;
        Operation memory op = _op(Kind.CANCEL, alice, address(0), 20, leafHash);
        _approve(CANCEL, op);
        _expectDone(op, 20);
        _expectDone(_op(Kind.BURN, alice, address(0), 50), 50);
        _replace(Roles.PRESIDENT, CHAPTER, president, newcomer);
        vm.prank(newcomer);
        vm.expectRevert(
            abi.encodeWithSelector(ICoSignature.NotAnApprover.selector, newcomer, CANCEL, CHAPTER)
        );
        cosign.approve(CANCEL, CHAPTER, _digest(op));
        Operation memory again = Operation(
            op.kind, op.from, op.to, op.amount, op.validUntil, op.ref, op.opSalt, keccak256("another leaf")
        );
        _expectRefused(again, Reason.NOT_APPROVED);
        assertEq(credit.lockedOf(alice), 30, "the rest stays locked");
    }

    function test_reversalIsNotRepeatedAfterBurnByNewOfficers() public {
        _fund(alice, 10);
        Operation memory gift = _op(Kind.TRANSFER, alice, bob, 10);
        uint64 index = _expectDone(gift, 10).index;
        Operation memory op = _op(Kind.REVERSE, bob, alice, 10, _leafHash(gift));
        _approve(REVERSE, op);
        uint64 reversed = _append(LOG, op);
        bytes[] memory evidence = new bytes[](1);
        evidence[0] = _original(LOG, index);
        _settleAll(LOG, evidence);
        assertEq(credit.refused(LOG, reversed), 0, "once");
        _burnAll(alice);
        _fund(bob, 10);
        _replace(Roles.SECRETARY, CHAPTER, secretary, newcomer);
        op = _op(Kind.REVERSE, bob, alice, 10, _leafHash(gift));
        vm.prank(president);
        cosign.approve(REVERSE, CHAPTER, _digest(op));
        vm.prank(newcomer);
        cosign.approve(REVERSE, CHAPTER, _digest(op));
        uint64 second = _append(LOG, op);
        evidence[0] = _original(LOG, index);
        _settleAll(LOG, evidence);
        assertEq(credit.refused(LOG, second), Reason.BAD_AMOUNT, "twice");
        assertEq(credit.balanceOf(bob), 10, "untouched");
    }

    // --- the edges of validUntil -----------------------------------------------------------------------------

    /// @dev Runs one operation at `time` with `validUntil`, undoes it, and returns why it was refused.
    function _reasonAt(uint256 time, Operation memory op) private returns (uint8 reason) {
        uint256 snapshot = vm.snapshotState();
        vm.warp(time);
        reason = _run(op).reason;
        vm.revertToState(snapshot);
    }

    function testFuzz_locksCountBeforeValidUntilAlone(uint32 wait, uint8 which) public {
        uint64 edge = uint64(START + 2 + wait % 10_000_000);
        _fund(alice, 100);
        bytes32 leafHash = _expectDone(_op(Kind.LOCK, alice, alice, 50), 50).leafHash;
        Operation memory op;
        if (which % 3 == 0) op = _op(Kind.LOCK, alice, alice, 10);
        else if (which % 3 == 1) op = _op(Kind.RELEASE, alice, alice, 10, leafHash);
        else op = _op(Kind.CANCEL, alice, address(0), 10, leafHash);
        op.validUntil = edge;
        if (which % 3 == 2) _approve(CANCEL, op);
        assertEq(_reasonAt(edge - 1, op), 0, "t - 1");
        assertEq(_reasonAt(edge, op), Reason.EXPIRED, "t");
        assertEq(_reasonAt(edge + 1, op), Reason.EXPIRED, "t + 1");
        assertEq(credit.lockedOf(alice), 50, "nothing but the snapshots changed");
    }

    /// @dev `validUntil` limits when the lock may be made; what is locked stays so until it is released, once.
    function test_aLockOutlivesItsValidUntilAndEndsOnce() public {
        _fund(alice, 100);
        Operation memory op = _op(Kind.LOCK, alice, alice, 60);
        op.validUntil = uint64(START + 1);
        bytes32 leafHash = _expectDone(op, 60).leafHash;
        uint256[3] memory times = [uint256(START), START + 1, START + 2];
        for (uint256 i = 0; i < 3; ++i) {
            vm.warp(times[i]);
            assertEq(credit.lockedOf(alice), 60, "still locked");
            _expectRefused(_op(Kind.TRANSFER, alice, bob, 41), Reason.INSUFFICIENT_BALANCE);
        }
        _expectDone(_op(Kind.RELEASE, alice, alice, 60, leafHash), 60);
        _expectRefused(_op(Kind.RELEASE, alice, alice, 1, leafHash), Reason.INSUFFICIENT_BALANCE);
        Operation memory cancel = _op(Kind.CANCEL, alice, address(0), 1, leafHash);
        _approve(CANCEL, cancel);
        _expectRefused(cancel, Reason.INSUFFICIENT_BALANCE);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 100), 100);
    }
}
