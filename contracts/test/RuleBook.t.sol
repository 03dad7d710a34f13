// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {IRuleBook, Line, Table} from "../src/interfaces/IRuleBook.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Gate, TableKind} from "../src/libraries/Rules.sol";
import {RuleFixture} from "./support/RuleFixture.sol";

contract RuleBookTest is RuleFixture {
    uint64 private constant NOW = uint64(START);

    function _refuse(Line[] memory lines, bytes32 residual, bytes memory error_) private {
        vm.prank(hq);
        vm.expectRevert(error_);
        rules.publish(TABLE, 0, TableKind.PURCHASE, NOW, lines, residual, TABLE_HASH);
    }

    function _refuseLine(Line[] memory lines, uint256 position) private {
        _refuse(
            lines,
            SERVING,
            abi.encodeWithSelector(
                IRuleBook.InvalidLine.selector, TABLE, position, lines[position].kind, lines[position].value
            )
        );
    }

    function _refuseEffect(uint64 effectiveFrom, bytes memory error_) private {
        vm.prank(hq);
        vm.expectRevert(error_);
        rules.publish(TABLE, 0, TableKind.PURCHASE, effectiveFrom, _lines(), SERVING, TABLE_HASH);
    }

    function test_publish() public {
        vm.expectEmit();
        emit IRuleBook.TablePublished(
            TABLE, CHAPTER, 1, TableKind.PURCHASE, NOW, SERVING, TABLE_HASH, _lines()
        );
        _publish(TABLE, CHAPTER, TableKind.PURCHASE, NOW);
        Table memory want = Table(NOW, SERVING, TABLE_HASH, _lines());
        assertSame(abi.encode(rules.tableOf(TABLE, CHAPTER, 1)), abi.encode(want), "version 1");
        assertEq(rules.versionsOf(TABLE, CHAPTER), 1, "versions");
        assertEq(rules.versionsOf(TABLE, 0), 0, "the network has none");
        assertEq(rules.kindOf(TABLE), TableKind.PURCHASE, "kind");
        assertTrue(rules.isUsed(TABLE), "used");
        assertTrue(!rules.isUsed("nothing"), "nothing is not used");
    }

    function test_versionsFollowTheirDates() public {
        _publish(TABLE, 0, TableKind.PURCHASE, NOW + 10);
        _publish(TABLE, 0, TableKind.PURCHASE, NOW + 20);
        _publish(TABLE, 0, TableKind.PURCHASE, NOW + 30);
        uint64[6] memory times = [NOW + 10, NOW + 19, NOW + 20, NOW + 29, NOW + 30, type(uint64).max];
        uint8[6] memory want = [1, 1, 2, 2, 3, 3];
        for (uint256 i = 0; i < times.length; ++i) {
            (uint32 scope, uint32 version, Table memory table) = rules.tableAt(TABLE, CHAPTER, times[i]);
            assertEq(scope, 0, "the network's");
            assertEq(version, want[i], "version");
            assertEq(table.effectiveFrom, NOW + 10 * version, "its table");
        }
        vm.expectRevert(abi.encodeWithSelector(IRuleBook.NoTableAt.selector, TABLE, CHAPTER, NOW + 9));
        rules.tableAt(TABLE, CHAPTER, NOW + 9);
    }

    function test_chapterGoesItsOwnWayFromItsDateOn() public {
        _publish(TABLE, 0, TableKind.PURCHASE, NOW);
        _publish(TABLE, CHAPTER, TableKind.PURCHASE, NOW + 10);
        _publish(TABLE, 0, TableKind.PURCHASE, NOW + 20);
        (uint32 scope, uint32 version,) = rules.tableAt(TABLE, CHAPTER, NOW + 9);
        assertTrue(scope == 0 && version == 1, "the network's before");
        (scope, version,) = rules.tableAt(TABLE, CHAPTER, NOW + 20);
        assertTrue(scope == CHAPTER && version == 1, "its own after");
        (scope, version,) = rules.tableAt(TABLE, OTHER_CHAPTER, NOW + 20);
        assertTrue(scope == 0 && version == 2, "others follow the network");
        (scope, version,) = rules.tableAt(TABLE, 0, NOW + 20);
        assertTrue(scope == 0 && version == 2, "so does the network");
    }

    function test_unknownVersion() public {
        _publish(TABLE, 0, TableKind.PURCHASE, NOW);
        vm.expectRevert(
            abi.encodeWithSelector(IRuleBook.UnknownVersion.selector, TABLE, uint32(0), uint32(2))
        );
        rules.tableOf(TABLE, 0, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IRuleBook.UnknownVersion.selector, TABLE, uint32(0), uint32(0))
        );
        rules.tableOf(TABLE, 0, 0);
    }

    function test_hqAlonePublishes() public {
        address[5] memory others = [operator, regulator, president, issuer, address(this)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IRoleGated.MissingRole.selector, others[i], Roles.HQ, CHAPTER)
            );
            rules.publish(TABLE, CHAPTER, 1, NOW, _lines(), SERVING, TABLE_HASH);
        }
        _grant(Roles.HQ, CHAPTER, stranger);
        vm.prank(stranger);
        rules.publish(TABLE, CHAPTER, 1, NOW, _lines(), SERVING, TABLE_HASH);
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, stranger, Roles.HQ, uint32(0))
        );
        rules.publish(TABLE, 0, 1, NOW, _lines(), SERVING, TABLE_HASH);
    }

    function test_fixedAmountsStandBesideBasisPoints() public {
        Line[] memory lines = new Line[](3);
        lines[0] = Line("fund", 1, 2500);
        lines[1] = Line("platform", 1, 7500);
        lines[2] = Line("referring_shop", 2, 18_000);
        vm.prank(hq);
        rules.publish("fee.first_year", 0, TableKind.FEE, NOW, lines, "platform", TABLE_HASH);
        assertSame(abi.encode(rules.tableOf("fee.first_year", 0, 1).lines), abi.encode(lines), "lines");
        lines[2] = Line("platform", 2, 18_000);
        vm.prank(hq);
        rules.publish("fee.first_year", 0, TableKind.FEE, NOW + 1, lines, "platform", TABLE_HASH);
        assertEq(rules.versionsOf("fee.first_year", 0), 2, "one role may have both");
    }

    function test_residualMayTakeRoundingOnly() public {
        Line[] memory lines = _lines();
        lines[0].value = 2000;
        lines[1].value = 8000;
        lines[2].value = 0;
        vm.prank(hq);
        rules.publish(TABLE, 0, TableKind.PURCHASE, NOW, lines, SERVING, TABLE_HASH);
        assertEq(rules.tableOf(TABLE, 0, 1).lines[2].value, 0, "residual");
    }

    function test_sumsToTenThousand() public {
        Line[] memory lines = _lines();
        lines[2].value = 7999;
        _refuse(lines, SERVING, abi.encodeWithSelector(IRuleBook.BasisPointsNotWhole.selector, TABLE, 9999));
        lines[2].value = 8001;
        _refuse(lines, SERVING, abi.encodeWithSelector(IRuleBook.BasisPointsNotWhole.selector, TABLE, 10_001));
        lines[0].kind = 2;
        lines[2].value = 8000;
        _refuse(lines, SERVING, abi.encodeWithSelector(IRuleBook.BasisPointsNotWhole.selector, TABLE, 9000));
    }

    function test_residualIsNamed() public {
        Line[] memory lines = _lines();
        bytes memory error_ = abi.encodeWithSelector(IRuleBook.NoResidualLine.selector, TABLE, bytes32("x"));
        _refuse(lines, "x", error_);
        error_ = abi.encodeWithSelector(IRuleBook.NoResidualLine.selector, TABLE, bytes32(0));
        _refuse(lines, 0, error_);
        lines[2].kind = 2;
        error_ = abi.encodeWithSelector(IRuleBook.NoResidualLine.selector, TABLE, SERVING);
        _refuse(lines, SERVING, error_);
    }

    function test_linesAreValid() public {
        Line[] memory lines = _lines();
        lines[0].kind = 0;
        _refuseLine(lines, 0);
        lines[0].kind = 3;
        _refuseLine(lines, 0);
        lines = _lines();
        lines[1].value = 0;
        _refuseLine(lines, 1);
        lines[1].value = 10_001;
        _refuseLine(lines, 1);
        lines[1] = Line(PLATFORM, 2, 0);
        _refuseLine(lines, 1);
        lines[1].value = uint64(1) << 63;
        _refuseLine(lines, 1);
    }

    function test_linesAscend() public {
        Line[] memory lines = _lines();
        (lines[0], lines[1]) = (lines[1], lines[0]);
        _refuse(lines, SERVING, abi.encodeWithSelector(IRuleBook.LinesNotAscending.selector, TABLE, 1));
        lines = _lines();
        lines[1] = lines[0];
        _refuse(lines, SERVING, abi.encodeWithSelector(IRuleBook.LinesNotAscending.selector, TABLE, 1));
        lines = _lines();
        lines[0].role = 0;
        _refuse(lines, SERVING, abi.encodeWithSelector(IRuleBook.LinesNotAscending.selector, TABLE, 0));
    }

    function test_numberOfLines() public {
        bytes4 error_ = IRuleBook.LineCountOutOfRange.selector;
        _refuse(new Line[](0), SERVING, abi.encodeWithSelector(error_, TABLE, 0, 32));
        _refuse(new Line[](33), SERVING, abi.encodeWithSelector(error_, TABLE, 33, 32));
    }

    function test_datesOfEffect() public {
        _refuseEffect(NOW - 1, abi.encodeWithSelector(IRuleBook.EffectInPast.selector, TABLE, NOW - 1, START));
        uint256 limit = START + 1096 days;
        _refuseEffect(
            uint64(limit) + 1,
            abi.encodeWithSelector(IRuleBook.EffectTooFar.selector, TABLE, limit + 1, limit)
        );
        _publish(TABLE, 0, TableKind.PURCHASE, NOW + 5);
        bytes4 error_ = IRuleBook.EffectNotIncreasing.selector;
        _refuseEffect(NOW + 5, abi.encodeWithSelector(error_, TABLE, NOW + 5, NOW + 5));
        _refuseEffect(NOW + 4, abi.encodeWithSelector(error_, TABLE, NOW + 5, NOW + 4));
        _publish(TABLE, 0, TableKind.PURCHASE, uint64(limit));
        assertEq(rules.versionsOf(TABLE, 0), 2, "up to the limit");
    }

    function test_idAndDigestAreGiven() public {
        vm.prank(hq);
        vm.expectRevert(_error(IRuleBook.ZeroTableId.selector));
        rules.publish(0, 0, 1, NOW, _lines(), SERVING, TABLE_HASH);
        vm.prank(hq);
        vm.expectRevert(abi.encodeWithSelector(IRuleBook.ZeroTableHash.selector, TABLE));
        rules.publish(TABLE, 0, 1, NOW, _lines(), SERVING, 0);
    }

    function test_kindIsKeptForEver() public {
        for (uint8 kind = 0; kind < 8; kind += 7) {
            vm.prank(hq);
            vm.expectRevert(abi.encodeWithSelector(IRuleBook.UnknownTableKind.selector, TABLE, kind));
            rules.publish(TABLE, 0, kind, NOW, _lines(), SERVING, TABLE_HASH);
        }
        _publish(TABLE, CHAPTER, TableKind.PURCHASE, NOW);
        vm.prank(hq);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRuleBook.TableKindChanged.selector, TABLE, TableKind.PURCHASE, TableKind.FEE_WAIVER
            )
        );
        rules.publish(TABLE, 0, TableKind.FEE_WAIVER, NOW, _lines(), SERVING, TABLE_HASH);
    }

    function test_gatedTablesAreUsedWhileTheirGateIsOpen() public {
        bytes32[3] memory ids = [bytes32("joining"), "waiver", "duty"];
        uint8[3] memory gates = [Gate.JOINING_FEE_REFERRAL, Gate.FEE_WAIVER, Gate.REFERRAL_DUTY];
        for (uint8 i = 0; i < 3; ++i) {
            _publish(ids[i], 0, TableKind.JOINING_FEE_REFERRAL + i, uint64(block.timestamp));
            assertTrue(!rules.isUsed(ids[i]), "ships off");
            _raise(gates[i], 1);
            for (uint8 j = 0; j < 3; ++j) {
                assertTrue(rules.isUsed(ids[j]) == (i == j), "this gate and no other");
            }
            vm.prank(hq);
            rules.lower(gates[i], 0);
            assertTrue(!rules.isUsed(ids[i]), "off again");
        }
        _publish("referral", 0, TableKind.REFERRAL, uint64(block.timestamp));
        assertTrue(rules.isUsed("referral"), "referral on orders has no gate");
    }

    function testFuzz_whatIsPublishedSumsToTenThousand(uint16[5] memory parts, uint8 residual) public {
        Line[] memory lines = new Line[](5);
        uint256 sum = 0;
        for (uint256 i = 0; i < 5; ++i) {
            lines[i] = Line(bytes32(i + 1), 1, 1 + parts[i] % 4000);
            sum += lines[i].value;
        }
        bytes32 role = lines[residual % 5].role;
        vm.prank(hq);
        if (sum != 10_000) {
            vm.expectRevert(abi.encodeWithSelector(IRuleBook.BasisPointsNotWhole.selector, TABLE, sum));
        }
        rules.publish(TABLE, 0, TableKind.PURCHASE, NOW, lines, role, TABLE_HASH);
        // The same with the last line filled up, wherever there is room.
        uint256 rest = sum - lines[4].value;
        if (rest >= 10_000 || sum == 10_000) return;
        lines[4].value = uint64(10_000 - rest);
        vm.prank(hq);
        rules.publish(TABLE, 0, TableKind.PURCHASE, NOW, lines, role, TABLE_HASH);
        assertSame(abi.encode(rules.tableOf(TABLE, 0, 1).lines), abi.encode(lines), "kept as given");
    }

    function testFuzz_tableAtIsTheLastInEffect(uint32[6] memory steps, uint64 time) public {
        uint64 latest = NOW;
        uint64[6] memory dates;
        for (uint256 i = 0; i < 6; ++i) {
            latest += 1 + uint64(steps[i] % 100 days);
            dates[i] = latest;
            _publish(TABLE, 0, TableKind.PURCHASE, latest);
        }
        time = uint64(bound(time, NOW, latest + 10));
        uint32 want = 0;
        for (uint32 i = 0; i < 6; ++i) {
            if (dates[i] <= time) want = i + 1;
        }
        if (want == 0) {
            vm.expectRevert(abi.encodeWithSelector(IRuleBook.NoTableAt.selector, TABLE, CHAPTER, time));
            rules.tableAt(TABLE, CHAPTER, time);
            return;
        }
        (, uint32 version,) = rules.tableAt(TABLE, CHAPTER, time);
        assertEq(version, want, "version");
    }
}
