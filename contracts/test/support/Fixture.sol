// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ICoSignature} from "../../src/interfaces/ICoSignature.sol";
import {ILogAnchor} from "../../src/interfaces/ILogAnchor.sol";
import {IMembership, Registration} from "../../src/interfaces/IMembership.sol";
import {IRoleManager} from "../../src/interfaces/IRoleManager.sol";
import {IStandings} from "../../src/interfaces/IStandings.sol";
import {ITimeCredit} from "../../src/interfaces/ITimeCredit.sol";
import {Kind, Operation} from "../../src/libraries/Ledger.sol";
import {Roles} from "../../src/libraries/Roles.sol";
import {Log, Test} from "./Test.sol";
import {Trees} from "./Trees.sol";

/// @dev All that can be called on TimeCredit. Tests import interfaces only, so that they compile without the
/// contracts and the contracts without them.
interface ICredit is ITimeCredit, IERC20Metadata, IStandings {}

interface IRoles is IRoleManager, IAccessManager {}

/// @title Fixture
/// @notice All contracts deployed and wired, two logs, and a ledger that is appended to, anchored and settled.
abstract contract Fixture is Test {
    struct Leaf {
        bool isOperation;
        Operation op;
    }

    /// @dev The arguments of settle besides log, start and count.
    struct Proof {
        uint256[] mask;
        Operation[] ops;
        bytes32[] others;
        bytes32[] left;
        bytes32[] right;
        bytes[] evidence;
    }

    struct Outcome {
        bool done;
        uint8 reason;
        uint128 moved;
        uint64 index;
        bytes32 leafHash;
    }

    uint256 internal constant START = 1_791_590_400; // 2026-10-10 00:00 UTC, 08:00 in Beijing
    uint32 internal constant MONTH = 202_610;
    uint32 internal constant CHAPTER = 31_010_007;
    uint32 internal constant OTHER_CHAPTER = 44_010_001;
    bytes32 internal constant GENESIS = keccak256("genesis block");
    bytes32 internal constant LOG = keccak256("log");
    bytes32 internal constant OTHER_LOG = keccak256("other log");
    bytes32 internal constant ORDER = keccak256("order");
    bytes32 internal constant CANCEL = keccak256("cancel");
    bytes32 internal constant REVERSE = keccak256("reverse");
    bytes32 internal constant PASS = keccak256("pass");
    uint256 internal constant HOLDER_KEY = 0xb0b;

    address internal immutable hq = account("hq");
    address internal immutable operator = account("operator");
    address internal immutable issuer = account("issuer");
    address internal immutable freezer = account("freezer");
    address internal immutable recoverer = account("recoverer");
    address internal immutable president = account("president");
    address internal immutable secretary = account("secretary");
    address internal immutable regulator = account("regulator");
    address internal immutable stranger = account("stranger");

    address internal immutable alice = account("alice");
    address internal immutable bob = account("bob");
    address internal immutable shop = account("shop");
    address internal immutable pool = account("pool");
    address internal immutable holder = vm.addr(HOLDER_KEY);

    IRoles internal roles;
    ILogAnchor internal anchor;
    ICoSignature internal cosign;
    ICredit internal credit;
    IMembership internal membership;

    mapping(bytes32 logId => Leaf[]) internal leaves;
    mapping(bytes32 logId => bytes32[]) internal hashes;
    uint256 private _salt;

    function setUp() public virtual {
        vm.warp(START);
        roles = IRoles(deploy("RoleManager.sol:RoleManager", abi.encode(address(this))));
        anchor = ILogAnchor(deploy("LogAnchor.sol:LogAnchor", abi.encode(roles, GENESIS)));
        cosign = ICoSignature(deploy("CoSignature.sol:CoSignature", abi.encode(roles)));
        credit = ICredit(deploy("TimeCredit.sol:TimeCredit", abi.encode(roles, anchor, cosign)));
        membership = credit.membership();
        _grant(Roles.HQ, 0, hq);
        _grant(Roles.OPERATOR, 0, operator);
        _grant(Roles.ISSUER, 0, issuer);
        _grant(Roles.FREEZER, 0, freezer);
        _grant(Roles.RECOVERER, 0, recoverer);
        _grant(Roles.PRESIDENT, CHAPTER, president);
        _grant(Roles.SECRETARY, CHAPTER, secretary);
        _grant(Roles.REGULATOR, 0, regulator);
        _policy(CANCEL, Roles.PRESIDENT, Roles.SECRETARY);
        _policy(REVERSE, Roles.PRESIDENT, Roles.SECRETARY);
        _policy(PASS, Roles.HQ, Roles.REGULATOR);
        _openLog(LOG);
        _openLog(OTHER_LOG);
        _register(alice, 1, 1);
        _register(bob, 1, 1);
        _register(shop, 2, 1);
        _register(pool, 3, 1);
        _register(holder, 1, 2);
        vm.prank(issuer);
        credit.setQuota(CHAPTER, MONTH, 1_000_000);
        _note(LOG);
        _note(OTHER_LOG);
    }

    // --- roles, accounts, logs -------------------------------------------------------------------------------

    function _grant(uint8 kind, uint32 chapter, address member) internal {
        roles.grantRole(Roles.id(kind, chapter), member, 0);
    }

    function _policy(bytes32 id, uint8 first, uint8 second) internal {
        uint8[] memory kinds = new uint8[](2);
        (kinds[0], kinds[1]) = (first, second);
        vm.prank(hq);
        cosign.registerPolicy(id, kinds, 2);
    }

    function _register(address member, uint8 kind, uint8 custody) internal {
        _register(member, kind, custody, CHAPTER, LOG);
    }

    function _register(address member, uint8 kind, uint8 custody, uint32 chapter, bytes32 home) internal {
        Registration[] memory list = new Registration[](1);
        list[0] = Registration(member, chapter, kind, custody, home, keccak256(abi.encode(member)));
        vm.prank(operator);
        membership.register(list);
    }

    function _setRights(address member, bool maySend, bool mayReceive) internal {
        vm.prank(freezer);
        membership.setRights(member, maySend, mayReceive, ORDER);
    }

    function _openLog(bytes32 logId) internal {
        bytes32 genesis = keccak256(abi.encode("genesis", logId));
        leaves[logId].push();
        leaves[logId][0].op.commitment = genesis;
        hashes[logId].push(Trees.leaf(genesis, 0));
        (address[] memory signers,) = _signers();
        vm.prank(hq);
        anchor.registerLog(logId, hashes[logId][0], 1 << 40, signers, 2);
    }

    /// @dev Three signers in order of address, with their keys.
    function _signers() internal pure returns (address[] memory signers, uint256[] memory keys) {
        signers = new address[](3);
        keys = new uint256[](3);
        for (uint256 i = 0; i < 3; ++i) {
            (signers[i], keys[i]) = (vm.addr(i + 1), i + 1);
        }
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 j = i + 1; j < 3; ++j) {
                if (signers[j] >= signers[i]) continue;
                (signers[i], signers[j]) = (signers[j], signers[i]);
                (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
    }

    // --- the ledger ------------------------------------------------------------------------------------------

    function _append(bytes32 logId, Operation memory op) internal returns (uint64 index) {
        index = uint64(leaves[logId].length);
        leaves[logId].push(Leaf(true, op));
        hashes[logId].push(_leafHash(op));
    }

    /// @dev Appends a leaf without operation.
    function _note(bytes32 logId) internal returns (uint64 index) {
        index = uint64(leaves[logId].length);
        leaves[logId].push();
        leaves[logId][index].op.commitment = keccak256(abi.encode("note", logId, index));
        hashes[logId].push(Trees.leaf(leaves[logId][index].op.commitment, 0));
    }

    function _digest(Operation memory op) internal pure returns (bytes32) {
        return keccak256(abi.encode(op.kind, op.from, op.to, op.amount, op.validUntil, op.ref, op.opSalt));
    }

    function _leafHash(Operation memory op) internal pure returns (bytes32) {
        return Trees.leaf(op.commitment, _digest(op));
    }

    function _op(uint8 kind, address from, address to, uint128 amount) internal returns (Operation memory) {
        bytes32 salt = keccak256(abi.encode("salt", ++_salt));
        return Operation(kind, from, to, amount, 0, 0, bytes16(salt), keccak256(abi.encode(salt)));
    }

    function _op(uint8 kind, address from, address to, uint128 amount, bytes32 ref)
        internal
        returns (Operation memory op)
    {
        op = _op(kind, from, to, amount);
        op.ref = ref;
    }

    function _anchorDigest(bytes32 logId, uint64 size, bytes32 root) internal view returns (bytes32) {
        return _typedDigest(
            "Tongyi LogAnchor",
            address(anchor),
            keccak256(
                abi.encode(keccak256("Anchor(bytes32 logId,uint64 size,bytes32 root)"), logId, size, root)
            )
        );
    }

    function _typedDigest(string memory name, address target, bytes32 structHash)
        internal
        view
        returns (bytes32)
    {
        return _saltedDigest(name, target, GENESIS, structHash);
    }

    function _saltedDigest(string memory name, address target, bytes32 salt, bytes32 structHash)
        internal
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
                ),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                target,
                salt
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Signatures of the signers number `first` and `second` of the ascending list.
    function _signatures(bytes32 digest, uint256 first, uint256 second)
        internal
        pure
        returns (bytes[] memory out)
    {
        (, uint256[] memory keys) = _signers();
        out = new bytes[](2);
        out[0] = _sign(keys[first], digest);
        out[1] = _sign(keys[second], digest);
    }

    /// @dev Anchors all leaves appended so far.
    function _anchor(bytes32 logId) internal {
        uint64 size = uint64(hashes[logId].length);
        (uint64 have,) = anchor.latest(logId);
        if (have == size) return;
        bytes32[] memory all = hashes[logId];
        bytes32 root = Trees.root(all, 0, size);
        bytes32[] memory proof = Trees.consistency(all, have, 0, size, true);
        anchor.anchor(logId, size, root, proof, _signatures(_anchorDigest(logId, size, root), 0, 1));
    }

    function _proof(bytes32 logId, uint64 start, uint64 count) internal view returns (Proof memory proof) {
        Leaf[] storage list = leaves[logId];
        proof.mask = new uint256[]((uint256(count) + 255) / 256);
        uint256 operations = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (list[start + i].isOperation) ++operations;
        }
        proof.ops = new Operation[](operations);
        proof.others = new bytes32[](count - operations);
        operations = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (list[start + i].isOperation) {
                proof.mask[i >> 8] |= uint256(1) << (i & 255);
                proof.ops[operations++] = list[start + i].op;
            } else {
                proof.others[i - operations] = list[start + i].op.commitment;
            }
        }
        (uint64 size,) = anchor.latest(logId);
        bytes32[] memory all = hashes[logId];
        proof.left = Trees.left(all, start);
        proof.right = Trees.right(all, start + count, size);
        proof.evidence = new bytes[](0);
    }

    function _settle(bytes32 logId, uint64 start, uint64 count, Proof memory proof) internal {
        vm.prank(operator);
        credit.settle(
            logId, start, count, proof.mask, proof.ops, proof.others, proof.left, proof.right, proof.evidence
        );
    }

    /// @dev Anchors everything and settles it up to the end.
    function _settleAll(bytes32 logId, bytes[] memory evidence) internal {
        _anchor(logId);
        uint64 start = credit.cursor(logId);
        uint64 count = uint64(hashes[logId].length) - start;
        Proof memory proof = _proof(logId, start, count);
        proof.evidence = evidence;
        _settle(logId, start, count, proof);
    }

    function _settleAll(bytes32 logId) internal {
        _settleAll(logId, new bytes[](0));
    }

    /// @dev Appends one operation to LOG, settles it and returns what became of it.
    function _run(Operation memory op) internal returns (Outcome memory) {
        return _runIn(LOG, op, new bytes[](0));
    }

    function _run(Operation memory op, bytes memory evidence) internal returns (Outcome memory) {
        bytes[] memory list = new bytes[](1);
        list[0] = evidence;
        return _runIn(LOG, op, list);
    }

    function _runIn(bytes32 logId, Operation memory op, bytes[] memory evidence)
        internal
        returns (Outcome memory outcome)
    {
        uint64 index = _append(logId, op);
        vm.recordLogs();
        _settleAll(logId, evidence);
        Log[] memory logs = vm.getRecordedLogs();
        outcome = _outcomeOf(logs[logs.length - 2]);
        assertEq(outcome.index, index, "outcome's index");
        assertEq(outcome.leafHash, _leafHash(op), "outcome's leaf hash");
        assertEq(logs[logs.length - 2].topics[1], logId, "outcome's log");
        uint256 last = outcome.done ? outcome.moved : outcome.reason;
        assertSame(
            logs[logs.length - 2].data,
            abi.encode(op.kind, op.from, op.to, op.amount, op.validUntil, op.ref, op.opSalt, last),
            "outcome's operands"
        );
        assertEq(credit.refused(logId, index), outcome.reason, "refusal as stored");
        assertEq(credit.cursor(logId), index + 1, "cursor");
    }

    function _outcomeOf(Log memory log) internal pure returns (Outcome memory outcome) {
        outcome.done = log.topics[0] == ITimeCredit.OperationDone.selector;
        assertTrue(outcome.done || log.topics[0] == ITimeCredit.OperationRefused.selector, "is an outcome");
        outcome.index = uint64(uint256(log.topics[2]));
        outcome.leafHash = log.topics[3];
        (,,,,,,, uint256 last) =
            abi.decode(log.data, (uint8, address, address, uint128, uint64, bytes32, bytes16, uint256));
        if (outcome.done) outcome.moved = uint128(last);
        else outcome.reason = uint8(last);
    }

    function _expectDone(Operation memory op, uint128 moved) internal returns (Outcome memory outcome) {
        outcome = _run(op);
        assertEq(outcome.reason, 0, "reason");
        assertEq(outcome.moved, moved, "moved");
    }

    function _expectRefused(Operation memory op, uint8 reason) internal {
        (uint256 alices, uint256 bobs) = (credit.balanceOf(alice), credit.balanceOf(bob));
        uint256 supply = credit.totalSupply();
        assertEq(_run(op).reason, reason, "reason");
        assertEq(credit.balanceOf(alice), alices, "a refusal changes nothing");
        assertEq(credit.balanceOf(bob), bobs, "a refusal changes nothing");
        assertEq(credit.totalSupply(), supply, "a refusal changes nothing");
    }

    function _fund(address member, uint128 amount) internal returns (Outcome memory) {
        return _expectDone(_op(Kind.ISSUE, address(0), member, amount), amount);
    }

    function _approve(bytes32 policy, Operation memory op) internal {
        vm.prank(president);
        cosign.approve(policy, CHAPTER, _digest(op));
        vm.prank(secretary);
        cosign.approve(policy, CHAPTER, _digest(op));
    }

    /// @dev Sets the reference of an operation from a self-custody account and returns its evidence.
    function _authorize(Operation memory op, uint256 key, bytes32 nonce)
        internal
        view
        returns (bytes memory evidence)
    {
        op.ref = credit.authorizationDigest(op.kind, op.from, op.to, op.amount, nonce, op.validUntil);
        return abi.encode(nonce, _sign(key, op.ref));
    }

    /// @dev Evidence for reversing the operation at `index` of `logId`, against the whole ledger.
    function _original(bytes32 logId, uint64 index) internal view returns (bytes memory) {
        bytes32[] memory all = hashes[logId];
        return abi.encode(leaves[logId][index].op, index, Trees.inclusion(all, index, 0, all.length));
    }

    function _error(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodePacked(selector);
    }
}
