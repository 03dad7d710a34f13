"""Besu QBFT headers by the written rules alone: an encoder of its own, sharing no code with the product.

Rules, as Besu's QBFT and its written form state them:

1. Extra data is the RLP list [vanity (32 bytes), validators (addresses, ascending), vote, round, seals]. No
   vote is the empty list; a vote is [address, ff to add | nothing to drop]. The round is a scalar.
2. A committed seal is r || s || recovery id over keccak-256 of the header whose extra data has its round and
   an empty list of seals.
3. The hash by which blocks name each other is that of the header with round 0 and an empty list of seals, so
   that validators who saw other seals name the same block. Block 0 is hashed as it is.
4. A block needs ceil(2n / 3) seals of distinct validators. Difficulty is 1; the mix hash is a constant; the
   beneficiary is the validator that proposed the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from eth_hash.auto import keccak
from eth_keys import keys

MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
EMPTY_LIST_HASH = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
EMPTY_TRIE = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")


def rlp(item: object) -> bytes:
    """The RLP of nested lists of byte strings, straight from the yellow paper's appendix B."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _length(len(item), 0x80) + item
    assert isinstance(item, (list, tuple))
    body = b"".join(rlp(one) for one in item)
    return _length(len(body), 0xC0) + body


def _length(size: int, base: int) -> bytes:
    if size < 56:
        return bytes([base + size])
    digits = scalar(size)
    return bytes([base + 55 + len(digits)]) + digits


def scalar(value: int) -> bytes:
    """A whole number without leading zeros; zero is nothing."""
    digits = b""
    while value:
        value, digit = divmod(value, 256)
        digits = bytes([digit]) + digits
    return digits


def key_of(name: str) -> keys.PrivateKey:
    return keys.PrivateKey(sha256(name.encode()).digest())


def address_of(key: keys.PrivateKey) -> bytes:
    return keccak(key.public_key.to_bytes())[-20:]


def make_keys(count: int) -> list[keys.PrivateKey]:
    """Validators' keys, in ascending order of their addresses."""
    return sorted((key_of(f"besu validator {n}") for n in range(count)), key=address_of)


@dataclass(frozen=True)
class Block:
    """A header before it is sealed; ``later`` are the fields that London and later forks append."""

    number: int
    parent: bytes
    validators: tuple[bytes, ...]
    proposer: bytes
    round: int = 0
    vote: tuple[bytes, bytes] | tuple[()] = ()
    vanity: bytes = bytes(32)
    timestamp: int = 1_764_000_000
    difficulty: int = 1
    mix: bytes = MIX_HASH
    later: tuple[bytes, ...] = (b"",)
    fixed: bytes = field(default=EMPTY_TRIE)

    def extra(self, round_number: int, seals: Sequence[bytes]) -> bytes:
        """Rule 1."""
        return rlp([self.vanity, list(self.validators), list(self.vote), scalar(round_number), list(seals)])

    def encode(self, round_number: int, seals: Sequence[bytes]) -> bytes:
        """The header's RLP with this round and these seals in its extra data."""
        head: list[bytes] = [self.parent, EMPTY_LIST_HASH, self.proposer, self.fixed, self.fixed, self.fixed]
        head += [bytes(256), scalar(self.difficulty), scalar(self.number), scalar(30_000_000), b""]
        head += [scalar(self.timestamp), self.extra(round_number, seals), self.mix, bytes(8)]
        return rlp([*head, *self.later])

    def seal_digest(self) -> bytes:
        """Rule 2: what a committed seal signs."""
        return keccak(self.encode(self.round, []))

    def name(self) -> bytes:
        """Rule 3: the hash by which the next block names this one."""
        return keccak(self.encode(0, []))

    def sealed_by(self, signers: Sequence[keys.PrivateKey]) -> bytes:
        """The header's RLP with a committed seal of each of these keys, in this order."""
        digest = self.seal_digest()
        return self.encode(self.round, [seal(key, digest) for key in signers])


def seal(key: keys.PrivateKey, digest: bytes) -> bytes:
    """Rule 2: r, s and recovery id; 65 bytes."""
    made = key.sign_msg_hash(digest)
    return bytes(made.r.to_bytes(32, "big") + made.s.to_bytes(32, "big") + bytes([made.v]))


def make_block(signers: Sequence[keys.PrivateKey], number: int = 9, **changes: object) -> Block:
    """A block that the validators' turn proposes, with some fields changed."""
    listed = tuple(address_of(key) for key in signers)
    block = Block(number, b"\x07" * 32, listed, listed[number % len(listed)])
    return replace(block, **changes)  # type: ignore[arg-type]
