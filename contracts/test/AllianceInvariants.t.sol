// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRuleBook, Line, Table} from "../src/interfaces/IRuleBook.sol";
import {ISeatRegistry} from "../src/interfaces/ISeatRegistry.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Gate, TableKind} from "../src/libraries/Rules.sol";
import {RuleFixture} from "./support/RuleFixture.sol";
import {Log, Test} from "./support/Test.sol";

/// @dev Seats and rules used at random. Every public function is bounded so that it never reverts; a model of its own
/// is kept from the calls and the events alone, to be compared with the contracts.
contract AllianceHandler is RuleFixture {
    struct Term {
        address holder;
        uint64 until;
    }

    address[] private _shops;
    bytes32[] private _industries = [bytes32("bakery"), "hair", "tailor"];
    bytes32[] private _tables = [bytes32("purchase"), "first_year", "waiver"];
    uint8[] private _kinds = [TableKind.PURCHASE, TableKind.FEE, TableKind.FEE_WAIVER];
    /// @dev The model of seats: what the events say.
    mapping(bytes32 industry => Term) private _terms;
    /// @dev Digest of each version when it was published, and its date.
    mapping(bytes32 tableId => bytes32[]) private _published;
    mapping(bytes32 tableId => uint64[]) private _dates;
    /// @dev The model of gates: the value in force, the approved and announced raise and when it was announced.
    mapping(uint8 gate => uint8) public wanted;
    mapping(uint8 gate => uint8) private _raised;
    mapping(uint8 gate => uint256) private _announcedAt;
    mapping(bytes32 what => uint256) public done;
    bool public broken;

    function start() external {
        super.setUp();
        wanted[Gate.DEPTH] = 1;
        for (uint256 i = 0; i < 5; ++i) {
            _shops.push(account(string(abi.encodePacked("shop ", bytes1(uint8(65 + i))))));
            _register(_shops[i], 2, 1);
        }
    }

    function book() external view returns (IRuleBook) {
        return rules;
    }

    function registry() external view returns (ISeatRegistry) {
        return seats;
    }

    function shops() external view returns (address[] memory) {
        return _shops;
    }

    function industries() external view returns (bytes32[] memory) {
        return _industries;
    }

    function listTables() external view returns (bytes32[] memory) {
        return _tables;
    }

    function published(bytes32 tableId) external view returns (bytes32[] memory, uint64[] memory) {
        return (_published[tableId], _dates[tableId]);
    }

    /// @dev Who holds a seat, by the events and the successions.
    function modelHolder(bytes32 industry) public view returns (address) {
        Term memory term = _terms[industry];
        return block.timestamp < term.until ? _now(term.holder) : address(0);
    }

    // --- what may happen -------------------------------------------------------------------------------------

    /// @dev Tries it whether or not the seat is free: it must succeed exactly where the model says so.
    function grantSeat(uint256 which, uint256 who, uint64 time) external {
        bytes32 industry = _industries[which % _industries.length];
        address shop_ = _shops[who % _shops.length];
        if (membership.recoveredTo(shop_) != address(0)) return;
        bool isFree = modelHolder(industry) == address(0);
        for (uint256 i = 0; i < _industries.length; ++i) {
            if (modelHolder(_industries[i]) == shop_) isFree = false;
        }
        uint64 until = uint64(block.timestamp + bound(time, 1, 40 days));
        vm.recordLogs();
        vm.prank(operator);
        try seats.grant(CHAPTER, industry, shop_, CERTIFICATE, until) {
            if (!isFree) broken = true;
        } catch {
            if (isFree) broken = true;
            ++done["grant refused"];
            return;
        }
        _follow(vm.getRecordedLogs());
        ++done["grant"];
    }

    function renewSeat(uint256 which, uint64 time) external {
        bytes32 industry = _industries[which % _industries.length];
        if (modelHolder(industry) == address(0)) return;
        uint64 until = _terms[industry].until + uint64(bound(time, 1, 30 days));
        vm.recordLogs();
        vm.prank(operator);
        seats.renew(CHAPTER, industry, CERTIFICATE, until);
        _follow(vm.getRecordedLogs());
        ++done["renew"];
    }

    function releaseSeat(uint256 which) external {
        bytes32 industry = _industries[which % _industries.length];
        if (modelHolder(industry) == address(0)) return;
        vm.recordLogs();
        vm.prank(operator);
        seats.release(CHAPTER, industry, REASON, ORDER);
        _follow(vm.getRecordedLogs());
        ++done["release"];
    }

    function recoverShop(uint256 which, uint256 salt) external {
        address from = _shops[which % _shops.length];
        address to = vm.addr(bound(salt, 1000, 1 << 128));
        if (membership.commitmentOf(to) != 0 || _shops.length > 12) return;
        if (membership.recoveredTo(from) != address(0)) return;
        vm.prank(recoverer);
        membership.recover(from, to, ORDER);
        _shops.push(to);
        ++done["recover"];
    }

    function publishTable(uint256 which, uint16 part, uint64 ahead) external {
        bytes32 tableId = _tables[which % _tables.length];
        uint64 date = uint64(block.timestamp + bound(ahead, 0, 20 days));
        uint64[] storage dates = _dates[tableId];
        if (dates.length != 0 && date <= dates[dates.length - 1]) date = dates[dates.length - 1] + 1;
        if (date > block.timestamp + 1000 days) return;
        uint64 share = uint64(bound(part, 1, 9999));
        Line[] memory lines = new Line[](3);
        lines[0] = Line(FUND, 1, 10_000 - share);
        lines[1] = Line(PLATFORM, 2, uint64(part) + 1);
        lines[2] = Line(SERVING, 1, share);
        vm.prank(hq);
        rules.publish(tableId, 0, _kinds[which % _tables.length], date, lines, SERVING, TABLE_HASH);
        dates.push(date);
        Table memory table = Table(date, SERVING, TABLE_HASH, lines);
        _published[tableId].push(keccak256(abi.encode(table)));
        ++done["publish"];
    }

    /// @dev Any of HQ and regulator approves; the announcement must succeed exactly where both have.
    function announceGate(uint256 which, uint8 value, bool hqApproves, bool regulatorApproves) external {
        uint8 gate = uint8(1 + which % 4);
        uint8 limit = gate == Gate.DEPTH ? 3 : 1;
        if (wanted[gate] >= limit) return;
        value = uint8(bound(value, wanted[gate] + 1, limit));
        uint16 kinds = cosign.approvedKinds(REFERRAL, 0, rules.raiseDigest(gate, value, OPINION));
        bool byHq = kinds & (uint16(1) << Roles.HQ) != 0;
        bool byRegulator = kinds & (uint16(1) << Roles.REGULATOR) != 0;
        if (hqApproves && !byHq) _approveRaise(hq, gate, value);
        if (regulatorApproves && !byRegulator) _approveRaise(regulator, gate, value);
        bool both = (hqApproves || byHq) && (regulatorApproves || byRegulator);
        vm.prank(hq);
        try rules.announce(gate, value, OPINION) {
            if (!both) broken = true;
            (_raised[gate], _announcedAt[gate]) = (value, block.timestamp);
            ++done["announce"];
        } catch {
            if (both) broken = true;
            ++done["announce refused"];
        }
    }

    function activateGate(uint256 which) external {
        uint8 gate = uint8(1 + which % 4);
        uint256 since = _announcedAt[gate];
        bool isReady =
            since != 0 && block.timestamp >= since + DELAY && block.timestamp < since + DELAY + 30 days;
        vm.prank(hq);
        try rules.activate(gate) {
            if (!isReady) broken = true;
            wanted[gate] = _raised[gate];
            _announcedAt[gate] = 0;
            ++done["activate"];
        } catch {
            if (isReady) broken = true;
            ++done["activate refused"];
        }
    }

    function lowerGate(uint256 which, uint8 value, bool byRegulator) external {
        uint8 gate = uint8(1 + which % 4);
        if (wanted[gate] == 0) return;
        value = uint8(bound(value, 0, wanted[gate] - 1));
        vm.prank(byRegulator ? regulator : hq);
        rules.lower(gate, value);
        (wanted[gate], _announcedAt[gate]) = (value, 0);
        ++done["lower"];
    }

    function waitABit(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 days));
    }

    // --- bookkeeping -----------------------------------------------------------------------------------------

    function _now(address who) private view returns (address) {
        address next = membership.recoveredTo(who);
        return next == address(0) ? who : _now(next);
    }

    /// @dev Rebuilds the terms from the events alone.
    function _follow(Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; ++i) {
            bytes32 topic = logs[i].topics[0];
            bytes32 industry = logs[i].topics[2];
            address who = address(uint160(uint256(logs[i].topics[3])));
            if (topic == ISeatRegistry.SeatGranted.selector || topic == ISeatRegistry.SeatRenewed.selector) {
                bool isNew = topic == ISeatRegistry.SeatGranted.selector;
                // A term begins only where the one before was told to have ended.
                if (isNew != (_terms[industry].holder == address(0))) broken = true;
                (, uint64 until,) = abi.decode(logs[i].data, (bytes32, uint64, uint32));
                _terms[industry] = Term(who, until);
            } else {
                if (topic == ISeatRegistry.SeatLapsed.selector) {
                    if (_terms[industry].until > block.timestamp) broken = true;
                    ++done["lapse"];
                }
                if (_now(_terms[industry].holder) != who) broken = true;
                delete _terms[industry];
            }
        }
    }
}

/// @dev I1 to I5 of SeatRegistry, I1 to I5 of RuleBook and I1 to I6 of ReferralGates over random use.
contract AllianceInvariants is Test {
    AllianceHandler private handler;
    IRuleBook private rules;
    ISeatRegistry private seats;

    uint32 private constant CHAPTER = 31_010_007;

    function setUp() public {
        handler = AllianceHandler(deploy("AllianceInvariants.t.sol:AllianceHandler", ""));
        handler.start();
        (rules, seats) = (handler.book(), handler.registry());
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory out) {
        bytes4[] memory list = new bytes4[](9);
        list[0] = handler.grantSeat.selector;
        list[1] = handler.renewSeat.selector;
        list[2] = handler.releaseSeat.selector;
        list[3] = handler.recoverShop.selector;
        list[4] = handler.publishTable.selector;
        list[5] = handler.announceGate.selector;
        list[6] = handler.activateGate.selector;
        list[7] = handler.lowerGate.selector;
        list[8] = handler.waitABit.selector;
        out = new FuzzSelector[](1);
        out[0] = FuzzSelector(address(handler), list);
    }

    function targetContracts() public view returns (address[] memory out) {
        out = new address[](1);
        out[0] = address(handler);
    }

    function invariant_oneHolderASeatAndOneSeatAHolder() public view {
        bytes32[] memory industries = handler.industries();
        address[] memory shops = handler.shops();
        assertTrue(!handler.broken(), "calls succeed exactly where they may; events rebuild the terms");
        uint256 held = 0;
        for (uint256 i = 0; i < industries.length; ++i) {
            address holder = seats.holderOf(CHAPTER, industries[i]);
            assertEq(holder, handler.modelHolder(industries[i]), "holder");
            (, uint64 until,,) = seats.seatOf(CHAPTER, industries[i]);
            assertTrue(holder == address(0) || block.timestamp < until, "never after its term");
            for (uint256 j = 0; j < i; ++j) {
                assertTrue(
                    holder == address(0) || holder != seats.holderOf(CHAPTER, industries[j]), "one seat each"
                );
            }
            if (holder == address(0)) continue;
            ++held;
            assertEq(seats.industryOf(CHAPTER, holder), industries[i], "both ways");
        }
        uint256 holders = 0;
        for (uint256 i = 0; i < shops.length; ++i) {
            bytes32 industry = seats.industryOf(CHAPTER, shops[i]);
            if (industry != 0 && seats.holderOf(CHAPTER, industry) == shops[i]) ++holders;
        }
        assertEq(holders, held, "as many holders as held seats");
    }

    function invariant_publishedVersionsSumAndStay() public view {
        bytes32[] memory ids = handler.listTables();
        for (uint256 i = 0; i < ids.length; ++i) {
            (bytes32[] memory digests, uint64[] memory dates) = handler.published(ids[i]);
            assertEq(rules.versionsOf(ids[i], 0), digests.length, "none goes away, none is invented");
            uint32 current = 0;
            for (uint32 version = 1; version <= digests.length; ++version) {
                Table memory table = rules.tableOf(ids[i], 0, version);
                assertEq(keccak256(abi.encode(table)), digests[version - 1], "none changes");
                uint256 sum = 0;
                for (uint256 j = 0; j < table.lines.length; ++j) {
                    if (table.lines[j].kind == 1) sum += table.lines[j].value;
                }
                assertEq(sum, 10_000, "basis points");
                if (dates[version - 1] <= block.timestamp) current = version;
            }
            if (current == 0) continue;
            (, uint32 got,) = rules.tableAt(ids[i], CHAPTER, uint64(block.timestamp));
            assertEq(got, current, "the last in effect");
        }
    }

    function invariant_gatesRiseOnlyByBothAndInTime() public view {
        assertTrue(rules.depth() <= 3, "the cap");
        for (uint8 gate = Gate.DEPTH; gate <= Gate.REFERRAL_DUTY; ++gate) {
            // The model rises only where both approved and the delay was over, else the handler is broken.
            assertEq(rules.gateValue(gate), handler.wanted(gate), "value in force");
        }
        assertTrue(
            rules.isUsed("waiver") == (rules.kindOf("waiver") != 0 && handler.wanted(3) == 1), "waiver"
        );
    }

    /// @dev A handler that does nothing proves nothing: along one fixed walk everything happens, and is refused.
    function test_handlerReachesEverything() public {
        for (uint256 i = 0; i < 400; ++i) {
            _step(uint256(keccak256(abi.encode(i))));
        }
        bytes32[12] memory all = [
            bytes32("grant"),
            "grant refused",
            "renew",
            "release",
            "lapse",
            "recover",
            "publish",
            "announce",
            "announce refused",
            "activate",
            "activate refused",
            "lower"
        ];
        for (uint256 i = 0; i < all.length; ++i) {
            assertTrue(handler.done(all[i]) > 1, string(abi.encodePacked(all[i])));
        }
        invariant_oneHolderASeatAndOneSeatAHolder();
        invariant_publishedVersionsSumAndStay();
        invariant_gatesRiseOnlyByBothAndInTime();
    }

    function _step(uint256 random) private {
        uint256 choice = random % 10;
        uint256 next = random >> 8;
        if (choice < 2) handler.grantSeat(next, next >> 9, uint64(next));
        else if (choice == 2) handler.renewSeat(next, uint64(next));
        else if (choice == 3) handler.releaseSeat(next);
        else if (choice == 4) handler.recoverShop(next, next);
        else if (choice == 5) handler.publishTable(next, uint16(next), uint64(next));
        else if (choice == 6) handler.announceGate(next, uint8(next), next % 3 != 0, next % 5 != 0);
        else if (choice == 7) handler.activateGate(next);
        else if (choice == 8) handler.lowerGate(next, uint8(next), next % 2 == 0);
        else handler.waitABit(next);
    }
}

/// @dev Calls of anybody with anything to seats and rules change nothing.
contract AllianceRawCalls is RuleFixture {
    bytes32 private _before;

    function setUp() public override {
        super.setUp();
        _grantSeat(CHAPTER, BAKERY, shop, type(uint64).max);
        _publish(TABLE, 0, TableKind.PURCHASE, uint64(START));
        _raise(Gate.DEPTH, 2);
        _announce(Gate.FEE_WAIVER, 1);
        _before = _state();
    }

    function targetContracts() public view returns (address[] memory out) {
        out = new address[](2);
        out[0] = address(seats);
        out[1] = address(rules);
    }

    function excludeSenders() public view returns (address[] memory out) {
        out = new address[](4);
        out[0] = hq;
        out[1] = operator;
        out[2] = regulator;
        out[3] = address(this);
    }

    function _state() private view returns (bytes32) {
        (uint8 value, uint64 readyAt,, bytes32 opinion) = rules.announcementOf(Gate.FEE_WAIVER);
        return keccak256(
            abi.encode(
                seats.holderOf(CHAPTER, BAKERY),
                seats.industryOf(CHAPTER, shop),
                rules.versionsOf(TABLE, 0),
                rules.tableOf(TABLE, 0, 1),
                rules.depth(),
                rules.gateValue(Gate.JOINING_FEE_REFERRAL),
                rules.gateValue(Gate.FEE_WAIVER),
                rules.gateValue(Gate.REFERRAL_DUTY),
                value,
                readyAt,
                opinion
            )
        );
    }

    function invariant_strangersChangeNothing() public view {
        assertEq(_state(), _before, "state");
        assertEq(rules.depth(), 2, "there is something to change");
    }
}
