"""EIP-712 payloads and digests of the two signatures the product asks for (chain/FORMATS.md section 4). Pure.

A payload is the 66 bytes ``0x19 0x01 || domain separator || struct hash``; the digest is its keccak-256.
Signers that hash by themselves take the payload, all others the digest. eth_account is the oracle in tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain.errors import FormatError
from chain.hashing import keccak256
from chain.types import Address, Digest, NodeHash, TreeSize

DOMAIN_TYPE: Final = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
)
DOMAIN_VERSION: Final = "1"
CREDIT_DOMAIN: Final = "Tongyi TimeCredit"
ANCHOR_DOMAIN: Final = "Tongyi LogAnchor"
AUTHORIZATION_TYPE: Final = (
    "TransferAuthorization(uint8 kind,address from,address to,"
    "uint128 amount,bytes32 nonce,uint64 validBefore)"
)
ANCHOR_TYPE: Final = "Anchor(bytes32 logId,uint64 size,bytes32 root)"

_DOMAIN_HASH: Final = keccak256(DOMAIN_TYPE.encode())
_VERSION_HASH: Final = keccak256(DOMAIN_VERSION.encode())
_AUTHORIZATION_HASH: Final = keccak256(AUTHORIZATION_TYPE.encode())
_ANCHOR_HASH: Final = keccak256(ANCHOR_TYPE.encode())


def _unsigned(value: int, bits: int, where: str) -> bytes:
    if not 0 <= value < 1 << bits:
        raise FormatError(where, f"does not fit uint{bits}")
    return value.to_bytes(32, "big")


def _fixed(value: bytes, size: int, where: str) -> bytes:
    if len(value) != size:
        raise FormatError(where, f"is {len(value)} bytes, wants {size}")
    return value.rjust(32, b"\0")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature counts: the chain by its id and the hash of its genesis block, and the contract.

    The genesis hash is the domain's salt: a chain that is reset may have the same contract in the same place.
    """

    chain_id: int
    genesis_hash: Digest
    contract: Address


def domain_separator(name: str, place: Place) -> Digest:
    """Return the EIP-712 domain separator of the contract at ``place`` (version ``1``).

    Raises FormatError where an argument has the wrong size.
    """
    return keccak256(
        _DOMAIN_HASH
        + keccak256(name.encode())
        + _VERSION_HASH
        + _unsigned(place.chain_id, 256, "chainId")
        + _fixed(place.contract, 20, "verifyingContract")
        + _fixed(place.genesis_hash, 32, "salt")
    )


def anchor_payload(place: Place, log_id: bytes, size: TreeSize, root: NodeHash) -> bytes:
    """Return the 66 bytes an anchor signer signs: this log has this root at this size."""
    struct = keccak256(
        _ANCHOR_HASH + _fixed(log_id, 32, "logId") + _unsigned(size, 64, "size") + _fixed(root, 32, "root")
    )
    return b"\x19\x01" + domain_separator(ANCHOR_DOMAIN, place) + struct


def anchor_digest(place: Place, log_id: bytes, size: TreeSize, root: NodeHash) -> Digest:
    """Return the keccak-256 of ``anchor_payload``."""
    return keccak256(anchor_payload(place, log_id, size, root))


def authorization_payload(
    place: Place,
    *,
    kind: int,
    sender: Address,
    receiver: Address,
    amount: int,
    nonce: bytes,
    valid_before: int,
) -> bytes:
    """Return the 66 bytes the holder of a self-custody account signs for one operation.

    ``amount`` is in hundredths of a coin, ``nonce`` 32 random bytes, ``valid_before`` Unix seconds and equal
    to the operation's ``valid_until``. Raises FormatError where an argument has the wrong size.
    """
    struct = keccak256(
        _AUTHORIZATION_HASH
        + _unsigned(kind, 8, "kind")
        + _fixed(sender, 20, "from")
        + _fixed(receiver, 20, "to")
        + _unsigned(amount, 128, "amount")
        + _fixed(nonce, 32, "nonce")
        + _unsigned(valid_before, 64, "validBefore")
    )
    return b"\x19\x01" + domain_separator(CREDIT_DOMAIN, place) + struct


def authorization_digest(
    place: Place,
    *,
    kind: int,
    sender: Address,
    receiver: Address,
    amount: int,
    nonce: bytes,
    valid_before: int,
) -> Digest:
    """Return the keccak-256 of ``authorization_payload``."""
    return keccak256(
        authorization_payload(
            place,
            kind=kind,
            sender=sender,
            receiver=receiver,
            amount=amount,
            nonce=nonce,
            valid_before=valid_before,
        )
    )
