"""Merkle-Patricia proofs (yellow paper, appendix D; EIP-1186), the verifying side. Pure.

A proof is the list of nodes from the root down to where the key ends. It shows either the key's value or
that the trie has no such key. Never imports ``chain.evidence.tries_build``, so that one mistake cannot hide
in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain.errors import FormatError, VerificationError
from chain.evidence.rlp import RlpItem, format_rlp, parse_fixed, parse_number, parse_rlp, parse_rlp_list
from chain.hashing import keccak256
from chain.types import Address, Digest

EMPTY_TRIE_ROOT = Digest(bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"))
"""Root of a trie without keys: keccak-256 of the RLP of the empty string."""

_STEP = "trie"
_EMPTY_NODE = b"\x80"
_HASH = 32


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the state trie (yellow paper section 4.1); balance in wei."""

    nonce: int
    balance: int
    storage_root: Digest
    code_hash: Digest


def verify_trie_proof(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Return the value at ``key`` in the trie with this root, or None where the proof shows there is none.

    ``key`` is the key as the trie holds it (already hashed where the trie is a secure one). Every node of the
    proof must be used. Raises VerificationError when the nodes do not lead from the root to the answer.
    """
    if not proof or list(proof) == [_EMPTY_NODE]:
        if root == EMPTY_TRIE_ROOT:
            return None
        raise VerificationError(_STEP, "no nodes for a trie that is not empty")
    nibbles = _nibbles(key)
    nodes = iter(proof)
    used = 0
    reference: RlpItem = bytes(root)
    while True:
        node: RlpItem
        if isinstance(reference, list):
            node = reference  # A node below 32 bytes stands inside its parent.
        else:
            raw = next(nodes, None)
            if raw is None:
                raise VerificationError(_STEP, "proof ends before the key does", got=used)
            if keccak256(raw) != reference:
                raise VerificationError(_STEP, "node is not the one its parent names", got=used)
            used += 1
            node = _parse_node(raw)
        value, reference, nibbles = _descend(node, nibbles)
        if value is not None or reference == b"":
            if used != len(proof):
                raise VerificationError(_STEP, "unused nodes", got=len(proof), want=used)
            return value


def verify_receipt_proof(root: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """Return the consensus bytes of receipt ``index`` in a block with this ``receiptsRoot``.

    Raises VerificationError, also where the block has no such receipt.
    """
    key = format_rlp(b"" if index == 0 else index.to_bytes((index.bit_length() + 7) // 8, "big"))
    value = verify_trie_proof(root, key, proof)
    if value is None:
        raise VerificationError(_STEP, "block has no such receipt", got=index)
    return value


def verify_account_proof(root: bytes, address: Address, proof: Sequence[bytes]) -> Account:
    """Return the account at ``address`` in the state with this root.

    Raises VerificationError or FormatError.
    """
    value = verify_trie_proof(root, keccak256(address), proof)
    if value is None:
        raise VerificationError(_STEP, "no account at this address", got=address.hex())
    fields = parse_rlp_list(value)
    if len(fields) != 4:
        raise FormatError("account", "not 4 fields")
    return Account(
        nonce=parse_number(fields[0], "account.nonce"),
        balance=parse_number(fields[1], "account.balance", bits=256),
        storage_root=Digest(parse_fixed(fields[2], "account.storage_root", _HASH)),
        code_hash=Digest(parse_fixed(fields[3], "account.code_hash", _HASH)),
    )


def verify_storage_proof(root: bytes, slot: bytes, proof: Sequence[bytes]) -> int:
    """Return the word in storage slot ``slot`` (32 bytes, not yet hashed); 0 where the trie has no such slot.

    Raises VerificationError, or FormatError for a stored zero or a word above 256 bits.
    """
    value = verify_trie_proof(root, keccak256(slot), proof)
    if value is None:
        return 0
    word = parse_number(parse_rlp(value), "storage", bits=256)
    if word == 0:
        raise FormatError("storage", "zero is never stored")
    return word


def _parse_node(raw: bytes) -> list[RlpItem]:
    node = parse_rlp(raw)
    if not isinstance(node, list):
        raise FormatError("trie node", "not a list")
    return node


def _descend(node: list[RlpItem], nibbles: bytes) -> tuple[bytes | None, RlpItem, bytes]:
    """Take one step: return (value found, next reference, nibbles left).

    No value and an empty reference mean that the key is not in the trie.
    """
    if len(node) == 17:
        if not nibbles:
            value = node[16]
            if not isinstance(value, bytes):
                raise FormatError("trie node", "value is a list")
            return value or None, b"", nibbles
        return None, _reference(node[nibbles[0]]), nibbles[1:]
    if len(node) != 2 or not isinstance(node[0], bytes):
        raise FormatError("trie node", "neither branch, extension nor leaf")
    path, is_leaf = _path(node[0])
    if is_leaf:
        if not isinstance(node[1], bytes) or not node[1]:
            raise FormatError("trie node", "leaf without a value")
        return (node[1] if path == nibbles else None), b"", b""
    if not path:
        raise FormatError("trie node", "extension without a path")
    below = _reference(node[1])
    if below == b"":
        raise FormatError("trie node", "extension that leads nowhere")
    if nibbles[: len(path)] != path:
        return None, b"", b""
    return None, below, nibbles[len(path) :]


def _reference(item: RlpItem) -> RlpItem:
    if isinstance(item, bytes) and len(item) not in (0, _HASH):
        raise FormatError("trie node", "reference is neither empty nor a hash")
    if isinstance(item, list) and len(format_rlp(item)) >= _HASH:
        raise FormatError("trie node", "long node stands inside its parent")
    return item


def _nibbles(data: bytes) -> bytes:
    return bytes(nibble for byte in data for nibble in (byte >> 4, byte & 15))


def _path(encoded: bytes) -> tuple[bytes, bool]:
    """Undo the hex-prefix encoding (yellow paper, appendix C): return nibbles and whether it is a leaf."""
    if not encoded or encoded[0] >> 4 > 3:
        raise FormatError("trie node", "path prefix")
    flag = encoded[0] >> 4
    nibbles = _nibbles(encoded)
    if flag & 1:
        return nibbles[1:], flag >= 2
    if nibbles[1] != 0:
        raise FormatError("trie node", "path padding is not zero")
    return nibbles[2:], flag >= 2
