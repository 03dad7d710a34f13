"""What the operator can do who owns the data folder: the log's key, both anchor keys, SQL and tiles.

Works on a stopped copy of a real gateway's folder. Nothing here asks the product's own checks for leave.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from chain.canonical import JsonValue, canonicalize, parse_json
from chain.entry import entry_commitment, leaf_data
from chain.evidence.bundle import Bundle, format_bundle, parse_bundle
from chain.evm.calldata import encode_anchor
from chain.evm.deployment import Deployment, load_deployment
from chain.evm.signers.base import Signer
from chain.hashing import hash_leaf
from chain.merkle.prove import consistency_proof, inclusion_proof
from chain.merkle.tree import Tree
from chain.tiles import TILE_WIDTH, encode_entry_bundle, entries_path, tile_path
from chain.typed_data import Place, anchor_payload
from chain.types import LeafIndex, NodeHash, TreeSize
from gateway.keys import KeyFolder
from gateway.ledger.identity import LogIdentity
from gateway.ledger.tile_files import TileFiles

FILLER = b"\x01" + sha256(b"anything else").digest() + bytes(32)
"""Leaf data of an entry that nobody ever sent."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of ``entries``."""

    index: int
    entry_id: str
    at: str
    salt: bytes
    body: bytes
    leaf: bytes


class History:
    """Leaf data of a log, true or not, and what can be signed and proved about it."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = list(leaves)
        self.tree = Tree(map(hash_leaf, leaves))

    @property
    def size(self) -> int:
        return len(self.leaves)

    def root(self, size: int | None = None) -> NodeHash:
        return self.tree.root(TreeSize(self.size if size is None else size))

    def growth(self, old: int) -> list[bytes]:
        """Return the only proof from ``old`` that this history gives."""
        return list(consistency_proof(self.tree, TreeSize(old), TreeSize(self.size)))

    def path(self, index: int) -> tuple[NodeHash, ...]:
        return tuple(inclusion_proof(self.tree, LeafIndex(index), TreeSize(self.size)))

    def with_leaf(self, index: int, leaf: bytes, *more: bytes) -> History:
        """Return the history in which ``leaf`` always stood at ``index``, ``more`` leaves at the end."""
        return History([*self.leaves[:index], leaf, *self.leaves[index + 1 :], *more])


@dataclass(frozen=True)
class Crook:
    """The owner of one stopped gateway's folder."""

    data: Path

    def copy(self, into: Path) -> Crook:
        """Return the same operator with a copy of everything."""
        shutil.copytree(self.data, into)
        return Crook(into)

    @cached_property
    def keys(self) -> KeyFolder:
        return KeyFolder(self.data / "keys")

    @cached_property
    def identity(self) -> LogIdentity:
        return self.keys.log_identity(None)

    @cached_property
    def anchor_signers(self) -> list[Signer]:
        signers = [self.keys.signer("operator"), self.keys.signer("witness")]
        return sorted(signers, key=lambda signer: signer.address)

    @cached_property
    def deployment(self) -> Deployment:
        return load_deployment(self.data / "deployment.json")

    @cached_property
    def history(self) -> History:
        return History([record.leaf for record in self.records()])

    def sql(self, *statements: tuple[str, tuple[object, ...]]) -> list[tuple[object, ...]]:
        """Run statements in the gateway's database and return the rows of the last."""
        with closing(sqlite3.connect(self.data / "gateway.sqlite3")) as database, database:
            rows: list[tuple[object, ...]] = []
            for text, values in statements:
                rows = database.execute(text, values).fetchall()
            return rows

    def records(self) -> list[Record]:
        columns = "log_index, entry_id, at, salt, body, leaf_data"
        rows = self.sql((f"SELECT {columns} FROM entries ORDER BY log_index", ()))
        return [Record(*row) for row in rows]  # type: ignore[arg-type]

    def record(self, entry_id: str) -> Record:
        return next(record for record in self.records() if record.entry_id == entry_id)

    def sign(self, history: History) -> bytes:
        """Return a checkpoint over any history, signed with the log's own key."""
        return self.identity.sign_checkpoint(history.size, history.root())

    def anchor_call(self, place: Place, history: History, old: int) -> bytes:
        """Return the calldata of an anchor that both keys signed for ``place``."""
        log_id, size, root = self.identity.log_id, TreeSize(history.size), history.root()
        payload = anchor_payload(place, log_id, size, root)
        signatures = [signer.sign_payload(payload) for signer in self.anchor_signers]
        return encode_anchor(log_id, size, root, history.growth(old), signatures)

    def publish(self, history: History) -> None:
        """Make the folder show ``history`` alone: SQL, tiles and checkpoint, all in agreement."""
        size, root, note = history.size, history.root(), self.sign(history)
        old = self.sql(("SELECT max(size) FROM checkpoints", ()))[0][0]
        self.sql(
            ("DELETE FROM checkpoints WHERE size <> ?", (old,)),
            ("UPDATE checkpoints SET size = ?, root = ?, note = ?", (size, root, note)),
            ("UPDATE log_trees SET size = ?, root = ?", (size, root)),
        )
        shutil.rmtree(self.data / "log")
        (self.data / "log").mkdir()
        write_log(self.data / "log", history, note)


def write_log(folder: Path, history: History, note: bytes) -> None:
    """Write the static files the public reads. Requires fewer than 65,536 leaves."""
    names: list[tuple[str, bytes]] = []
    for first in range(0, history.size, TILE_WIDTH):
        part = history.leaves[first : first + TILE_WIDTH]
        names.append((entries_path(first // TILE_WIDTH, len(part)), encode_entry_bundle(part)))
        hashes = b"".join(map(hash_leaf, part))
        names.append((tile_path(0, first // TILE_WIDTH, len(part)), hashes))
    files = TileFiles(folder)
    files.write(names)
    files.write_checkpoint(note)


def rewrite(record: Record, change: Callable[[dict[str, JsonValue]], None]) -> Record:
    """Return the record with another body under the same salt, and the leaf that commits to it.

    Requires an entry without operation.
    """
    entry = parse_json(record.body)
    assert isinstance(entry, dict)
    change(entry)
    body = canonicalize(entry)
    return replace(record, body=body, leaf=leaf_data(entry_commitment(record.salt, body), None))


def forge_bundle(true: bytes, record: Record, history: History, note: bytes) -> Bundle:
    """Return a true bundle with another entry and another history in it; its chain part is left as it is."""
    bundle = parse_bundle(true)
    log = replace(
        bundle.log,
        size=TreeSize(history.size),
        leaf=record.leaf,
        path=history.path(record.index),
        checkpoint=note.decode(),
    )
    return replace(bundle, entry=record.body, salt=record.salt, disclosures=(), log=log)


def write_bundle(path: Path, bundle: Bundle) -> Path:
    path.write_bytes(format_bundle(bundle))
    return path
