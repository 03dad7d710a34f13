// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OperationChecks} from "./OperationChecks.sol";
import {IMembership} from "./interfaces/IMembership.sol";
import {Beijing} from "./libraries/Beijing.sol";
import {AccountKind, Kind, Operation, Operations, Reason} from "./libraries/Ledger.sol";
import {PackedAccount} from "./libraries/PackedAccount.sol";
import {Rfc9162} from "./libraries/Rfc9162.sol";

/// @title OperationRules
/// @notice PURPOSE: carry out one operation of the ledger, or say why not.
/// @dev INVARIANTS
/// I1. A refused operation changes no balance, lock, quota or total. A member's fault never reverts.
/// I2. An account acts only through its home log or a log that succeeds it.
/// I3. A lock is released, cancelled or moved to its holder's successor, never more than its rest; the rests of
///     an account's locks sum to its locked part.
/// I4. A holder's nonce and an approved digest act once. A nonce is used up once its signature is accepted, even
///     where the operation is then refused for another reason.
/// I5. Reversals of one operation never sum to more than its amount, nor take what a holder does not have.
/// I6. Issues of a month to a chapter's accounts never exceed the quota that stood when they were carried out.
///
/// ROLES: none here. ASSUMPTIONS: operations come in ledger order with leaf hashes proved against the anchor.
/// LIVENESS: a bad quota, cap or policy refuses operations, never blocks the ledger.
/// NON-GOALS: prices, splits and rules of business, which are entries.
///
/// The checks run in this order and the first that fails gives the reason: kind, expiry, amount, parties, sender
/// known, receiver known, home log, authorization, then those of the kind.
abstract contract OperationRules is OperationChecks {
    using Operations for Operation;

    /// @dev slot: holder and rest of a lock.
    struct Lock {
        address holder;
        uint64 amount;
    }

    /// @dev slot: allowed and used in a month.
    struct Quota {
        uint64 amount;
        uint64 used;
    }

    /// @dev slot: caps of a chapter, 0 = none.
    struct Caps {
        uint64 daily;
        uint64 holding;
    }

    bytes32 private constant CANCEL_POLICY = keccak256("cancel");
    bytes32 private constant REVERSE_POLICY = keccak256("reverse");

    /// @dev Locks by the leaf hash of their operation; the holder stays when the rest is 0.
    mapping(bytes32 leafHash => Lock) internal _locks;
    /// @dev What has been reversed of an operation, by its leaf hash.
    mapping(bytes32 leafHash => uint64) internal _reversed;
    /// @dev Where a recover operation moved an account's coins and locks.
    mapping(address from => address to) internal _movedTo;
    mapping(uint32 chapter => mapping(uint32 period => Quota)) internal _quotas;
    mapping(uint32 chapter => Caps) internal _caps;

    /// @dev Carries out `op`, or returns the reason for which nothing changed.
    function _execute(
        Window memory window,
        Operation memory op,
        bytes32 leafHash,
        uint64 index,
        bytes[] calldata evidence
    ) internal returns (uint8 reason, uint128 moved) {
        uint8 kind = op.kind;
        PackedAccount source = _accounts[op.from];
        bytes memory proof;
        bool signed = _needsAuthorization(kind, source);
        // Whatever becomes of the operation, its evidence is taken, so that the count is known beforehand.
        if (signed || kind == Kind.REVERSE) proof = _takeEvidence(window, evidence);
        reason = _checkForm(op);
        if (reason != Reason.NONE) return (reason, 0);
        PackedAccount target = _accounts[op.to];
        reason = _checkStanding(window, op, source, target);
        if (reason != Reason.NONE) return (reason, 0);
        if (signed) {
            reason = _useAuthorization(op, proof);
            if (reason != Reason.NONE) return (reason, 0);
        }
        if (kind == Kind.TRANSFER || kind == Kind.REDEEM) return _transfer(op, source, target);
        if (kind == Kind.ISSUE) return _issue(op, target);
        if (kind == Kind.BURN) return _burnFree(op, source);
        if (kind == Kind.LOCK) return _lock(op, source, leafHash);
        if (kind == Kind.RELEASE) return _release(op, source);
        if (kind == Kind.CANCEL) return _cancel(op, source);
        if (kind == Kind.REVERSE) return _reverse(window, op, index, proof);
        return _recover(op, source, target);
    }

    function _transfer(Operation memory op, PackedAccount source, PackedAccount target)
        private
        returns (uint8, uint128)
    {
        uint64 amount = uint64(op.amount);
        if (op.kind == Kind.REDEEM && target.kind() != AccountKind.MERCHANT) {
            return (Reason.WRONG_PARTIES, 0);
        }
        if (!source.maySend()) return (Reason.SENDER_BLOCKED, 0);
        if (!target.mayReceive()) return (Reason.RECEIVER_BLOCKED, 0);
        if (source.unlocked() < amount) return (Reason.INSUFFICIENT_BALANCE, 0);
        if (source.kind() == AccountKind.MEMBER && !source.isSelfCustody()) {
            uint16 today = Beijing.dayOf(block.timestamp);
            uint256 spent = uint256(source.spentOn(today)) + amount;
            uint256 cap = _caps[_places[source.place()].chapter].daily;
            if (cap != 0 && spent > cap) return (Reason.DAILY_CAP_EXCEEDED, 0);
            source = source.withSpent(today, spent);
        }
        if (_exceedsHolding(target, amount)) return (Reason.HOLDING_CAP_EXCEEDED, 0);
        _move(op.from, source, op.to, target, amount);
        return (Reason.NONE, amount);
    }

    function _issue(Operation memory op, PackedAccount target) private returns (uint8, uint128) {
        uint64 amount = uint64(op.amount);
        uint8 kind = target.kind();
        if (kind != AccountKind.MEMBER && kind != AccountKind.POOL) return (Reason.WRONG_PARTIES, 0);
        if (!target.mayReceive()) return (Reason.RECEIVER_BLOCKED, 0);
        Quota storage quota = _quotas[_places[target.place()].chapter][Beijing.monthOf(block.timestamp)];
        uint256 used = uint256(quota.used) + amount;
        if (used > quota.amount || uint256(_supply) + amount > MAX_SUPPLY) return (Reason.QUOTA_EXCEEDED, 0);
        if (_exceedsHolding(target, amount)) return (Reason.HOLDING_CAP_EXCEEDED, 0);
        quota.used = uint64(used);
        _mint(op.to, target, amount);
        return (Reason.NONE, amount);
    }

    function _exceedsHolding(PackedAccount target, uint64 amount) private view returns (bool) {
        if (target.kind() != AccountKind.MEMBER) return false;
        uint256 cap = _caps[_places[target.place()].chapter].holding;
        return cap != 0 && uint256(target.balance()) + amount > cap;
    }

    /// @dev Rights do not matter: what a blocked account holds can still expire or be forfeited.
    function _burnFree(Operation memory op, PackedAccount source) private returns (uint8, uint128) {
        if (source.unlocked() < op.amount) return (Reason.INSUFFICIENT_BALANCE, 0);
        _burn(op.from, source, uint64(op.amount));
        return (Reason.NONE, op.amount);
    }

    function _lock(Operation memory op, PackedAccount source, bytes32 leafHash)
        private
        returns (uint8, uint128)
    {
        if (_locks[leafHash].holder != address(0)) return (Reason.LOCK_EXISTS, 0);
        if (source.unlocked() < op.amount) return (Reason.INSUFFICIENT_BALANCE, 0);
        _locks[leafHash] = Lock(op.from, uint64(op.amount));
        _accounts[op.from] = source.lock(uint64(op.amount)).count();
        return (Reason.NONE, op.amount);
    }

    function _release(Operation memory op, PackedAccount source) private returns (uint8, uint128) {
        uint8 reason = _takeFromLock(op);
        if (reason != Reason.NONE) return (reason, 0);
        _accounts[op.from] = source.unlock(uint64(op.amount)).count();
        return (Reason.NONE, op.amount);
    }

    function _cancel(Operation memory op, PackedAccount source) private returns (uint8, uint128) {
        if (!_isApproved(CANCEL_POLICY, op, source)) return (Reason.NOT_APPROVED, 0);
        uint8 reason = _takeFromLock(op);
        if (reason != Reason.NONE) return (reason, 0);
        _spentApprovals[op.digest()] = true;
        _burn(op.from, source.unlock(uint64(op.amount)), uint64(op.amount));
        return (Reason.NONE, op.amount);
    }

    function _takeFromLock(Operation memory op) private returns (uint8) {
        Lock storage held = _locks[op.ref];
        address holder = held.holder;
        if (holder == address(0)) return Reason.UNKNOWN_LOCK;
        if (_holderNow(holder) != op.from) return Reason.WRONG_PARTIES;
        if (held.amount < op.amount) return Reason.INSUFFICIENT_BALANCE;
        held.amount -= uint64(op.amount);
        return Reason.NONE;
    }

    /// @dev Gives back, from who holds what the original gave to who gave it, at most what is there.
    function _reverse(Window memory window, Operation memory op, uint64 index, bytes memory proof)
        private
        returns (uint8, uint128)
    {
        PackedAccount source = _accounts[op.from];
        if (!_isApproved(REVERSE_POLICY, op, source)) return (Reason.NOT_APPROVED, 0);
        if (proof.length == 0) return (Reason.BAD_ORIGINAL, 0);
        uint8 reason = _checkOriginal(window, op, index, proof);
        if (reason != Reason.NONE) return (reason, 0);
        _reversed[op.ref] += uint64(op.amount);
        _spentApprovals[op.digest()] = true;
        uint64 free = source.unlocked();
        uint64 moved = free < op.amount ? free : uint64(op.amount);
        if (moved == 0) return (Reason.NONE, 0);
        if (op.to == address(0)) _burn(op.from, source, moved);
        else _move(op.from, source, op.to, _accounts[op.to], moved);
        return (Reason.NONE, moved);
    }

    function _checkOriginal(Window memory window, Operation memory op, uint64 index, bytes memory proof)
        private
        view
        returns (uint8)
    {
        (Operation memory original, uint64 place, bytes32[] memory path) =
            abi.decode(proof, (Operation, uint64, bytes32[]));
        uint8 kind = original.kind;
        if (kind != Kind.ISSUE && kind != Kind.TRANSFER && kind != Kind.REDEEM) return Reason.BAD_ORIGINAL;
        bytes32 leafHash = Rfc9162.hashLeaf(original.commitment, original.digest());
        if (leafHash != op.ref) return Reason.BAD_ORIGINAL;
        // The account that acted is the sender, or the receiver of an issue; its logs tell whether it did.
        address actor = kind == Kind.ISSUE ? original.to : original.from;
        if (!_wasDone(window, actor, place, index, leafHash, path)) return Reason.BAD_ORIGINAL;
        if (_holderNow(original.to) != op.from) return Reason.WRONG_PARTIES;
        if (_holderNow(original.from) != op.to) return Reason.WRONG_PARTIES;
        if (uint256(_reversed[leafHash]) + op.amount > original.amount) return Reason.BAD_AMOUNT;
        return Reason.NONE;
    }

    /// @dev Whether the leaf was carried out, not refused, in the actor's home log or one that succeeds it.
    function _wasDone(
        Window memory window,
        address actor,
        uint64 place,
        uint64 index,
        bytes32 leafHash,
        bytes32[] memory path
    ) private view returns (bool) {
        bytes32 log = _places[_accounts[actor].place()].homeLog;
        for (; log != 0; log = _logAnchor.successorOf(log)) {
            uint64 end = log == window.logId ? index : _cursor[log];
            if (place >= end || _refused[log][place] != Reason.NONE) continue;
            (uint64 size, bytes32 root) =
                log == window.logId ? (window.size, window.root) : _logAnchor.latest(log);
            if (Rfc9162.isIncluded(place, size, leafHash, path, root)) return true;
        }
        return false;
    }

    /// @dev Moves the whole balance with its locked part and what was spent today; the locks themselves follow
    /// through `_movedTo`.
    function _recover(Operation memory op, PackedAccount source, PackedAccount target)
        private
        returns (uint8, uint128)
    {
        if (_movedTo[op.from] != address(0)) return (Reason.NOT_RECOVERED, 0);
        if (IMembership(_membershipAddress()).recoveredTo(op.from) != op.to) {
            return (Reason.NOT_RECOVERED, 0);
        }
        _movedTo[op.from] = op.to;
        uint64 moved = source.balance();
        uint64 held = source.locked();
        source = source.unlock(held);
        uint16 today = Beijing.dayOf(block.timestamp);
        target = target.lock(held).withSpent(today, uint256(target.spentOn(today)) + source.spentOn(today));
        if (moved != 0) _move(op.from, source, op.to, target, moved);
        else _accounts[op.to] = target;
        return (Reason.NONE, moved);
    }

    function _holderNow(address account) internal view returns (address) {
        for (address next = _movedTo[account]; next != address(0); next = _movedTo[account]) {
            account = next;
        }
        return account;
    }
}
