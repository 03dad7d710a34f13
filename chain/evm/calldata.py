"""Calldata of every call the product sends, by fixed positions (Solidity ABI specification, strict mode).

``pack_operation`` makes the 256 bytes of one operation once; ``encode_settle`` only joins such pieces, so a
window of hundreds costs microseconds. eth_abi is the oracle in tests, and every selector is compared with the
compiled ABI. Values are checked for their width: one that does not fit raises FormatError and is never cut.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chain.errors import FormatError
from chain.evm.abi_words import address_word, array, bytes_array, bytes_tail, hash_word, join_call, word
from chain.hashing import keccak256
from chain.types import Address, TreeSize

SIGNATURES: Final = (
    "register((address,uint32,uint8,uint8,bytes32,bytes32)[])",
    "setRights(address,bool,bool,bytes32)",
    "recover(address,address,bytes32)",
    "settle(bytes32,uint64,uint64,uint256[],(uint8,address,address,uint128,uint64,bytes32,bytes16,bytes32)[],"
    "bytes32[],bytes32[],bytes32[],bytes[])",
    "passLeaf(bytes32,uint64,bytes32,bytes32[],bytes32[])",
    "setQuota(uint32,uint32,uint64)",
    "setDailyCap(uint32,uint64)",
    "setHoldingCap(uint32,uint64)",
    "registerLog(bytes32,bytes32,uint64,address[],uint8)",
    "anchor(bytes32,uint64,bytes32,bytes32[],bytes[])",
    "setSigners(bytes32,address[],uint8)",
    "succeed(bytes32,bytes32)",
    "registerPolicy(bytes32,uint8[],uint8)",
    "approve(bytes32,uint32,bytes32)",
    "grantRole(uint64,address,uint32)",
    "revokeRole(uint64,address)",
    "setGrantDelay(uint64,uint32)",
    "setRoleAdmin(uint64,uint64)",
)
"""Every function this module encodes."""

_SELECTORS: Final = {text.partition("(")[0]: keccak256(text.encode())[:4] for text in SIGNATURES}
_OPERATION: Final = struct.Struct(">31xB12x20s12x20s16xQQ24xQ32s16s16x32s")
_REGISTRATION: Final = struct.Struct(">12x20s28xI31xB31xB32s32s")
_HALF: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Registration:
    """One account for ``Membership.register``; kind 1 to 4, custody 1 or 2."""

    account: Address
    chapter: int
    kind: int
    custody: int
    home_log: bytes
    commitment: bytes


def selector(name: str) -> bytes:
    """Return the four bytes that name a function of ``SIGNATURES``."""
    return _SELECTORS[name]


def _call(name: str, head: Sequence[bytes | None], tails: Sequence[bytes]) -> bytes:
    return join_call(_SELECTORS[name], head, tails)


def pack_operation(
    kind: int,
    sender: Address,
    receiver: Address,
    amount: int,
    valid_until: int,
    ref: bytes,
    op_salt: bytes,
    commitment: bytes,
) -> bytes:
    """Return the 256 bytes of one operation in calldata; the first 224 are what the operation digest hashes.

    ``amount`` is below 2^128, ``valid_until`` Unix seconds below 2^64, ``op_salt`` 16 bytes, the rest 32.
    Raises FormatError for anything that does not fit.
    """
    if (
        len(sender) != 20
        or len(receiver) != 20
        or len(op_salt) != 16
        or len(ref) != 32
        or len(commitment) != 32
    ):
        raise FormatError("operation", "an operand has the wrong length")
    try:
        return _OPERATION.pack(
            kind, sender, receiver, amount >> 64, amount & _HALF, valid_until, ref, op_salt, commitment
        )
    except struct.error as error:
        raise FormatError("operation", "a number does not fit its type") from error


def encode_settle(
    log_id: bytes,
    start: int,
    count: int,
    mask: int,
    operations: Sequence[bytes],
    others: Sequence[bytes],
    left: Sequence[bytes],
    right: Sequence[bytes],
    evidence: Sequence[bytes],
) -> bytes:
    """Return the call that executes the leaves ``[start, start + count)`` (chain/FORMATS.md section 5).

    Bit i of ``mask`` says that leaf ``start + i`` is an operation; ``operations`` are pieces of
    ``pack_operation`` and ``others`` commitments, each in ledger order. Raises FormatError where the counts
    do not agree with the mask. Does not check the proof.
    """
    if count <= 0 or mask < 0 or mask >> count:
        raise FormatError("mask", f"has bits outside [0, {count})")
    if mask.bit_count() != len(operations) or len(operations) + len(others) != count:
        raise FormatError("operations", "do not agree with the mask")
    words = -(-count // 256)
    packed = mask.to_bytes(32 * words, "big")
    mask_words = [packed[32 * i : 32 * i + 32] for i in reversed(range(words))]
    tails = (
        array(mask_words, 32, "mask"),
        array(operations, 256, "operations"),
        array(others, 32, "otherCommitments"),
        array(left, 32, "left"),
        array(right, 32, "right"),
        bytes_array(evidence),
    )
    head = (hash_word(log_id, "logId"), word(start, 64, "start"), word(count, 64, "count"), *[None] * 6)
    return _call("settle", head, tails)


def encode_pass_leaf(
    log_id: bytes, index: int, leaf_hash: bytes, left: Sequence[bytes], right: Sequence[bytes]
) -> bytes:
    """Return the call that passes one leaf which cannot be opened any more, under co-signature."""
    head = (
        hash_word(log_id, "logId"),
        word(index, 64, "index"),
        hash_word(leaf_hash, "leafHash"),
        None,
        None,
    )
    return _call("passLeaf", head, (array(left, 32, "left"), array(right, 32, "right")))


def encode_authorization(nonce: bytes, signature: bytes) -> bytes:
    """Return the evidence of a self-custody operation: ``abi.encode(bytes32 nonce, bytes signature)``."""
    return hash_word(nonce, "nonce") + word(64, 256, "offset") + bytes_tail(signature)


def encode_original(operation: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """Return the evidence of a reversal: ``abi.encode(Operation original, uint64 index, bytes32[] proof)``.

    ``operation`` is a piece of ``pack_operation``.
    """
    if len(operation) != 256:
        raise FormatError("original", f"is {len(operation)} bytes, wants 256")
    tail = array(proof, 32, "inclusionProof")
    return operation + word(index, 64, "index") + word(320, 256, "offset") + tail


def encode_register(registrations: Sequence[Registration]) -> bytes:
    """Return the call that registers accounts. Raises FormatError for a value that does not fit."""
    pieces = []
    for entry in registrations:
        if len(entry.account) != 20 or len(entry.home_log) != 32 or len(entry.commitment) != 32:
            raise FormatError("registration", "a field has the wrong length")
        try:
            pieces.append(
                _REGISTRATION.pack(
                    entry.account, entry.chapter, entry.kind, entry.custody, entry.home_log, entry.commitment
                )
            )
        except struct.error as error:
            raise FormatError("registration", "a number does not fit its type") from error
    return _call("register", (None,), (array(pieces, 192, "registrations"),))


def encode_set_rights(account: Address, may_send: bool, may_receive: bool, order: bytes) -> bytes:
    """Return the call that sets an account's send and receive rights under the order with this digest."""
    head = (
        address_word(account, "account"),
        word(may_send, 1, "maySend"),
        word(may_receive, 1, "mayReceive"),
    )
    return _call("setRights", (*head, hash_word(order, "order")), ())


def encode_recover(old: Address, new: Address, order: bytes) -> bytes:
    """Return the call that moves an account's place from ``old`` to ``new``."""
    return _call(
        "recover", (address_word(old, "from"), address_word(new, "to"), hash_word(order, "order")), ()
    )


def encode_set_quota(chapter: int, period: int, amount: int) -> bytes:
    """Return the call that sets a chapter's issue quota (hundredths of a coin) of a period ``yyyymm``."""
    head = (word(chapter, 32, "chapter"), word(period, 32, "period"), word(amount, 64, "amount"))
    return _call("setQuota", head, ())


def encode_set_daily_cap(chapter: int, amount: int) -> bytes:
    """Return the call that caps what a custodial account of the chapter sends a day; 0 = none."""
    return _call("setDailyCap", (word(chapter, 32, "chapter"), word(amount, 64, "amount")), ())


def encode_set_holding_cap(chapter: int, amount: int) -> bytes:
    """Return the call that caps what an account of the chapter holds; 0 = none."""
    return _call("setHoldingCap", (word(chapter, 32, "chapter"), word(amount, 64, "amount")), ())


def _signers_tail(signers: Sequence[Address]) -> bytes:
    return array([address_word(signer, "signers") for signer in signers], 32, "signers")


def encode_register_log(
    log_id: bytes, genesis_root: bytes, max_growth: int, signers: Sequence[Address], threshold: int
) -> bytes:
    """Return the call that registers a log of size 1 with its signers, ``threshold`` of which must sign."""
    head = (
        hash_word(log_id, "logId"),
        hash_word(genesis_root, "genesisRoot"),
        word(max_growth, 64, "maxGrowth"),
    )
    return _call("registerLog", (*head, None, word(threshold, 8, "threshold")), (_signers_tail(signers),))


def encode_set_signers(log_id: bytes, signers: Sequence[Address], threshold: int) -> bytes:
    """Return the call that replaces a log's signers."""
    head = (hash_word(log_id, "logId"), None, word(threshold, 8, "threshold"))
    return _call("setSigners", head, (_signers_tail(signers),))


def encode_succeed(old_log: bytes, new_log: bytes) -> bytes:
    """Return the call that names ``new_log`` the successor of ``old_log``, for good."""
    return _call("succeed", (hash_word(old_log, "oldLog"), hash_word(new_log, "newLog")), ())


def encode_anchor(
    log_id: bytes, size: TreeSize, root: bytes, proof: Sequence[bytes], signatures: Sequence[bytes]
) -> bytes:
    """Return the call that anchors a root; ``signatures`` (65 bytes each) go by signer address, ascending."""
    head = (hash_word(log_id, "logId"), word(size, 64, "size"), hash_word(root, "root"), None, None)
    return _call("anchor", head, (array(proof, 32, "proof"), bytes_array(signatures)))


def encode_register_policy(policy: bytes, kinds: Sequence[int], threshold: int) -> bytes:
    """Return the call that registers a policy: holders of ``threshold`` different role kinds of ``kinds``."""
    tail = array([word(kind, 8, "kinds") for kind in kinds], 32, "kinds")
    return _call(
        "registerPolicy", (hash_word(policy, "policy"), None, word(threshold, 8, "threshold")), (tail,)
    )


def encode_approve(policy: bytes, chapter: int, digest: bytes) -> bytes:
    """Return the call that approves ``digest`` under ``policy`` for ``chapter``."""
    head = (hash_word(policy, "policy"), word(chapter, 32, "chapter"), hash_word(digest, "digest"))
    return _call("approve", head, ())


def encode_grant_role(role: int, account: Address, delay: int = 0) -> bytes:
    """Return ``AccessManager.grantRole``; ``delay`` is the holder's execution delay in seconds."""
    head = (word(role, 64, "roleId"), address_word(account, "account"), word(delay, 32, "executionDelay"))
    return _call("grantRole", head, ())


def encode_revoke_role(role: int, account: Address) -> bytes:
    """Return ``AccessManager.revokeRole``."""
    return _call("revokeRole", (word(role, 64, "roleId"), address_word(account, "account")), ())


def encode_set_grant_delay(role: int, delay: int) -> bytes:
    """Return ``AccessManager.setGrantDelay``: later grants of ``role`` take effect ``delay`` seconds on."""
    return _call("setGrantDelay", (word(role, 64, "roleId"), word(delay, 32, "newDelay")), ())


def encode_set_role_admin(role: int, admin: int) -> bytes:
    """Return ``AccessManager.setRoleAdmin``: holders of ``admin`` grant and revoke ``role``."""
    return _call("setRoleAdmin", (word(role, 64, "roleId"), word(admin, 64, "admin")), ())
