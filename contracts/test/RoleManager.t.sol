// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IRoleManager} from "../src/interfaces/IRoleManager.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {IRoles} from "./support/Fixture.sol";
import {Test} from "./support/Test.sol";

contract RoleManagerTest is Test {
    IRoles private roles;
    address private immutable second = account("second admin");
    address private immutable officer = account("officer");

    function setUp() public {
        vm.warp(1_791_590_400);
        roles = IRoles(deploy("RoleManager.sol:RoleManager", abi.encode(address(this))));
    }

    function _holds(uint64 role, address member) private view returns (bool isMember) {
        (isMember,) = roles.hasRole(role, member);
    }

    function test_roleIdsAreKindAndChapter() public pure {
        assertEq(Roles.id(Roles.ISSUER, 31_010_007), (5 << 32) + 31_010_007, "id");
        assertEq(Roles.kindOf((5 << 32) + 31_010_007), Roles.ISSUER, "kind");
        assertEq(Roles.kindOf(0), 0, "the admin's role is no kind");
        assertEq(Roles.kindOf(type(uint64).max), 0, "everybody's role is no kind");
    }

    function test_lastAdminCannotBeRevoked() public {
        vm.expectRevert(abi.encodeWithSelector(IRoleManager.LastAdmin.selector, address(this)));
        roles.revokeRole(0, address(this));
    }

    function test_lastAdminCannotRenounce() public {
        vm.expectRevert(abi.encodeWithSelector(IRoleManager.LastAdmin.selector, address(this)));
        roles.renounceRole(0, address(this));
        assertTrue(_holds(0, address(this)), "still admin");
    }

    function test_adminCanBeHandedOver() public {
        roles.grantRole(0, second, 0);
        assertEq(roles.adminCount(), 2, "two admins");
        roles.renounceRole(0, address(this));
        assertEq(roles.adminCount(), 1, "one admin");
        assertTrue(_holds(0, second) && !_holds(0, address(this)), "the other one");
        vm.prank(second);
        vm.expectRevert(abi.encodeWithSelector(IRoleManager.LastAdmin.selector, second));
        roles.revokeRole(0, second);
    }

    /// @dev R3: two steps, grant and renounce, with the delay between them.
    function test_adminIsHandedOverAfterTheDelay() public {
        roles.setGrantDelay(0, 1 days);
        vm.warp(block.timestamp + 5 days);
        roles.grantRole(0, second, 0);
        assertTrue(!_holds(0, second), "not yet");
        vm.prank(second);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManager.AccessManagerUnauthorizedAccount.selector, second, 0)
        );
        roles.revokeRole(0, address(this));
        vm.expectRevert(abi.encodeWithSelector(IRoleManager.LastAdmin.selector, address(this)));
        roles.renounceRole(0, address(this));
        vm.warp(block.timestamp + 1 days);
        assertTrue(_holds(0, second), "now");
        roles.renounceRole(0, address(this));
        assertEq(roles.adminCount(), 1, "one admin");
    }

    /// @dev R3: the owner takes a grant back that a thief of the key made.
    function test_aPendingAdminIsTakenBack() public {
        roles.setGrantDelay(0, 1 days);
        vm.warp(block.timestamp + 5 days);
        roles.grantRole(0, second, 0);
        roles.grantRole(0, officer, 0);
        roles.revokeRole(0, second);
        assertEq(roles.adminCount(), 2, "the owner and the other one");
        vm.warp(block.timestamp + 1 days);
        assertTrue(!_holds(0, second) && _holds(0, officer) && _holds(0, address(this)), "who is left");
    }

    function test_grantingTwiceCountsOnce() public {
        roles.grantRole(0, second, 0);
        roles.grantRole(0, second, 0);
        assertEq(roles.adminCount(), 2, "admins");
        roles.revokeRole(0, second);
        roles.revokeRole(0, second);
        assertEq(roles.adminCount(), 1, "admins");
    }

    function testFuzz_rule_28_separatedKindsNeverMeet(uint256 held, uint256 wanted, uint32 chapter, uint32 other)
        public
    {
        uint8[3] memory kinds = [Roles.ISSUER, Roles.FREEZER, Roles.RECOVERER];
        uint8 first = kinds[held % 3];
        uint8 next = kinds[wanted % 3];
        roles.grantRole(Roles.id(first, chapter), officer, 0);
        if (first != next) {
            vm.expectRevert(
                abi.encodeWithSelector(IRoleManager.ConflictingRoles.selector, officer, first, next)
            );
        }
        roles.grantRole(Roles.id(next, other), officer, 0);
        assertEq(_holds(Roles.id(next, other), officer), first == next, "held");
    }

    function testFuzz_chaptersWaitAsLongAsTheNetwork(uint8 seed, uint32 chapter, uint32 network, uint32 own)
        public
    {
        uint8 kind = uint8(seed % 13 + 1);
        chapter = uint32(chapter % type(uint32).max + 1);
        network %= 3650 days;
        own %= 3650 days;
        roles.setGrantDelay(Roles.id(kind, Roles.NETWORK), network);
        roles.setGrantDelay(Roles.id(kind, chapter), own);
        vm.warp(block.timestamp + 5 days);
        uint32 wanted = own > network ? own : network;
        assertEq(roles.getRoleGrantDelay(Roles.id(kind, chapter)), wanted, "delay of the chapter");
        assertEq(roles.getRoleGrantDelay(Roles.id(kind % 13 + 1, chapter)), 0, "delay of another kind");
        roles.grantRole(Roles.id(kind, chapter), officer, 0);
        vm.warp(block.timestamp + wanted);
        assertTrue(_holds(Roles.id(kind, chapter), officer), "held when the delay is over");
        if (wanted == 0) return;
        vm.warp(block.timestamp - 1);
        assertTrue(!_holds(Roles.id(kind, chapter), officer), "not held a second before");
    }

    function test_separatedKindsConflictWhileDelayed() public {
        roles.setGrantDelay(Roles.id(Roles.ISSUER, 0), 30 days);
        vm.warp(block.timestamp + 6 days);
        roles.grantRole(Roles.id(Roles.ISSUER, 0), officer, 0);
        assertTrue(!_holds(Roles.id(Roles.ISSUER, 0), officer), "not yet");
        vm.expectRevert(
            abi.encodeWithSelector(
                IRoleManager.ConflictingRoles.selector, officer, Roles.ISSUER, Roles.FREEZER
            )
        );
        roles.grantRole(Roles.id(Roles.FREEZER, 9), officer, 0);
        vm.warp(block.timestamp + 30 days);
        assertTrue(_holds(Roles.id(Roles.ISSUER, 0), officer), "after the delay");
    }

    function test_separatedKindsCanFollowOneAnother() public {
        roles.grantRole(Roles.id(Roles.ISSUER, 1), officer, 0);
        roles.grantRole(Roles.id(Roles.ISSUER, 2), officer, 0);
        assertEq(roles.grantsOf(officer, Roles.ISSUER), 2, "grants");
        roles.revokeRole(Roles.id(Roles.ISSUER, 1), officer);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRoleManager.ConflictingRoles.selector, officer, Roles.ISSUER, Roles.RECOVERER
            )
        );
        roles.grantRole(Roles.id(Roles.RECOVERER, 1), officer, 0);
        roles.revokeRole(Roles.id(Roles.ISSUER, 2), officer);
        roles.grantRole(Roles.id(Roles.RECOVERER, 1), officer, 0);
        assertEq(roles.grantsOf(officer, Roles.ISSUER), 0, "grants");
        assertEq(roles.grantsOf(officer, Roles.RECOVERER), 1, "grants");
    }

    function test_nobodyElseGrants() public {
        vm.prank(officer);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessManager.AccessManagerUnauthorizedAccount.selector, officer, uint64(0)
            )
        );
        roles.grantRole(Roles.id(Roles.ISSUER, 0), officer, 0);
    }

    function test_zeroMemberIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IRoleManager.ZeroMember.selector, uint64(0)));
        roles.grantRole(0, address(0), 0);
    }

    function test_takesNoEther() public {
        vm.deal(address(this), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IRoleManager.NoEther.selector, uint256(1)));
        roles.execute{value: 1}(officer, hex"12345678");
        (bool sent,) = address(roles).call{value: 1}("");
        assertTrue(!sent, "a plain payment");
    }
}
