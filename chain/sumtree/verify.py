"""Checks an account's place in a period's total, and that its entries of the period are all in it. Pure.

Every node carries the sums below it, and its hash covers the hashes and the sums of both children, so that
no total can leave out or lower what a member's path shows (FORMATS section 10). Whatever it is given, it
returns or raises VerificationError. Must not import the builder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain.errors import VerificationError
from chain.hashing import HASH_SIZE, hash_subtotal, hash_sum_leaf, hash_sum_node, sha256
from chain.types import Address, Digest

MAX_SUM = 2**63 - 1
"""Largest sum of a node, in hundredths of a coin: two of them never overflow 64 bits."""

MAX_SEQUENCE = 2**40 - 1
"""Largest sequence of an account, as the contract counts it."""

MAX_DEPTH = 32
"""Levels above the leaves of the largest tree."""

SALT_SIZE = 32
"""Bytes of an account's salt, another one each period."""

_ADDRESS_SIZE = 20
_STEP = "sum tree"
_MONTH = "entries of the period"


@dataclass(frozen=True, slots=True)
class SumNode:
    """A node and what it sums: ``balance`` includes ``locked``, both in hundredths of a coin."""

    hash: bytes
    balance: int
    locked: int


@dataclass(frozen=True, slots=True)
class AccountHead:
    """How far an account's own chain of entries goes: its last ``sequence``, 0 before the first, and that
    entry's leaf hash, 32 zeros before the first.
    """

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AccountLeaf:
    """An account at the end of a period: ``key`` hides whose it is, ``start`` is where its chain stood at the
    end of the period before, ``end`` where it stands now.
    """

    key: bytes
    balance: int
    locked: int
    start: AccountHead
    end: AccountHead


@dataclass(frozen=True, slots=True)
class EntryLink:
    """One entry in an account's own chain: ``sequence``, the leaf hash before it, and its own."""

    sequence: int
    previous: bytes
    hash: bytes


def account_key(salt: bytes, account: Address) -> Digest:
    """Return the key under which an account stands in a tree: SHA-256(salt || address).

    Without the salt nobody can tell whose it is. Raises VerificationError for other lengths.
    """
    _check_bytes("salt", salt, SALT_SIZE)
    _check_bytes("account", account, _ADDRESS_SIZE)
    return sha256(salt + account)


def leaf_node(leaf: AccountLeaf) -> SumNode:
    """Return the node of an account's leaf. Raises VerificationError where a part is out of its range."""
    _check_bytes("key", leaf.key, HASH_SIZE)
    _check_sums(leaf.balance, leaf.locked)
    for name, head in (("start", leaf.start), ("end", leaf.end)):
        _check_number(f"{name} sequence", head.sequence, MAX_SEQUENCE)
        _check_bytes(f"{name} head", head.hash, HASH_SIZE)
        if (head.sequence == 0) != (head.hash == bytes(HASH_SIZE)):
            raise VerificationError(_STEP, f"{name} head is not zeros exactly before the first entry")
    if leaf.end.sequence < leaf.start.sequence:
        raise VerificationError(
            _STEP, "the chain of entries runs back", got=leaf.end.sequence, want=leaf.start.sequence
        )
    if leaf.end.sequence == leaf.start.sequence and leaf.end.hash != leaf.start.hash:
        raise VerificationError(_STEP, "another head without an entry")
    data = b"".join((
        leaf.key, _word(leaf.balance), _word(leaf.locked), _word(leaf.start.sequence), leaf.start.hash,
        _word(leaf.end.sequence), leaf.end.hash,
    ))  # fmt: skip
    return SumNode(hash_sum_leaf(data), leaf.balance, leaf.locked)


def subtotal_node(name: bytes, depth: int, root: SumNode) -> SumNode:
    """Return the leaf by which another tree's total stands in the total above it: a chapter in its city's.

    ``name`` is the SHA-256 of what the tree is of. Raises VerificationError.
    """
    _check_bytes("name", name, HASH_SIZE)
    _check_number("depth", depth, MAX_DEPTH)
    _check_node("root", root)
    data = b"".join((name, bytes((depth,)), root.hash, _word(root.balance), _word(root.locked)))
    return SumNode(hash_subtotal(data), root.balance, root.locked)


def join(height: int, left: SumNode, right: SumNode) -> SumNode:
    """Return the parent of two nodes of ``height``, 0 being the leaves. Raises VerificationError.

    The height is hashed too: a path is neither longer nor shorter than the tree is deep.
    """
    _check_node("left", left)
    _check_node("right", right)
    balance, locked = left.balance + right.balance, left.locked + right.locked
    _check_sums(balance, locked)
    data = b"".join((
        bytes((height,)),
        left.hash, _word(left.balance), _word(left.locked),
        right.hash, _word(right.balance), _word(right.locked),
    ))  # fmt: skip
    return SumNode(hash_sum_node(data), balance, locked)


def verify_membership(index: int, depth: int, node: SumNode, path: Sequence[SumNode], root: SumNode) -> None:
    """Check that ``node`` is leaf ``index`` of the tree of 2^``depth`` leaves with this root and totals.

    1. ranges; 2. as many siblings as the tree is deep; 3. no sum is negative or too large on the way; 4. the
    path leads to the root's hash and to its totals. Does not check where the root comes from.

    Raises VerificationError.
    """
    _check_number("depth", depth, MAX_DEPTH)
    _check_number("index", index, (1 << depth) - 1)
    _check_node("leaf", node)
    _check_node("root", root)
    if not isinstance(path, Sequence) or len(path) != depth:
        raise VerificationError(_STEP, "path is not as long as the tree is deep", want=depth)
    for height, sibling in enumerate(path):
        node = join(height, sibling, node) if index >> height & 1 else join(height, node, sibling)
    for name, got, want in (
        ("root differs", node.hash.hex(), root.hash.hex()),
        ("total of balances differs", node.balance, root.balance),
        ("total of locked coins differs", node.locked, root.locked),
    ):
        if got != want:
            raise VerificationError(_STEP, name, got=got, want=want)


def verify_period(leaf: AccountLeaf, links: Sequence[EntryLink]) -> None:
    """Check that ``links`` are all of an account's entries of the period, none where it had none.

    1. they follow each other from the leaf's start, by sequence and by hash; 2. the last one is its end.
    Requires `verify_membership` of the leaf, and that each link is read from an entry that was checked.

    Raises VerificationError naming the sequence where they part.
    """
    last = leaf.start
    for link in links:
        if link.sequence != last.sequence + 1:
            raise VerificationError(_MONTH, "an entry is missing", got=link.sequence, want=last.sequence + 1)
        if link.previous != last.hash:
            raise VerificationError(_MONTH, f"entry {link.sequence} does not follow the one before")
        last = AccountHead(link.sequence, link.hash)
    if last != leaf.end:
        raise VerificationError(
            _MONTH, "they do not end where the total says", got=last.sequence, want=leaf.end.sequence
        )


def _word(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _check_node(name: str, node: SumNode) -> None:
    if not isinstance(node, SumNode):
        raise VerificationError(_STEP, f"{name} is no node")
    _check_bytes(f"{name} hash", node.hash, HASH_SIZE)
    _check_sums(node.balance, node.locked)


def _check_sums(balance: int, locked: int) -> None:
    _check_number("balance", balance, MAX_SUM)
    _check_number("locked", locked, balance)


def _check_number(name: str, value: int, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise VerificationError(_STEP, f"{name} is not 0 to {most}")


def _check_bytes(name: str, value: bytes, size: int) -> None:
    if not isinstance(value, bytes) or len(value) != size:
        raise VerificationError(_STEP, f"{name} is not {size} bytes")
