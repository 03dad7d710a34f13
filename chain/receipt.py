"""Receipts: a log's signed promise to hold a leaf at an index. FORMATS.md section 7. Pure.

A receipt is not a proof of inclusion: it is what a member shows when the log breaks its promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chain.base64_text import decode_base64, encode_base64
from chain.canonical import MAX_SAFE_INTEGER, JsonValue
from chain.checkpoint import KeyKind, parse_vkey
from chain.entry_fields import ORIGIN, is_timestamp
from chain.errors import FormatError, VerificationError
from chain.operation import HEX32_PATTERN, FieldError
from chain.types import LeafHash, LeafIndex

RECEIPT_VERSION = 1
_PREFIX = "tongyi receipt v1"
_MEMBERS = frozenset({"v", "origin", "index", "leaf_hash", "at", "signature"})


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the log promised, and its 64-byte Ed25519 signature."""

    origin: str
    index: LeafIndex
    leaf_hash: LeafHash
    at: str
    signature: bytes


def receipt_text(origin: str, index: int, leaf_hash: bytes, at: str) -> str:
    """Return the text the log key signs. Its first line keeps it from ever reading as a checkpoint."""
    return f"{_PREFIX}\n{origin}\n{index}\n{leaf_hash.hex()}\n{at}\n"


def sign_receipt(origin: str, index: int, leaf_hash: bytes, at: str, key: Ed25519PrivateKey) -> Receipt:
    """Return the receipt for a leaf. Inverse: :func:`verify_receipt`. Checks nothing it is given."""
    signature = key.sign(receipt_text(origin, index, leaf_hash, at).encode("ascii"))
    return Receipt(origin, LeafIndex(index), LeafHash(leaf_hash), at, signature)


def verify_receipt(receipt: Receipt, vkey: str) -> None:
    """Check that the log of ``vkey`` gave this receipt.

    1. the vkey is a log key (type 0x01) named as the receipt's origin; 2. the signature holds. Does not check
    that the log keeps its promise: an inclusion proof does.

    Raises FormatError for a malformed vkey, VerificationError otherwise.
    """
    key = parse_vkey(vkey)
    if key.kind is not KeyKind.LOG or key.name != receipt.origin:
        raise VerificationError("receipt", "not a key of its origin", got=key.name, want=receipt.origin)
    text = receipt_text(receipt.origin, receipt.index, receipt.leaf_hash, receipt.at)
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(receipt.signature, text.encode())
    except (InvalidSignature, ValueError):
        raise VerificationError("receipt", "signature does not hold", got=receipt.origin) from None


def verify_receipt_by_any(receipt: Receipt, vkeys: Sequence[str]) -> str:
    """Return which of ``vkeys`` gave this receipt: those a trust root's ``receipt_keys`` names for its index.

    Raises FormatError for a malformed vkey, VerificationError where none of them gave it.
    """
    for vkey in vkeys:
        try:
            verify_receipt(receipt, vkey)
        except VerificationError:
            continue
        return vkey
    raise VerificationError("receipt", "no key that counts for its index gave it", got=receipt.index)


def format_receipt(receipt: Receipt) -> dict[str, JsonValue]:
    """Return the receipt's JSON value. Inverse of :func:`parse_receipt`."""
    return {
        "v": RECEIPT_VERSION,
        "origin": receipt.origin,
        "index": receipt.index,
        "leaf_hash": receipt.leaf_hash.hex(),
        "at": receipt.at,
        "signature": encode_base64(receipt.signature),
    }


def parse_receipt(value: object) -> Receipt:
    """Return the receipt of its JSON value. Inverse of :func:`format_receipt`. Raises FormatError.

    Does not verify the signature.
    """
    if not isinstance(value, dict) or value.keys() != _MEMBERS:
        raise FormatError("receipt", "not exactly v, origin, index, leaf_hash, at and signature")
    if type(value["v"]) is not int or value["v"] != RECEIPT_VERSION:
        raise FormatError("receipt.v", f"not {RECEIPT_VERSION}")
    try:
        ORIGIN.check(value["origin"], "receipt.origin")
    except FieldError as error:
        raise FormatError(error.where, error.reason) from None
    index = value["index"]
    if type(index) is not int or not 0 <= index <= MAX_SAFE_INTEGER:
        raise FormatError("receipt.index", "not an integer from 0")
    if not isinstance(value["leaf_hash"], str) or not HEX32_PATTERN.match(value["leaf_hash"]):
        raise FormatError("receipt.leaf_hash", "not 64 lower-case hex digits")
    if not is_timestamp(value["at"]):
        raise FormatError("receipt.at", "not RFC 3339 UTC with three decimals")
    leaf_hash = LeafHash(bytes.fromhex(value["leaf_hash"]))
    if not isinstance(value["signature"], str):
        raise FormatError("receipt.signature", "not base64 of 64 bytes")
    signature = decode_base64(value["signature"], "receipt.signature")
    if len(signature) != 64:
        raise FormatError("receipt.signature", "not base64 of 64 bytes")
    return Receipt(value["origin"], LeafIndex(index), leaf_hash, value["at"], signature)
