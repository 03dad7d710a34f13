"""A chain out of thin air: headers with real links and seals, over state and receipt tries from
``naive_trie``.

Shares no code with ``chain.evidence``: encodes with the foreign RLP library, signs with eth_keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

import rlp
from eth_hash.auto import keccak
from eth_keys import keys

from tests.reference import naive_trie

NO_OMMERS = keccak(rlp.encode([]))
QBFT_MIX = b"ctical byzantine fault tolerance"
"""What Besu puts into the mix hash of every QBFT block: the tail of "practical byzantine fault tolerance"."""


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def mapping(key: bytes, slot: bytes | int) -> bytes:
    """Solidity's slot of mapping[key], not yet hashed by the secure trie."""
    return keccak(key.rjust(32, b"\x00") + (word(slot) if isinstance(slot, int) else slot))


def validator(index: int) -> keys.PrivateKey:
    return keys.PrivateKey(sha256(b"validator %d" % index).digest())


def address(key: keys.PrivateKey) -> bytes:
    return bytes(key.public_key.to_canonical_address())


def log(emitter: bytes, topics: list[bytes], data: bytes) -> list[object]:
    return [emitter, topics, data]


def receipt(logs: list[list[object]], *, status: int = 1, typed: bool = True) -> bytes:
    encoded = rlp.encode([number(status), number(21_000), bytes(256), logs])
    return b"\x02" + encoded if typed else encoded


@dataclass
class Contract:
    """One contract of the state trie; ``storage`` maps unhashed slots to words."""

    address: bytes
    code_hash: bytes
    storage: dict[bytes, int] = field(default_factory=dict)

    def slots(self) -> dict[bytes, bytes]:
        return {keccak(slot): rlp.encode(number(value)) for slot, value in self.storage.items() if value}

    def account(self) -> bytes:
        return rlp.encode([number(1), b"", naive_trie.root(self.slots()), self.code_hash])

    def storage_proof(self, slot: bytes) -> tuple[bytes, ...]:
        return tuple(naive_trie.prove(self.slots(), keccak(slot)))


def state(contracts: list[Contract], *, others: int = 40) -> dict[bytes, bytes]:
    """The state trie's pairs: the contracts among ``others`` accounts without code."""
    plain = rlp.encode([b"", number(10**18), naive_trie.EMPTY, keccak(b"")])
    items = {keccak(sha256(b"account %d" % index).digest()[:20]): plain for index in range(others)}
    return items | {keccak(contract.address): contract.account() for contract in contracts}


def receipts(values: list[bytes]) -> dict[bytes, bytes]:
    return {rlp.encode(index): value for index, value in enumerate(values)}


@dataclass
class Block:
    """A header before it is sealed. ``extra_fields`` come after the nonce, as London and later add them."""

    number: int
    timestamp: int
    state_root: bytes
    receipts_root: bytes
    extra_fields: tuple[bytes, ...] = ()


def fields(
    block: Block,
    parent: bytes,
    extra: bytes,
    difficulty: int,
    *,
    beneficiary: bytes = bytes(20),
    mix: bytes = bytes(32),
) -> list[bytes]:
    return [
        parent,
        NO_OMMERS,
        beneficiary,
        block.state_root,
        naive_trie.EMPTY,
        block.receipts_root,
        bytes(256),
        number(difficulty),
        number(block.number),
        number(30_000_000),
        number(21_000),
        number(block.timestamp),
        extra,
        mix,
        bytes(8),
        *block.extra_fields,
    ]


def sign(key: keys.PrivateKey, digest: bytes) -> bytes:
    return bytes(key.sign_msg_hash(digest).to_bytes())


def seal_none(block: Block, parent: bytes) -> tuple[bytes, bytes]:
    raw = rlp.encode(fields(block, parent, b"", 0))
    return raw, keccak(raw)


def seal_clique(
    block: Block, parent: bytes, validators: int, signer: int | None = None
) -> tuple[bytes, bytes]:
    """EIP-225: the validators take turns; ``signer`` counts along their ascending addresses."""
    order = sorted((validator(index) for index in range(validators)), key=address)
    turn = block.number % validators
    chosen = turn if signer is None else signer
    difficulty = 2 if chosen == turn else 1
    vanity = b"tongyi".ljust(32, b"\x00")
    digest = keccak(rlp.encode(fields(block, parent, vanity, difficulty)))
    raw = rlp.encode(fields(block, parent, vanity + sign(order[chosen], digest), difficulty))
    return raw, keccak(raw)


def qbft_extra(listed: list[bytes], round_number: int, seals: list[bytes]) -> bytes:
    return rlp.encode([b"besu".ljust(32, b"\x00"), listed, [], number(round_number), seals])


def seal_qbft(
    block: Block, parent: bytes, validators: int, *, round_number: int = 1, committers: int | None = None
) -> tuple[bytes, bytes]:
    """Besu: committers sign the header without seals; the block's hash leaves the round out as well."""
    order = sorted((validator(index) for index in range(validators)), key=address)
    listed = [address(key) for key in order]
    proposer = listed[block.number % validators]

    def header(extra: bytes) -> bytes:
        return bytes(rlp.encode(fields(block, parent, extra, 1, beneficiary=proposer, mix=QBFT_MIX)))

    digest = keccak(header(qbft_extra(listed, round_number, [])))
    count = -(-2 * validators // 3) if committers is None else committers
    seals = [sign(key, digest) for key in order[:count]]
    return header(qbft_extra(listed, round_number, seals)), keccak(header(qbft_extra(listed, 0, [])))


def seal(kind: str, block: Block, parent: bytes, validators: int) -> tuple[bytes, bytes]:
    """Return the header's RLP and the hash by which its successor names it."""
    if kind == "clique":
        return seal_clique(block, parent, validators)
    if kind == "qbft":
        return seal_qbft(block, parent, validators)
    return seal_none(block, parent)
