// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembership, Registration} from "../src/interfaces/IMembership.sol";
import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {IStandings, Standing} from "../src/interfaces/IStandings.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Fixture} from "./support/Fixture.sol";

contract MembershipTest is Fixture {
    address private immutable carol = account("carol");

    function _carol() private view returns (Registration memory) {
        return Registration(carol, OTHER_CHAPTER, 2, 2, OTHER_LOG, keccak256("carol"));
    }

    function _try(Registration memory registration, bytes memory error_) private {
        Registration[] memory list = new Registration[](1);
        list[0] = registration;
        vm.prank(operator);
        vm.expectRevert(error_);
        membership.register(list);
    }

    function test_register() public {
        Registration[] memory list = new Registration[](1);
        list[0] = _carol();
        vm.expectEmit();
        emit IMembership.AccountRegistered(carol, OTHER_CHAPTER, 2, 2, OTHER_LOG, keccak256("carol"));
        vm.prank(operator);
        membership.register(list);
        (Registration memory got, bool maySend, bool mayReceive) = membership.accountOf(carol);
        assertSame(abi.encode(got), abi.encode(_carol()), "registration");
        assertTrue(maySend && mayReceive, "rights");
        assertEq(membership.commitmentOf(carol), keccak256("carol"), "commitment");
        assertEq(membership.recoveredTo(carol), address(0), "successor");
    }

    function test_chapterOperatorRegistersInTheirChapterOnly() public {
        _grant(Roles.OPERATOR, OTHER_CHAPTER, stranger);
        Registration[] memory list = new Registration[](1);
        list[0] = _carol();
        vm.prank(stranger);
        membership.register(list);
        list[0] = Registration(account("dave"), CHAPTER, 1, 1, LOG, keccak256("dave"));
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.OPERATOR, CHAPTER)
        );
        membership.register(list);
    }

    function test_roleWithExecutionDelayDoesNotCount() public {
        roles.grantRole(Roles.id(Roles.OPERATOR, CHAPTER), stranger, 1);
        Registration[] memory list = new Registration[](1);
        list[0] = Registration(carol, CHAPTER, 1, 1, LOG, keccak256("carol"));
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.OPERATOR, CHAPTER)
        );
        membership.register(list);
    }

    function test_registerRefusals() public {
        Registration memory item = _carol();
        item.account = alice;
        _try(item, abi.encodeWithSelector(IMembership.AlreadyRegistered.selector, alice));
        item.account = address(0);
        _try(item, _error(IRoleGated.ZeroAddress.selector));
        item = _carol();
        item.kind = 0;
        _try(item, abi.encodeWithSelector(IMembership.UnknownAccountKind.selector, carol, uint8(0)));
        item.kind = 5;
        _try(item, abi.encodeWithSelector(IMembership.UnknownAccountKind.selector, carol, uint8(5)));
        item = _carol();
        item.custody = 0;
        _try(item, abi.encodeWithSelector(IMembership.UnknownCustody.selector, carol, uint8(0)));
        item.custody = 3;
        _try(item, abi.encodeWithSelector(IMembership.UnknownCustody.selector, carol, uint8(3)));
        item = _carol();
        item.homeLog = 0;
        _try(item, abi.encodeWithSelector(IMembership.ZeroHomeLog.selector, carol));
        item = _carol();
        item.commitment = 0;
        _try(item, abi.encodeWithSelector(IMembership.ZeroCommitment.selector, carol));
    }

    function testFuzz_setRights(bool maySend, bool mayReceive) public {
        vm.expectEmit();
        emit IMembership.RightsChanged(alice, maySend, mayReceive, ORDER);
        _setRights(alice, maySend, mayReceive);
        (, bool send, bool receive_) = membership.accountOf(alice);
        assertTrue(send == maySend && receive_ == mayReceive, "rights");
        (, send, receive_) = membership.accountOf(bob);
        assertTrue(send && receive_, "nobody else's");
    }

    function test_setRightsRefusals() public {
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, operator, Roles.FREEZER, CHAPTER)
        );
        membership.setRights(alice, false, false, ORDER);
        vm.prank(freezer);
        vm.expectRevert(abi.encodeWithSelector(IMembership.NotRegistered.selector, carol));
        membership.setRights(carol, false, false, ORDER);
        vm.prank(freezer);
        vm.expectRevert(abi.encodeWithSelector(IMembership.ZeroOrder.selector, alice));
        membership.setRights(alice, false, false, 0);
    }

    function test_freezerOfOneChapterCannotFreezeInAnother() public {
        _grant(Roles.FREEZER, OTHER_CHAPTER, stranger);
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.FREEZER, CHAPTER)
        );
        membership.setRights(alice, false, false, ORDER);
    }

    function test_recover() public {
        _setRights(holder, false, true);
        bytes32 commitment = membership.commitmentOf(holder);
        vm.expectEmit();
        emit IMembership.AccountRegistered(carol, CHAPTER, 1, 2, LOG, commitment);
        vm.expectEmit();
        emit IMembership.AccountRecovered(holder, carol, ORDER);
        vm.prank(recoverer);
        membership.recover(holder, carol, ORDER);
        assertEq(membership.recoveredTo(holder), carol, "successor");
        (Registration memory got, bool send, bool receive_) = membership.accountOf(carol);
        assertSame(
            abi.encode(got), abi.encode(Registration(carol, CHAPTER, 1, 2, LOG, commitment)), "standing"
        );
        assertTrue(!send && receive_, "rights go over as they are");
        (, send, receive_) = membership.accountOf(holder);
        assertTrue(!send && !receive_, "the old account has none");
    }

    function test_recoverRefusals() public {
        vm.prank(freezer);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, freezer, Roles.RECOVERER, CHAPTER)
        );
        membership.recover(alice, carol, ORDER);
        vm.prank(recoverer);
        vm.expectRevert(abi.encodeWithSelector(IMembership.NotRegistered.selector, carol));
        membership.recover(carol, alice, ORDER);
        vm.prank(recoverer);
        vm.expectRevert(abi.encodeWithSelector(IMembership.AlreadyRegistered.selector, bob));
        membership.recover(alice, bob, ORDER);
        vm.prank(recoverer);
        vm.expectRevert(_error(IRoleGated.ZeroAddress.selector));
        membership.recover(alice, address(0), ORDER);
        vm.prank(recoverer);
        vm.expectRevert(abi.encodeWithSelector(IMembership.ZeroOrder.selector, alice));
        membership.recover(alice, carol, 0);
    }

    function test_retiredAccountStaysRetired() public {
        vm.prank(recoverer);
        membership.recover(alice, carol, ORDER);
        vm.prank(freezer);
        vm.expectRevert(abi.encodeWithSelector(IMembership.AccountRetired.selector, alice, carol));
        membership.setRights(alice, true, true, ORDER);
        vm.prank(recoverer);
        vm.expectRevert(abi.encodeWithSelector(IMembership.AccountRetired.selector, alice, carol));
        membership.recover(alice, account("dave"), ORDER);
        _try(
            Registration(alice, CHAPTER, 1, 1, LOG, ORDER),
            abi.encodeWithSelector(IMembership.AlreadyRegistered.selector, alice)
        );
    }

    function testFuzz_standingsAreWrittenByMembershipAlone(address caller) public {
        vm.assume(caller != address(membership));
        bytes memory want = abi.encodeWithSelector(IStandings.NotMembership.selector, caller);
        vm.prank(caller);
        vm.expectRevert(want);
        credit.openAccounts(new Registration[](0));
        vm.prank(caller);
        vm.expectRevert(want);
        credit.changeRights(alice, true, true);
        vm.prank(caller);
        vm.expectRevert(want);
        credit.moveStanding(alice, carol);
    }

    function test_standingOfNobody() public view {
        Standing memory standing = credit.standingOf(carol);
        assertSame(abi.encode(standing), abi.encode(Standing(0, 0, false, false, 0, 0)), "standing");
    }

    function test_accountOfNobody() public {
        vm.expectRevert(abi.encodeWithSelector(IMembership.NotRegistered.selector, carol));
        membership.accountOf(carol);
    }
}
