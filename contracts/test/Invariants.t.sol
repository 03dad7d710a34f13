// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITimeCredit} from "../src/interfaces/ITimeCredit.sol";
import {Beijing} from "../src/libraries/Beijing.sol";
import {Kind, Operation, Reason} from "../src/libraries/Ledger.sol";
import {IRoleGated} from "../src/interfaces/IRoleGated.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {EventModel} from "./support/EventModel.sol";
import {Fixture} from "./support/Fixture.sol";
import {Log, Test} from "./support/Test.sol";
import {Trees} from "./support/Trees.sol";

/// @dev A ledger that is written to at random. Every public function is bounded so that it never reverts; what
/// happened is told to a model by the events alone, to be compared with the state.
contract LedgerHandler is Fixture {
    struct LockSeen {
        bytes32 leafHash;
        address owner;
    }

    address[] private _people;
    LockSeen[] private _locks;
    EventModel public model;
    uint256 public minted;
    uint256 public burned;
    uint256 public anchors;
    uint64 public lastSize;
    uint64 public lastCursor;
    bool public broken;
    bytes[] private _evidence;
    uint256 private _operations;

    /// @dev Tells the model what a call emitted, at the time it had.
    modifier watched() {
        vm.recordLogs();
        _;
        _tell();
    }

    function start() external {
        model = new EventModel();
        vm.recordLogs();
        super.setUp();
        _register(account("second pool"), 3, 1);
        _people = [alice, bob, shop, pool, holder, account("second pool")];
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, 2_000_000);
        _settleAll(LOG);
        _settleAll(OTHER_LOG);
        _remember();
        _tell();
    }

    function people() external view returns (address[] memory) {
        return _people;
    }

    function target() external view returns (ITimeCredit) {
        return credit;
    }

    function compare() external view {
        model.compare(credit, anchor, membership);
    }

    function lockSum(address owner) external view returns (uint256 sum) {
        for (uint256 i = 0; i < _locks.length; ++i) {
            (address who, uint64 rest) = credit.lockOf(_locks[i].leafHash);
            if (credit.holderNow(who) == owner) sum += rest;
        }
    }

    // --- what may happen -------------------------------------------------------------------------------------

    function issue(uint256 to, uint128 amount) external watched {
        _add(_op(Kind.ISSUE, address(0), _pick(to), uint128(bound(amount, 1, 100_000))));
        _go();
    }

    /// @dev Several at once, so that windows hold done and refused ones side by side.
    function transfers(uint256 seed, uint128 amount) external watched {
        for (uint256 i = 0; i < 1 + seed % 3; ++i) {
            uint256 pick = uint256(keccak256(abi.encode(seed, i)));
            address from = _pick(pick);
            uint256 most = credit.balanceOf(from) + 2;
            uint8 kind = pick % 4 == 0 ? Kind.REDEEM : Kind.TRANSFER;
            address to = kind == Kind.REDEEM ? shop : _pick(pick >> 8);
            _add(_op(kind, from, to, uint128(bound(amount >> i, 1, most))));
            if (pick % 3 == 0) _note(LOG);
        }
        _go();
    }

    function burn(uint256 from, uint128 amount) external watched {
        address who = _pick(from);
        _add(_op(Kind.BURN, who, address(0), uint128(bound(amount, 1, credit.balanceOf(who) + 1))));
        _go();
    }

    function lock(uint256 from, uint128 amount) external watched {
        address who = _pick(from);
        Operation memory op = _op(Kind.LOCK, who, who, uint128(bound(amount, 1, credit.balanceOf(who) + 1)));
        _add(op);
        Operation memory kept = leaves[LOG][leaves[LOG].length - 1].op;
        _locks.push(LockSeen(_leafHash(kept), who));
        _go();
    }

    function unlock(uint256 which, uint128 amount, bool cancel) external watched {
        if (_locks.length == 0) return;
        bytes32 leafHash = _locks[which % _locks.length].leafHash;
        (address who, uint64 rest) = credit.lockOf(leafHash);
        if (who == address(0)) return;
        who = credit.holderNow(who);
        uint128 part = uint128(bound(amount, 1, uint256(rest) + 1));
        Operation memory op = cancel
            ? _op(Kind.CANCEL, who, address(0), part, leafHash)
            : _op(Kind.RELEASE, who, who, part, leafHash);
        if (cancel) _approve(CANCEL, op);
        _add(op);
        _go();
    }

    function reverse(uint256 which, uint128 amount) external watched {
        uint64[] memory list = model.reversible();
        if (list.length == 0) return;
        uint64 index = list[which % list.length];
        Operation memory original = leaves[LOG][index].op;
        Operation memory op = _op(
            Kind.REVERSE,
            credit.holderNow(original.to),
            credit.holderNow(original.from),
            uint128(bound(amount, 1, original.amount)),
            _leafHash(original)
        );
        _approve(REVERSE, op);
        _append(LOG, op);
        _evidence.push(_original(LOG, index));
        ++_operations;
        _go();
    }

    function recover(uint256 which, uint256 salt) external watched {
        uint256 position = which % _people.length;
        address from = _people[position];
        address to = vm.addr(bound(salt, 1000, 1 << 128));
        if (membership.commitmentOf(to) != 0 || _people.length > 12 || from == holder) return;
        if (membership.recoveredTo(from) != address(0)) return;
        vm.prank(recoverer);
        membership.recover(from, to, ORDER);
        _people.push(to);
        _add(_op(Kind.RECOVER, from, to, 0));
        _go();
    }

    function rights(uint256 which, bool maySend, bool mayReceive) external watched {
        address who = _pick(which);
        if (membership.recoveredTo(who) != address(0)) return;
        _setRights(who, maySend, mayReceive);
        _remember();
    }

    function caps(uint64 daily, uint64 holding) external watched {
        vm.prank(hq);
        credit.setDailyCap(CHAPTER, uint64(bound(daily, 0, 2000)));
        vm.prank(hq);
        credit.setHoldingCap(CHAPTER, uint64(bound(holding, 0, 150_000)));
        _remember();
    }

    function quota(uint64 amount) external watched {
        vm.prank(issuer);
        credit.setQuota(CHAPTER, Beijing.monthOf(block.timestamp), uint64(bound(amount, 0, 2_000_000)));
    }

    /// @dev Now and then into another month, whose quota is what the issuer makes it.
    function waitABit(uint256 time) external watched {
        vm.warp(block.timestamp + bound(time, 1, time % 7 == 0 ? 20 days : 2 days));
        vm.prank(issuer);
        credit.setQuota(CHAPTER, Beijing.monthOf(block.timestamp), 1_000_000);
    }

    function notes(uint256 count) external watched {
        for (uint256 i = 0; i < 1 + count % 5; ++i) {
            _note(LOG);
        }
        _go();
    }

    // --- bookkeeping -----------------------------------------------------------------------------------------

    function _pick(uint256 seed) private view returns (address) {
        return _people[seed % _people.length];
    }

    function _add(Operation memory op) private {
        bool signed = op.from == holder && op.kind >= Kind.TRANSFER && op.kind <= Kind.LOCK;
        if (signed) _evidence.push(_authorize(op, HOLDER_KEY, keccak256(abi.encode(leaves[LOG].length))));
        _append(LOG, op);
        ++_operations;
    }

    function _go() private {
        uint256 firstLeaf = credit.cursor(LOG);
        _settleAll(LOG, _evidence);
        if (credit.cursor(LOG) < firstLeaf) broken = true;
        delete _evidence;
        ++anchors;
        _remember();
    }

    function _tell() private {
        Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IERC20.Transfer.selector) _countMoved(logs[i]);
        }
        uint256 before = model.done() + model.refusals();
        model.read(logs);
        if (model.done() + model.refusals() != before + _operations) broken = true;
        _operations = 0;
    }

    function _countMoved(Log memory log) private {
        uint256 value = abi.decode(log.data, (uint256));
        if (log.topics[1] == 0) minted += value;
        if (log.topics[2] == 0) burned += value;
    }

    function _remember() private {
        (uint64 size, bytes32 root) = anchor.latest(LOG);
        uint64 next = credit.cursor(LOG);
        if (size < lastSize || next < lastCursor || next > size) broken = true;
        if (root != Trees.root(hashes[LOG], 0, size)) broken = true;
        (lastSize, lastCursor) = (size, next);
    }
}

/// @dev T1 to T8 (quota and caps included), L1 to L5, A1 to A7, X2 over a random ledger.
contract LedgerInvariants is Test {
    LedgerHandler private handler;
    ITimeCredit private credit;

    function setUp() public {
        handler = LedgerHandler(deploy("Invariants.t.sol:LedgerHandler", ""));
        handler.start();
        credit = handler.target();
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory out) {
        bytes4[] memory list = new bytes4[](13);
        list[0] = handler.issue.selector;
        list[1] = handler.transfers.selector;
        list[2] = handler.burn.selector;
        list[3] = handler.lock.selector;
        list[4] = handler.unlock.selector;
        list[5] = handler.reverse.selector;
        list[6] = handler.recover.selector;
        list[7] = handler.rights.selector;
        list[8] = handler.caps.selector;
        list[9] = handler.waitABit.selector;
        list[10] = handler.notes.selector;
        list[11] = handler.transfers.selector;
        list[12] = handler.quota.selector;
        out = new FuzzSelector[](1);
        out[0] = FuzzSelector(address(handler), list);
    }

    function targetContracts() public view returns (address[] memory out) {
        out = new address[](1);
        out[0] = address(handler);
    }

    function invariant_ledgerAndStateAgree() public view {
        address[] memory people = handler.people();
        uint256 sum = 0;
        uint256 supply = IERC20(address(credit)).totalSupply();
        for (uint256 i = 0; i < people.length; ++i) {
            uint256 balance = IERC20(address(credit)).balanceOf(people[i]);
            uint256 locked = credit.lockedOf(people[i]);
            sum += balance;
            assertTrue(locked <= balance, "L1: locked within balance");
            assertEq(handler.lockSum(people[i]), locked, "L3: locks sum to the locked part");
        }
        assertEq(sum, supply, "T1: balances sum to the supply");
        assertEq(handler.minted() - handler.burned(), supply, "T2: minted less burned");
        assertTrue(supply <= uint256(uint64(type(int64).max)), "T6: the supply's limit");
        assertEq(IERC20(address(credit)).balanceOf(address(0)), 0, "T4: nobody holds nothing");
        assertTrue(
            !handler.broken(), "A1, A2, I1: roots, sizes and cursors only grow; one outcome an operation"
        );
        handler.compare();
    }

    /// @dev A handler that does nothing proves nothing: along one fixed walk every kind is carried out, some are
    /// refused, and none of its calls reverts.
    function test_handlerReachesEverything() public {
        for (uint256 i = 0; i < 200; ++i) {
            _step(uint256(keccak256(abi.encode(i))));
        }
        EventModel model = handler.model();
        for (uint8 kind = Kind.ISSUE; kind <= Kind.RECOVER; ++kind) {
            assertTrue(model.doneOf(kind) > 0, "each kind is carried out");
        }
        assertTrue(model.refusedFor(Reason.QUOTA_EXCEEDED) > 0, "the quota is met");
        assertTrue(model.refusedFor(Reason.DAILY_CAP_EXCEEDED) > 0, "the daily cap is met");
        assertTrue(model.refusedFor(Reason.HOLDING_CAP_EXCEEDED) > 0, "the holding cap is met");
        assertTrue(model.refusals() > 5, "some are refused");
        assertTrue(model.done() > 50, "many are not");
        invariant_ledgerAndStateAgree();
    }

    function _step(uint256 random) private {
        uint256 choice = random % 15;
        uint256 next = random >> 8;
        uint128 amount = uint128(next % 100_000);
        if (choice < 2) handler.issue(next, amount);
        else if (choice < 5) handler.transfers(next, amount % 1000);
        else if (choice == 5) handler.burn(next, amount % 100);
        else if (choice == 6) handler.lock(next, amount % 1000);
        else if (choice == 7) handler.unlock(next, amount % 500, next % 2 == 0);
        else if (choice == 8) handler.reverse(next, amount % 1000);
        else if (choice == 9) handler.recover(next, next);
        else if (choice == 10) handler.rights(next, next % 5 != 0, next % 7 != 0);
        else if (choice == 11) handler.caps(uint64(next % 3 == 0 ? next % 400 : 0), uint64(next % 150_000));
        else if (choice == 12) handler.waitABit(next);
        else if (choice == 13) handler.quota(uint64(next % 200_000));
        else handler.notes(next);
    }
}

/// @dev R2, A3, P, X: calls of anybody with anything to the contracts themselves change nothing.
contract RawCallInvariants is Fixture {
    bytes32 private _before;

    function setUp() public virtual override {
        super.setUp();
        _settleAll(LOG);
        _fund(alice, 1000);
        _expectDone(_op(Kind.LOCK, alice, alice, 300), 300);
        _before = _state();
    }

    function targetContracts() public view returns (address[] memory out) {
        out = new address[](5);
        out[0] = address(roles);
        out[1] = address(anchor);
        out[2] = address(cosign);
        out[3] = address(credit);
        out[4] = address(membership);
    }

    function excludeSenders() public view returns (address[] memory out) {
        out = new address[](9);
        out[0] = hq;
        out[1] = operator;
        out[2] = issuer;
        out[3] = freezer;
        out[4] = recoverer;
        out[5] = president;
        out[6] = secretary;
        out[7] = regulator;
        out[8] = address(this);
    }

    function _state() private view returns (bytes32) {
        (uint64 size, bytes32 root) = anchor.latest(LOG);
        (uint64 quota, uint64 used) = credit.quotaOf(CHAPTER, MONTH);
        (uint64 daily, uint64 holding) = credit.capsOf(CHAPTER);
        (, bool maySend, bool mayReceive) = membership.accountOf(alice);
        return keccak256(
            abi.encode(
                credit.balanceOf(alice),
                credit.lockedOf(alice),
                credit.totalSupply(),
                credit.cursor(LOG),
                size,
                root,
                quota,
                used,
                daily,
                holding,
                maySend,
                mayReceive,
                roles.adminCount(),
                _authorities()
            )
        );
    }

    /// @dev What approvals, policies, recoveries and signers stand at; strangers call these contracts, too.
    function _authorities() private view returns (bytes32) {
        (address[] memory signers, uint8 threshold) = anchor.signersOf(LOG);
        (uint16 kinds, uint8 least) = cosign.policyOf(REVERSE);
        return keccak256(
            abi.encode(
                signers,
                threshold,
                anchor.successorOf(LOG),
                kinds,
                least,
                cosign.approvedKinds(REVERSE, CHAPTER, LOG),
                membership.recoveredTo(alice),
                membership.commitmentOf(alice)
            )
        );
    }

    function invariant_strangersChangeNothing() public view {
        assertEq(_state(), _before, "state");
        (bool isAdmin,) = roles.hasRole(0, address(this));
        (bool isHq,) = roles.hasRole(Roles.id(Roles.HQ, 0), hq);
        assertTrue(isAdmin && isHq, "R1: roles stay");
    }
}

/// @dev R5: whoever holds every role of one chapter changes nothing in another, whatever he calls.
contract OtherChapterInvariants is RawCallInvariants {
    function setUp() public override {
        super.setUp();
        for (uint8 kind = Roles.HQ; kind <= Roles.REGULATOR; ++kind) {
            _grant(kind, OTHER_CHAPTER, _holder(kind));
        }
    }

    function targetSenders() public pure returns (address[] memory out) {
        out = new address[](Roles.REGULATOR);
        for (uint8 kind = Roles.HQ; kind <= Roles.REGULATOR; ++kind) {
            out[kind - 1] = _holder(kind);
        }
    }

    function _holder(uint8 kind) private pure returns (address) {
        return address(uint160(0xC0DE00) + kind);
    }

    /// @dev They can do something: what follows of the invariant is no accident.
    function test_rolesActInTheirOwnChapter() public {
        address elsewhere = _holder(Roles.ISSUER);
        vm.prank(elsewhere);
        credit.setQuota(OTHER_CHAPTER, MONTH, 5);
        (uint64 quota,) = credit.quotaOf(OTHER_CHAPTER, MONTH);
        assertEq(quota, 5, "its own quota");
        vm.prank(elsewhere);
        vm.expectRevert(
            abi.encodeWithSelector(IRoleGated.MissingRole.selector, elsewhere, Roles.ISSUER, CHAPTER)
        );
        credit.setQuota(CHAPTER, MONTH, 5);
    }
}
