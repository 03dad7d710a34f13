"""Receipts of purchases: whose receipt which entry recorded, so that none is recorded twice.

A receipt is the hash of what the payment's channel or the shop gave out. The same hash may come from two
payees who number their slips alike; so it is unique for each payee.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.hashing import HASH_SIZE
from gateway.db import fetch_in, insert_rows
from gateway.ledger.drafts import Draft

_SELECT = "SELECT receipt, payee, log_index FROM purchase_receipts WHERE receipt IN (@)"


@dataclass(frozen=True, slots=True)
class Taken:
    """The receipt that a step records, and whose it is."""

    receipt: bytes
    payees: tuple[bytes, ...]


def parse_receipt(text: str) -> bytes | None:
    """Return the bytes of a receipt's hash, None where the text is none."""
    try:
        receipt = bytes.fromhex(text)
    except ValueError:
        return None
    # The other way round: blanks and capitals would be a second spelling of one receipt.
    return receipt if len(receipt) == HASH_SIZE and receipt.hex() == text else None


def receipts_of(drafts: Iterable[Draft]) -> Iterator[bytes]:
    """Yield the receipts that drafts carry, whatever else may be wrong with them."""
    for draft in drafts:
        text = draft.public.get("receipt")
        receipt = parse_receipt(text) if isinstance(text, str) else None
        if receipt is not None:
            yield receipt


class Receipts:
    """The receipts of one transaction: looked up for many steps at once, kept with the entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[bytes, dict[bytes, int]] = {}
        self._rows: list[tuple[object, ...]] = []

    def load(self, receipts: Iterable[bytes]) -> None:
        """Look up receipts that were not looked up yet."""
        wanted = {receipt: dict[bytes, int]() for receipt in receipts if receipt not in self._known}
        self._known.update(wanted)
        rows = fetch_in(self._connection, _SELECT, sorted(wanted)) if wanted else []
        for receipt, payee, index in cast("list[tuple[bytes, bytes, int]]", rows):
            self._known[bytes(receipt)][bytes(payee)] = index

    def find(self, receipt: bytes) -> Mapping[bytes, int]:
        """Return the log index of the entry that recorded a receipt, by payee."""
        if receipt not in self._known:
            self.load((receipt,))
        return self._known[receipt]

    def keep(self, taken: Taken, index: int) -> None:
        """The entry at ``index`` records a receipt, which was looked up."""
        self._known[taken.receipt].update(dict.fromkeys(taken.payees, index))
        self._rows += [(taken.receipt, payee, index) for payee in taken.payees]

    def store(self) -> None:
        """Write what was kept."""
        insert_rows(self._connection, "purchase_receipts", "receipt,payee,log_index", self._rows)
        self._rows = []
