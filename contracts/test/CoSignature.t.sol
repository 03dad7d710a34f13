// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoSignature} from "../src/interfaces/ICoSignature.sol";
import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Fixture} from "./support/Fixture.sol";

contract CoSignatureTest is Fixture {
    bytes32 private constant POLICY = keccak256("policy");
    bytes32 private constant DIGEST = keccak256("digest");

    function _kinds(uint8 first, uint8 second, uint8 third) private pure returns (uint8[] memory kinds) {
        kinds = new uint8[](3);
        (kinds[0], kinds[1], kinds[2]) = (first, second, third);
    }

    function _refusePolicy(bytes32 policy, uint8[] memory kinds, uint8 threshold) private {
        vm.prank(hq);
        vm.expectRevert(
            abi.encodeWithSelector(ICoSignature.InvalidPolicy.selector, policy, kinds.length, threshold)
        );
        cosign.registerPolicy(policy, kinds, threshold);
    }

    function _open() private {
        vm.prank(hq);
        cosign.registerPolicy(POLICY, _kinds(1, 3, 4), 2);
    }

    function _approveAs(address officer, uint32 chapter) private {
        vm.prank(officer);
        cosign.approve(POLICY, chapter, DIGEST);
    }

    function _refuse(address officer, uint32 chapter) private {
        vm.prank(officer);
        vm.expectRevert(abi.encodeWithSelector(ICoSignature.NotAnApprover.selector, officer, POLICY, chapter));
        cosign.approve(POLICY, chapter, DIGEST);
    }

    function test_registerPolicy() public {
        vm.expectEmit();
        emit ICoSignature.PolicyRegistered(POLICY, _kinds(1, 3, 4), 2);
        _open();
        (uint16 kinds, uint8 threshold) = cosign.policyOf(POLICY);
        assertEq(kinds, (1 << 1) | (1 << 3) | (1 << 4), "kinds");
        assertEq(threshold, 2, "threshold");
    }

    function test_policiesNeverChange() public {
        _open();
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(ICoSignature.PolicyExists.selector, POLICY));
        cosign.registerPolicy(POLICY, _kinds(1, 3, 4), 3);
    }

    function test_registerPolicyRefusals() public {
        _refusePolicy(0, _kinds(1, 3, 4), 2);
        _refusePolicy(POLICY, _kinds(1, 3, 4), 1);
        _refusePolicy(POLICY, _kinds(1, 3, 4), 4);
        _refusePolicy(POLICY, _kinds(3, 1, 4), 2);
        _refusePolicy(POLICY, _kinds(1, 3, 3), 2);
        _refusePolicy(POLICY, _kinds(0, 3, 4), 2);
        _refusePolicy(POLICY, _kinds(1, 3, 14), 2);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IRoleGated.MissingRole.selector, issuer, Roles.HQ, uint32(0)));
        cosign.registerPolicy(POLICY, _kinds(1, 3, 4), 2);
    }

    function test_thresholdOfDifferentKinds() public {
        _open();
        vm.expectEmit();
        emit ICoSignature.Approved(POLICY, DIGEST, president, CHAPTER, Roles.PRESIDENT);
        _approveAs(president, CHAPTER);
        assertTrue(!cosign.isApproved(POLICY, CHAPTER, DIGEST), "one is not enough");
        _approveAs(hq, CHAPTER);
        assertTrue(cosign.isApproved(POLICY, CHAPTER, DIGEST), "two are");
        assertEq(cosign.approvedKinds(POLICY, CHAPTER, DIGEST), (1 << 1) | (1 << 3), "kinds");
        assertTrue(!cosign.isApproved(POLICY, OTHER_CHAPTER, DIGEST), "not for another chapter");
        assertTrue(!cosign.isApproved(CANCEL, CHAPTER, DIGEST), "not for another policy");
        assertTrue(!cosign.isApproved(POLICY, CHAPTER, ~DIGEST), "not for another digest");
    }

    function test_onePersonIsNotTwo() public {
        _open();
        _grant(Roles.SECRETARY, CHAPTER, president);
        _approveAs(president, CHAPTER);
        vm.prank(president);
        vm.expectRevert(abi.encodeWithSelector(ICoSignature.AlreadyApproved.selector, president, DIGEST));
        cosign.approve(POLICY, CHAPTER, DIGEST);
        assertTrue(!cosign.isApproved(POLICY, CHAPTER, DIGEST), "one person");
    }

    function test_twoOfOneKindAreOne() public {
        _open();
        _grant(Roles.PRESIDENT, CHAPTER, stranger);
        _approveAs(president, CHAPTER);
        _refuse(stranger, CHAPTER);
        assertTrue(!cosign.isApproved(POLICY, CHAPTER, DIGEST), "one kind");
    }

    function test_officersActInTheirChapter() public {
        _open();
        _refuse(president, OTHER_CHAPTER);
        _refuse(president, 0);
        _refuse(stranger, CHAPTER);
        _refuse(regulator, CHAPTER);
    }

    function test_approveRefusals() public {
        vm.prank(president);
        vm.expectRevert(abi.encodeWithSelector(ICoSignature.UnknownPolicy.selector, POLICY));
        cosign.approve(POLICY, CHAPTER, DIGEST);
        assertTrue(!cosign.isApproved(POLICY, CHAPTER, DIGEST), "no policy approves nothing");
        _open();
        vm.prank(president);
        vm.expectRevert(abi.encodeWithSelector(ICoSignature.ZeroDigest.selector, POLICY));
        cosign.approve(POLICY, CHAPTER, 0);
    }
}
