"""Altered Merkle proofs, seeded and quick: what is accepted must be true of the log, to the last node.

A verifier knows roots by size from signed checkpoints, so no edit invents a (size, root): it takes another
true pair or keeps its own. Everything else is fair game: index, leaf, nodes, their number, order and type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any

from chain.errors import VerificationError
from chain.merkle.prove import consistency_proof, inclusion_proof
from chain.merkle.tree import Tree
from chain.merkle.verify import verify_consistency, verify_inclusion

LEAVES = 5_000
SIZES = 64
POOL = 1_500
HOSTILE: tuple[Any, ...] = (-1, 2**63, 2**64 - 1, True, None, "1", 1.0, b"")
STRANGE: tuple[Any, ...] = (
    b"",
    b"\x00" * 31,
    b"\x00" * 33,
    "00" * 32,
    None,
    0,
    bytearray(32),
    [b"\x00" * 32],
)


@dataclass
class Proof:
    """An inclusion proof (``first`` is the index, ``value`` the leaf hash) or a consistency proof (``first``
    is the smaller size, ``value`` its root) for the tree of ``size`` with ``root``.
    """

    inclusion: bool
    first: Any
    value: Any
    size: Any
    root: Any
    nodes: Any

    def copy(self) -> Proof:
        return Proof(self.inclusion, self.first, self.value, self.size, self.root, list(self.nodes))


@dataclass
class Tally:
    """How many mutants were tried and by which edit; ``harmless`` passed and said nothing untrue,
    ``accepted`` and ``crashed`` describe each offender.
    """

    tried: int = 0
    harmless: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)

    def count(self, kind: str) -> None:
        self.tried += 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


class ProofWorld:
    """A log of ``LEAVES`` leaves, its roots at some sizes, and proofs between them."""

    def __init__(self) -> None:
        chance = Random("proof world")
        self.tree = Tree(sha256(b"%d" % number).digest() for number in range(LEAVES))
        powers = [1 << bit for bit in range(13)]
        sizes = sorted({*powers, *(power + 1 for power in powers), *chance.sample(range(2, LEAVES), SIZES)})
        self.sizes = [size for size in sizes if size <= LEAVES]
        self.roots = {size: self.tree.root(size) for size in self.sizes}
        self.pool = [self._draw(chance, number % 2 == 0) for number in range(POOL)]

    def _draw(self, chance: Random, inclusion: bool) -> Proof:
        size = chance.choice(self.sizes[4:])
        root = self.roots[size]
        if inclusion:
            index = chance.randrange(size)
            leaf = self.tree.leaf_hash(index)
            return Proof(True, index, leaf, size, root, inclusion_proof(self.tree, index, size))
        first = chance.choice([item for item in self.sizes if item < size])
        return Proof(False, first, self.roots[first], size, root, consistency_proof(self.tree, first, size))

    def is_true(self, proof: Proof) -> bool:
        """Whether an accepted proof is, node for node, the one this log's prover gives for a true claim."""
        if self.roots.get(proof.size) != proof.root:
            return False
        if proof.inclusion:
            holds = self.tree.leaf_hash(proof.first) == proof.value
            return holds and proof.nodes == inclusion_proof(self.tree, proof.first, proof.size)
        if self.roots.get(proof.first) != proof.value:
            return False
        return bool(proof.nodes == consistency_proof(self.tree, proof.first, proof.size))


def accepts(proof: Proof) -> bool:
    """Whether the verifier accepts; any other exception than its own is let through."""
    try:
        if proof.inclusion:
            verify_inclusion(proof.first, proof.size, proof.value, proof.nodes, proof.root)
        else:
            verify_consistency(proof.first, proof.size, proof.nodes, proof.value, proof.root)
    except VerificationError:
        return False
    return True


def flip(data: bytes, chance: Random) -> bytes:
    at = int(chance.random() * len(data))
    return data[:at] + bytes([data[at] ^ 1 << int(chance.random() * 8)]) + data[at + 1 :]


def edit_nodes(proof: Proof, chance: Random, other: Proof) -> str:
    """Change the list of nodes; return the name of the edit."""
    nodes, place = proof.nodes, int(chance.random() * max(len(proof.nodes), 1))
    kind = int(chance.random() * 11)
    if not nodes or kind == 0:
        nodes.insert(place, flip(proof.root, chance))
        return "insert"
    if kind in (1, 2):
        nodes[place] = flip(nodes[place], chance)
        return "flip node"
    if kind == 3:
        del nodes[place]
        return "drop"
    if kind == 4:
        nodes.insert(place, nodes[place])
        return "duplicate"
    if kind == 5:
        mate = int(chance.random() * len(nodes))
        nodes[place], nodes[mate] = nodes[mate], nodes[place]
        return "swap"
    if kind == 6:
        nodes.reverse()
        return "reverse"
    if kind == 7:
        del nodes[place:]
        return "truncate"
    if kind == 8:
        nodes.extend(other.nodes[: 1 + place])
        return "extend"
    if kind == 9:
        nodes[place:] = other.nodes[place:]
        return "splice"
    nodes[place] = STRANGE[int(chance.random() * len(STRANGE))]
    return "retype node"


def edit_claim(proof: Proof, chance: Random, other: Proof) -> str:
    """Change what the proof is said to prove; return the name of the edit."""
    kind = int(chance.random() * 8)
    if kind == 0:
        proof.value = flip(proof.value, chance)
        return "flip value"
    if kind in (1, 2):
        step = 1 << int(chance.random() * 16)
        proof.first = max(0, proof.first + (step if kind == 1 else -1))
        return "shift"
    if kind == 3:
        proof.first = int(chance.random() * proof.size)
        return "other place"
    if kind == 4:
        proof.size, proof.root = other.size, other.root
        return "other tree"
    if kind == 5:
        proof.first, proof.value = other.first, other.value
        return "other claim"
    if kind == 6:
        proof.nodes = list(other.nodes)
        return "other proof"
    proof.first = HOSTILE[int(chance.random() * len(HOSTILE))]
    return "retype claim"


def try_proofs(world: ProofWorld, seed: str, count: int) -> Tally:
    """Verify ``count`` altered proofs; the same seed gives the same ones."""
    chance, tally, pool = Random(seed), Tally(), world.pool
    while tally.tried < count:
        original = pool[int(chance.random() * len(pool))]
        other = pool[int(chance.random() * len(pool))]
        proof = original.copy()
        which = chance.random()
        kind = edit_nodes(proof, chance, other) if which < 0.65 else ""
        if which > 0.55:  # Now and then both.
            kind = edit_claim(proof, chance, other)
        if proof == original and type(proof.first) is int:
            continue
        tally.count(kind)
        try:
            if accepts(proof):
                if world.is_true(proof):
                    tally.harmless += 1
                else:
                    tally.accepted.append(f"{seed} #{tally.tried}: {kind}: {proof}")
        except Exception as error:
            tally.crashed.append(f"{seed} #{tally.tried}: {kind}: {error!r}: {proof}")
    return tally
