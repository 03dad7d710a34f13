"""What a witness has cosigned last of each log, in a SQLite file of its own: the one thing it must not lose.

Checking a request against it and keeping what the request makes of it is one durable transaction, so that no
two answers ever contradict each other, whatever runs at once and whenever the power fails. A signature leaves
this module only after its commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from chain.errors import VerificationError
from chain.hashing import sha256
from chain.merkle.verify import verify_consistency
from gateway.db import Database, execute, fetch_all, sqlite_url
from gateway.witness.refusals import WitnessRefusal
from gateway.witness.requests import AddCheckpoint

MAX_EVIDENCE = 100
"""Contradictions kept of one log; one is enough to convict it."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS cosigned (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, "
    "root BLOB NOT NULL, note BLOB NOT NULL, at INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS evidence (digest BLOB PRIMARY KEY, origin TEXT NOT NULL, "
    "size INTEGER NOT NULL, held BLOB NOT NULL, refused BLOB NOT NULL, at INTEGER NOT NULL) STRICT",
)

Signer = Callable[[str, int], str]
"""Makes the cosignature line of a checkpoint's text at a Unix second."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What was cosigned last of a log; ``note`` has the log's signatures and the witness's."""

    size: int
    root: bytes
    note: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two notes of one size and different roots, both signed by the log; ``held`` was cosigned here."""

    size: int
    held: bytes
    refused: bytes
    at: int


class WitnessState:
    """The record of one witness. Requires its folder to be locked: one process, any number of threads."""

    def __init__(self, path: Path, sign: Signer, clock: Callable[[], int]) -> None:
        """``clock`` gives Unix seconds; it may step back, what is signed does not."""
        self._database = Database(sqlite_url(path), pool_size=4)
        self._sign = sign
        self._clock = clock
        with self._database.writer() as connection:
            for table in _TABLES:
                connection.exec_driver_sql(table)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def cosign(self, request: AddCheckpoint) -> str:
        """Return the cosignature line of a request that extends what was cosigned last, and keep it as that.

        1. the old size is the last one's; 2. the same size has the same root; 3. the proof leads from the
        last root to the new one, and is empty from size 0; 4. kept durably, then answered.

        Raises WitnessRefusal: ``size.other``, ``root.other`` or ``proof.invalid``.
        """
        origin, new = request.checkpoint.origin, request.checkpoint
        # On a refusal only the evidence stands in this transaction: it is committed, then the refusal raised.
        with self._database.writer() as connection:
            last = _load(connection, origin)
            refusal = self._judge(connection, request, last)
            if refusal is None:
                at = max(self._clock(), self._last_time(connection), 1)
                line = self._sign(request.text, at)
                # If we crash here, nothing was kept and nothing answered.
                _store(
                    connection, origin, last, Cosigned(new.size, new.root, request.note + line.encode(), at)
                )
        if refusal is not None:
            raise refusal
        # If we crash here, the log asks again from the size kept and gets another line for the same root.
        return line

    def _judge(
        self, connection: Connection, request: AddCheckpoint, last: Cosigned | None
    ) -> WitnessRefusal | None:
        new = request.checkpoint
        size = 0 if last is None else last.size
        differs = last is not None and new.size == size and new.root != last.root
        if last is not None and differs:
            self._keep_evidence(connection, request, last)
        if request.old_size != size:
            return WitnessRefusal("size.other", size=size)
        if differs:
            return WitnessRefusal("root.other")
        if last is None or size == 0:
            return WitnessRefusal("proof.invalid") if request.proof else None
        try:
            verify_consistency(size, new.size, request.proof, last.root, new.root)
        except VerificationError:
            return WitnessRefusal("proof.invalid")
        return None

    def _keep_evidence(self, connection: Connection, request: AddCheckpoint, last: Cosigned) -> None:
        origin = request.checkpoint.origin
        kept = fetch_all(connection, "SELECT count(*) FROM evidence WHERE origin = ?", origin)
        if cast("int", kept[0][0]) >= MAX_EVIDENCE:
            return
        execute(
            connection, "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
            sha256(request.text.encode()), origin, last.size, last.note, request.note, self._clock(),
        )  # fmt: skip

    def _last_time(self, connection: Connection) -> int:
        return cast("int", fetch_all(connection, "SELECT coalesce(max(at), 0) FROM cosigned")[0][0])

    def last(self, origin: str) -> Cosigned | None:
        """Return what was cosigned last of a log, None before the first."""
        with self._database.reader() as connection:
            return _load(connection, origin)

    def sizes(self) -> dict[str, int]:
        """Return the last size of every log."""
        with self._database.reader() as connection:
            rows = fetch_all(connection, "SELECT origin, size FROM cosigned")
        return dict(cast("list[tuple[str, int]]", rows))

    def evidence(self, origin: str) -> list[Evidence]:
        """Return the contradictions of a log, oldest first."""
        with self._database.reader() as connection:
            rows = fetch_all(
                connection,
                "SELECT size, held, refused, at FROM evidence WHERE origin = ? ORDER BY at, digest",
                origin,
            )
        return [Evidence(*cast("tuple[int, bytes, bytes, int]", row)) for row in rows]

    def count_evidence(self) -> int:
        """Return how many contradictions are kept of all logs."""
        with self._database.reader() as connection:
            return cast("int", fetch_all(connection, "SELECT count(*) FROM evidence")[0][0])


def _load(connection: Connection, origin: str) -> Cosigned | None:
    rows = fetch_all(connection, "SELECT size, root, note, at FROM cosigned WHERE origin = ?", origin)
    return Cosigned(*cast("tuple[int, bytes, bytes, int]", rows[0])) if rows else None


def _store(connection: Connection, origin: str, last: Cosigned | None, new: Cosigned) -> None:
    """Replace ``last`` by compare-and-set: nothing but what was judged may have stood there."""
    if last is None:
        moved = execute(
            connection, "INSERT INTO cosigned VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin) DO NOTHING",
            origin, new.size, new.root, new.note, new.at,
        )  # fmt: skip
    else:
        moved = execute(
            connection,
            "UPDATE cosigned SET size = ?, root = ?, note = ?, at = ? "
            "WHERE origin = ? AND size = ? AND root = ?",
            new.size, new.root, new.note, new.at, origin, last.size, last.root,
        )  # fmt: skip
    if moved != 1:
        raise WitnessRefusal("size.other", size=0 if last is None else last.size)
