"""A log of a test, as large as it should be, and what it signs."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, cosignature_line, format_checkpoint, format_vkey, sign_note
from chain.hashing import hash_leaf
from chain.merkle.prove import consistency_proof
from chain.merkle.tree import Tree
from chain.types import TreeSize
from gateway.witness.requests import format_request

ORIGIN = "log.example/3101"
KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
VKEY = format_vkey(ORIGIN, KEY.public_key())
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
OTHER_VKEY = format_vkey(ORIGIN, OTHER_KEY.public_key())
WITNESS = "witness.example/shanghai"
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
WITNESS_VKEY = format_vkey(WITNESS, WITNESS_KEY.public_key(), KeyKind.COSIGNER)


def witness_line(text: str, at: int) -> str:
    """Return the witness's cosignature."""
    return cosignature_line(text, WITNESS, WITNESS_KEY, at)


class TestLog:
    """Leaves ``<branch> 0``, ``<branch> 1``...; branches of one log share their first ``fork`` leaves."""

    __test__ = False

    def __init__(self, size: int, branch: str = "a", fork: int = 0) -> None:
        names = [f"a {n}" if n < fork else f"{branch} {n}" for n in range(size)]
        self.tree = Tree()
        self.tree.append(hash_leaf(name.encode()) for name in names)

    def note(self, size: int, key: Ed25519PrivateKey = KEY) -> bytes:
        """Return the signed checkpoint of a size."""
        root = self.tree.root(TreeSize(size))
        return sign_note(format_checkpoint(ORIGIN, size, root), ORIGIN, key)

    def proof(self, old: int, new: int) -> list[bytes]:
        """Return the consistency proof between two sizes, empty from 0."""
        return list(consistency_proof(self.tree, TreeSize(old), TreeSize(new))) if old else []

    def request(self, old: int, new: int) -> bytes:
        """Return the body that moves a witness from one size to another."""
        return format_request(old, self.proof(old, new), self.note(new))
