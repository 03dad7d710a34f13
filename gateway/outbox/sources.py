"""What settlement and sending read of the ledger, as narrow protocols; the ledger's log view implements them.

The outbox imports nothing of the ledger, so either can be tested without the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from chain.types import LeafIndex, TreeSize


class Leaf(Protocol):
    """One leaf. ``kind`` 0 is no operation; ``op_salt`` is None where an operation can no longer be opened.

    ``evidence`` is what an operation authorised by its holder needs, else None.
    """

    @property
    def commitment(self) -> bytes: ...
    @property
    def kind(self) -> int: ...
    @property
    def sender(self) -> bytes: ...
    @property
    def receiver(self) -> bytes: ...
    @property
    def amount(self) -> int: ...
    @property
    def valid_until(self) -> int: ...
    @property
    def ref(self) -> bytes: ...
    @property
    def op_salt(self) -> bytes | None: ...
    @property
    def evidence(self) -> bytes | None: ...
    @property
    def index(self) -> int: ...


class LeafSource(Protocol):
    """Leaves of the log by range, and single operations by leaf hash."""

    def leaves(self, start: int, end: int) -> Sequence[Leaf]:
        """Return the leaves of ``[start, end)`` in order. Requires ``end`` within the published size."""
        ...

    def operation(self, leaf_hash: bytes) -> Leaf | None:
        """Return the operation whose leaf has this hash, or None."""
        ...

    def first_index(self, entry_ids: Sequence[str]) -> int | None:
        """Return the lowest index of these entries, None where the log has none of them."""
        ...


class EntryOrder(Protocol):
    """Where entries and operations stand in the log, from the moment they commit, published or not."""

    def indices(self, entry_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the index of each of these entries; ids that are none of the log's are left out."""
        ...

    def first_operation(self, start: int, end: int) -> int | None:
        """Return the lowest index of an operation in ``[start, end)``, None where there is none."""
        ...


class TreeProofs(Protocol):
    """Proofs about published sizes of the log (chain/FORMATS.md section 5)."""

    def inclusion_proof(self, index: LeafIndex, size: TreeSize) -> list[bytes]:
        """Return the path of leaf ``index`` in the tree of ``size``."""
        ...

    def window_proof(self, start: int, end: int, size: TreeSize) -> tuple[list[bytes], list[bytes]]:
        """Return ``left`` and ``right`` of the window ``[start, end)`` in the tree of ``size``."""
        ...
