"""A hundred thousand seeded proof cases in one packed form that Python, Go and Solidity all read.

Sound and altered inclusion proofs, consistency proofs and windows of one log, and inclusion proofs of made-up
trees of up to 2^62 leaves. The packed form is in ``contracts/test/compiled/Rfc9162Batch.sol``.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from chain.errors import VerificationError
from chain.merkle.prove import window_proof
from chain.merkle.verify import MAX_SIZE, root_from_path, root_from_window
from tests.campaign.proof_edits import Proof, ProofWorld, accepts, edit_claim, edit_nodes, flip

INCLUSION, CONSISTENCY, WINDOW = range(3)
Lists = tuple[list[bytes], list[bytes], list[bytes]]
Case = tuple[bytes, bool]
"""The packed case, and whether Python accepts it."""


def pack(kind: int, first: int, size: int, value: bytes, root: bytes, lists: Lists) -> bytes:
    head = bytes([kind]) + first.to_bytes(8, "big") + size.to_bytes(8, "big") + value + root
    return head + bytes(map(len, lists)) + b"".join(node for nodes in lists for node in nodes)


def is_packable(proof: Proof) -> bool:
    """Whether the case can be written down; a consistency proof from size 0 is left to each side's taste."""
    numbers = all(type(item) is int and 0 <= item <= MAX_SIZE for item in (proof.first, proof.size))
    hashes: list[Any] = [proof.value, proof.root, *proof.nodes]
    return (
        numbers
        and (proof.inclusion or proof.first > 0)
        and len(proof.nodes) < 256
        and all(type(item) is bytes and len(item) == 32 for item in hashes)
    )


def proof_case(world: ProofWorld, chance: Random) -> Case | None:
    """A proof of the log, altered two times of three."""
    proof, other = chance.choice(world.pool).copy(), chance.choice(world.pool)
    fate = chance.random()
    if fate < 0.4:
        edit_nodes(proof, chance, other)
    elif fate < 0.66:
        edit_claim(proof, chance, other)
    if not is_packable(proof):
        return None
    kind = INCLUSION if proof.inclusion else CONSISTENCY
    lists: Lists = (proof.nodes, [], [])
    return pack(kind, proof.first, proof.size, proof.value, proof.root, lists), accepts(proof)


def tall_case(chance: Random) -> Case:
    """An inclusion proof in a tree nobody could build: its nodes are made up, its root follows from them."""
    size = 1 + chance.randrange(1 << chance.randrange(1, 62))
    index = chance.choice((chance.randrange(size), size - 1, 0))
    leaf, nodes, root = chance.randbytes(32), list[bytes](), None
    while root is None:
        try:
            root = root_from_path(index, size, leaf, nodes)
        except VerificationError:
            nodes.append(chance.randbytes(32))
    proof = Proof(True, index, leaf, size, root, nodes)
    if chance.random() < 0.5:
        edit_claim(proof, chance, proof.copy())
        if not is_packable(proof):
            proof = Proof(True, index, flip(leaf, chance), size, root, nodes)
    return pack(INCLUSION, proof.first, proof.size, proof.value, proof.root, (proof.nodes, [], [])), accepts(
        proof
    )


def window_case(world: ProofWorld, chance: Random) -> Case:
    """A window of the log, altered two times of three."""
    size = chance.choice(world.sizes)
    start = chance.randrange(size)
    end = min(size, start + chance.randrange(1, 17))
    left, right = (list[bytes](nodes) for nodes in window_proof(world.tree, start, end, size))
    lists: Lists = ([bytes(world.tree.leaf_hash(index)) for index in range(start, end)], left, right)
    root = world.roots[size]
    if chance.random() < 0.67:
        nodes = chance.choice(lists)
        edit = chance.randrange(6)
        if edit == 0:
            start = max(0, start + chance.choice((1, -1, 64)))
        elif edit == 1:
            size = chance.choice(world.sizes)
        elif edit == 2 or not nodes:
            nodes.insert(0, chance.randbytes(32))
        elif edit == 3:
            del nodes[chance.randrange(len(nodes))]
        elif edit == 4:
            nodes.reverse()
        else:
            at = chance.randrange(len(nodes))
            nodes[at] = flip(nodes[at], chance)
    try:
        accepted = root_from_window(start, *lists, size) == root
    except VerificationError:
        accepted = False
    return pack(WINDOW, start, size, bytes(32), root, lists), accepted


def draw_cases(seed: str, count: int) -> Iterator[Case]:
    """The cases of a seed, always the same ones."""
    chance, world = Random(seed), ProofWorld()
    drawn = 0
    while drawn < count:
        sort = chance.random()
        case = (
            window_case(world, chance)
            if sort < 0.15
            else tall_case(chance)
            if sort < 0.2
            else proof_case(world, chance)
        )
        if case is not None:
            drawn += 1
            yield case
