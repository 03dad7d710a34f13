"""What a signer is, and the one that holds a key in this process.

A signer signs whole transactions and EIP-712 payloads of ours and nothing else. Keys never leave it: not in
its ``repr``, not in an error. Deterministic signatures (RFC 6979), always with s in the lower half.
"""

from __future__ import annotations

from typing import Protocol

import coincurve

from chain.errors import FormatError
from chain.evm.transactions import (
    TransactionFields,
    join_signature,
    public_address,
    signing_payload,
)
from chain.hashing import keccak256
from chain.types import Address

__all__ = ["LocalKey", "Signer", "TransactionFields"]


class Signer(Protocol):
    """Signs for one address."""

    @property
    def address(self) -> Address:
        """The account that signs."""

    def sign_transaction(self, tx: TransactionFields) -> bytes:
        """Return the signed bytes. Raises SignerRefused, or TransientChainError: try again."""

    def sign_payload(self, payload: bytes) -> bytes:
        """Return r, s, v (65 bytes, low s, v 27 or 28) over the keccak-256 of ``payload``.

        The payload is one of ``chain.typed_data``. Raises as ``sign_transaction`` does.
        """

    def sign_digest(self, digest: bytes) -> bytes:
        """Return r, s, v over a 32-byte digest.

        Raises SignerRefused where the key is elsewhere and hashes by itself: use ``sign_payload``.
        """


class LocalKey:
    """A private key in this process's memory."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        """Take a 32-byte secret. Raises FormatError, which does not carry it, where it is no key."""
        try:
            self._key = coincurve.PrivateKey(secret) if len(secret) == 32 else None
        except ValueError:
            self._key = None
        if self._key is None:
            raise FormatError("private key", "is not 32 bytes of a secp256k1 key")
        self.address: Address = public_address(self._key.public_key.format(compressed=False)[1:])

    def __repr__(self) -> str:
        return f"LocalKey(0x{self.address.hex()})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not serialised")

    def sign_digest(self, digest: bytes) -> bytes:
        """Return r, s, v over a 32-byte digest."""
        if len(digest) != 32 or self._key is None:
            raise FormatError("digest", f"is {len(digest)} bytes, wants 32")
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((27 + signature[64],))

    def sign_payload(self, payload: bytes) -> bytes:
        """Return r, s, v over the keccak-256 of ``payload``."""
        return self.sign_digest(keccak256(payload))

    def sign_transaction(self, tx: TransactionFields) -> bytes:
        """Return the signed bytes of ``tx``."""
        return join_signature(tx, self.sign_payload(signing_payload(tx)))
