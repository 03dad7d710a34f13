// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {ReferralGates} from "./ReferralGates.sol";
import {RoleGated} from "./RoleGated.sol";
import {ICoSignature} from "./interfaces/ICoSignature.sol";
import {IRuleBook, Line, Table} from "./interfaces/IRuleBook.sol";
import {Roles} from "./libraries/Roles.sol";
import {Gate, LineKind, TableKind} from "./libraries/Rules.sol";

/// @title RuleBook
/// @notice PURPOSE: hold the tables by which money is split, each version with the date from which it counts.
/// @dev INVARIANTS
/// I1. The basis points of every version sum to exactly 10,000, its residual line included.
/// I2. A published version never changes and never goes away.
/// I3. Versions of a table and chapter take effect strictly one after the other, none before its publication; so what
///     was in effect at a past time never changes.
/// I4. A table keeps its kind for ever, in all chapters; so a gated kind cannot be published under a free one's id.
/// I5. Tables of the kinds 4 to 6 are used only while their gate is open.
/// I6. As I1 to I6 of ReferralGates.
///
/// ROLES: HQ of the network publishes for network and chapters, HQ of a chapter for its chapter. It cannot change or
/// remove a version, nor open a gate alone. Nobody else writes tables.
/// ASSUMPTIONS: who splits money takes the version in effect at the fact, fixed amounts first, rounds shares down, and
/// gives what is left by largest remainder, equal ones in order of role code; the table of `tableHash` says the same.
/// LIVENESS: reads depend on no role. NON-GOALS: splitting, paying, money of any kind.
contract RuleBook is ReferralGates, IRuleBook {
    uint256 private constant WHOLE = 10_000;
    uint256 private constant MAX_LINES = 32;
    uint64 private constant MAX_AMOUNT = uint64(type(int64).max);
    /// @dev A mistaken date beyond this would leave no room for a later version.
    uint256 private constant MAX_AHEAD = 1096 days;

    /// @dev Versions of each table and chapter in order; version n is at n - 1.
    mapping(bytes32 tableId => mapping(uint32 chapter => Table[])) private _tables;
    /// @dev Kinds of tables, 0 where there is none.
    mapping(bytes32 tableId => uint8 kind) private _kinds;

    constructor(IAccessManager roles_, ICoSignature coSignature_, uint64 delay_)
        RoleGated(roles_)
        ReferralGates(coSignature_, delay_)
    {}

    /// @inheritdoc IRuleBook
    function publish(
        bytes32 tableId,
        uint32 chapter,
        uint8 kind,
        uint64 effectiveFrom,
        Line[] calldata lines,
        bytes32 residual,
        bytes32 tableHash
    ) external {
        _requireRole(Roles.HQ, chapter);
        if (tableId == 0) revert ZeroTableId();
        if (tableHash == 0) revert ZeroTableHash(tableId);
        _requireKind(tableId, kind);
        Table[] storage versions = _tables[tableId][chapter];
        _requireEffect(tableId, versions, effectiveFrom);
        _requireWhole(tableId, lines, residual);
        _kinds[tableId] = kind;
        Table storage table = versions.push();
        (table.effectiveFrom, table.residual, table.tableHash) = (effectiveFrom, residual, tableHash);
        for (uint256 i = 0; i < lines.length; ++i) {
            table.lines.push(lines[i]);
        }
        uint32 version = uint32(versions.length);
        emit TablePublished(tableId, chapter, version, kind, effectiveFrom, residual, tableHash, lines);
    }

    /// @inheritdoc IRuleBook
    function tableAt(bytes32 tableId, uint32 chapter, uint64 time)
        external
        view
        returns (uint32 scope, uint32 version, Table memory table)
    {
        scope = chapter;
        version = _versionAt(tableId, scope, time);
        if (version == 0 && scope != Roles.NETWORK) {
            scope = Roles.NETWORK;
            version = _versionAt(tableId, scope, time);
        }
        if (version == 0) revert NoTableAt(tableId, chapter, time);
        table = _tables[tableId][scope][version - 1];
    }

    /// @inheritdoc IRuleBook
    function tableOf(bytes32 tableId, uint32 chapter, uint32 version) external view returns (Table memory) {
        Table[] storage versions = _tables[tableId][chapter];
        if (version == 0 || version > versions.length) revert UnknownVersion(tableId, chapter, version);
        return versions[version - 1];
    }

    /// @inheritdoc IRuleBook
    function versionsOf(bytes32 tableId, uint32 chapter) external view returns (uint32) {
        return uint32(_tables[tableId][chapter].length);
    }

    /// @inheritdoc IRuleBook
    function kindOf(bytes32 tableId) external view returns (uint8) {
        return _kinds[tableId];
    }

    /// @inheritdoc IRuleBook
    function isUsed(bytes32 tableId) external view returns (bool) {
        uint8 kind = _kinds[tableId];
        if (kind == TableKind.JOINING_FEE_REFERRAL) return _isOpen(Gate.JOINING_FEE_REFERRAL);
        if (kind == TableKind.FEE_WAIVER) return _isOpen(Gate.FEE_WAIVER);
        if (kind == TableKind.REFERRAL_DUTY) return _isOpen(Gate.REFERRAL_DUTY);
        return kind != 0;
    }

    /// @dev Returns the last version in effect at `time`, 0 when none is: binary search, as dates ascend.
    function _versionAt(bytes32 tableId, uint32 chapter, uint64 time) private view returns (uint32) {
        Table[] storage versions = _tables[tableId][chapter];
        uint256 low = 0;
        uint256 high = versions.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (versions[middle].effectiveFrom <= time) low = middle + 1;
            else high = middle;
        }
        return uint32(low);
    }

    function _requireKind(bytes32 tableId, uint8 kind) private view {
        if (kind < TableKind.FEE || kind > TableKind.REFERRAL_DUTY) revert UnknownTableKind(tableId, kind);
        uint8 have = _kinds[tableId];
        if (have != 0 && have != kind) revert TableKindChanged(tableId, have, kind);
    }

    function _requireEffect(bytes32 tableId, Table[] storage versions, uint64 effectiveFrom) private view {
        if (effectiveFrom < block.timestamp) revert EffectInPast(tableId, effectiveFrom, block.timestamp);
        uint256 limit = block.timestamp + MAX_AHEAD;
        if (effectiveFrom > limit) revert EffectTooFar(tableId, effectiveFrom, limit);
        if (versions.length == 0) return;
        uint64 have = versions[versions.length - 1].effectiveFrom;
        if (effectiveFrom <= have) revert EffectNotIncreasing(tableId, have, effectiveFrom);
    }

    function _requireWhole(bytes32 tableId, Line[] calldata lines, bytes32 residual) private pure {
        if (lines.length == 0 || lines.length > MAX_LINES) {
            revert LineCountOutOfRange(tableId, lines.length, MAX_LINES);
        }
        uint256 sum = 0;
        bool hasResidual = false;
        for (uint256 i = 0; i < lines.length; ++i) {
            Line calldata line = lines[i];
            if (line.role == 0 || (i != 0 && !_ascends(lines[i - 1], line))) {
                revert LinesNotAscending(tableId, i);
            }
            bool isResidual = line.kind == LineKind.BASIS_POINTS && line.role == residual;
            if (!_isValid(line, isResidual)) revert InvalidLine(tableId, i, line.kind, line.value);
            if (isResidual) hasResidual = true;
            if (line.kind == LineKind.BASIS_POINTS) sum += line.value;
        }
        if (!hasResidual) revert NoResidualLine(tableId, residual);
        if (sum != WHOLE) revert BasisPointsNotWhole(tableId, sum);
    }

    function _ascends(Line calldata before, Line calldata line) private pure returns (bool) {
        return before.role < line.role || (before.role == line.role && before.kind < line.kind);
    }

    /// @dev Only the residual may have no basis points: it takes what rounding leaves.
    function _isValid(Line calldata line, bool isResidual) private pure returns (bool) {
        if (line.value == 0) return isResidual;
        if (line.kind == LineKind.BASIS_POINTS) return line.value <= WHOLE;
        return line.kind == LineKind.FIXED_AMOUNT && line.value <= MAX_AMOUNT;
    }
}
