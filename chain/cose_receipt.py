"""COSE receipts of inclusion: RFC 9942 over the verifiable data structure RFC9162_SHA256. Pure.

A receipt is a tagged COSE_Sign1 (RFC 9052) whose payload, the tree's root, is detached: the verifier computes
it from the leaf and the path, so a signature can never be checked against a root the path does not lead to.
The log signs with its note key (alg -8, EdDSA over Ed25519). What COSE has it sign is a CBOR array, whose
first byte no UTF-8 text starts with, so it never reads as a note, a cosignature or a promise of the log.

RFC 9942 leaves the tree's size outside what is signed, and one path can lead to one root in trees of several
sizes. A protected header of ours therefore holds the size, and the proof must name the same one.

The form is closed: exactly the headers below, in deterministic CBOR. See FORMATS.md section 8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chain.cbor import CborItem, Label, Tagged, format_cbor, parse_cbor
from chain.checkpoint import KeyKind, parse_vkey
from chain.errors import FormatError, VerificationError
from chain.hashing import HASH_SIZE, hash_leaf, sha256
from chain.merkle.verify import MAX_SIZE, root_from_path
from chain.types import Digest, LeafIndex, NodeHash, TreeSize

MEDIA_TYPE = "application/scitt-receipt+cose"
"""RFC 9943, of a receipt as a file of its own."""

FIRST_BYTE = b"\xd2"
"""Tag 18, COSE_Sign1: how a file of this format starts."""

MAX_RECEIPT_SIZE = 16_384
MAX_PATH = 63

ALG, KID, CLAIMS, VDS, VDP = 1, 4, 15, 395, 396
"""Labels: RFC 9052 section 3.1, RFC 9597 (CWT claims), RFC 9942 sections 4 and 5.2."""

LEAF = "tongyi-leaf"
"""Unprotected label of ours: the leaf data. Nothing vouches for it, but the receipt holds for no other."""

SIZE = "tongyi-size"
"""Protected label of ours: the size of the tree whose root is signed."""

EDDSA, RFC9162_SHA256, INCLUSION, ISSUER, SUBJECT, SIGN1 = -8, 1, -1, 1, 2, 18
_WHERE = "receipt"


@dataclass(frozen=True, slots=True)
class CoseReceipt:
    """A parsed receipt. ``subject`` is the log's id on chain in hex, ``protected`` the header as signed."""

    origin: str
    subject: str
    key_id: bytes
    size: TreeSize
    index: LeafIndex
    path: tuple[NodeHash, ...]
    leaf: bytes | None
    protected: bytes
    signature: bytes


def key_thumbprint(public_key: bytes) -> Digest:
    """Return the COSE Key Thumbprint (RFC 9679) of an Ed25519 key: SHA-256 of its deterministic COSE_Key."""
    return sha256(format_cbor({1: 1, -1: 6, -2: public_key}))


def format_protected(origin: str, public_key: bytes, size: int) -> bytes:
    """Return the protected header of a log's receipts; the same for all leaves of one tree."""
    claims: Mapping[Label, CborItem] = {ISSUER: origin, SUBJECT: sha256(origin.encode()).hex()}
    header: Mapping[Label, CborItem] = {
        ALG: EDDSA,
        KID: key_thumbprint(public_key),
        CLAIMS: claims,
        VDS: RFC9162_SHA256,
        SIZE: size,
    }
    return format_cbor(header)


def signed_bytes(protected: bytes, root: bytes) -> bytes:
    """Return the Sig_structure of a receipt (RFC 9052 section 4.4): what the log's key signs for a root."""
    return format_cbor(["Signature1", protected, b"", root])


def sign_root(origin: str, size: int, root: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the signature in every receipt of a tree. Requires a (size, root) that was published."""
    protected = format_protected(origin, key.public_key().public_bytes_raw(), size)
    return key.sign(signed_bytes(protected, root))


def format_cose_receipt(receipt: CoseReceipt) -> bytes:
    """Return the receipt's bytes. Inverse of :func:`parse_cose_receipt`."""
    proof = format_cbor([receipt.size, receipt.index, list(receipt.path)])
    unprotected: dict[Label, CborItem] = {VDP: {INCLUSION: [proof]}}
    if receipt.leaf is not None:
        unprotected[LEAF] = receipt.leaf
    return format_cbor(Tagged(SIGN1, [receipt.protected, unprotected, None, receipt.signature]))


def build_cose_receipt(
    origin: str,
    public_key: bytes,
    place: tuple[int, int],
    path: Collection[bytes],
    leaf: bytes,
    signature: bytes,
) -> bytes:
    """Return the receipt for ``leaf`` at ``place`` (index, tree size) under a signature of :func:`sign_root`.

    Raises FormatError where the result could not be parsed again; verifies nothing.
    """
    index, size = place
    receipt = CoseReceipt(
        origin=origin,
        subject=sha256(origin.encode()).hex(),
        key_id=key_thumbprint(public_key),
        size=TreeSize(size),
        index=LeafIndex(index),
        path=tuple(map(NodeHash, path)),
        leaf=leaf,
        protected=format_protected(origin, public_key, size),
        signature=signature,
    )
    data = format_cose_receipt(receipt)
    if parse_cose_receipt(data) != receipt:
        raise FormatError(_WHERE, "has no such form")
    return data


def parse_cose_receipt(data: bytes) -> CoseReceipt:
    """Return the parts of a receipt. Inverse of :func:`format_cose_receipt`. Raises FormatError.

    Verifies nothing.
    """
    if len(data) > MAX_RECEIPT_SIZE:
        raise FormatError(_WHERE, f"longer than {MAX_RECEIPT_SIZE} bytes")
    tagged = parse_cbor(data)
    if not isinstance(tagged, Tagged) or tagged.tag != SIGN1:
        raise FormatError(_WHERE, "not a tagged COSE_Sign1")
    parts = _items(tagged.item, "COSE_Sign1", 4)
    protected, signature = _bytes(parts[0], "protected"), _bytes(parts[3], "signature", 64)
    if parts[2] is not None:
        raise FormatError(_WHERE, "payload is not detached")
    header = _members(parse_cbor(protected), "protected", (ALG, KID, CLAIMS, VDS, SIZE))
    if (header[ALG], header[VDS]) != (EDDSA, RFC9162_SHA256):
        raise FormatError("receipt.protected", "another algorithm or data structure")
    claims = _members(header[CLAIMS], "claims", (ISSUER, SUBJECT))
    unprotected = parts[1]
    names = (VDP, LEAF) if isinstance(unprotected, Mapping) and LEAF in unprotected else (VDP,)
    unprotected = _members(unprotected, "unprotected", names)
    proofs = _items(_members(unprotected[VDP], "proofs", (INCLUSION,))[INCLUSION], "inclusion proofs", 1)
    size, index, path = _items(parse_cbor(_bytes(proofs[0], "inclusion proof")), "inclusion proof", 3)
    if size != header[SIZE]:
        raise FormatError("receipt.tree size", "not the size that is signed")
    return CoseReceipt(
        origin=_text(claims[ISSUER], "issuer"),
        subject=_text(claims[SUBJECT], "subject"),
        key_id=_bytes(header[KID], "key id", 32),
        size=TreeSize(_number(size, "tree size")),
        index=LeafIndex(_number(index, "leaf index")),
        path=tuple(NodeHash(_bytes(node, "path", HASH_SIZE)) for node in _items(path, "path")),
        leaf=_bytes(unprotected[LEAF], "leaf") if LEAF in unprotected else None,
        protected=protected,
        signature=signature,
    )


def verify_cose_receipt(receipt: bytes, leaf_data: bytes, vkey: str) -> CoseReceipt:
    """Return the parts of a receipt by which the log of ``vkey`` includes ``leaf_data``.

    1. the receipt parses; 2. the path leads from the leaf to a root with no node left over (RFC 9162 section
    2.1.3.2); 3. the key is the one named, of the issuer named; 4. its signature over that root holds. Does
    not use the leaf in the receipt, and says nothing of witnesses.

    Raises FormatError or VerificationError.
    """
    parsed = parse_cose_receipt(receipt)
    root = root_from_path(parsed.index, parsed.size, hash_leaf(leaf_data), parsed.path)
    verify_root_signature(parsed, root, vkey)
    return parsed


def verify_root_signature(receipt: CoseReceipt, root: bytes, vkey: str) -> None:
    """Check that the log of ``vkey`` signed ``root`` under the receipt's header.

    Raises FormatError for a malformed vkey, VerificationError otherwise.
    """
    key = parse_vkey(vkey)
    if key.kind is not KeyKind.LOG or key.name != receipt.origin:
        raise VerificationError(_WHERE, "not a key of its issuer", got=key.name, want=receipt.origin)
    want = sha256(receipt.origin.encode()).hex()
    if receipt.subject != want:
        raise VerificationError(_WHERE, "subject is another log", got=receipt.subject, want=want)
    if receipt.key_id != key_thumbprint(key.public_key):
        raise VerificationError(_WHERE, "names another key", got=receipt.key_id.hex())
    try:
        public = Ed25519PublicKey.from_public_bytes(key.public_key)
        public.verify(receipt.signature, signed_bytes(receipt.protected, root))
    except (InvalidSignature, ValueError):
        raise VerificationError(_WHERE, "signature does not hold for the path's root") from None


def _members(item: CborItem, where: str, names: tuple[Label, ...]) -> Mapping[Label, CborItem]:
    if not isinstance(item, Mapping) or set(item) != set(names):
        raise FormatError(f"receipt.{where}", "not exactly the members " + ", ".join(map(str, names)))
    return item


def _items(item: CborItem, where: str, count: int | None = None) -> list[CborItem]:
    """An array of ``count`` items; of 1 to ``MAX_PATH`` where no count is given (RFC 9942: at least one)."""
    if not isinstance(item, list) or (len(item) != count if count else not 1 <= len(item) <= MAX_PATH):
        raise FormatError(f"receipt.{where}", f"not an array of {count or f'1 to {MAX_PATH}'}")
    return item


def _bytes(item: CborItem, where: str, size: int | None = None) -> bytes:
    if not isinstance(item, bytes) or (size is not None and len(item) != size):
        raise FormatError(f"receipt.{where}", "not bytes" if size is None else f"not {size} bytes")
    return item


def _text(item: CborItem, where: str) -> str:
    if not isinstance(item, str) or not 0 < len(item) <= 256 or not item.isprintable():
        raise FormatError(f"receipt.{where}", "not a text of 1 to 256 characters")
    return item


def _number(item: CborItem, where: str) -> int:
    if not isinstance(item, int) or not 0 <= item <= MAX_SIZE:
        raise FormatError(f"receipt.{where}", "not an integer from 0 to 2^63 - 1")
    return item
