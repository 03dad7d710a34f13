// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Kind, Operation, Reason} from "../src/libraries/Ledger.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Lock, release, cancel, reverse and recover.
contract CorrectionsTest is Fixture {
    address private immutable carol = account("carol");

    function setUp() public override {
        super.setUp();
        _settleAll(LOG);
        _settleAll(OTHER_LOG);
        _fund(alice, 100);
    }

    function _locked(uint128 amount) private returns (bytes32 leafHash) {
        return _expectDone(_op(Kind.LOCK, alice, alice, amount), amount).leafHash;
    }

    function _assertLock(bytes32 leafHash, address owner, uint64 rest) private view {
        (address got, uint64 amount) = credit.lockOf(leafHash);
        assertEq(got, owner, "holder of the lock");
        assertEq(amount, rest, "rest of the lock");
    }

    // --- lock and release ------------------------------------------------------------------------------------

    function testFuzz_lockedCoinsCannotBeSpent(uint128 amount, uint128 spend) public {
        amount = uint128(bound(amount, 1, 100));
        spend = uint128(bound(spend, 1, 100));
        bytes32 leafHash = _locked(amount);
        _assertLock(leafHash, alice, uint64(amount));
        assertEq(credit.lockedOf(alice), amount, "locked");
        assertEq(credit.balanceOf(alice), 100, "still held");
        uint8 want = spend <= 100 - amount ? 0 : Reason.INSUFFICIENT_BALANCE;
        uint256 snapshot = vm.snapshotState();
        assertEq(_run(_op(Kind.TRANSFER, alice, bob, spend)).reason, want, "transfer");
        vm.revertToState(snapshot);
        assertEq(_run(_op(Kind.REDEEM, alice, shop, spend)).reason, want, "redeem");
        vm.revertToState(snapshot);
        assertEq(_run(_op(Kind.BURN, alice, address(0), spend)).reason, want, "burn");
        vm.revertToState(snapshot);
        assertEq(_run(_op(Kind.LOCK, alice, alice, spend)).reason, want, "lock");
    }

    function test_lockMoreThanFree() public {
        _locked(60);
        _expectRefused(_op(Kind.LOCK, alice, alice, 41), Reason.INSUFFICIENT_BALANCE);
        _locked(40);
        assertEq(credit.lockedOf(alice), 100, "all of it");
    }

    function test_lockedTwiceByOneLeafIsRefused() public {
        Operation memory op = _op(Kind.LOCK, alice, alice, 10);
        Outcome memory outcome = _expectDone(op, 10);
        _expectRefused(op, Reason.LOCK_EXISTS);
        assertEq(credit.refused(LOG, outcome.index), 0, "the first stays done");
        _assertLock(outcome.leafHash, alice, 10);
        _expectDone(_op(Kind.RELEASE, alice, alice, 10, outcome.leafHash), 10);
        _expectRefused(op, Reason.LOCK_EXISTS);
    }

    function testFuzz_releaseNeverExceedsTheLock(uint128 first, uint128 second) public {
        bytes32 leafHash = _locked(50);
        _locked(50);
        first = uint128(bound(first, 1, 60));
        second = uint128(bound(second, 1, 60));
        uint256 rest = 50;
        uint128[2] memory amounts = [first, second];
        for (uint256 i = 0; i < 2; ++i) {
            bool fits = amounts[i] <= rest;
            Outcome memory outcome = _run(_op(Kind.RELEASE, alice, alice, amounts[i], leafHash));
            assertEq(outcome.reason, fits ? 0 : Reason.INSUFFICIENT_BALANCE, "reason");
            if (fits) rest -= amounts[i];
            _assertLock(leafHash, alice, uint64(rest));
            assertEq(credit.lockedOf(alice), 50 + rest, "locked");
        }
    }

    function test_releaseRefusals() public {
        bytes32 leafHash = _locked(50);
        _fund(bob, 10);
        _expectRefused(_op(Kind.RELEASE, alice, alice, 1, ORDER), Reason.UNKNOWN_LOCK);
        _expectRefused(_op(Kind.RELEASE, bob, bob, 1, leafHash), Reason.WRONG_PARTIES);
        _expectDone(_op(Kind.RELEASE, alice, alice, 50, leafHash), 50);
        _expectRefused(_op(Kind.RELEASE, alice, alice, 1, leafHash), Reason.INSUFFICIENT_BALANCE);
    }

    // --- cancel ----------------------------------------------------------------------------------------------

    function test_cancelBurnsLockedCoins() public {
        bytes32 leafHash = _locked(50);
        Operation memory op = _op(Kind.CANCEL, alice, address(0), 30, leafHash);
        _approve(CANCEL, op);
        _expectDone(op, 30);
        assertEq(credit.balanceOf(alice), 70, "balance");
        assertEq(credit.lockedOf(alice), 20, "locked");
        assertEq(credit.totalSupply(), 70, "supply");
        _assertLock(leafHash, alice, 20);
        assertTrue(credit.isApprovalSpent(_digest(op)), "spent");
    }

    function test_cancelRefusals() public {
        bytes32 leafHash = _locked(50);
        Operation memory op = _op(Kind.CANCEL, alice, address(0), 30, leafHash);
        _expectRefused(op, Reason.NOT_APPROVED);
        vm.prank(president);
        cosign.approve(CANCEL, CHAPTER, _digest(op));
        _expectRefused(op, Reason.NOT_APPROVED);
        op = _op(Kind.CANCEL, alice, address(0), 30, leafHash);
        _approve(REVERSE, op);
        _expectRefused(op, Reason.NOT_APPROVED);
        op = _op(Kind.CANCEL, alice, address(0), 51, leafHash);
        _approve(CANCEL, op);
        _expectRefused(op, Reason.INSUFFICIENT_BALANCE);
        op = _op(Kind.CANCEL, alice, address(0), 30, ORDER);
        _approve(CANCEL, op);
        _expectRefused(op, Reason.UNKNOWN_LOCK);
        _fund(bob, 30);
        op = _op(Kind.CANCEL, bob, address(0), 30, leafHash);
        _approve(CANCEL, op);
        _expectRefused(op, Reason.WRONG_PARTIES);
    }

    function test_approvalActsOnce() public {
        bytes32 leafHash = _locked(50);
        Operation memory op = _op(Kind.CANCEL, alice, address(0), 20, leafHash);
        _approve(CANCEL, op);
        _expectDone(op, 20);
        Operation memory again = Operation(
            op.kind, op.from, op.to, op.amount, op.validUntil, op.ref, op.opSalt, keccak256("another leaf")
        );
        _expectRefused(again, Reason.NOT_APPROVED);
    }

    /// @dev R5: officers of another chapter approve nothing here.
    function test_approvalIsOfTheHoldersChapter() public {
        _register(carol, 1, 1, OTHER_CHAPTER, LOG);
        _expectDone(_op(Kind.TRANSFER, alice, carol, 10), 10);
        bytes32 leafHash = _expectDone(_op(Kind.LOCK, carol, carol, 10), 10).leafHash;
        Operation memory op = _op(Kind.CANCEL, carol, address(0), 10, leafHash);
        _approve(CANCEL, op);
        assertEq(_run(op).reason, Reason.NOT_APPROVED, "reason");
    }

    // --- reverse ---------------------------------------------------------------------------------------------

    function _reversal(Operation memory original, uint128 amount) private returns (Operation memory op) {
        op = _op(Kind.REVERSE, original.to, original.from, amount, _leafHash(original));
    }

    /// @dev Settles an approved reversal with the evidence for `index` of `logId`, as the tree is then.
    function _reverse(Operation memory op, bytes32 logId, uint64 index)
        private
        returns (Outcome memory outcome)
    {
        _approve(REVERSE, op);
        return _reverseUnapproved(op, logId, index);
    }

    function _reverseUnapproved(Operation memory op, bytes32 logId, uint64 index)
        private
        returns (Outcome memory)
    {
        // The proof is to the root that includes the reversal's own leaf.
        leaves[LOG].push(Leaf(true, op));
        hashes[LOG].push(_leafHash(op));
        bytes memory evidence = _original(logId, index);
        leaves[LOG].pop();
        hashes[LOG].pop();
        return _run(op, evidence);
    }

    function _given(uint128 amount) private returns (Operation memory op, uint64 index) {
        op = _op(Kind.TRANSFER, alice, bob, amount);
        index = _expectDone(op, amount).index;
    }

    function test_reverseTakesBack() public {
        (Operation memory original, uint64 index) = _given(40);
        Outcome memory outcome = _reverse(_reversal(original, 25), LOG, index);
        assertEq(outcome.moved, 25, "moved");
        assertEq(credit.balanceOf(alice), 85, "alice");
        assertEq(credit.balanceOf(bob), 15, "bob");
        assertEq(credit.reversedOf(_leafHash(original)), 25, "reversed");
    }

    /// @dev What the holder no longer has is a receivable: amount less moved. Nobody falls below zero.
    function testFuzz_reverseTakesAtMostWhatIsFree(uint128 spent, uint128 held) public {
        (Operation memory original, uint64 index) = _given(40);
        spent = uint128(bound(spent, 1, 39));
        held = uint128(bound(held, 1, 40 - spent));
        _expectDone(_op(Kind.REDEEM, bob, shop, spent), spent);
        _expectDone(_op(Kind.LOCK, bob, bob, held), held);
        uint256 free = 40 - spent - held;
        Outcome memory outcome = _reverse(_reversal(original, 40), LOG, index);
        assertEq(outcome.reason, 0, "done");
        assertEq(outcome.moved, free, "moved");
        assertEq(credit.balanceOf(bob), held, "what is locked stays");
        assertEq(credit.balanceOf(alice), 60 + free, "alice");
        assertEq(credit.totalSupply(), 100, "supply");
    }

    function test_reversalsNeverExceedTheOriginal() public {
        (Operation memory original, uint64 index) = _given(40);
        assertEq(_reverse(_reversal(original, 25), LOG, index).moved, 25, "first");
        assertEq(_reverse(_reversal(original, 16), LOG, index).reason, Reason.BAD_AMOUNT, "too much");
        assertEq(_reverse(_reversal(original, 15), LOG, index).moved, 15, "the rest");
        assertEq(_reverse(_reversal(original, 1), LOG, index).reason, Reason.BAD_AMOUNT, "nothing left");
    }

    function test_reversedIssueIsBurned() public {
        Operation memory original = _op(Kind.ISSUE, address(0), bob, 30);
        uint64 index = _expectDone(original, 30).index;
        assertEq(_reverse(_reversal(original, 30), LOG, index).moved, 30, "moved");
        assertEq(credit.balanceOf(bob), 0, "bob");
        assertEq(credit.totalSupply(), 100, "supply");
    }

    function test_reversedRedemptionComesBack() public {
        Operation memory original = _op(Kind.REDEEM, alice, shop, 30);
        uint64 index = _expectDone(original, 30).index;
        _setRights(shop, false, false);
        _setRights(alice, false, false);
        assertEq(_reverse(_reversal(original, 30), LOG, index).moved, 30, "rights do not matter");
        assertEq(credit.balanceOf(alice), 100, "alice");
    }

    function test_reverseWithinTheWindowOfItsOriginal() public {
        Operation memory original = _op(Kind.TRANSFER, alice, bob, 10);
        Operation memory op = _reversal(original, 10);
        _approve(REVERSE, op);
        uint64 index = _append(LOG, original);
        _append(LOG, op);
        bytes[] memory evidence = new bytes[](1);
        evidence[0] = _original(LOG, index);
        _settleAll(LOG, evidence);
        assertEq(credit.refused(LOG, index + 1), 0, "done");
        assertEq(credit.balanceOf(alice), 100, "alice");
    }

    /// @dev The original must come before: a reversal cannot undo what has not happened.
    function test_reverseBeforeItsOriginal() public {
        Operation memory original = _op(Kind.TRANSFER, alice, bob, 10);
        Operation memory op = _reversal(original, 10);
        _approve(REVERSE, op);
        uint64 index = _append(LOG, op);
        _append(LOG, original);
        bytes[] memory evidence = new bytes[](1);
        evidence[0] = _original(LOG, index + 1);
        _settleAll(LOG, evidence);
        assertEq(credit.refused(LOG, index), Reason.BAD_ORIGINAL, "refused");
        assertEq(credit.balanceOf(bob), 10, "bob");
    }

    function test_refusedOriginalCannotBeReversed() public {
        Operation memory original = _op(Kind.TRANSFER, alice, bob, 101);
        Outcome memory outcome = _run(original);
        assertEq(outcome.reason, Reason.INSUFFICIENT_BALANCE, "refused");
        _fund(bob, 50);
        assertEq(_reverse(_reversal(original, 50), LOG, outcome.index).reason, Reason.BAD_ORIGINAL, "reason");
    }

    function test_passedOriginalCannotBeReversed() public {
        Operation memory original = _op(Kind.TRANSFER, alice, bob, 10);
        uint64 index = _append(LOG, original);
        _anchor(LOG);
        bytes32 leafHash = hashes[LOG][index];
        Proof memory proof = _proof(LOG, index, 1);
        bytes32 digest = keccak256(abi.encode(LOG, index, leafHash));
        vm.prank(hq);
        cosign.approve(PASS, 0, digest);
        vm.prank(regulator);
        cosign.approve(PASS, 0, digest);
        credit.passLeaf(LOG, index, leafHash, proof.left, proof.right);
        _fund(bob, 50);
        assertEq(_reverse(_reversal(original, 10), LOG, index).reason, Reason.BAD_ORIGINAL, "reason");
    }

    function test_onlyThreeKindsCanBeReversed() public {
        Operation memory burned = _op(Kind.BURN, alice, address(0), 5);
        uint64 index = _expectDone(burned, 5).index;
        Operation memory op = _op(Kind.REVERSE, alice, bob, 5, _leafHash(burned));
        assertEq(_reverse(op, LOG, index).reason, Reason.BAD_ORIGINAL, "burn");
        Operation memory locked = _op(Kind.LOCK, alice, alice, 5);
        index = _expectDone(locked, 5).index;
        op = _op(Kind.REVERSE, alice, bob, 5, _leafHash(locked));
        assertEq(_reverse(op, LOG, index).reason, Reason.BAD_ORIGINAL, "lock");
        (Operation memory original, uint64 given) = _given(10);
        Operation memory reversal = _reversal(original, 10);
        index = _reverse(reversal, LOG, given).index;
        op = _reversal(reversal, 10);
        assertEq(_reverse(op, LOG, index).reason, Reason.BAD_ORIGINAL, "reverse");
    }

    function test_reverseRefusals() public {
        (Operation memory original, uint64 index) = _given(40);
        Operation memory op = _reversal(original, 10);
        assertEq(_reverseUnapproved(op, LOG, index).reason, Reason.NOT_APPROVED, "no approval");
        op = _reversal(original, 10);
        _approve(REVERSE, op);
        assertEq(_run(op, "").reason, Reason.BAD_ORIGINAL, "no evidence");
        op = _reversal(original, 10);
        assertEq(_reverse(op, LOG, index - 1).reason, Reason.BAD_ORIGINAL, "another leaf");
        op = _reversal(original, 10);
        op.ref = ORDER;
        assertEq(_reverse(op, LOG, index).reason, Reason.BAD_ORIGINAL, "another reference");
        op = _op(Kind.REVERSE, bob, shop, 10, _leafHash(original));
        assertEq(_reverse(op, LOG, index).reason, Reason.WRONG_PARTIES, "to another");
        op = _op(Kind.REVERSE, bob, address(0), 10, _leafHash(original));
        assertEq(_reverse(op, LOG, index).reason, Reason.WRONG_PARTIES, "to nobody");
        _fund(pool, 10);
        op = _op(Kind.REVERSE, pool, alice, 10, _leafHash(original));
        assertEq(_reverse(op, LOG, index).reason, Reason.WRONG_PARTIES, "from another");
        assertEq(credit.reversedOf(_leafHash(original)), 0, "nothing was reversed");
    }

    function testFuzz_reverseWithAChangedProof(uint256 position, uint8 bit) public {
        (Operation memory original, uint64 index) = _given(40);
        Operation memory op = _reversal(original, 10);
        _approve(REVERSE, op);
        leaves[LOG].push(Leaf(true, op));
        hashes[LOG].push(_leafHash(op));
        (Operation memory shown, uint64 place, bytes32[] memory path) =
            abi.decode(_original(LOG, index), (Operation, uint64, bytes32[]));
        leaves[LOG].pop();
        hashes[LOG].pop();
        path[position % path.length] ^= bytes32(uint256(1) << bit);
        assertEq(_run(op, abi.encode(shown, place, path)).reason, Reason.BAD_ORIGINAL, "reason");
        assertEq(credit.balanceOf(bob), 40, "bob");
    }

    /// @dev The payee lives in another city: the reversal runs in the payee's log, the original is in the payer's.
    function test_reverseAcrossLogs() public {
        _register(carol, 1, 1, CHAPTER, OTHER_LOG);
        Operation memory original = _op(Kind.TRANSFER, alice, carol, 10);
        uint64 index = _expectDone(original, 10).index;
        Operation memory op = _reversal(original, 10);
        _approve(REVERSE, op);
        bytes[] memory evidence = new bytes[](1);
        evidence[0] = _original(LOG, index);
        assertEq(_runIn(OTHER_LOG, op, evidence).moved, 10, "moved");
        assertEq(credit.balanceOf(alice), 100, "alice");
    }

    // --- recover ---------------------------------------------------------------------------------------------

    function _replaced(address from, address to) private {
        vm.prank(recoverer);
        membership.recover(from, to, ORDER);
    }

    function test_recoverMovesBalanceAndLocks() public {
        bytes32 leafHash = _locked(30);
        _replaced(alice, carol);
        _expectDone(_op(Kind.RECOVER, alice, carol, 0), 100);
        assertEq(credit.balanceOf(alice), 0, "alice");
        assertEq(credit.lockedOf(alice), 0, "alice's locked");
        assertEq(credit.balanceOf(carol), 100, "carol");
        assertEq(credit.lockedOf(carol), 30, "carol's locked");
        assertEq(credit.holderNow(alice), carol, "holder");
        _expectRefused(_op(Kind.RELEASE, alice, alice, 1, leafHash), Reason.WRONG_PARTIES);
        _expectDone(_op(Kind.RELEASE, carol, carol, 30, leafHash), 30);
        _expectDone(_op(Kind.TRANSFER, carol, bob, 100), 100);
    }

    function test_locksStayUntilTheLedgerMovesThem() public {
        bytes32 leafHash = _locked(30);
        _replaced(alice, carol);
        _expectRefused(_op(Kind.RELEASE, carol, carol, 30, leafHash), Reason.WRONG_PARTIES);
        _expectDone(_op(Kind.RELEASE, alice, alice, 10, leafHash), 10);
        _expectDone(_op(Kind.RECOVER, alice, carol, 0), 100);
        assertEq(credit.lockedOf(carol), 20, "the rest");
    }

    function test_recoverRefusals() public {
        _expectRefused(_op(Kind.RECOVER, alice, bob, 0), Reason.NOT_RECOVERED);
        _replaced(alice, carol);
        _expectRefused(_op(Kind.RECOVER, alice, bob, 0), Reason.NOT_RECOVERED);
        _expectRefused(_op(Kind.RECOVER, carol, alice, 0), Reason.NOT_RECOVERED);
        _expectDone(_op(Kind.RECOVER, alice, carol, 0), 100);
        _expectRefused(_op(Kind.RECOVER, alice, carol, 0), Reason.NOT_RECOVERED);
    }

    function test_retiredAccountNeitherSendsNorReceives() public {
        _replaced(alice, carol);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 1), Reason.SENDER_BLOCKED);
        _fund(bob, 10);
        _expectRefused(_op(Kind.TRANSFER, bob, alice, 1), Reason.RECEIVER_BLOCKED);
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 1), Reason.RECEIVER_BLOCKED);
    }

    function test_recoverEmptyAccount() public {
        _replaced(bob, carol);
        _expectDone(_op(Kind.RECOVER, bob, carol, 0), 0);
        assertEq(credit.holderNow(bob), carol, "holder");
    }

    /// @dev Rule 27: nobody spends a day's limit twice by losing his account in between.
    function test_recoverKeepsWhatWasSpentToday() public {
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, 100);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 60), 60);
        _replaced(alice, carol);
        _fund(carol, 100);
        _expectDone(_op(Kind.TRANSFER, carol, bob, 10), 10);
        _expectDone(_op(Kind.RECOVER, alice, carol, 0), 40);
        assertEq(credit.spentToday(carol), 70, "of both accounts");
        _expectRefused(_op(Kind.TRANSFER, carol, bob, 31), Reason.DAILY_CAP_EXCEEDED);
        _expectDone(_op(Kind.TRANSFER, carol, bob, 30), 30);
        vm.warp(block.timestamp + 1 days);
        assertEq(credit.spentToday(carol), 0, "a new day");
    }

    function test_recoverOfAnEmptyAccountKeepsWhatWasSpentToday() public {
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, 100);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 100), 100);
        _replaced(alice, carol);
        _expectDone(_op(Kind.RECOVER, alice, carol, 0), 0);
        assertEq(credit.spentToday(carol), 100, "spent");
        _fund(carol, 1);
        _expectRefused(_op(Kind.TRANSFER, carol, bob, 1), Reason.DAILY_CAP_EXCEEDED);
    }

    function test_reverseFollowsRecoveries() public {
        (Operation memory original, uint64 index) = _given(40);
        _replaced(bob, carol);
        _expectDone(_op(Kind.RECOVER, bob, carol, 0), 40);
        address dave = account("dave");
        _replaced(carol, dave);
        _expectDone(_op(Kind.RECOVER, carol, dave, 0), 40);
        Operation memory op = _reversal(original, 40);
        assertEq(_reverse(op, LOG, index).reason, Reason.WRONG_PARTIES, "from the retired account");
        op = _op(Kind.REVERSE, dave, alice, 40, _leafHash(original));
        assertEq(_reverse(op, LOG, index).moved, 40, "from its successor's successor");
        assertEq(credit.balanceOf(alice), 100, "alice");
    }

    function test_recoveredSelfCustodyKeepsItsCustody() public {
        _fund(holder, 10);
        address next = vm.addr(0xfeed);
        _replaced(holder, next);
        _expectDone(_op(Kind.RECOVER, holder, next, 0), 10);
        Operation memory op = _op(Kind.TRANSFER, next, bob, 4);
        bytes memory old = _authorize(op, HOLDER_KEY, "n1");
        assertEq(_run(op, old).reason, Reason.BAD_AUTHORIZATION, "the lost key");
        op = _op(Kind.TRANSFER, next, bob, 4);
        bytes memory evidence = _authorize(op, 0xfeed, "n1");
        assertEq(_run(op, evidence).moved, 4, "the new key");
    }
}
