// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {RoleGated} from "./RoleGated.sol";
import {ILogAnchor} from "./interfaces/ILogAnchor.sol";
import {Rfc9162} from "./libraries/Rfc9162.sol";
import {Roles} from "./libraries/Roles.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title LogAnchor
/// @notice PURPOSE: hold one ever-growing line of Merkle roots for each log.
/// @dev INVARIANTS
/// I1. A root, once anchored for a log and a size, never changes; there is one root a size.
/// I2. The size of a log strictly rises, by at most its growth limit an anchor.
/// I3. Every root is signed by at least the threshold of distinct signers and proved to extend the one before.
/// I4. A log with a successor takes no more anchors and never loses its successor.
/// I5. Nobody can delete, overwrite, skip or pause; reads never depend on a role.
///
/// ROLES: HQ registers logs, sets signers and names successors. It cannot anchor without the signers, nor change a
/// root, a genesis root or a growth limit.
/// ASSUMPTIONS: signers are the log's operator and its witnesses and sign a size only once. The signatures bind
/// chain, genesis block and contract. LIVENESS: anyone may post an anchor that the signers signed.
/// NON-GOALS: what the leaves mean; the time of a root (its block tells).
contract LogAnchor is RoleGated, ILogAnchor {
    /// @dev slot 0: size, growth limit and threshold; slot 1: successor; slot 2: signers.
    struct Log {
        uint64 size;
        uint64 maxGrowth;
        uint8 threshold;
        bytes32 successor;
        address[] signers;
    }

    bytes32 private constant NAME_HASH = keccak256("Tongyi LogAnchor");
    bytes32 private constant ANCHOR_TYPEHASH = keccak256("Anchor(bytes32 logId,uint64 size,bytes32 root)");
    uint256 private constant MAX_SIGNERS = 16;
    uint64 private constant MAX_SIZE = 2 ** 63;

    /// @dev Logs by id; size 0 where there is none.
    mapping(bytes32 logId => Log) private _logs;
    /// @inheritdoc ILogAnchor
    mapping(bytes32 logId => mapping(uint64 size => bytes32 root)) public rootAt;

    /// @inheritdoc ILogAnchor
    bytes32 public immutable domainSalt;

    constructor(IAccessManager roles_, bytes32 domainSalt_) RoleGated(roles_) {
        if (domainSalt_ == 0) revert ZeroSalt();
        domainSalt = domainSalt_;
    }

    /// @inheritdoc ILogAnchor
    function registerLog(
        bytes32 logId,
        bytes32 genesisRoot,
        uint64 maxGrowth,
        address[] calldata signers,
        uint8 threshold
    ) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        if (logId == 0 || genesisRoot == 0 || maxGrowth == 0) revert InvalidLog(logId);
        Log storage log = _logs[logId];
        if (log.size != 0) revert LogExists(logId);
        log.size = 1;
        log.maxGrowth = maxGrowth;
        rootAt[logId][1] = genesisRoot;
        emit LogRegistered(logId, genesisRoot, maxGrowth);
        _setSigners(log, logId, signers, threshold);
    }

    /// @inheritdoc ILogAnchor
    function anchor(
        bytes32 logId,
        uint64 size,
        bytes32 root,
        bytes32[] calldata proof,
        bytes[] calldata signatures
    ) external {
        Log storage log = _existing(logId);
        if (log.successor != 0) revert LogClosed(logId, log.successor);
        uint64 have = log.size;
        if (size <= have) revert TreeSizeNotIncreasing(have, size);
        if (size - have > log.maxGrowth) revert GrowthTooLarge(size - have, log.maxGrowth);
        if (size > MAX_SIZE) revert SizeTooLarge(size);
        if (root == 0) revert InvalidLog(logId);
        _requireSigned(log, keccak256(abi.encode(ANCHOR_TYPEHASH, logId, size, root)), signatures);
        if (!Rfc9162.isConsistent(have, rootAt[logId][have], size, root, proof)) {
            revert InconsistentTree(logId, have, size);
        }
        log.size = size;
        rootAt[logId][size] = root;
        emit Anchored(logId, size, root, have);
    }

    /// @inheritdoc ILogAnchor
    function setSigners(bytes32 logId, address[] calldata signers, uint8 threshold) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        _setSigners(_existing(logId), logId, signers, threshold);
    }

    /// @inheritdoc ILogAnchor
    function succeed(bytes32 oldLog, bytes32 newLog) external {
        _requireRole(Roles.HQ, Roles.NETWORK);
        Log storage log = _existing(oldLog);
        if (log.successor != 0) revert LogClosed(oldLog, log.successor);
        // The new log has no successor, so no chain of successions can lead back.
        bytes32 next = _existing(newLog).successor;
        if (next != 0) revert LogClosed(newLog, next);
        if (oldLog == newLog) revert InvalidLog(newLog);
        log.successor = newLog;
        emit LogSucceeded(oldLog, newLog);
    }

    /// @inheritdoc ILogAnchor
    function latest(bytes32 logId) external view returns (uint64 size, bytes32 root) {
        size = _logs[logId].size;
        root = rootAt[logId][size];
    }

    /// @inheritdoc ILogAnchor
    function successorOf(bytes32 logId) external view returns (bytes32) {
        return _logs[logId].successor;
    }

    /// @inheritdoc ILogAnchor
    function signersOf(bytes32 logId) external view returns (address[] memory signers, uint8 threshold) {
        return (_logs[logId].signers, _logs[logId].threshold);
    }

    /// @inheritdoc ILogAnchor
    function maxGrowthOf(bytes32 logId) external view returns (uint64) {
        return _logs[logId].maxGrowth;
    }

    /// @inheritdoc ILogAnchor
    function verifyInclusion(
        bytes32 logId,
        uint64 size,
        uint64 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) external view {
        bytes32 root = rootAt[logId][size];
        if (root == 0) revert UnknownSize(logId, size);
        if (!Rfc9162.isIncluded(index, size, leafHash, proof, root)) revert NotIncluded(logId, size, index);
    }

    function _setSigners(Log storage log, bytes32 logId, address[] calldata signers, uint8 threshold)
        private
    {
        if (signers.length > MAX_SIGNERS || threshold == 0 || threshold > signers.length) {
            revert InvalidSigners(signers.length, threshold);
        }
        address last = address(0);
        for (uint256 i = 0; i < signers.length; ++i) {
            if (signers[i] <= last) revert InvalidSigners(signers.length, threshold);
            last = signers[i];
        }
        log.signers = signers;
        log.threshold = threshold;
        emit SignersSet(logId, signers, threshold);
    }

    /// @dev Both lists ascend, so one pass finds each signature's signer and no signer counts twice.
    function _requireSigned(Log storage log, bytes32 structHash, bytes[] calldata signatures) private view {
        address[] memory signers = log.signers;
        if (signatures.length < log.threshold || signatures.length > signers.length) {
            revert SignatureCountOutOfRange(signatures.length, log.threshold, signers.length);
        }
        bytes32 digest = TypedData.digest(NAME_HASH, domainSalt, structHash);
        uint256 next = 0;
        for (uint256 i = 0; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signatures[i]);
            if (failure != ECDSA.RecoverError.NoError) revert InvalidSignature(i, address(0));
            while (next < signers.length && signers[next] != signer) ++next;
            if (next == signers.length) revert InvalidSignature(i, signer);
            ++next;
        }
    }

    function _existing(bytes32 logId) private view returns (Log storage log) {
        log = _logs[logId];
        if (log.size == 0) revert UnknownLog(logId);
    }
}
