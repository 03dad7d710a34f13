// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {ITimeCredit} from "../src/interfaces/ITimeCredit.sol";
import {Leaves} from "../src/libraries/Leaves.sol";
import {Kind, Operation, Operations, Reason} from "../src/libraries/Ledger.sol";
import {Rfc9162} from "../src/libraries/Rfc9162.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Fixture} from "./support/Fixture.sol";
import {Log} from "./support/Test.sol";
import {Trees} from "./support/Trees.sol";

contract SettleTest is Fixture {
    uint64 private constant WINDOW = 9;

    /// @dev Two leaves, then a window of nine: issue, note, two transfers (one refused), notes, and four after it.
    function _ledger() private {
        _settleAll(LOG);
        _append(LOG, _op(Kind.ISSUE, address(0), alice, 1000));
        _note(LOG);
        _append(LOG, _op(Kind.TRANSFER, alice, bob, 300));
        _append(LOG, _op(Kind.TRANSFER, bob, alice, 301));
        for (uint256 i = 0; i < 3; ++i) {
            _note(LOG);
        }
        _append(LOG, _op(Kind.REDEEM, bob, shop, 100));
        _note(LOG);
        for (uint256 i = 0; i < 4; ++i) {
            _note(LOG);
        }
        _anchor(LOG);
    }

    function _try(Proof memory proof, bytes memory error_) private {
        vm.prank(operator);
        vm.expectRevert(error_);
        credit.settle(
            LOG, 2, WINDOW, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
        _assertUntouched();
    }

    /// @dev Settles and expects the revert to be a root that does not match.
    function _tryTampered(uint64 start, uint64 count, Proof memory proof) private {
        vm.prank(operator);
        try credit.settle(
            LOG, start, count, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        ) {
            revert NotTrue("a tampered window");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(ITimeCredit.RootMismatch.selector), "error");
        }
        _assertUntouched();
    }

    function _assertUntouched() private view {
        assertEq(credit.cursor(LOG), 2, "cursor");
        assertEq(credit.totalSupply(), 0, "supply");
    }

    function test_oneRefusedDoesNotUndoTheOthers() public {
        _ledger();
        vm.recordLogs();
        _settle(LOG, 2, WINDOW, _proof(LOG, 2, WINDOW));
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 8, "three transfers, four outcomes, one window");
        assertEq(_outcomeOf(logs[1]).moved, 1000, "issue");
        assertEq(_outcomeOf(logs[3]).moved, 300, "transfer");
        assertEq(_outcomeOf(logs[4]).reason, Reason.INSUFFICIENT_BALANCE, "refused");
        assertEq(_outcomeOf(logs[6]).moved, 100, "redeem");
        assertEq(logs[7].topics[0], ITimeCredit.Settled.selector, "settled");
        assertEq(logs[7].topics[1], LOG, "settled log");
        assertSame(logs[7].data, abi.encode(uint64(2), uint64(11), uint64(15)), "settled window");
        assertEq(credit.balanceOf(alice), 700, "alice");
        assertEq(credit.balanceOf(bob), 200, "bob");
        assertEq(credit.balanceOf(shop), 100, "shop");
        assertEq(credit.totalSupply(), 1000, "supply");
        assertEq(credit.cursor(LOG), 11, "cursor");
        assertEq(credit.refused(LOG, 5), Reason.INSUFFICIENT_BALANCE, "refused");
        assertEq(credit.refused(LOG, 4), 0, "done");
        assertEq(credit.sequenceOf(alice), 2, "issue and transfer");
        assertEq(credit.sequenceOf(bob), 2, "transfer and redeem");
    }

    function test_transferEventsAreThoseOfErc20() public {
        _ledger();
        vm.recordLogs();
        _settle(LOG, 2, WINDOW, _proof(LOG, 2, WINDOW));
        Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[0].topics[0], IERC20.Transfer.selector, "transfer");
        assertEq(logs[0].topics[1], bytes32(0), "minted");
        assertEq(logs[0].topics[2], bytes32(uint256(uint160(alice))), "to alice");
        assertSame(logs[0].data, abi.encode(uint256(1000)), "value");
        assertEq(logs[2].topics[1], bytes32(uint256(uint160(alice))), "from alice");
        assertEq(logs[2].topics[2], bytes32(uint256(uint160(bob))), "to bob");
    }

    function test_leafByLeafGivesTheSame() public {
        _ledger();
        uint256 snapshot = vm.snapshotState();
        _settle(LOG, 2, WINDOW, _proof(LOG, 2, WINDOW));
        bytes32 whole = keccak256(abi.encode(_balances()));
        vm.revertToState(snapshot);
        for (uint64 i = 2; i < 2 + WINDOW; ++i) {
            _settle(LOG, i, 1, _proof(LOG, i, 1));
        }
        assertEq(keccak256(abi.encode(_balances())), whole, "balances");
    }

    function _balances() private view returns (uint256[4] memory) {
        return [credit.balanceOf(alice), credit.balanceOf(bob), credit.balanceOf(shop), credit.cursor(LOG)];
    }

    function testFuzz_changedOperandReverts(uint8 which, uint8 field, uint8 bit) public {
        _ledger();
        Proof memory proof = _proof(LOG, 2, WINDOW);
        Operation memory op = proof.ops[which % 4];
        field %= 8;
        if (field == 0) op.kind ^= uint8(1) << (bit % 8);
        if (field == 1) op.from = address(uint160(op.from) ^ (uint160(1) << (bit % 160)));
        if (field == 2) op.to = address(uint160(op.to) ^ (uint160(1) << (bit % 160)));
        if (field == 3) op.amount ^= uint128(1) << (bit % 128);
        if (field == 4) op.validUntil ^= uint64(1) << (bit % 64);
        if (field == 5) op.ref ^= bytes32(uint256(1) << bit);
        if (field == 6) op.opSalt ^= bytes16(uint128(1) << (bit % 128));
        if (field == 7) op.commitment ^= bytes32(uint256(1) << bit);
        _tryTampered(2, WINDOW, proof);
    }

    function testFuzz_changedNodeOrCommitmentReverts(uint256 which, uint8 bit) public {
        _ledger();
        Proof memory proof = _proof(LOG, 2, WINDOW);
        bytes32 flip = bytes32(uint256(1) << bit);
        which %= proof.others.length + proof.left.length + proof.right.length;
        if (which < proof.others.length) {
            proof.others[which] ^= flip;
        } else if (which < proof.others.length + proof.left.length) {
            proof.left[which - proof.others.length] ^= flip;
        } else {
            proof.right[which - proof.others.length - proof.left.length] ^= flip;
        }
        _tryTampered(2, WINDOW, proof);
    }

    function testFuzz_anotherOrderReverts(uint256 first, uint256 second) public {
        _ledger();
        Proof memory proof = _proof(LOG, 2, WINDOW);
        first %= 4;
        second %= 4;
        vm.assume(first != second);
        (proof.ops[first], proof.ops[second]) = (proof.ops[second], proof.ops[first]);
        _tryTampered(2, WINDOW, proof);
    }

    /// @dev No operation can hide as a plain leaf: its commitment with a zero digest is another leaf.
    function test_operationPassedOffAsNoteReverts() public {
        _ledger();
        Proof memory proof = _proof(LOG, 2, WINDOW);
        bytes32[] memory others = new bytes32[](6);
        others[0] = proof.ops[0].commitment;
        for (uint256 i = 0; i < 5; ++i) {
            others[i + 1] = proof.others[i];
        }
        Operation[] memory ops = new Operation[](3);
        for (uint256 i = 0; i < 3; ++i) {
            ops[i] = proof.ops[i + 1];
        }
        proof.mask[0] ^= 1;
        (proof.others, proof.ops) = (others, ops);
        _tryTampered(2, WINDOW, proof);
    }

    /// @dev Nor can one be invented in the place of a note.
    function test_inventedOperationReverts() public {
        _ledger();
        Proof memory proof = _proof(LOG, 2, WINDOW);
        Operation[] memory ops = new Operation[](5);
        ops[0] = proof.ops[0];
        ops[1] = _op(Kind.ISSUE, address(0), bob, 1);
        ops[1].commitment = proof.others[0];
        for (uint256 i = 1; i < 4; ++i) {
            ops[i + 1] = proof.ops[i];
        }
        proof.mask[0] |= 2;
        (proof.others, proof.ops) = (Trees.without(proof.others, 0), ops);
        _tryTampered(2, WINDOW, proof);
    }

    function test_windowMustBeginAtTheCursor() public {
        _ledger();
        for (uint64 start = 0; start < 5; ++start) {
            if (start == 2) continue;
            Proof memory proof = _proof(LOG, start, 3);
            vm.prank(operator);
            vm.expectRevert(
                abi.encodeWithSelector(ITimeCredit.CursorMismatch.selector, LOG, uint64(2), start)
            );
            credit.settle(
                LOG, start, 3, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
            );
        }
    }

    /// @dev The leaves of a later window proved as if they stood at the cursor.
    function testFuzz_noLeafCanBePassedOver(uint64 skip, uint64 count) public {
        _ledger();
        skip = uint64(bound(skip, 1, 8));
        count = uint64(bound(count, 1, 13 - skip));
        Proof memory proof = _proof(LOG, 2 + skip, count);
        (proof.left, proof.right) = (Trees.left(hashes[LOG], 2), Trees.right(hashes[LOG], 2 + count, 15));
        _tryTampered(2, count, proof);
    }

    function test_nothingIsExecutedTwice() public {
        _ledger();
        Proof memory proof = _proof(LOG, 2, WINDOW);
        _settle(LOG, 2, WINDOW, proof);
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(ITimeCredit.CursorMismatch.selector, LOG, uint64(11), uint64(2))
        );
        credit.settle(
            LOG, 2, WINDOW, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
    }

    function test_windowCannotReachBeyondTheAnchor() public {
        _ledger();
        _note(LOG);
        Proof memory proof = _proof(LOG, 2, 14);
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(ITimeCredit.WindowBeyondAnchor.selector, uint256(16), uint64(15))
        );
        credit.settle(
            LOG, 2, 14, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
    }

    function test_unknownLogHasNoWindow() public {
        Proof memory proof;
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(ITimeCredit.WindowBeyondAnchor.selector, uint256(1), uint64(0))
        );
        credit.settle(
            ORDER, 0, 1, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
    }

    function test_windowSizeIsBounded() public {
        Proof memory proof;
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(ITimeCredit.WindowSizeOutOfRange.selector, uint64(0), uint64(4096))
        );
        credit.settle(LOG, 0, 0, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence);
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(ITimeCredit.WindowSizeOutOfRange.selector, uint64(4097), uint64(4096))
        );
        credit.settle(
            LOG, 0, 4097, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
    }

    function test_listsMustHaveExactlyTheirLength() public {
        _ledger();
        Proof memory proof = _proof(LOG, 2, WINDOW);
        uint256 mask = proof.mask[0];
        proof.mask = new uint256[](2);
        proof.mask[0] = mask;
        _try(proof, abi.encodeWithSelector(Leaves.MaskLengthMismatch.selector, uint256(2), uint256(1)));
        proof.mask = new uint256[](0);
        _try(proof, abi.encodeWithSelector(Leaves.MaskLengthMismatch.selector, uint256(0), uint256(1)));
        proof = _proof(LOG, 2, WINDOW);
        proof.mask[0] |= 1 << WINDOW;
        _try(proof, abi.encodeWithSelector(Leaves.MaskBeyondWindow.selector, WINDOW));
        proof.mask[0] = mask & ~uint256(1);
        _try(proof, abi.encodeWithSelector(Leaves.OperationCountMismatch.selector, uint256(4), uint256(3)));
        proof.mask[0] = mask;
        proof.others = Trees.append(proof.others, 0);
        _try(proof, abi.encodeWithSelector(Leaves.CommitmentCountMismatch.selector, uint256(6), uint256(5)));
        proof.others = Trees.without(Trees.without(proof.others, 0), 0);
        _try(proof, abi.encodeWithSelector(Leaves.CommitmentCountMismatch.selector, uint256(4), uint256(5)));
        proof = _proof(LOG, 2, WINDOW);
        proof.left = Trees.append(proof.left, 0);
        _try(proof, abi.encodeWithSelector(Rfc9162.ProofLengthMismatch.selector, uint256(2), uint256(1)));
        proof = _proof(LOG, 2, WINDOW);
        proof.right = Trees.append(proof.right, 0);
        _try(proof, abi.encodeWithSelector(Rfc9162.ProofLengthMismatch.selector, uint256(4), uint256(3)));
        proof = _proof(LOG, 2, WINDOW);
        proof.evidence = new bytes[](1);
        _try(
            proof, abi.encodeWithSelector(ITimeCredit.EvidenceCountMismatch.selector, uint256(1), uint256(0))
        );
    }

    /// @dev Masks of one, two and three words; every bit of a full word.
    function test_windowsOfManyWords() public {
        _settleAll(LOG);
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, type(uint64).max);
        for (uint256 i = 0; i < 256; ++i) {
            _append(LOG, _op(Kind.ISSUE, address(0), bob, 1));
        }
        for (uint256 i = 0; i < 260; ++i) {
            if (i % 3 == 0) _append(LOG, _op(Kind.ISSUE, address(0), alice, 1));
            else _note(LOG);
        }
        _settleAll(LOG);
        assertEq(credit.balanceOf(bob), 256, "a full word");
        assertEq(credit.balanceOf(alice), 87, "every third of 260");
    }

    /// @dev Words with bits outside their type never get as far as an event.
    function testFuzz_dirtyWordsRevert(uint8 field, uint8 bit) public {
        _settleAll(LOG);
        Operation memory op = _op(Kind.BURN, alice, address(0), 1);
        uint8[6] memory positions = [0, 1, 2, 3, 4, 6];
        uint8[6] memory widths = [8, 160, 160, 128, 64, 128];
        field %= 6;
        bytes memory dirty = abi.encode(op);
        uint256 shift = field == 5 ? bit % 128 : widths[field] + bit % (256 - widths[field]);
        uint256 word = 32 + 32 * uint256(positions[field]);
        uint256 flip = uint256(1) << shift;
        assembly ("memory-safe") {
            mstore(add(dirty, word), xor(mload(add(dirty, word)), flip))
        }
        // The leaf is made of the dirty operands, so the proof holds and only the operands are wrong.
        bytes memory operands = new bytes(224);
        for (uint256 i = 0; i < 224; ++i) {
            operands[i] = dirty[i];
        }
        leaves[LOG].push(Leaf(true, op));
        hashes[LOG].push(Trees.leaf(op.commitment, keccak256(operands)));
        _anchor(LOG);
        Proof memory proof = _proof(LOG, 2, 1);
        bytes memory data = abi.encodeCall(
            credit.settle,
            (LOG, 2, 1, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence)
        );
        _replace(data, abi.encode(op), dirty);
        vm.prank(operator);
        (bool done, bytes memory reason) = address(credit).call(data);
        assertTrue(!done, "dirty words");
        assertEq(bytes32(bytes4(reason)), bytes32(Operations.MalformedOperation.selector), "error");
    }

    /// @dev Replaces the first occurrence of `old` in `data`.
    function _replace(bytes memory data, bytes memory old, bytes memory new_) private pure {
        for (uint256 i = 4; i + old.length <= data.length; i += 32) {
            uint256 j = 0;
            while (j < old.length && data[i + j] == old[j]) ++j;
            if (j < old.length) continue;
            for (j = 0; j < old.length; ++j) {
                data[i + j] = new_[j];
            }
            return;
        }
        revert NotTrue("found");
    }

    function test_settleNeedsTheNetworksOperator() public {
        _ledger();
        _grant(Roles.OPERATOR, CHAPTER, stranger);
        Proof memory proof = _proof(LOG, 2, WINDOW);
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.OPERATOR, uint32(0))
        );
        credit.settle(
            LOG, 2, WINDOW, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
    }

    // --- leaves that cannot be opened ------------------------------------------------------------------------

    function _passArguments(uint64 index)
        private
        view
        returns (bytes32 leafHash, bytes32[] memory left, bytes32[] memory right, bytes32 digest)
    {
        leafHash = hashes[LOG][index];
        left = Trees.left(hashes[LOG], index);
        right = Trees.right(hashes[LOG], index + 1, hashes[LOG].length);
        digest = keccak256(abi.encode(LOG, index, leafHash));
    }

    function _approvePass(bytes32 digest) private {
        vm.prank(hq);
        cosign.approve(PASS, 0, digest);
        vm.prank(regulator);
        cosign.approve(PASS, 0, digest);
    }

    function test_passLeafExecutesNothing() public {
        _ledger();
        (bytes32 leafHash, bytes32[] memory left, bytes32[] memory right, bytes32 digest) = _passArguments(2);
        _approvePass(digest);
        vm.expectEmit();
        emit ITimeCredit.LeafPassed(LOG, 2, leafHash);
        credit.passLeaf(LOG, 2, leafHash, left, right);
        assertEq(credit.cursor(LOG), 3, "cursor");
        assertEq(credit.refused(LOG, 2), Reason.PASSED, "counts as refused");
        assertEq(credit.totalSupply(), 0, "the issue was passed");
        _settle(LOG, 3, WINDOW - 1, _proof(LOG, 3, WINDOW - 1));
        assertEq(credit.totalSupply(), 0, "and so the rest is refused");
    }

    function test_passLeafRefusals() public {
        _ledger();
        (bytes32 leafHash, bytes32[] memory left, bytes32[] memory right, bytes32 digest) = _passArguments(2);
        vm.expectRevert(abi.encodeWithSelector(ITimeCredit.PassNotApproved.selector, digest));
        credit.passLeaf(LOG, 2, leafHash, left, right);
        vm.prank(hq);
        cosign.approve(PASS, 0, digest);
        vm.expectRevert(abi.encodeWithSelector(ITimeCredit.PassNotApproved.selector, digest));
        credit.passLeaf(LOG, 2, leafHash, left, right);
        bytes32 wrong = ~leafHash;
        digest = keccak256(abi.encode(LOG, uint64(2), wrong));
        _approvePass(digest);
        try credit.passLeaf(LOG, 2, wrong, left, right) {
            revert NotTrue("a leaf that is not there");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(ITimeCredit.RootMismatch.selector), "error");
        }
        (leafHash, left, right, digest) = _passArguments(3);
        _approvePass(digest);
        vm.expectRevert(
            abi.encodeWithSelector(ITimeCredit.CursorMismatch.selector, LOG, uint64(2), uint64(3))
        );
        credit.passLeaf(LOG, 3, leafHash, left, right);
    }

    // --- the ERC-20 view -------------------------------------------------------------------------------------

    function testFuzz_rule_33_nothingMovesButTheLedger(address caller, address to, uint256 amount) public {
        _fundForView();
        vm.prank(caller);
        vm.expectRevert(_error(ITimeCredit.LedgerOnly.selector));
        credit.transfer(to, amount);
        vm.prank(caller);
        vm.expectRevert(_error(ITimeCredit.LedgerOnly.selector));
        credit.approve(to, amount);
        vm.prank(caller);
        vm.expectRevert(_error(ITimeCredit.LedgerOnly.selector));
        credit.transferFrom(alice, to, amount);
        assertEq(credit.allowance(alice, caller), 0, "allowance");
    }

    function _fundForView() private {
        _settleAll(LOG);
        _fund(alice, 5);
    }

    function test_erc20View() public {
        _fundForView();
        assertEq(credit.balanceOf(alice), 5, "balance");
        assertEq(credit.totalSupply(), 5, "supply");
        assertEq(credit.balanceOf(address(0)), 0, "nobody's balance");
        assertEq(credit.decimals(), 2, "decimals");
        assertSame(bytes(credit.name()), "Tongyi TimeCredit", "name");
        assertSame(bytes(credit.symbol()), "TYTC", "symbol");
    }

    function test_takesNoEther() public {
        vm.deal(address(this), 1 ether);
        (bool sent,) = address(credit).call{value: 1}("");
        assertTrue(!sent, "a payment");
        (sent,) = address(credit).call{value: 1}(abi.encodeCall(credit.totalSupply, ()));
        assertTrue(!sent, "a payment with a call");
    }

    // --- quotas and caps -------------------------------------------------------------------------------------

    function test_quotasAndCapsNeedTheirRole() public {
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IRoleGated.MissingRole.selector, hq, Roles.ISSUER, CHAPTER));
        credit.setQuota(CHAPTER, MONTH, 1);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IRoleGated.MissingRole.selector, issuer, Roles.HQ, uint32(0)));
        credit.setDailyCap(CHAPTER, 1);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IRoleGated.MissingRole.selector, issuer, Roles.HQ, uint32(0)));
        credit.setHoldingCap(CHAPTER, 1);
    }

    function test_chapterIssuerSetsTheirQuotaOnly() public {
        _grant(Roles.ISSUER, OTHER_CHAPTER, stranger);
        vm.expectEmit();
        emit ITimeCredit.QuotaSet(OTHER_CHAPTER, MONTH, 9);
        vm.prank(stranger);
        credit.setQuota(OTHER_CHAPTER, MONTH, 9);
        (uint64 amount, uint64 used) = credit.quotaOf(OTHER_CHAPTER, MONTH);
        assertTrue(amount == 9 && used == 0, "quota");
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.ISSUER, CHAPTER)
        );
        credit.setQuota(CHAPTER, MONTH, 9);
    }

    function test_setCaps() public {
        vm.expectEmit();
        emit ITimeCredit.DailyCapSet(CHAPTER, 12);
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, 12);
        vm.expectEmit();
        emit ITimeCredit.HoldingCapSet(CHAPTER, 34);
        vm.prank(hq);
        credit.setHoldingCap(CHAPTER, 34);
        (uint64 daily, uint64 holding) = credit.capsOf(CHAPTER);
        assertTrue(daily == 12 && holding == 34, "caps");
        vm.prank(hq);
        vm.expectRevert(
            abi.encodeWithSelector(
                ITimeCredit.CapTooLarge.selector, type(uint40).max, uint64(type(uint40).max)
            )
        );
        credit.setDailyCap(CHAPTER, type(uint40).max);
    }

    function test_periodsAreMonths() public {
        uint32[6] memory wrong = [uint32(0), 202_600, 202_613, 199_912, 1_000_001, 99_999_912];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.prank(issuer);
            vm.expectRevert(abi.encodeWithSelector(ITimeCredit.InvalidPeriod.selector, wrong[i]));
            credit.setQuota(CHAPTER, wrong[i], 1);
        }
    }
}
