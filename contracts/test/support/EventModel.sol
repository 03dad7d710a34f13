// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ILogAnchor} from "../../src/interfaces/ILogAnchor.sol";
import {IMembership, Registration} from "../../src/interfaces/IMembership.sol";
import {ITimeCredit} from "../../src/interfaces/ITimeCredit.sol";
import {Beijing} from "../../src/libraries/Beijing.sol";
import {AccountKind, Kind, Reason} from "../../src/libraries/Ledger.sol";
import {Log, Test} from "./Test.sol";

/// @title EventModel
/// @notice The whole state as the events alone tell it (A7, X2), and the limits that each step must have kept (T6).
/// @dev Reads the events of one call at the block time of that call, before the next one is made.
contract EventModel is Test {
    /// @dev Data of `OperationDone` and `OperationRefused`; `last` is what moved, or the reason.
    struct Outcome {
        uint8 kind;
        address from;
        address to;
        uint128 amount;
        uint64 validUntil;
        bytes32 ref;
        bytes16 opSalt;
        uint256 last;
    }

    struct Account {
        Registration registered;
        bool maySend;
        bool mayReceive;
        address successor;
        address movedTo;
        uint256 balance;
        uint256 locked;
        uint256 sequence;
        uint16 day;
        uint256 spent;
    }

    struct Lock {
        address owner;
        uint256 rest;
    }

    struct Limit {
        uint64 amount;
        uint256 used;
    }

    struct SeenLog {
        uint64 size;
        uint64 cursor;
        uint64 maxGrowth;
        bytes32 successor;
        bytes32 signers;
        uint8[] reasons;
    }

    uint256 private constant MAX_SUPPLY = (1 << 63) - 1;
    uint256 private constant MAX_SPENT = type(uint40).max;

    mapping(address account => Account) private _accounts;
    address[] private _people;
    mapping(bytes32 leafHash => Lock) private _locks;
    bytes32[] private _lockList;
    mapping(uint32 chapter => mapping(uint32 period => Limit)) private _quotas;
    uint64[] private _quotaList;
    mapping(uint32 chapter => uint64) private _daily;
    mapping(uint32 chapter => uint64) private _holding;
    uint32[] private _capped;
    mapping(bytes32 logId => SeenLog) private _logs;
    mapping(bytes32 logId => mapping(uint64 size => bytes32)) private _roots;
    bytes32[] private _logList;
    mapping(bytes32 leafHash => uint256) private _reversed;
    bytes32[] private _reversedList;
    bytes32[] private _spentApprovals;
    uint64[] private _reversible;
    uint256 private _supply;

    /// @notice The first step that broke a limit or an order; empty while none did.
    string public fault;
    mapping(uint8 kind => uint256) public doneOf;
    mapping(uint8 reason => uint256) public refusedFor;
    uint256 public done;
    uint256 public refusals;

    // --- reading ---------------------------------------------------------------------------------------------

    function read(Log[] calldata logs) external {
        for (uint256 i = 0; i < logs.length; ++i) {
            _read(logs[i]);
        }
    }

    /// @notice Indices of what can be reversed.
    function reversible() external view returns (uint64[] memory) {
        return _reversible;
    }

    function _read(Log calldata log) private {
        bytes32 name = log.topics[0];
        if (name == IERC20.Transfer.selector) _readTransfer(log);
        else if (name == ITimeCredit.OperationDone.selector) _readOutcome(log, true);
        else if (name == ITimeCredit.OperationRefused.selector) _readOutcome(log, false);
        else if (name == ITimeCredit.Settled.selector) _readSettled(log);
        else if (name == ILogAnchor.Anchored.selector) _readAnchored(log);
        else if (name == ITimeCredit.QuotaSet.selector) _readQuota(log);
        else if (name == ITimeCredit.DailyCapSet.selector) _readCap(log, _daily);
        else if (name == ITimeCredit.HoldingCapSet.selector) _readCap(log, _holding);
        else if (name == IMembership.AccountRegistered.selector) _readRegistered(log);
        else if (name == IMembership.RightsChanged.selector) _readRights(log);
        else if (name == IMembership.AccountRecovered.selector) _readRecovered(log);
        else if (name == ILogAnchor.LogRegistered.selector) _readLog(log);
        else if (name == ILogAnchor.SignersSet.selector) _logs[log.topics[1]].signers = keccak256(log.data);
        else if (name == ILogAnchor.LogSucceeded.selector) _logs[log.topics[1]].successor = log.topics[2];
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    function _blame(bool holds, string memory what) private {
        if (!holds && bytes(fault).length == 0) fault = what;
    }

    function _readTransfer(Log calldata log) private {
        uint256 value = abi.decode(log.data, (uint256));
        (address from, address to) = (_address(log.topics[1]), _address(log.topics[2]));
        if (from == address(0)) _supply += value;
        else _accounts[from].balance -= value;
        if (to == address(0)) _supply -= value;
        else _accounts[to].balance += value;
    }

    function _readOutcome(Log calldata log, bool isDone) private {
        Outcome memory found = abi.decode(log.data, (Outcome));
        SeenLog storage seen = _logs[log.topics[1]];
        uint64 index = uint64(uint256(log.topics[2]));
        _blame(index >= seen.reasons.length, "T7: one outcome a leaf, in order");
        while (seen.reasons.length < index) {
            seen.reasons.push(0);
        }
        seen.reasons.push(isDone ? 0 : uint8(found.last));
        if (!isDone) {
            ++refusals;
            ++refusedFor[uint8(found.last)];
            _checkRefusal(found);
            return;
        }
        ++done;
        ++doneOf[found.kind];
        if (found.kind <= Kind.REDEEM) _reversible.push(index);
        _checkLimits(found);
        _applyLocks(found, log.topics[3]);
        _applyApprovals(found);
        _countSides(found);
    }

    /// @dev T6: what was done stayed within quota and caps as they stood then.
    function _checkLimits(Outcome memory found) private {
        if (found.kind == Kind.ISSUE) {
            Limit storage quota = _quota(found.to);
            quota.used += found.last;
            _blame(quota.used <= quota.amount, "T6: within the month's quota");
            _blame(_supply <= MAX_SUPPLY, "T6: within the supply's limit");
        }
        Account storage source = _accounts[found.from];
        bool moves = found.kind == Kind.TRANSFER || found.kind == Kind.REDEEM;
        if (moves && _isCapped(source)) {
            uint16 today = Beijing.dayOf(block.timestamp);
            uint256 spent = (source.day == today ? source.spent : 0) + found.last;
            (source.day, source.spent) = (today, spent < MAX_SPENT ? spent : MAX_SPENT);
            uint256 cap = _daily[source.registered.chapter];
            _blame(cap == 0 || spent <= cap, "T6: within the daily cap");
        }
        Account storage target = _accounts[found.to];
        if ((moves || found.kind == Kind.ISSUE) && target.registered.kind == AccountKind.MEMBER) {
            uint256 cap = _holding[target.registered.chapter];
            _blame(cap == 0 || target.balance <= cap, "T6: within the holding cap");
        }
    }

    /// @dev The other direction: nothing within the limits is refused for them.
    function _checkRefusal(Outcome memory found) private {
        if (found.last == Reason.QUOTA_EXCEEDED) {
            Limit storage quota = _quota(found.to);
            bool over = quota.used + found.amount > quota.amount || _supply + found.amount > MAX_SUPPLY;
            _blame(over, "T6: refused within the quota");
        } else if (found.last == Reason.DAILY_CAP_EXCEEDED) {
            Account storage source = _accounts[found.from];
            uint256 spent = source.day == Beijing.dayOf(block.timestamp) ? source.spent : 0;
            uint256 cap = _daily[source.registered.chapter];
            _blame(cap != 0 && spent + found.amount > cap, "T6: refused within the daily cap");
        } else if (found.last == Reason.HOLDING_CAP_EXCEEDED) {
            Account storage target = _accounts[found.to];
            uint256 cap = _holding[target.registered.chapter];
            _blame(cap != 0 && target.balance + found.amount > cap, "T6: refused within the holding cap");
        }
    }

    function _quota(address receiver) private view returns (Limit storage) {
        return _quotas[_accounts[receiver].registered.chapter][Beijing.monthOf(block.timestamp)];
    }

    function _isCapped(Account storage account_) private view returns (bool) {
        return account_.registered.kind == AccountKind.MEMBER && account_.registered.custody == 1;
    }

    function _applyLocks(Outcome memory found, bytes32 leafHash) private {
        Account storage source = _accounts[found.from];
        if (found.kind == Kind.LOCK) {
            _blame(_locks[leafHash].owner == address(0), "L4: one lock a leaf");
            _locks[leafHash] = Lock(found.from, found.last);
            _lockList.push(leafHash);
            source.locked += found.last;
        } else if (found.kind == Kind.RELEASE || found.kind == Kind.CANCEL) {
            _blame(_locks[found.ref].rest >= found.last, "L5: never released beyond the lock");
            _locks[found.ref].rest -= found.last;
            source.locked -= found.last;
        } else if (found.kind == Kind.RECOVER) {
            source.movedTo = found.to;
            Account storage next = _accounts[found.to];
            next.locked += source.locked;
            source.locked = 0;
            uint16 today = Beijing.dayOf(block.timestamp);
            uint256 spent = (next.day == today ? next.spent : 0) + (source.day == today ? source.spent : 0);
            (next.day, next.spent) = (today, spent < MAX_SPENT ? spent : MAX_SPENT);
        }
    }

    function _applyApprovals(Outcome memory found) private {
        if (found.kind == Kind.REVERSE) {
            if (_reversed[found.ref] == 0) _reversedList.push(found.ref);
            _reversed[found.ref] += found.amount;
        } else if (found.kind != Kind.CANCEL) {
            return;
        }
        bytes32 digest = keccak256(
            abi.encode(
                found.kind, found.from, found.to, found.amount, found.validUntil, found.ref, found.opSalt
            )
        );
        for (uint256 i = 0; i < _spentApprovals.length; ++i) {
            _blame(_spentApprovals[i] != digest, "T7: an approval acts once");
        }
        _spentApprovals.push(digest);
    }

    /// @dev Each side of what moved, locked or was released counts one more operation.
    function _countSides(Outcome memory found) private {
        if (found.last == 0) return;
        if (found.from != address(0)) ++_accounts[found.from].sequence;
        if (found.to != address(0) && found.to != found.from) ++_accounts[found.to].sequence;
    }

    function _readSettled(Log calldata log) private {
        (uint64 start, uint64 end, uint64 size) = abi.decode(log.data, (uint64, uint64, uint64));
        SeenLog storage seen = _logs[log.topics[1]];
        _blame(start == seen.cursor && end > start && end <= size, "I1: windows join");
        _blame(size == seen.size, "A1: settled against the last anchor");
        seen.cursor = end;
    }

    function _readLog(Log calldata log) private {
        (bytes32 root, uint64 maxGrowth) = abi.decode(log.data, (bytes32, uint64));
        bytes32 logId = log.topics[1];
        (_logs[logId].size, _logs[logId].maxGrowth) = (1, maxGrowth);
        _roots[logId][1] = root;
        _logList.push(logId);
    }

    function _readAnchored(Log calldata log) private {
        (bytes32 root, uint64 previous) = abi.decode(log.data, (bytes32, uint64));
        (bytes32 logId, uint64 size) = (log.topics[1], uint64(uint256(log.topics[2])));
        _blame(previous == _logs[logId].size && size > previous, "A2: sizes rise");
        _blame(_roots[logId][size] == 0, "A1: one root a size");
        _logs[logId].size = size;
        _roots[logId][size] = root;
    }

    function _readQuota(Log calldata log) private {
        (uint32 chapter, uint32 period) = (uint32(uint256(log.topics[1])), uint32(uint256(log.topics[2])));
        _quotas[chapter][period].amount = abi.decode(log.data, (uint64));
        _quotaList.push((uint64(chapter) << 32) | period);
    }

    function _readCap(Log calldata log, mapping(uint32 chapter => uint64) storage caps) private {
        uint32 chapter = uint32(uint256(log.topics[1]));
        caps[chapter] = abi.decode(log.data, (uint64));
        _capped.push(chapter);
    }

    function _readRegistered(Log calldata log) private {
        address who = _address(log.topics[1]);
        Account storage seen = _accounts[who];
        (uint8 kind, uint8 custody, bytes32 homeLog, bytes32 commitment) =
            abi.decode(log.data, (uint8, uint8, bytes32, bytes32));
        seen.registered =
            Registration(who, uint32(uint256(log.topics[2])), kind, custody, homeLog, commitment);
        (seen.maySend, seen.mayReceive) = (true, true);
        _people.push(who);
    }

    function _readRights(Log calldata log) private {
        Account storage seen = _accounts[_address(log.topics[1])];
        (seen.maySend, seen.mayReceive,) = abi.decode(log.data, (bool, bool, bytes32));
    }

    function _readRecovered(Log calldata log) private {
        Account storage old = _accounts[_address(log.topics[1])];
        old.successor = _address(log.topics[2]);
        Account storage next = _accounts[old.successor];
        (next.maySend, next.mayReceive) = (old.maySend, old.mayReceive);
        (old.maySend, old.mayReceive) = (false, false);
    }

    // --- comparing -------------------------------------------------------------------------------------------

    /// @notice Reverts, naming what differs, unless the contracts' storage is what the events say.
    function compare(ITimeCredit credit, ILogAnchor anchor, IMembership membership) external view {
        assertTrue(bytes(fault).length == 0, fault);
        assertEq(IERC20(address(credit)).totalSupply(), _supply, "X2: supply");
        for (uint256 i = 0; i < _people.length; ++i) {
            _compareAccount(credit, _people[i]);
            _compareStanding(membership, _people[i]);
        }
        for (uint256 i = 0; i < _lockList.length; ++i) {
            (address owner, uint64 rest) = credit.lockOf(_lockList[i]);
            assertEq(owner, _locks[_lockList[i]].owner, "X2: who locked");
            assertEq(rest, _locks[_lockList[i]].rest, "X2: rest of the lock");
        }
        _compareLimits(credit);
        for (uint256 i = 0; i < _logList.length; ++i) {
            _compareLog(credit, anchor, _logList[i]);
        }
        for (uint256 i = 0; i < _reversedList.length; ++i) {
            assertEq(credit.reversedOf(_reversedList[i]), _reversed[_reversedList[i]], "X2: reversed");
        }
        for (uint256 i = 0; i < _spentApprovals.length; ++i) {
            assertTrue(credit.isApprovalSpent(_spentApprovals[i]), "X2: spent approvals");
        }
    }

    function _compareAccount(ITimeCredit credit, address who) private view {
        Account storage seen = _accounts[who];
        assertEq(IERC20(address(credit)).balanceOf(who), seen.balance, "X2: balance");
        assertEq(credit.lockedOf(who), seen.locked, "X2: locked");
        assertEq(credit.sequenceOf(who), seen.sequence, "X2: sequence");
        uint256 spent = seen.day == Beijing.dayOf(block.timestamp) ? seen.spent : 0;
        assertEq(credit.spentToday(who), spent, "X2: spent today");
        address last = who;
        while (_accounts[last].movedTo != address(0)) {
            last = _accounts[last].movedTo;
        }
        assertEq(credit.holderNow(who), last, "X2: who holds it now");
    }

    function _compareStanding(IMembership membership, address who) private view {
        Account storage seen = _accounts[who];
        (Registration memory got, bool maySend, bool mayReceive) = membership.accountOf(who);
        assertSame(abi.encode(got), abi.encode(seen.registered), "X2: registration");
        assertEq(maySend, seen.maySend, "X2: right to send");
        assertEq(mayReceive, seen.mayReceive, "X2: right to receive");
        assertEq(membership.recoveredTo(who), seen.successor, "X2: successor");
    }

    function _compareLimits(ITimeCredit credit) private view {
        for (uint256 i = 0; i < _quotaList.length; ++i) {
            (uint32 chapter, uint32 period) = (uint32(_quotaList[i] >> 32), uint32(_quotaList[i]));
            (uint64 amount, uint64 used) = credit.quotaOf(chapter, period);
            assertEq(amount, _quotas[chapter][period].amount, "X2: quota");
            assertEq(used, _quotas[chapter][period].used, "X2: quota used");
            assertTrue(used <= MAX_SUPPLY, "T6: used within the supply's limit");
        }
        for (uint256 i = 0; i < _capped.length; ++i) {
            (uint64 daily, uint64 holding) = credit.capsOf(_capped[i]);
            assertEq(daily, _daily[_capped[i]], "X2: daily cap");
            assertEq(holding, _holding[_capped[i]], "X2: holding cap");
        }
    }

    function _compareLog(ITimeCredit credit, ILogAnchor anchor, bytes32 logId) private view {
        SeenLog storage seen = _logs[logId];
        (uint64 size, bytes32 root) = anchor.latest(logId);
        assertEq(size, seen.size, "A7: size");
        assertEq(root, _roots[logId][size], "A7: root");
        for (uint64 i = 0; i <= size + 1; ++i) {
            assertEq(anchor.rootAt(logId, i), _roots[logId][i], "A7: root of each size");
        }
        assertEq(anchor.maxGrowthOf(logId), seen.maxGrowth, "A7: growth");
        assertEq(anchor.successorOf(logId), seen.successor, "A7: successor");
        (address[] memory signers, uint8 threshold) = anchor.signersOf(logId);
        assertEq(keccak256(abi.encode(signers, threshold)), seen.signers, "A7: signers");
        assertEq(credit.cursor(logId), seen.cursor, "X2: cursor");
        for (uint64 i = 0; i < seen.reasons.length; ++i) {
            assertEq(credit.refused(logId, i), seen.reasons[i], "X2: outcome");
        }
    }
}
