"""A holder's authorization of one operation of a self-custody account: EIP-712, checked as the contract
checks it. Pure.

Strict where the contract is strict (65 bytes, v 27 or 28, low s), so gateway and chain never disagree.
Replay is judged by (signer, nonce), never by signature bytes; the ledger keeps that table.
"""

from __future__ import annotations

import coincurve

from chain.evm.calldata import encode_authorization
from chain.hashing import keccak256
from chain.operation import Operation, OperationKind
from chain.typed_data import Place, authorization_payload
from gateway.errors import Refusal
from gateway.ledger.drafts import Authorization

CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Order N of secp256k1."""

AUTHORIZED_KINDS = frozenset(
    {OperationKind.TRANSFER, OperationKind.REDEEM, OperationKind.BURN, OperationKind.LOCK}
)
"""Kinds that a self-custody sender must authorise."""


def verify_authorization(
    place: Place, operation: Operation, authorization: Authorization
) -> tuple[bytes, bytes]:
    """Return (digest, evidence): the EIP-712 digest that is the operation's ref, and the settlement's
    evidence.

    1. the signature is 65 bytes with v 27 or 28 and r, s in range; 2. s is low; 3. its signer is the sender
    and signed exactly this operation for the TimeCredit at ``place``. Does not check replay.

    Raises Refusal ``signature.malformed``, ``signature.high_s`` or ``signature.wrong_signer``.
    """
    signature = authorization.signature
    if len(signature) != 65 or signature[64] not in (27, 28) or len(authorization.nonce) != 32:
        raise Refusal("signature.malformed")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise Refusal("signature.malformed")
    if s > CURVE_ORDER // 2:
        raise Refusal("signature.high_s")
    digest = keccak256(
        authorization_payload(
            place,
            kind=operation.kind,
            sender=operation.sender,
            receiver=operation.receiver,
            amount=operation.amount,
            nonce=authorization.nonce,
            valid_before=operation.valid_until,
        )
    )
    if recover_signer(digest, signature) != operation.sender:
        raise Refusal("signature.wrong_signer")
    return digest, encode_authorization(authorization.nonce, signature)


def recover_signer(digest: bytes, signature: bytes) -> bytes | None:
    """Return the 20-byte address that signed the digest, None when no key gives this signature.

    Requires a 65-byte signature with v 27 or 28.
    """
    try:
        key = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes((signature[64] - 27,)), digest, hasher=None
        )
    except ValueError:
        return None
    return keccak256(key.format(compressed=False)[1:])[12:]
