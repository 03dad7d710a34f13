"""Who the log is: its origin and its Ed25519 key. The only holder of the private key."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import format_checkpoint, format_vkey, sign_note
from chain.cose_receipt import sign_root
from chain.hashing import sha256
from chain.receipt import receipt_text
from chain.types import Digest


@dataclass(frozen=True)
class LogIdentity:
    """One log by its origin; ``key`` never appears in a representation."""

    origin: str
    key: Ed25519PrivateKey = field(repr=False)

    @cached_property
    def log_id(self) -> Digest:
        """The log's 32-byte name on chain: SHA-256 of the origin."""
        return sha256(self.origin.encode())

    @cached_property
    def vkey(self) -> str:
        """The verifier key text."""
        return format_vkey(self.origin, self.key.public_key())

    def sign_checkpoint(self, size: int, root: bytes) -> bytes:
        """Return the signed note of a checkpoint. Requires (size, root) to be recomputed and kept durably
        before.
        """
        return sign_note(format_checkpoint(self.origin, size, root), self.origin, self.key)

    def sign_root(self, size: int, root: bytes) -> bytes:
        """Return the signature in COSE receipts of a tree. Requires a published (size, root)."""
        return sign_root(self.origin, size, root, self.key)

    def sign_receipt(self, index: int, leaf_hash: bytes, at: str) -> bytes:
        """Return the 64-byte signature over the receipt text. Requires the entry to be committed."""
        return self.key.sign(receipt_text(self.origin, index, leaf_hash, at).encode("ascii"))
