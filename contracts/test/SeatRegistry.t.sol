// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoSignature} from "../src/interfaces/ICoSignature.sol";
import {IMembership} from "../src/interfaces/IMembership.sol";
import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {ISeatRegistry} from "../src/interfaces/ISeatRegistry.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {SeatAction} from "../src/libraries/Rules.sol";
import {RuleFixture} from "./support/RuleFixture.sol";

contract SeatRegistryTest is RuleFixture {
    uint64 private constant UNTIL = uint64(START) + 90 days;

    address private immutable rival = account("rival");
    address private immutable elsewhere = account("elsewhere");
    address private immutable heir = account("heir");

    function setUp() public override {
        super.setUp();
        _register(rival, 2, 1);
        _register(elsewhere, 2, 1, OTHER_CHAPTER, OTHER_LOG);
    }

    function _refuseGrant(
        uint32 chapter,
        bytes32 industry,
        address merchant,
        bytes32 certificate,
        uint64 until,
        bytes memory error_
    ) private {
        vm.prank(operator);
        vm.expectRevert(error_);
        seats.grant(chapter, industry, merchant, certificate, until);
    }

    function _refuseGrantTo(bytes32 industry, address merchant, bytes memory error_) private {
        _refuseGrant(CHAPTER, industry, merchant, CERTIFICATE, UNTIL, error_);
    }

    function _renew(bytes32 industry, uint64 until) private {
        vm.prank(operator);
        seats.renew(CHAPTER, industry, CERTIFICATE, until);
    }

    function _release(bytes32 industry) private {
        vm.prank(operator);
        seats.release(CHAPTER, industry, REASON, ORDER);
    }

    function _recover(address from, address to) private {
        vm.prank(recoverer);
        membership.recover(from, to, ORDER);
    }

    function _approveSeat(uint8 action, address merchant, bytes32 certificate, uint64 until) private {
        bytes32 digest = seats.approvalDigest(action, CHAPTER, BAKERY, merchant, certificate, until);
        vm.prank(president);
        cosign.approve(SEAT, CHAPTER, digest);
        vm.prank(secretary);
        cosign.approve(SEAT, CHAPTER, digest);
    }

    function _digest(uint8 action, address merchant, uint64 until, uint32 term)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(address(seats), action, CHAPTER, BAKERY, merchant, CERTIFICATE, until, term)
        );
    }

    function _assertSeat(address merchant, uint64 until, uint32 term, bytes32 certificate) private view {
        (address gotMerchant, uint64 gotUntil, uint32 gotTerm, bytes32 gotCertificate) =
            seats.seatOf(CHAPTER, BAKERY);
        assertEq(gotMerchant, merchant, "merchant");
        assertEq(gotUntil, until, "until");
        assertEq(gotTerm, term, "term");
        assertEq(gotCertificate, certificate, "certificate");
    }

    function test_grant() public {
        vm.expectEmit();
        emit ISeatRegistry.SeatGranted(CHAPTER, BAKERY, shop, CERTIFICATE, UNTIL, 1);
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        assertEq(seats.holderOf(CHAPTER, BAKERY), shop, "holder");
        assertEq(seats.industryOf(CHAPTER, shop), BAKERY, "industry");
        _assertSeat(shop, UNTIL, 1, CERTIFICATE);
        assertEq(seats.holderOf(OTHER_CHAPTER, BAKERY), address(0), "another chapter");
        assertEq(seats.holderOf(CHAPTER, HAIR), address(0), "another industry");
        assertEq(seats.industryOf(OTHER_CHAPTER, shop), 0, "not in another chapter");
        assertEq(seats.industryOf(CHAPTER, rival), 0, "not another merchant");
        assertEq(seats.industryOf(CHAPTER, stranger), 0, "no account");
    }

    function test_eachChapterHasItsSeat() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        _grantSeat(OTHER_CHAPTER, BAKERY, elsewhere, UNTIL);
        assertEq(seats.holderOf(CHAPTER, BAKERY), shop, "first");
        assertEq(seats.holderOf(OTHER_CHAPTER, BAKERY), elsewhere, "second");
    }

    function test_twoNeverHoldOneSeat() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        bytes memory taken =
            abi.encodeWithSelector(ISeatRegistry.SeatTaken.selector, CHAPTER, BAKERY, shop, UNTIL);
        _refuseGrantTo(BAKERY, rival, taken);
        _refuseGrantTo(BAKERY, shop, taken);
        vm.warp(UNTIL - 1);
        _refuseGrant(CHAPTER, BAKERY, rival, CERTIFICATE, UNTIL + 1, taken);
        assertEq(seats.holderOf(CHAPTER, BAKERY), shop, "to the last second");
    }

    function test_oneHolderHasOneSeat() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        _refuseGrantTo(
            HAIR, shop, abi.encodeWithSelector(ISeatRegistry.MerchantHasSeat.selector, shop, BAKERY, UNTIL)
        );
        _recover(shop, heir);
        _refuseGrantTo(
            HAIR, heir, abi.encodeWithSelector(ISeatRegistry.MerchantHasSeat.selector, heir, BAKERY, UNTIL)
        );
    }

    function test_expiresAtUntil() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        vm.warp(UNTIL);
        assertEq(seats.holderOf(CHAPTER, BAKERY), address(0), "nobody");
        assertEq(seats.industryOf(CHAPTER, shop), 0, "no seat");
        _assertSeat(shop, UNTIL, 1, CERTIFICATE);
        vm.expectEmit();
        emit ISeatRegistry.SeatLapsed(CHAPTER, BAKERY, shop, UNTIL);
        vm.expectEmit();
        emit ISeatRegistry.SeatGranted(CHAPTER, BAKERY, rival, CERTIFICATE, UNTIL + 1, 2);
        _grantSeat(CHAPTER, BAKERY, rival, UNTIL + 1);
        assertEq(seats.holderOf(CHAPTER, BAKERY), rival, "the new one");
    }

    function test_grantClearsTheMerchantsEndedSeat() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        _grantSeat(CHAPTER, HAIR, rival, UNTIL - 1);
        vm.warp(UNTIL);
        vm.expectEmit();
        emit ISeatRegistry.SeatLapsed(CHAPTER, HAIR, rival, UNTIL - 1);
        vm.expectEmit();
        emit ISeatRegistry.SeatLapsed(CHAPTER, BAKERY, shop, UNTIL);
        vm.expectEmit();
        emit ISeatRegistry.SeatGranted(CHAPTER, HAIR, shop, CERTIFICATE, UNTIL + 1, 2);
        _grantSeat(CHAPTER, HAIR, shop, UNTIL + 1);
        _assertSeat(address(0), 0, 1, 0);
        _grantSeat(CHAPTER, BAKERY, rival, UNTIL + 1);
        assertEq(seats.industryOf(CHAPTER, rival), BAKERY, "both can go on");
        assertEq(seats.industryOf(CHAPTER, shop), HAIR, "both can go on");
    }

    function test_grantRefusals() public {
        vm.prank(president);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, president, Roles.OPERATOR, CHAPTER)
        );
        seats.grant(CHAPTER, BAKERY, shop, CERTIFICATE, UNTIL);
        bytes memory invalid = abi.encodeWithSelector(ISeatRegistry.InvalidSeat.selector, uint32(0), BAKERY);
        _refuseGrant(0, BAKERY, shop, CERTIFICATE, UNTIL, invalid);
        invalid = abi.encodeWithSelector(ISeatRegistry.InvalidSeat.selector, CHAPTER, bytes32(0));
        _refuseGrant(CHAPTER, 0, shop, CERTIFICATE, UNTIL, invalid);
        invalid = abi.encodeWithSelector(ISeatRegistry.ZeroCertificate.selector, CHAPTER, BAKERY);
        _refuseGrant(CHAPTER, BAKERY, shop, 0, UNTIL, invalid);
        invalid = abi.encodeWithSelector(ISeatRegistry.UntilNotInFuture.selector, uint64(START), START);
        _refuseGrant(CHAPTER, BAKERY, shop, CERTIFICATE, uint64(START), invalid);
    }

    function test_onlyMerchantsOfTheChapter() public {
        _refuseGrantTo(BAKERY, stranger, abi.encodeWithSelector(IMembership.NotRegistered.selector, stranger));
        _refuseGrantTo(
            BAKERY,
            alice,
            abi.encodeWithSelector(ISeatRegistry.NotAMerchant.selector, alice, uint8(1), CHAPTER)
        );
        _refuseGrantTo(
            BAKERY,
            elsewhere,
            abi.encodeWithSelector(ISeatRegistry.NotAMerchant.selector, elsewhere, uint8(2), OTHER_CHAPTER)
        );
        _recover(shop, heir);
        _refuseGrantTo(
            BAKERY, shop, abi.encodeWithSelector(ISeatRegistry.MerchantRetired.selector, shop, heir)
        );
        _grantSeat(CHAPTER, BAKERY, heir, UNTIL);
        assertEq(seats.holderOf(CHAPTER, BAKERY), heir, "the successor can");
    }

    function test_operatorsActInTheirChapter() public {
        _grant(Roles.OPERATOR, OTHER_CHAPTER, stranger);
        bytes memory missing =
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.OPERATOR, CHAPTER);
        vm.prank(stranger);
        vm.expectRevert(missing);
        seats.grant(CHAPTER, BAKERY, shop, CERTIFICATE, UNTIL);
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        vm.prank(stranger);
        vm.expectRevert(missing);
        seats.renew(CHAPTER, BAKERY, CERTIFICATE, UNTIL + 1);
        vm.prank(stranger);
        vm.expectRevert(missing);
        seats.release(CHAPTER, BAKERY, REASON, ORDER);
        vm.prank(stranger);
        seats.grant(OTHER_CHAPTER, BAKERY, elsewhere, CERTIFICATE, UNTIL);
        assertEq(seats.holderOf(OTHER_CHAPTER, BAKERY), elsewhere, "in their own they do");
    }

    function test_renew() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        vm.expectEmit();
        emit ISeatRegistry.SeatRenewed(CHAPTER, BAKERY, shop, ORDER, UNTIL + 1, 2);
        vm.prank(operator);
        seats.renew(CHAPTER, BAKERY, ORDER, UNTIL + 1);
        _assertSeat(shop, UNTIL + 1, 2, ORDER);
        vm.warp(UNTIL);
        assertEq(seats.holderOf(CHAPTER, BAKERY), shop, "goes on");
    }

    function test_renewRefusals() public {
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.SeatVacant.selector, CHAPTER, BAKERY));
        _renewAsOperator(CERTIFICATE, UNTIL);
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.TermNotLonger.selector, UNTIL, UNTIL));
        _renewAsOperator(CERTIFICATE, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.ZeroCertificate.selector, CHAPTER, BAKERY));
        _renewAsOperator(0, UNTIL + 1);
        vm.warp(UNTIL);
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.SeatExpired.selector, CHAPTER, BAKERY, UNTIL));
        _renewAsOperator(CERTIFICATE, UNTIL + 1);
    }

    function _renewAsOperator(bytes32 certificate, uint64 until) private {
        vm.prank(operator);
        seats.renew(CHAPTER, BAKERY, certificate, until);
    }

    function test_release() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        vm.expectEmit();
        emit ISeatRegistry.SeatReleased(CHAPTER, BAKERY, shop, REASON, ORDER);
        _release(BAKERY);
        assertEq(seats.holderOf(CHAPTER, BAKERY), address(0), "nobody");
        assertEq(seats.industryOf(CHAPTER, shop), 0, "no seat");
        _assertSeat(address(0), 0, 1, 0);
        _grantSeat(CHAPTER, HAIR, shop, UNTIL);
        _grantSeat(CHAPTER, BAKERY, rival, UNTIL);
        assertEq(seats.holderOf(CHAPTER, BAKERY), rival, "free for another");
    }

    function test_releaseRefusals() public {
        bytes memory vacant = abi.encodeWithSelector(ISeatRegistry.SeatVacant.selector, CHAPTER, BAKERY);
        vm.prank(operator);
        vm.expectRevert(vacant);
        seats.release(CHAPTER, BAKERY, REASON, ORDER);
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.ZeroReason.selector, CHAPTER, BAKERY));
        seats.release(CHAPTER, BAKERY, 0, ORDER);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.ZeroOrder.selector, CHAPTER, BAKERY));
        seats.release(CHAPTER, BAKERY, REASON, 0);
        vm.warp(UNTIL);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.SeatExpired.selector, CHAPTER, BAKERY, UNTIL));
        seats.release(CHAPTER, BAKERY, REASON, ORDER);
    }

    function test_seatFollowsRecovery() public {
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        _recover(shop, heir);
        assertEq(seats.holderOf(CHAPTER, BAKERY), heir, "holder");
        assertEq(seats.industryOf(CHAPTER, heir), BAKERY, "industry");
        _recover(heir, account("second heir"));
        assertEq(seats.holderOf(CHAPTER, BAKERY), account("second heir"), "holder after two");
        vm.expectEmit();
        emit ISeatRegistry.SeatRenewed(CHAPTER, BAKERY, account("second heir"), CERTIFICATE, UNTIL + 1, 2);
        _renew(BAKERY, UNTIL + 1);
        _assertSeat(account("second heir"), UNTIL + 1, 2, CERTIFICATE);
        _release(BAKERY);
        _grantSeat(CHAPTER, HAIR, account("second heir"), UNTIL);
    }

    function test_policyDemandsApprovals() public {
        _policy(SEAT, Roles.PRESIDENT, Roles.SECRETARY);
        bytes32 digest = _digest(SeatAction.GRANT, shop, UNTIL, 0);
        assertEq(
            seats.approvalDigest(SeatAction.GRANT, CHAPTER, BAKERY, shop, CERTIFICATE, UNTIL),
            digest,
            "digest"
        );
        bytes memory refused = abi.encodeWithSelector(ISeatRegistry.SeatNotApproved.selector, CHAPTER, digest);
        _refuseGrantTo(BAKERY, shop, refused);
        vm.prank(president);
        cosign.approve(SEAT, CHAPTER, digest);
        _refuseGrantTo(BAKERY, shop, refused);
        vm.prank(secretary);
        cosign.approve(SEAT, CHAPTER, digest);
        _refuseGrantTo(
            BAKERY,
            rival,
            abi.encodeWithSelector(
                ISeatRegistry.SeatNotApproved.selector, CHAPTER, _digest(SeatAction.GRANT, rival, UNTIL, 0)
            )
        );
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        assertEq(seats.holderOf(CHAPTER, BAKERY), shop, "holder");
    }

    function test_approvalsActOnce() public {
        _policy(SEAT, Roles.PRESIDENT, Roles.SECRETARY);
        _approveSeat(SeatAction.GRANT, shop, CERTIFICATE, UNTIL);
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        _release(BAKERY);
        _refuseGrantTo(
            BAKERY,
            shop,
            abi.encodeWithSelector(
                ISeatRegistry.SeatNotApproved.selector, CHAPTER, _digest(SeatAction.GRANT, shop, UNTIL, 1)
            )
        );
    }

    function test_renewalNeedsItsOwnApproval() public {
        _policy(SEAT, Roles.PRESIDENT, Roles.SECRETARY);
        _approveSeat(SeatAction.GRANT, shop, CERTIFICATE, UNTIL);
        _grantSeat(CHAPTER, BAKERY, shop, UNTIL);
        _approveSeat(SeatAction.GRANT, shop, CERTIFICATE, UNTIL + 1);
        bytes32 digest = _digest(SeatAction.RENEW, shop, UNTIL + 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ISeatRegistry.SeatNotApproved.selector, CHAPTER, digest));
        _renewAsOperator(CERTIFICATE, UNTIL + 1);
        _approveSeat(SeatAction.RENEW, shop, CERTIFICATE, UNTIL + 1);
        _renew(BAKERY, UNTIL + 1);
        _assertSeat(shop, UNTIL + 1, 2, CERTIFICATE);
    }

    function test_officersCannotGrantAlone() public {
        _policy(SEAT, Roles.PRESIDENT, Roles.SECRETARY);
        _approveSeat(SeatAction.GRANT, shop, CERTIFICATE, UNTIL);
        vm.prank(president);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, president, Roles.OPERATOR, CHAPTER)
        );
        seats.grant(CHAPTER, BAKERY, shop, CERTIFICATE, UNTIL);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ICoSignature.NotAnApprover.selector, operator, SEAT, CHAPTER));
        cosign.approve(SEAT, CHAPTER, OPINION);
    }

    function testFuzz_heldExactlyBeforeUntil(uint64 until, uint64 time) public {
        until = uint64(bound(until, START + 1, type(uint64).max));
        time = uint64(bound(time, START, type(uint64).max));
        _grantSeat(CHAPTER, BAKERY, shop, until);
        vm.warp(time);
        assertEq(seats.holderOf(CHAPTER, BAKERY), time < until ? shop : address(0), "holder");
        assertEq(seats.industryOf(CHAPTER, shop), time < until ? BAKERY : bytes32(0), "industry");
    }
}
