// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {AccountBook} from "./AccountBook.sol";
import {ICoSignature} from "./interfaces/ICoSignature.sol";
import {ILogAnchor} from "./interfaces/ILogAnchor.sol";
import {Kind, Operation, Operations, Reason} from "./libraries/Ledger.sol";
import {PackedAccount} from "./libraries/PackedAccount.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title OperationChecks
/// @notice PURPOSE: the checks that come before an operation is carried out, whatever its kind.
/// @dev INVARIANTS
/// I1. A member's fault gives a reason and never reverts.
/// I2. An account acts only through its home log or a log that succeeds it.
/// I3. A holder's nonce and an approved digest act once. A nonce is used up once its signature is accepted, even
///     where the operation is then refused for another reason.
///
/// ROLES: none. ASSUMPTIONS: operations come in ledger order. LIVENESS: none. NON-GOALS: what the kinds do.
abstract contract OperationChecks is AccountBook {
    using Operations for Operation;

    /// @dev What is known of the window in which operations are carried out.
    struct Window {
        bytes32 logId;
        uint64 size;
        bytes32 root;
        /// @dev A home log found to be succeeded by `logId`; saves asking again for the next account.
        bytes32 predecessor;
        uint256 evidenceUsed;
    }

    bytes32 private constant NAME_HASH = keccak256("Tongyi TimeCredit");
    bytes32 private constant AUTHORIZATION_TYPEHASH = keccak256(
        "TransferAuthorization(uint8 kind,address from,address to,uint128 amount,bytes32 nonce,uint64 validBefore)"
    );

    ILogAnchor internal immutable _logAnchor;
    ICoSignature internal immutable _coSignature;
    /// @dev Of the deployment, see {ILogAnchor}.
    bytes32 private immutable _domainSalt;

    /// @dev Next leaf of each log.
    mapping(bytes32 logId => uint64) internal _cursor;
    /// @dev Reasons of refused operations by place.
    mapping(bytes32 logId => mapping(uint64 index => uint8 reason)) internal _refused;
    mapping(address holder => mapping(bytes32 nonce => bool)) internal _nonces;
    mapping(bytes32 digest => bool) internal _spentApprovals;

    constructor(ILogAnchor logAnchor_, ICoSignature coSignature_) {
        if (address(logAnchor_) == address(0) || address(coSignature_) == address(0)) revert ZeroAddress();
        _logAnchor = logAnchor_;
        _coSignature = coSignature_;
        _domainSalt = logAnchor_.domainSalt();
    }

    function _takeEvidence(Window memory window, bytes[] calldata evidence)
        internal
        pure
        returns (bytes memory proof)
    {
        uint256 position = window.evidenceUsed++;
        // A missing one is told by the count at the end of the window, with both numbers.
        if (position < evidence.length) proof = evidence[position];
    }

    function _needsAuthorization(uint8 kind, PackedAccount source) internal pure returns (bool) {
        return kind >= Kind.TRANSFER && kind <= Kind.LOCK && source.isSelfCustody();
    }

    function _checkForm(Operation memory op) internal view returns (uint8) {
        uint8 kind = op.kind;
        if (kind < Kind.ISSUE || kind > Kind.RECOVER) return Reason.UNKNOWN_KIND;
        if (op.validUntil != 0 && block.timestamp >= op.validUntil) return Reason.EXPIRED;
        if (op.amount > MAX_SUPPLY || (op.amount == 0) != (kind == Kind.RECOVER)) return Reason.BAD_AMOUNT;
        return _hasParties(kind, op.from, op.to) ? Reason.NONE : Reason.WRONG_PARTIES;
    }

    function _hasParties(uint8 kind, address from, address to) private pure returns (bool) {
        if (kind == Kind.ISSUE) return from == address(0) && to != address(0);
        if (from == address(0)) return false;
        if (kind == Kind.BURN || kind == Kind.CANCEL) return to == address(0);
        if (kind == Kind.LOCK || kind == Kind.RELEASE) return from == to;
        return from != to && (to != address(0) || kind == Kind.REVERSE);
    }

    function _checkStanding(
        Window memory window,
        Operation memory op,
        PackedAccount source,
        PackedAccount target
    ) internal view returns (uint8) {
        if (op.from != address(0) && source.kind() == 0) return Reason.UNKNOWN_SENDER;
        if (op.to != address(0) && target.kind() == 0) return Reason.UNKNOWN_RECEIVER;
        PackedAccount actor = op.kind == Kind.ISSUE ? target : source;
        return _actsThrough(window, actor) ? Reason.NONE : Reason.WRONG_HOME_LOG;
    }

    function _actsThrough(Window memory window, PackedAccount actor) private view returns (bool) {
        bytes32 home = _places[actor.place()].homeLog;
        if (home == window.logId || home == window.predecessor) return true;
        for (bytes32 log = _logAnchor.successorOf(home); log != 0; log = _logAnchor.successorOf(log)) {
            if (log != window.logId) continue;
            window.predecessor = home;
            return true;
        }
        return false;
    }

    function _useAuthorization(Operation memory op, bytes memory proof) internal returns (uint8) {
        if (proof.length == 0) return Reason.BAD_AUTHORIZATION;
        (bytes32 nonce, bytes memory signature) = abi.decode(proof, (bytes32, bytes));
        bytes32 digest = _authorizationDigest(op.kind, op.from, op.to, op.amount, nonce, op.validUntil);
        if (digest != op.ref || _nonces[op.from][nonce]) return Reason.BAD_AUTHORIZATION;
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signature);
        if (failure != ECDSA.RecoverError.NoError || signer != op.from) return Reason.BAD_AUTHORIZATION;
        _nonces[op.from][nonce] = true;
        return Reason.NONE;
    }

    function _isApproved(bytes32 policy, Operation memory op, PackedAccount source)
        internal
        view
        returns (bool)
    {
        bytes32 digest = op.digest();
        if (_spentApprovals[digest]) return false;
        return _coSignature.isApproved(policy, _places[source.place()].chapter, digest);
    }

    function _authorizationDigest(
        uint8 kind,
        address from,
        address to,
        uint128 amount,
        bytes32 nonce,
        uint64 validBefore
    ) internal view returns (bytes32) {
        return TypedData.digest(
            NAME_HASH,
            _domainSalt,
            keccak256(abi.encode(AUTHORIZATION_TYPEHASH, kind, from, to, amount, nonce, validBefore))
        );
    }
}
