// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Beijing} from "../src/libraries/Beijing.sol";
import {Test} from "./support/Test.sol";

contract BeijingTest is Test {
    function test_monthTurnsAtMidnightInBeijing() public pure {
        // 2026-10-31 16:00:00 UTC is 2026-11-01 00:00:00 in Beijing.
        assertEq(Beijing.monthOf(1_793_462_399), 202_610, "last second of October");
        assertEq(Beijing.monthOf(1_793_462_400), 202_611, "first second of November");
        assertEq(Beijing.dayOf(1_793_462_399) + 1, Beijing.dayOf(1_793_462_400), "a day later");
        assertEq(Beijing.monthOf(1_798_732_799), 202_612, "last second of the year");
        assertEq(Beijing.monthOf(1_798_732_800), 202_701, "first second of the next");
        assertEq(Beijing.monthOf(1_835_366_400), 202_802, "29 February 2028");
        assertEq(Beijing.monthOf(4_107_513_600), 210_003, "2100 has no leap day");
        assertEq(Beijing.dayOf(0), 0, "the epoch's day");
    }

    /// @dev Counts months as a calendar on the wall does.
    function testFuzz_monthOf(uint256 timestamp) public pure {
        timestamp = bound(timestamp, 0, 5_000_000_000);
        uint256 rest = (timestamp + 8 hours) / 1 days;
        uint256 year = 1970;
        for (; rest >= _daysOf(year); ++year) {
            rest -= _daysOf(year);
        }
        uint256 month = 1;
        for (; rest >= _daysIn(year, month); ++month) {
            rest -= _daysIn(year, month);
        }
        assertEq(Beijing.monthOf(timestamp), year * 100 + month, "month");
    }

    function _isLeap(uint256 year) private pure returns (bool) {
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    }

    function _daysOf(uint256 year) private pure returns (uint256) {
        return _isLeap(year) ? 366 : 365;
    }

    function _daysIn(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) return _isLeap(year) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }
}
