// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Beijing
/// @notice Calendar of China Standard Time (UTC+8, no daylight saving) from a block's timestamp.
library Beijing {
    uint256 private constant OFFSET = 8 hours;

    /// @notice Returns the number of the day since 1970-01-01, which fits 16 bits until the year 2149.
    function dayOf(uint256 timestamp) internal pure returns (uint16) {
        return uint16((timestamp + OFFSET) / 1 days);
    }

    /// @notice Returns the month as yyyymm.
    /// @dev Civil date from a day number, counting eras of 400 years from 0000-03-01 (proleptic Gregorian).
    function monthOf(uint256 timestamp) internal pure returns (uint32) {
        uint256 day = (timestamp + OFFSET) / 1 days + 719_468;
        uint256 era = day / 146_097;
        uint256 dayOfEra = day % 146_097;
        uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        uint256 shifted = (5 * dayOfYear + 2) / 153;
        uint256 month = shifted < 10 ? shifted + 3 : shifted - 9;
        uint256 year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
        return uint32(year * 100 + month);
    }
}
