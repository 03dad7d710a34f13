"""What the ledger lets rules of use cases say about an entry, inside the transaction that records it.

An instruction names a type and what its sender knows; the rules judge it on the cases as all entries before
left them, and complete it with what follows from them: sums, parties, deadlines, the operation. So two that
arrive at once are judged one after the other, and nobody can record a figure the rules do not give.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from gateway.ledger.acceptance import Movement
from gateway.ledger.drafts import Draft
from gateway.ledger.registers import Registers


@dataclass(frozen=True, slots=True)
class Step:
    """One draft that is about to become the entry ``entry_id`` at ``at`` (Unix milliseconds)."""

    entry_id: str
    at: int
    draft: Draft


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry that is recorded in this transaction, with what acceptance foresees its operation to move.

    ``movement`` is None where it orders nothing.
    """

    index: int
    entry_id: str
    at: int
    chapter: int
    draft: Draft
    movement: Movement | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What the chain moved by an operation where acceptance foresaw another sum; nothing of a refused one.

    ``type``, ``chapter`` and ``at`` (Unix milliseconds) are those of the entry.
    """

    type: str
    chapter: int
    at: int
    foreseen: Movement
    moved: int


class CaseSession(Protocol):
    """The cases inside one write transaction."""

    def complete(self, step: Step) -> Draft:
        """Judge a step and return its completed draft; what it changes waits for `keep`. Raises Refusal."""
        ...

    def foresee(self, drafts: Sequence[Draft]) -> None:
        """Look up at once what these steps will be judged by."""
        ...

    def explain_frozen(self, account: str, field: str) -> None:
        """Raise a closer Refusal where an account lacks a right because its holder closed it."""
        ...

    def check_pool(self, account: str, field: str) -> None:
        """Raise Refusal ``pool.reserved`` where an account is a named pool of its chapter."""
        ...

    def check_parked(self, account: str, field: str) -> None:
        """Raise Refusal ``pool.reserved`` where an account is the pool that keeps coins of open bookings."""
        ...

    def count(self, entry: NewEntry) -> None:
        """Add an entry that is being recorded to the running sums."""
        ...

    def correct(self, settled: Settled) -> None:
        """Take back of the running sums what the chain did not move."""
        ...

    def keep(self, index: int) -> None:
        """The step completed last is the entry at ``index``: its changes hold for the steps after it."""
        ...

    def store(self) -> None:
        """Write what the kept steps changed, and the running sums."""
        ...


class CaseRules(Protocol):
    """The rules of all use cases."""

    @property
    def types(self) -> Collection[str]:
        """Entry types that are judged."""
        ...

    def open(self, connection: Connection, registers: Registers) -> CaseSession:
        """Begin in a transaction."""
        ...
