"""Hashing. The only module that knows the prefixes that keep leaves from nodes, and trees apart. Pure.

0x00 and 0x01 are of the log (RFC 9162 section 2.1.1), 0x02 to 0x04 of sum trees (FORMATS section 10).
"""

from __future__ import annotations

from hashlib import sha256 as _sha256

from Crypto.Hash import keccak as _keccak

from chain.types import Digest, LeafHash, NodeHash

HASH_SIZE = 32
"""Bytes of every hash used here (SHA-256 and keccak-256)."""


def sha256(data: bytes) -> Digest:
    """Return SHA-256 of ``data``, 32 bytes."""
    return Digest(_sha256(data).digest())


def keccak256(data: bytes) -> Digest:
    """Return keccak-256 of ``data`` as the EVM computes it (not NIST SHA-3), 32 bytes."""
    return Digest(_keccak.new(data=data, digest_bits=256).digest())


def hash_leaf(data: bytes) -> LeafHash:
    """Return the leaf hash of ``data`` (RFC 9162 section 2.1.1: SHA-256(0x00 || data))."""
    return LeafHash(_sha256(b"\x00" + data).digest())


def hash_node(left: bytes, right: bytes) -> NodeHash:
    """Return the parent of two nodes (RFC 9162 section 2.1.1: SHA-256(0x01 || left || right))."""
    return NodeHash(_sha256(b"\x01" + left + right).digest())


def hash_pairs(nodes: bytes) -> bytes:
    """Return the parents of consecutive pairs of nodes, packed: 64 bytes in, 32 out (RFC 9162 2.1.1).

    The same as :func:`hash_node` on each pair, without a call per node. Requires a multiple of 64 bytes.
    """
    return b"".join([_sha256(b"\x01" + nodes[at : at + 64]).digest() for at in range(0, len(nodes), 64)])


def hash_sum_leaf(data: bytes) -> Digest:
    """Return the hash of an account's leaf in a sum tree: SHA-256(0x02 || data)."""
    return Digest(_sha256(b"\x02" + data).digest())


def hash_sum_node(data: bytes) -> Digest:
    """Return the hash of an inner node of a sum tree: SHA-256(0x03 || data)."""
    return Digest(_sha256(b"\x03" + data).digest())


def hash_subtotal(data: bytes) -> Digest:
    """Return the hash of a leaf that is another tree's total: SHA-256(0x04 || data)."""
    return Digest(_sha256(b"\x04" + data).digest())


EMPTY_ROOT = NodeHash(_sha256(b"").digest())
"""Root of the tree of size 0 (RFC 9162 section 2.1.1: the hash of nothing)."""
