"""Verifies inclusion, consistency and window proofs. RFC 9162 sections 2.1.3.2 and 2.1.4.2. Pure.

Whatever it is given, it returns or raises VerificationError: hostile types, sizes and lengths are refused
like any other wrong proof. Every node of a proof is used, none is optional. Must not import the prover.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.errors import VerificationError
from chain.hashing import EMPTY_ROOT, HASH_SIZE, hash_node
from chain.types import NodeHash

MAX_SIZE = 2**63 - 1
"""Largest tree: sizes travel as signed 64-bit numbers in other implementations."""

MAX_PROOF = 2 * 64
"""More nodes than any proof has; a longer list is refused before it is looked at."""

_INCLUSION = "inclusion"
_CONSISTENCY = "consistency"
_WINDOW = "window"


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` of the tree of ``size`` leaves with ``root``.

    1. types, ranges and hash lengths; 2. index below size; 3. the proof leads from the leaf to the root with
    no node left over or missing (RFC 9162 section 2.1.3.2). Does not check where the root comes from.

    Raises VerificationError.
    """
    _check_hash(_INCLUSION, "root", root)
    computed = root_from_path(index, size, leaf_hash, proof)
    if computed != root:
        raise VerificationError(_INCLUSION, "root differs", got=computed.hex(), want=root.hex())


def root_from_path(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes]) -> NodeHash:
    """Return the root to which ``proof`` leads from leaf ``index`` of a tree of ``size`` leaves.

    Steps 1 to 3 of :func:`verify_inclusion`. Does not compare: the caller holds the result against a root it
    knows, or checks a signature over it.

    Raises VerificationError.
    """
    _check_size(_INCLUSION, "index", index)
    _check_size(_INCLUSION, "size", size)
    _check_hash(_INCLUSION, "leaf hash", leaf_hash)
    _check_nodes(_INCLUSION, "proof", proof, MAX_PROOF)
    if index >= size:
        raise VerificationError(_INCLUSION, "index is not below size", got=index, want=size)
    node, last, computed = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise VerificationError(_INCLUSION, "proof is too long", got=len(proof))
        if node & 1 or node == last:
            computed = hash_node(sibling, computed)
            while not node & 1 and node:  # Carried up without a sibling: those levels took no node.
                node >>= 1
                last >>= 1
        else:
            computed = hash_node(computed, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise VerificationError(_INCLUSION, "proof is too short", got=len(proof))
    return NodeHash(computed)


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the tree of ``size1`` with ``root1`` is a prefix of the tree of ``size2`` with ``root2``.

    1. types, ranges and hash lengths; 2. sizes in order; 3. equal sizes: equal roots, empty proof; 4. size 0:
    the empty root, empty proof; 5. the proof gives both roots with no node left over or missing (RFC 9162
    section 2.1.4.2).

    Raises VerificationError.
    """
    _check_size(_CONSISTENCY, "first size", size1)
    _check_size(_CONSISTENCY, "second size", size2)
    _check_hash(_CONSISTENCY, "first root", root1)
    _check_hash(_CONSISTENCY, "second root", root2)
    _check_nodes(_CONSISTENCY, "proof", proof, MAX_PROOF)
    if size1 > size2:
        raise VerificationError(_CONSISTENCY, "first size is above second", got=size1, want=size2)
    if size1 in (0, size2):
        _check_trivial(size1, size2, proof, root1, root2)
        return
    # A complete old tree is a node of the new one, and so starts the path itself.
    path = [root1, *proof] if size1 & (size1 - 1) == 0 else list(proof)
    if not proof:
        raise VerificationError(_CONSISTENCY, "proof is too short", got=0)
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise VerificationError(_CONSISTENCY, "proof is too long", got=len(proof))
        if node & 1 or node == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = hash_node(new, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise VerificationError(_CONSISTENCY, "proof is too short", got=len(proof))
    if old != root1:
        raise VerificationError(_CONSISTENCY, "first root differs", got=old.hex(), want=root1.hex())
    if new != root2:
        raise VerificationError(_CONSISTENCY, "second root differs", got=new.hex(), want=root2.hex())


def root_from_window(
    start: int, leaf_hashes: Sequence[bytes], left: Sequence[bytes], right: Sequence[bytes], size: int
) -> NodeHash:
    """Return the root of the tree of ``size`` leaves whose leaves from ``start`` on are ``leaf_hashes``.

    ``left`` and ``right`` as ``settle`` takes them (FORMATS.md section 5). Does not compare: the caller holds
    the result against the anchored root.

    Raises VerificationError when the window is empty or outside the tree, or a node is missing or left over.
    """
    _check_size(_WINDOW, "start", start)
    _check_size(_WINDOW, "size", size)
    _check_nodes(_WINDOW, "leaf hashes", leaf_hashes, MAX_SIZE)
    _check_nodes(_WINDOW, "left", left, MAX_PROOF)
    _check_nodes(_WINDOW, "right", right, MAX_PROOF)
    end = start + len(leaf_hashes)
    if not leaf_hashes or end > size:
        raise VerificationError(_WINDOW, "window is empty or beyond size", got=end, want=size)
    if len(left) != start.bit_count():
        raise VerificationError(_WINDOW, "left has wrong length", got=len(left), want=start.bit_count())
    # The stack is always the compact range of [0, position): one node per set bit, largest first.
    stack = list(left)
    position = start
    for leaf_hash in leaf_hashes:
        _push(stack, leaf_hash, position, 0)
        position += 1
    used = 0
    while position < size:
        alignment = (position & -position).bit_length() - 1
        level = min(alignment, (size - position).bit_length() - 1)
        if used == len(right):
            raise VerificationError(_WINDOW, "right is too short", got=len(right))
        _push(stack, right[used], position, level)
        used += 1
        position += 1 << level
    if used != len(right):
        raise VerificationError(_WINDOW, "right is too long", got=len(right), want=used)
    root = stack.pop()
    while stack:
        root = hash_node(stack.pop(), root)
    return NodeHash(root)


def _push(stack: list[bytes], node: bytes, position: int, level: int) -> None:
    """Add the perfect subtree of 2^level leaves at ``position``, joining what it completes."""
    carry = position >> level
    while carry & 1:
        node = hash_node(stack.pop(), node)
        carry >>= 1
    stack.append(node)


def _check_trivial(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    if proof:
        raise VerificationError(_CONSISTENCY, "proof is too long", got=len(proof), want=0)
    if size1 == 0 and root1 != EMPTY_ROOT:
        raise VerificationError(
            _CONSISTENCY, "first root is not the empty root", got=root1.hex(), want=EMPTY_ROOT.hex()
        )
    if size1 == size2 and root1 != root2:
        raise VerificationError(_CONSISTENCY, "roots of one size differ", got=root1.hex(), want=root2.hex())


def _check_size(step: str, name: str, value: object) -> None:
    if type(value) is not int or not 0 <= value <= MAX_SIZE:
        raise VerificationError(step, f"{name} is not an integer from 0 to 2^63 - 1")


def _check_hash(step: str, name: str, value: object) -> None:
    if not isinstance(value, bytes) or len(value) != HASH_SIZE:
        raise VerificationError(step, f"{name} is not {HASH_SIZE} bytes")


def _check_nodes(step: str, name: str, nodes: object, limit: int) -> None:
    if not isinstance(nodes, list | tuple):
        raise VerificationError(step, f"{name} is not a list")
    if len(nodes) > limit:
        raise VerificationError(step, f"{name} is too long", got=len(nodes))
    for node in nodes:
        if not isinstance(node, bytes) or len(node) != HASH_SIZE:
            raise VerificationError(step, f"a node of {name} is not {HASH_SIZE} bytes")
