// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Kind, Operation, Reason} from "../src/libraries/Ledger.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Issue, transfer, redeem, burn: what is done and each reason for which it is not.
contract OperationsTest is Fixture {
    uint256 private constant SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function setUp() public override {
        super.setUp();
        _settleAll(LOG);
        _settleAll(OTHER_LOG);
    }

    // --- form ------------------------------------------------------------------------------------------------

    function testFuzz_unknownKind(uint8 kind) public {
        vm.assume(kind == 0 || kind > Kind.RECOVER);
        _expectRefused(_op(kind, alice, bob, 1), Reason.UNKNOWN_KIND);
    }

    function test_expiryIsExclusive() public {
        _fund(alice, 30);
        Operation memory op = _op(Kind.TRANSFER, alice, bob, 10);
        op.validUntil = uint64(START - 1);
        _expectRefused(op, Reason.EXPIRED);
        op = _op(Kind.TRANSFER, alice, bob, 10);
        op.validUntil = uint64(START);
        _expectRefused(op, Reason.EXPIRED);
        op = _op(Kind.TRANSFER, alice, bob, 10);
        op.validUntil = uint64(START + 1);
        _expectDone(op, 10);
    }

    function test_amounts() public {
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 0), Reason.BAD_AMOUNT);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 0), Reason.BAD_AMOUNT);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 1 << 63), Reason.BAD_AMOUNT);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, type(uint128).max), Reason.BAD_AMOUNT);
        _expectRefused(_op(Kind.RECOVER, alice, bob, 1), Reason.BAD_AMOUNT);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, (1 << 63) - 1), Reason.INSUFFICIENT_BALANCE);
    }

    function test_partiesOfEachKind() public {
        address none = address(0);
        _expectRefused(_op(Kind.ISSUE, alice, bob, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.ISSUE, none, none, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.TRANSFER, none, bob, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.TRANSFER, alice, none, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.TRANSFER, alice, alice, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.REDEEM, shop, shop, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.BURN, alice, bob, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.BURN, none, none, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.LOCK, alice, bob, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.RELEASE, alice, bob, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.CANCEL, alice, bob, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.RECOVER, alice, alice, 0), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.RECOVER, alice, none, 0), Reason.WRONG_PARTIES);
        assertEq(_run(_op(Kind.REVERSE, alice, alice, 1), "").reason, Reason.WRONG_PARTIES, "reverse");
    }

    function test_strangers() public {
        _expectRefused(_op(Kind.TRANSFER, stranger, bob, 1), Reason.UNKNOWN_SENDER);
        _expectRefused(_op(Kind.TRANSFER, alice, stranger, 1), Reason.UNKNOWN_RECEIVER);
        _expectRefused(_op(Kind.ISSUE, address(0), stranger, 1), Reason.UNKNOWN_RECEIVER);
        _expectRefused(_op(Kind.BURN, stranger, address(0), 1), Reason.UNKNOWN_SENDER);
    }

    // --- home logs -------------------------------------------------------------------------------------------

    function test_accountsActThroughTheirHomeLogOnly() public {
        _fund(alice, 10);
        bytes[] memory none = new bytes[](0);
        Outcome memory outcome = _runIn(OTHER_LOG, _op(Kind.TRANSFER, alice, bob, 10), none);
        assertEq(outcome.reason, Reason.WRONG_HOME_LOG, "transfer");
        outcome = _runIn(OTHER_LOG, _op(Kind.ISSUE, address(0), alice, 10), none);
        assertEq(outcome.reason, Reason.WRONG_HOME_LOG, "issue");
        assertEq(credit.balanceOf(alice), 10, "untouched");
    }

    function test_receiverMayLiveElsewhere() public {
        address carol = account("carol");
        _register(carol, 1, 1, OTHER_CHAPTER, OTHER_LOG);
        _fund(alice, 10);
        _expectDone(_op(Kind.TRANSFER, alice, carol, 10), 10);
        Outcome memory outcome = _runIn(OTHER_LOG, _op(Kind.TRANSFER, carol, alice, 4), new bytes[](0));
        assertEq(outcome.moved, 4, "back through the other log");
        assertEq(credit.balanceOf(alice), 4, "alice");
        assertEq(credit.balanceOf(carol), 6, "carol");
    }

    /// @dev A leaf copied into another log is refused there and stays done here.
    function test_copiedLeafChangesNothing() public {
        _fund(alice, 10);
        Operation memory op = _op(Kind.TRANSFER, alice, bob, 10);
        Outcome memory first = _expectDone(op, 10);
        Outcome memory copy = _runIn(OTHER_LOG, op, new bytes[](0));
        assertEq(copy.leafHash, first.leafHash, "the same leaf");
        assertEq(copy.reason, Reason.WRONG_HOME_LOG, "refused there");
        assertEq(credit.refused(LOG, first.index), 0, "done here");
    }

    function test_successorLogActsForItsPredecessor() public {
        _fund(alice, 10);
        vm.prank(hq);
        anchor.succeed(LOG, OTHER_LOG);
        bytes[] memory none = new bytes[](0);
        assertEq(_runIn(OTHER_LOG, _op(Kind.TRANSFER, alice, bob, 4), none).moved, 4, "through the successor");
        address carol = account("carol");
        _register(carol, 1, 1, OTHER_CHAPTER, OTHER_LOG);
        assertEq(_runIn(OTHER_LOG, _op(Kind.TRANSFER, alice, carol, 6), none).moved, 6, "again");
        assertEq(_runIn(OTHER_LOG, _op(Kind.TRANSFER, carol, alice, 6), none).moved, 6, "and its own");
    }

    // --- issue -----------------------------------------------------------------------------------------------

    function testFuzz_issueWithinQuota(uint128 first, uint128 second) public {
        first = uint128(bound(first, 1, 1_500_000));
        second = uint128(bound(second, 1, 1_500_000));
        Operation memory op = _op(Kind.ISSUE, address(0), pool, first);
        Outcome memory outcome = _run(op);
        assertEq(outcome.reason, first <= 1_000_000 ? 0 : Reason.QUOTA_EXCEEDED, "first");
        uint256 used = first <= 1_000_000 ? first : 0;
        outcome = _run(_op(Kind.ISSUE, address(0), alice, second));
        assertEq(outcome.reason, used + second <= 1_000_000 ? 0 : Reason.QUOTA_EXCEEDED, "second");
        used += used + second <= 1_000_000 ? second : 0;
        assertEq(credit.totalSupply(), used, "supply");
        (, uint64 counted) = credit.quotaOf(CHAPTER, MONTH);
        assertEq(counted, used, "counted");
    }

    function test_quotaIsOfTheMonthInBeijing() public {
        _fund(alice, 1_000_000);
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 1), Reason.QUOTA_EXCEEDED);
        vm.prank(issuer);
        credit.setQuota(CHAPTER, 202_611, 5);
        vm.warp(1_793_462_399); // the last second of October in Beijing
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 1), Reason.QUOTA_EXCEEDED);
        vm.warp(1_793_462_400);
        _fund(alice, 5);
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 1), Reason.QUOTA_EXCEEDED);
    }

    function test_quotaIsOfTheReceiversChapter() public {
        address carol = account("carol");
        _register(carol, 1, 1, OTHER_CHAPTER, LOG);
        _expectRefused(_op(Kind.ISSUE, address(0), carol, 1), Reason.QUOTA_EXCEEDED);
    }

    function test_loweredQuotaStopsIssues() public {
        _fund(alice, 10);
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, 9);
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 1), Reason.QUOTA_EXCEEDED);
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, 11);
        _fund(alice, 1);
    }

    function test_supplyNeverExceedsItsLimit() public {
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, type(uint64).max);
        _fund(alice, (1 << 63) - 1);
        _expectRefused(_op(Kind.ISSUE, address(0), bob, 1), Reason.QUOTA_EXCEEDED);
        _expectDone(_op(Kind.TRANSFER, alice, bob, (1 << 63) - 1), (1 << 63) - 1);
        assertEq(credit.balanceOf(bob), (1 << 63) - 1, "the largest balance");
    }

    function test_onlyMembersAndPoolsAreIssuedTo() public {
        _register(account("system"), 4, 1);
        _expectRefused(_op(Kind.ISSUE, address(0), shop, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.ISSUE, address(0), account("system"), 1), Reason.WRONG_PARTIES);
        _fund(pool, 1);
    }

    function test_issueToBlockedReceiver() public {
        _setRights(alice, true, false);
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 1), Reason.RECEIVER_BLOCKED);
    }

    // --- transfer and redeem ---------------------------------------------------------------------------------

    function testFuzz_transferMovesExactlyTheAmount(uint128 funds, uint128 amount) public {
        funds = uint128(bound(funds, 1, 1_000_000));
        amount = uint128(bound(amount, 1, 1_000_001));
        _fund(alice, funds);
        Outcome memory outcome = _run(_op(Kind.TRANSFER, alice, bob, amount));
        assertEq(outcome.reason, amount <= funds ? 0 : Reason.INSUFFICIENT_BALANCE, "reason");
        uint256 moved = amount <= funds ? amount : 0;
        assertEq(outcome.moved, moved, "moved");
        assertEq(credit.balanceOf(alice), funds - moved, "alice");
        assertEq(credit.balanceOf(bob), moved, "bob");
        assertEq(credit.totalSupply(), funds, "supply");
    }

    function test_sendAndReceiveAreSeparateRights() public {
        _fund(alice, 10);
        _fund(bob, 10);
        _setRights(alice, false, true);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 1), Reason.SENDER_BLOCKED);
        _expectDone(_op(Kind.TRANSFER, bob, alice, 1), 1);
        _setRights(alice, true, false);
        _expectRefused(_op(Kind.TRANSFER, bob, alice, 1), Reason.RECEIVER_BLOCKED);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 1), 1);
        _setRights(alice, false, false);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 1), Reason.SENDER_BLOCKED);
        _expectRefused(_op(Kind.REDEEM, alice, shop, 1), Reason.SENDER_BLOCKED);
    }

    function test_redeemGoesToMerchantsOnly() public {
        _fund(alice, 10);
        _expectRefused(_op(Kind.REDEEM, alice, bob, 1), Reason.WRONG_PARTIES);
        _expectRefused(_op(Kind.REDEEM, alice, pool, 1), Reason.WRONG_PARTIES);
        _expectDone(_op(Kind.REDEEM, alice, shop, 10), 10);
        assertEq(credit.balanceOf(shop), 10, "one to one");
        assertEq(credit.totalSupply(), 10, "redeeming burns nothing");
    }

    function test_dailyCapOfCustodialMembers() public {
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, 100);
        _fund(alice, 500);
        _fund(pool, 500);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 60), 60);
        _expectRefused(_op(Kind.REDEEM, alice, shop, 41), Reason.DAILY_CAP_EXCEEDED);
        _expectDone(_op(Kind.REDEEM, alice, shop, 40), 40);
        assertEq(credit.spentToday(alice), 100, "spent");
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 1), Reason.DAILY_CAP_EXCEEDED);
        _expectDone(_op(Kind.BURN, alice, address(0), 1), 1);
        _expectDone(_op(Kind.TRANSFER, pool, bob, 400), 400);
        vm.warp(1_791_647_999); // 23:59:59 in Beijing
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 1), Reason.DAILY_CAP_EXCEEDED);
        vm.warp(1_791_648_000);
        assertEq(credit.spentToday(alice), 0, "a new day");
        _expectDone(_op(Kind.TRANSFER, alice, bob, 100), 100);
    }

    function test_dailyCapCountsWhatWasSpentBeforeItWasSet() public {
        _fund(alice, 500);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 60), 60);
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, 100);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 41), Reason.DAILY_CAP_EXCEEDED);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 40), 40);
    }

    /// @dev A day's counter stops at its largest value instead of starting over.
    function test_dailyCounterSaturates() public {
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, type(uint64).max);
        _fund(alice, 1 << 50);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 1 << 49), 1 << 49);
        assertEq(credit.spentToday(alice), type(uint40).max, "saturated");
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, type(uint40).max - 1);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 1), Reason.DAILY_CAP_EXCEEDED);
    }

    function test_holdingCapOfMembers() public {
        vm.prank(hq);
        credit.setHoldingCap(CHAPTER, 100);
        _expectRefused(_op(Kind.ISSUE, address(0), alice, 101), Reason.HOLDING_CAP_EXCEEDED);
        _fund(alice, 100);
        _fund(pool, 1000);
        _fund(bob, 60);
        _expectRefused(_op(Kind.TRANSFER, alice, bob, 41), Reason.HOLDING_CAP_EXCEEDED);
        _expectDone(_op(Kind.TRANSFER, alice, bob, 40), 40);
        _expectDone(_op(Kind.REDEEM, bob, shop, 100), 100);
        assertEq(credit.balanceOf(shop), 100, "merchants have no cap");
    }

    // --- burn ------------------------------------------------------------------------------------------------

    function test_burn() public {
        _fund(alice, 10);
        _expectRefused(_op(Kind.BURN, alice, address(0), 11), Reason.INSUFFICIENT_BALANCE);
        _setRights(alice, false, false);
        _expectDone(_op(Kind.BURN, alice, address(0), 4), 4);
        assertEq(credit.balanceOf(alice), 6, "balance");
        assertEq(credit.totalSupply(), 6, "supply");
    }

    // --- self-custody ----------------------------------------------------------------------------------------

    function _signed(address to, uint128 amount, bytes32 nonce)
        private
        returns (Operation memory op, bytes memory evidence)
    {
        op = _op(Kind.TRANSFER, holder, to, amount);
        evidence = _authorize(op, HOLDER_KEY, nonce);
    }

    function test_authorizationDigestIsThatOfEip712() public view {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "TransferAuthorization(uint8 kind,address from,address to,uint128 amount,bytes32 nonce,uint64 validBefore)"
                ),
                uint8(2),
                holder,
                bob,
                uint128(5),
                ORDER,
                uint64(7)
            )
        );
        assertEq(
            credit.authorizationDigest(2, holder, bob, 5, ORDER, 7),
            _typedDigest("Tongyi TimeCredit", address(credit), structHash),
            "digest"
        );
    }

    function test_authorizedTransfer() public {
        _fund(holder, 10);
        (Operation memory op, bytes memory evidence) = _signed(bob, 4, "n1");
        assertEq(_run(op, evidence).moved, 4, "moved");
        assertTrue(credit.isNonceUsed(holder, "n1"), "the nonce is used up");
        assertEq(credit.spentToday(holder), 0, "no daily cap for self-custody");
    }

    function test_rule_21_authorizationActsOnce() public {
        _fund(holder, 10);
        (Operation memory op, bytes memory evidence) = _signed(bob, 4, "n1");
        _run(op, evidence);
        Operation memory again = _op(Kind.TRANSFER, holder, bob, 4);
        again.ref = op.ref;
        assertEq(_run(again, evidence).reason, Reason.BAD_AUTHORIZATION, "reason");
        assertEq(credit.balanceOf(bob), 4, "once");
    }

    /// @dev A nonce is used up where its operation is refused for another reason, so it cannot act later.
    function test_refusedAuthorizationIsUsedUp() public {
        (Operation memory op, bytes memory evidence) = _signed(bob, 4, "n1");
        assertEq(_run(op, evidence).reason, Reason.INSUFFICIENT_BALANCE, "no coins yet");
        _fund(holder, 10);
        Operation memory again = _op(Kind.TRANSFER, holder, bob, 4);
        again.ref = op.ref;
        assertEq(_run(again, evidence).reason, Reason.BAD_AUTHORIZATION, "used up");
    }

    /// @dev But not where another log replays it: that would block it at home.
    function test_foreignLogCannotUseUpANonce() public {
        _fund(holder, 10);
        (Operation memory op, bytes memory evidence) = _signed(bob, 4, "n1");
        bytes[] memory list = new bytes[](1);
        list[0] = evidence;
        assertEq(_runIn(OTHER_LOG, op, list).reason, Reason.WRONG_HOME_LOG, "elsewhere");
        assertEq(_run(op, evidence).moved, 4, "at home");
    }

    function test_rule_21_authorizationBindsEveryOperand() public {
        _fund(holder, 10);
        (Operation memory op, bytes memory evidence) = _signed(bob, 4, "n1");
        Operation memory other = _op(Kind.TRANSFER, holder, bob, 5, op.ref);
        assertEq(_run(other, evidence).reason, Reason.BAD_AUTHORIZATION, "amount");
        other = _op(Kind.TRANSFER, holder, alice, 4, op.ref);
        assertEq(_run(other, evidence).reason, Reason.BAD_AUTHORIZATION, "receiver");
        other = _op(Kind.REDEEM, holder, bob, 4, op.ref);
        assertEq(_run(other, evidence).reason, Reason.BAD_AUTHORIZATION, "kind");
        other = _op(Kind.TRANSFER, holder, bob, 4, op.ref);
        other.validUntil = uint64(START + 5);
        assertEq(_run(other, evidence).reason, Reason.BAD_AUTHORIZATION, "expiry");
        other = _op(Kind.TRANSFER, holder, bob, 4);
        assertEq(_run(other, evidence).reason, Reason.BAD_AUTHORIZATION, "reference");
        assertEq(_run(op, evidence).moved, 4, "unharmed");
    }

    /// @dev S2: what a holder signed for another contract or another chain is not signed for this one.
    function test_rule_21_authorizationBindsContractAndChain() public {
        _fund(holder, 10);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "TransferAuthorization(uint8 kind,address from,address to,uint128 amount,bytes32 nonce,uint64 validBefore)"
                ),
                Kind.TRANSFER,
                holder,
                bob,
                uint128(4),
                bytes32("n1"),
                uint64(0)
            )
        );
        bytes32 elsewhere = _typedDigest("Tongyi TimeCredit", address(anchor), structHash);
        Operation memory op = _op(Kind.TRANSFER, holder, bob, 4, elsewhere);
        bytes memory evidence = abi.encode(bytes32("n1"), _sign(HOLDER_KEY, elsewhere));
        assertEq(_run(op, evidence).reason, Reason.BAD_AUTHORIZATION, "contract");
        (op, evidence) = _signed(bob, 4, "n1");
        vm.chainId(31_338);
        assertEq(_run(op, evidence).reason, Reason.BAD_AUTHORIZATION, "chain");
        // The compiler takes the chain id for a constant, so it is written out.
        vm.chainId(31_337);
        assertEq(_run(_again(op), evidence).moved, 4, "the right one");
    }

    function test_wrongSignatures() public {
        _fund(holder, 10);
        Operation memory op = _op(Kind.TRANSFER, holder, bob, 1);
        bytes memory foreign = _authorize(op, 0xbad, "n1");
        assertEq(_run(op, foreign).reason, Reason.BAD_AUTHORIZATION, "another key");
        op = _op(Kind.TRANSFER, holder, bob, 1);
        bytes memory good = _authorize(op, HOLDER_KEY, "n1");
        (, bytes memory signature) = abi.decode(good, (bytes32, bytes));
        bytes32 r;
        bytes32 s;
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        uint8 v = uint8(signature[64]);
        bytes memory high =
            abi.encodePacked(r, bytes32(SECP256K1_N - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        assertEq(_run(op, abi.encode(bytes32("n1"), high)).reason, Reason.BAD_AUTHORIZATION, "high s");
        _expectBad(op, abi.encodePacked(bytes32(0), s, v), "r of 0");
        _expectBad(op, abi.encodePacked(r, bytes32(0), v), "s of 0");
        _expectBad(op, abi.encodePacked(bytes32(SECP256K1_N), s, v), "r of N");
        _expectBad(op, abi.encodePacked(r, bytes32(SECP256K1_N), v), "s of N");
        _expectBad(op, abi.encodePacked(r, bytes32(SECP256K1_N + 1), v), "s beyond N");
        _expectBad(op, abi.encodePacked(r, bytes32(type(uint256).max), v), "the largest s");
        bytes memory short = abi.encodePacked(r, s);
        assertEq(_run(_again(op), abi.encode(bytes32("n1"), short)).reason, Reason.BAD_AUTHORIZATION, "short");
        bytes memory zero = abi.encodePacked(r, s, v - 27);
        assertEq(_run(_again(op), abi.encode(bytes32("n1"), zero)).reason, Reason.BAD_AUTHORIZATION, "v of 0");
        assertEq(_run(_again(op), "").reason, Reason.BAD_AUTHORIZATION, "none");
        assertEq(
            _run(_again(op), abi.encode(bytes32("n2"), signature)).reason, Reason.BAD_AUTHORIZATION, "nonce"
        );
        assertEq(_run(_again(op), good).moved, 1, "the right one");
    }

    function _expectBad(Operation memory op, bytes memory signature, string memory what) private {
        bytes memory evidence = abi.encode(bytes32("n1"), signature);
        assertEq(_run(_again(op), evidence).reason, Reason.BAD_AUTHORIZATION, what);
        assertTrue(!credit.isNonceUsed(holder, "n1"), what);
    }

    /// @dev The same operands and reference in a new leaf.
    function _again(Operation memory op) private returns (Operation memory) {
        return _op(op.kind, op.from, op.to, op.amount, op.ref);
    }

    function test_everyKindOfOwnActNeedsAuthorization() public {
        _fund(holder, 10);
        uint8[4] memory kinds = [Kind.TRANSFER, Kind.REDEEM, Kind.BURN, Kind.LOCK];
        address[4] memory receivers = [bob, shop, address(0), holder];
        for (uint256 i = 0; i < 4; ++i) {
            Operation memory op = _op(kinds[i], holder, receivers[i], 1);
            assertEq(_run(op, "").reason, Reason.BAD_AUTHORIZATION, "without");
            op = _op(kinds[i], holder, receivers[i], 1);
            bytes memory evidence = _authorize(op, HOLDER_KEY, bytes32(i));
            assertEq(_run(op, evidence).moved, 1, "with");
        }
        assertEq(credit.balanceOf(holder), 7, "balance");
        assertEq(credit.lockedOf(holder), 1, "locked");
    }
}
