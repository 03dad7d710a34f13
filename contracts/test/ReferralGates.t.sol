// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoSignature} from "../src/interfaces/ICoSignature.sol";
import {IReferralGates} from "../src/interfaces/IReferralGates.sol";
import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {IRuleBook} from "../src/interfaces/IRuleBook.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Gate} from "../src/libraries/Rules.sol";
import {RuleFixture} from "./support/RuleFixture.sol";

interface IConstants {
    function MAX_DEPTH() external view returns (uint8);
    function MIN_DELAY() external view returns (uint64);
}

contract ReferralGatesTest is RuleFixture {
    uint8 private constant HQ_BIT = 1;
    uint8 private constant REGULATOR_BIT = 13;

    function _refuseAnnounce(address caller, uint8 gate, uint8 value, bytes memory error_) private {
        vm.prank(caller);
        vm.expectRevert(error_);
        rules.announce(gate, value, OPINION);
    }

    function _notApproved(uint8 gate, uint8 value, uint16 kinds) private view returns (bytes memory) {
        bytes32 digest = rules.raiseDigest(gate, value, OPINION);
        return abi.encodeWithSelector(IReferralGates.RaiseNotApproved.selector, digest, kinds);
    }

    function _refuseActivate(uint8 gate, bytes memory error_) private {
        vm.prank(hq);
        vm.expectRevert(error_);
        rules.activate(gate);
    }

    function _missing(address caller, uint8 kind) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRoleGated.MissingRole.selector, caller, kind, uint32(0));
    }

    function test_shipsWithOneLevelAndAllElseOff() public view {
        assertEq(rules.depth(), 1, "depth");
        assertEq(rules.gateValue(Gate.DEPTH), 1, "depth");
        for (uint8 gate = Gate.JOINING_FEE_REFERRAL; gate <= Gate.REFERRAL_DUTY; ++gate) {
            assertEq(rules.gateValue(gate), 0, "off");
        }
        assertEq(IConstants(address(rules)).MAX_DEPTH(), 3, "cap");
        assertEq(IConstants(address(rules)).MIN_DELAY(), 7 days, "least delay");
        assertEq(rules.delay(), DELAY, "delay");
        assertEq(address(rules.coSignature()), address(cosign), "approvals");
    }

    function test_raise() public {
        _approveRaise(hq, Gate.DEPTH, 3);
        _approveRaise(regulator, Gate.DEPTH, 3);
        uint64 readyAt = uint64(START) + DELAY;
        vm.expectEmit();
        emit IReferralGates.ReferralAnnounced(Gate.DEPTH, 3, OPINION, readyAt);
        vm.prank(hq);
        rules.announce(Gate.DEPTH, 3, OPINION);
        assertEq(rules.depth(), 1, "announced is not in force");
        (uint8 value, uint64 ready, uint64 end, bytes32 opinion) = rules.announcementOf(Gate.DEPTH);
        assertTrue(value == 3 && ready == readyAt && end == readyAt + 30 days, "announced");
        assertEq(opinion, OPINION, "opinion");
        vm.warp(readyAt - 1);
        _refuseActivate(
            Gate.DEPTH, abi.encodeWithSelector(IReferralGates.NotReady.selector, 1, readyAt, readyAt - 1)
        );
        vm.warp(readyAt);
        vm.expectEmit();
        emit IReferralGates.ReferralActivated(Gate.DEPTH, 3, OPINION);
        vm.prank(hq);
        rules.activate(Gate.DEPTH);
        assertEq(rules.depth(), 3, "in force");
        (value, ready, end, opinion) = rules.announcementOf(Gate.DEPTH);
        assertTrue(value == 0 && ready == 0 && end == 0 && opinion == 0, "nothing is announced any more");
        _refuseActivate(
            Gate.DEPTH, abi.encodeWithSelector(IReferralGates.NothingAnnounced.selector, Gate.DEPTH)
        );
    }

    function test_nobodyRaisesAlone() public {
        for (uint8 gate = Gate.DEPTH; gate <= Gate.REFERRAL_DUTY; ++gate) {
            uint8 value = gate == Gate.DEPTH ? 2 : 1;
            _refuseAnnounce(hq, gate, value, _notApproved(gate, value, 0));
            _approveRaise(hq, gate, value);
            _refuseAnnounce(hq, gate, value, _notApproved(gate, value, uint16(1) << HQ_BIT));
            _refuseActivate(gate, abi.encodeWithSelector(IReferralGates.NothingAnnounced.selector, gate));
        }
    }

    function test_regulatorDoesNotRaiseAlone() public {
        for (uint8 gate = Gate.DEPTH; gate <= Gate.REFERRAL_DUTY; ++gate) {
            uint8 value = gate == Gate.DEPTH ? 2 : 1;
            _approveRaise(regulator, gate, value);
            _refuseAnnounce(regulator, gate, value, _missing(regulator, Roles.HQ));
            _refuseAnnounce(hq, gate, value, _notApproved(gate, value, uint16(1) << REGULATOR_BIT));
            vm.prank(regulator);
            vm.expectRevert(_missing(regulator, Roles.HQ));
            rules.activate(gate);
        }
    }

    function test_noOtherRoleDoesAnythingHere() public {
        _announce(Gate.DEPTH, 2);
        vm.warp(block.timestamp + DELAY);
        address[6] memory others = [operator, issuer, freezer, recoverer, president, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory missing = _missing(others[i], Roles.HQ);
            _refuseAnnounce(others[i], Gate.DEPTH, 2, missing);
            vm.prank(others[i]);
            vm.expectRevert(missing);
            rules.activate(Gate.DEPTH);
            vm.prank(others[i]);
            vm.expectRevert(missing);
            rules.lower(Gate.DEPTH, 0);
            vm.prank(others[i]);
            vm.expectRevert(missing);
            rules.withdraw(Gate.DEPTH);
        }
        _refuseAnnounce(address(this), Gate.DEPTH, 2, _missing(address(this), Roles.HQ));
        assertEq(rules.depth(), 1, "depth");
    }

    function test_aWeakPolicyIsNotEnough() public {
        // HQ registers policies, so it could have registered a policy without the regulator first.
        roles.grantRole(Roles.id(Roles.PRESIDENT, 0), stranger, 0);
        cosign = _freshCoSignature();
        rules = _freshRules(DELAY);
        _policy(REFERRAL, Roles.HQ, Roles.PRESIDENT);
        _approveRaise(hq, Gate.DEPTH, 2);
        _approveRaise(stranger, Gate.DEPTH, 2);
        bytes32 digest = rules.raiseDigest(Gate.DEPTH, 2, OPINION);
        assertTrue(cosign.isApproved(REFERRAL, 0, digest), "the policy is fulfilled");
        uint16 kinds = (uint16(1) << HQ_BIT) | (uint16(1) << Roles.PRESIDENT);
        _refuseAnnounce(hq, Gate.DEPTH, 2, _notApproved(Gate.DEPTH, 2, kinds));
    }

    function test_aStrongerPolicyCounts() public {
        cosign = _freshCoSignature();
        rules = _freshRules(DELAY);
        uint8[] memory kinds = new uint8[](3);
        (kinds[0], kinds[1], kinds[2]) = (Roles.HQ, Roles.AUDITOR, Roles.REGULATOR);
        vm.prank(hq);
        cosign.registerPolicy(REFERRAL, kinds, 3);
        _approveRaise(hq, Gate.DEPTH, 2);
        _approveRaise(regulator, Gate.DEPTH, 2);
        uint16 two = (uint16(1) << HQ_BIT) | (uint16(1) << REGULATOR_BIT);
        _refuseAnnounce(hq, Gate.DEPTH, 2, _notApproved(Gate.DEPTH, 2, two));
        _grant(Roles.AUDITOR, 0, stranger);
        _approveRaise(stranger, Gate.DEPTH, 2);
        vm.prank(hq);
        rules.announce(Gate.DEPTH, 2, OPINION);
    }

    function test_approvalsBindEveryOperand() public {
        _approveRaise(hq, Gate.DEPTH, 2);
        _approveRaise(regulator, Gate.DEPTH, 2);
        _refuseAnnounce(hq, Gate.DEPTH, 3, _notApproved(Gate.DEPTH, 3, 0));
        _refuseAnnounce(hq, Gate.FEE_WAIVER, 1, _notApproved(Gate.FEE_WAIVER, 1, 0));
        bytes32 other = rules.raiseDigest(Gate.DEPTH, 2, ORDER);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IReferralGates.RaiseNotApproved.selector, other, uint16(0)));
        rules.announce(Gate.DEPTH, 2, ORDER);
        assertEq(
            rules.raiseDigest(Gate.DEPTH, 2, OPINION),
            keccak256(abi.encode(address(rules), Gate.DEPTH, uint8(2), OPINION, uint32(0))),
            "digest"
        );
    }

    function test_approvalsActOnce() public {
        _raise(Gate.DEPTH, 2);
        assertEq(rules.changesOf(Gate.DEPTH), 1, "changes");
        vm.prank(hq);
        rules.lower(Gate.DEPTH, 1);
        assertEq(rules.changesOf(Gate.DEPTH), 2, "changes");
        _refuseAnnounce(hq, Gate.DEPTH, 2, _notApproved(Gate.DEPTH, 2, 0));
        _announce(Gate.DEPTH, 2);
        vm.prank(hq);
        rules.withdraw(Gate.DEPTH);
        assertEq(rules.changesOf(Gate.DEPTH), 4, "changes");
        _refuseAnnounce(hq, Gate.DEPTH, 2, _notApproved(Gate.DEPTH, 2, 0));
    }

    function test_valuesHaveLimits() public {
        bytes4 error_ = IReferralGates.RaiseOutOfRange.selector;
        _refuseAnnounce(hq, Gate.DEPTH, 4, abi.encodeWithSelector(error_, Gate.DEPTH, 1, 4, 3));
        _refuseAnnounce(hq, Gate.DEPTH, 1, abi.encodeWithSelector(error_, Gate.DEPTH, 1, 1, 3));
        _refuseAnnounce(hq, Gate.DEPTH, 0, abi.encodeWithSelector(error_, Gate.DEPTH, 1, 0, 3));
        _refuseAnnounce(hq, Gate.FEE_WAIVER, 2, abi.encodeWithSelector(error_, Gate.FEE_WAIVER, 0, 2, 1));
        _refuseAnnounce(hq, 0, 1, abi.encodeWithSelector(IReferralGates.UnknownGate.selector, 0));
        _refuseAnnounce(hq, 5, 1, abi.encodeWithSelector(IReferralGates.UnknownGate.selector, 5));
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IReferralGates.ZeroOpinion.selector, Gate.DEPTH));
        rules.announce(Gate.DEPTH, 2, 0);
    }

    function test_announcementsDoNotWaitForEver() public {
        _announce(Gate.REFERRAL_DUTY, 1);
        uint64 end = uint64(START) + DELAY + 30 days;
        vm.warp(end);
        _refuseActivate(
            Gate.REFERRAL_DUTY,
            abi.encodeWithSelector(IReferralGates.AnnouncementOver.selector, Gate.REFERRAL_DUTY, end, end)
        );
        vm.warp(end - 1);
        vm.prank(hq);
        rules.activate(Gate.REFERRAL_DUTY);
        assertEq(rules.gateValue(Gate.REFERRAL_DUTY), 1, "to the last second");
    }

    function test_aNewAnnouncementTakesThePlaceOfTheOld() public {
        _announce(Gate.DEPTH, 2);
        vm.warp(block.timestamp + DELAY);
        _announce(Gate.DEPTH, 3);
        uint64 readyAt = uint64(block.timestamp) + DELAY;
        _refuseActivate(
            Gate.DEPTH,
            abi.encodeWithSelector(IReferralGates.NotReady.selector, Gate.DEPTH, readyAt, block.timestamp)
        );
        vm.warp(readyAt);
        vm.prank(hq);
        rules.activate(Gate.DEPTH);
        assertEq(rules.depth(), 3, "the new one");
    }

    function test_loweringIsImmediateAndDropsWhatIsAnnounced() public {
        _raise(Gate.DEPTH, 2);
        _announce(Gate.DEPTH, 3);
        vm.expectEmit();
        emit IReferralGates.ReferralLowered(Gate.DEPTH, 1, 2);
        vm.prank(hq);
        rules.lower(Gate.DEPTH, 1);
        assertEq(rules.depth(), 1, "at once");
        vm.warp(block.timestamp + DELAY);
        _refuseActivate(
            Gate.DEPTH, abi.encodeWithSelector(IReferralGates.NothingAnnounced.selector, Gate.DEPTH)
        );
        vm.prank(regulator);
        rules.lower(Gate.DEPTH, 0);
        assertEq(rules.depth(), 0, "by the regulator, to nothing");
        _refuseAnnounce(hq, Gate.DEPTH, 1, _notApproved(Gate.DEPTH, 1, 0));
    }

    function test_lowerRefusals() public {
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IReferralGates.NotLower.selector, Gate.DEPTH, 1, 1));
        rules.lower(Gate.DEPTH, 1);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IReferralGates.NotLower.selector, Gate.DEPTH, 1, 3));
        rules.lower(Gate.DEPTH, 3);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IReferralGates.NotLower.selector, Gate.FEE_WAIVER, 0, 0));
        rules.lower(Gate.FEE_WAIVER, 0);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IReferralGates.UnknownGate.selector, 7));
        rules.lower(7, 0);
    }

    function test_withdraw() public {
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IReferralGates.NothingAnnounced.selector, Gate.FEE_WAIVER));
        rules.withdraw(Gate.FEE_WAIVER);
        _announce(Gate.FEE_WAIVER, 1);
        vm.expectEmit();
        emit IReferralGates.ReferralWithdrawn(Gate.FEE_WAIVER, 1);
        vm.prank(regulator);
        rules.withdraw(Gate.FEE_WAIVER);
        vm.warp(block.timestamp + DELAY);
        _refuseActivate(
            Gate.FEE_WAIVER, abi.encodeWithSelector(IReferralGates.NothingAnnounced.selector, Gate.FEE_WAIVER)
        );
    }

    function test_viewsRefuseUnknownGates() public {
        bytes memory unknown = abi.encodeWithSelector(IReferralGates.UnknownGate.selector, 9);
        vm.expectRevert(unknown);
        rules.gateValue(9);
        vm.expectRevert(unknown);
        rules.announcementOf(9);
        vm.expectRevert(unknown);
        rules.changesOf(9);
        vm.expectRevert(unknown);
        rules.raiseDigest(9, 1, OPINION);
    }

    function test_delayHasItsLimits() public {
        _refuseDelay(
            7 days - 1, abi.encodeWithSelector(IReferralGates.DelayTooShort.selector, 7 days - 1, 7 days)
        );
        _refuseDelay(
            3650 days + 1,
            abi.encodeWithSelector(IReferralGates.DelayTooLong.selector, 3650 days + 1, 3650 days)
        );
        assertEq(_freshRules(7 days).delay(), 7 days, "the least");
    }

    function _refuseDelay(uint64 delay, bytes memory error_) private {
        bytes memory code =
            abi.encodePacked(vm.getCode("RuleBook.sol:RuleBook"), abi.encode(roles, cosign, delay));
        vm.expectRevert(error_);
        assembly ("memory-safe") {
            pop(create(0, add(code, 32), mload(code)))
        }
    }

    function _freshCoSignature() private returns (ICoSignature) {
        return ICoSignature(deploy("CoSignature.sol:CoSignature", abi.encode(roles)));
    }

    function _freshRules(uint64 delay) private returns (IRuleBook) {
        return IRuleBook(deploy("RuleBook.sol:RuleBook", abi.encode(roles, cosign, delay)));
    }
}
