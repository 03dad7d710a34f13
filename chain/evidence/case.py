"""A bundle opened for verification: every part parsed, nothing judged yet. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chain.checkpoint import Checkpoint, parse_checkpoint_text
from chain.entry import Entry, parse_entry, parse_leaf_data
from chain.errors import FormatError
from chain.evidence.bundle import (
    AnchorEvidence,
    Bundle,
    OutcomeEvidence,
    StateEvidence,
    parse_bundle,
)
from chain.evidence.headers import Header, parse_header
from chain.hashing import hash_leaf
from chain.types import BlockNumber, Digest, LeafHash

Section = AnchorEvidence | OutcomeEvidence | StateEvidence
"""A part of a bundle that speaks about one block of the chain."""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive headers, oldest first; ``head`` is the hash the bundle gives the last one."""

    headers: tuple[Header, ...]
    head: Digest

    def position(self, block: BlockNumber) -> int | None:
        """Return where block ``block`` stands in the run."""
        return next((n for n, header in enumerate(self.headers) if header.number == block), None)


@dataclass(frozen=True, slots=True)
class Case:
    """One bundle, opened. ``commitment`` and ``operation_digest`` are what the leaf data says."""

    bundle: Bundle
    entry: Entry
    commitment: Digest
    operation_digest: Digest | None
    leaf_hash: LeafHash
    checkpoint: Checkpoint
    runs: tuple[Run, ...]

    def sections(self) -> tuple[tuple[str, Section], ...]:
        """Return the parts that speak about the chain, by the name of the contract each is about."""
        bundle = self.bundle
        named = (("LogAnchor", bundle.anchor), ("TimeCredit", bundle.outcome), ("TimeCredit", bundle.state))
        return tuple((name, section) for name, section in named if section is not None)

    def locate(self, block: BlockNumber) -> tuple[Run, int]:
        """Return the run and position of a section's block. Requires a block that a section names."""
        for run in self.runs:
            position = run.position(block)
            if position is not None:
                return run, position
        raise FormatError("chain.runs", "no header of a section's block")

    def header(self, block: BlockNumber) -> Header:
        """Return the header of a section's block."""
        run, position = self.locate(block)
        return run.headers[position]


def open_case(data: bytes) -> Case:
    """Return a bundle and its parts, each in the one accepted form. Judges nothing.

    1. the bundle's own schema; 2. the entry's; 3. the leaf data's; 4. the checkpoint's text; 5. every
       header's;
    6. a header for every section's block. Raises FormatError naming the part.
    """
    bundle = parse_bundle(data)
    entry = parse_entry(bundle.entry)
    commitment, digest = parse_leaf_data(bundle.log.leaf)
    checkpoint = parse_checkpoint_text(checkpoint_text(bundle.log.checkpoint))
    runs: tuple[Run, ...] = ()
    if bundle.chain is not None:
        runs = tuple(
            Run(tuple(parse_header(raw) for raw in run.headers), run.head) for run in bundle.chain.runs
        )
    for section in (bundle.anchor, bundle.outcome, bundle.state):
        if section is not None and all(run.position(section.block) is None for run in runs):
            raise FormatError("chain.runs", "no header of a section's block")
    return Case(bundle, entry, commitment, digest, hash_leaf(bundle.log.leaf), checkpoint, runs)


def checkpoint_text(note: str) -> str:
    """Return the text of a signed note, its last newline included. Raises FormatError.

    Checks no signature.
    """
    text, separator, _ = note.rpartition("\n\n")
    if not separator:
        raise FormatError("log.checkpoint", "no empty line before the signatures")
    return text + "\n"
