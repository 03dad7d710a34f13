"""Which key signs for the log at which size, as its own entries say: the first, then one for each rotation.
And which witnesses, and which roles on chain, have new keys since when.

The entries are the word that counts after a crash: a rotation is done exactly when its entry is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.entry import Entry, parse_entry
from chain.types import Address
from gateway.db import fetch_all
from gateway.ledger.faults import LedgerFault
from gateway.ledger.identity import LogIdentity
from gateway.rules.calendar import parse_timestamp

LOG_ROLE = "log"
"""The public field ``role`` of a ``key.rotated`` that is about the log's own key."""

WITNESS_ROLE = "witness"
"""The same where it is about the key of a witness of the log."""

SIGNER_ROLE = "signer"
"""The same where it is about the key of a role on chain; ``signer`` is the role."""

_ROTATIONS = (
    # Both types are of no chapter, which has an index; types have none.
    "SELECT log_index, body FROM entries WHERE chapter = 0 AND (log_index = 0 OR type = 'key.rotated') "
    "ORDER BY log_index"
)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """``vkey`` signs checkpoints of size ``start`` up to but not including ``end``; None is open."""

    vkey: str
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class WitnessChange:
    """A witness's key gave way to another at ``at``, Unix seconds of the entry."""

    old_vkey: str
    new_vkey: str
    at: int


@dataclass(frozen=True, slots=True)
class SignerChange:
    """The key of the role ``signer`` on chain gave way to another by the entry ``entry_id`` at ``index``."""

    signer: str
    old: Address
    new: Address
    entry_id: str
    index: int


def load_log_keys(connection: Connection) -> list[KeyRange]:
    """Return the keys of the log in the order of their sizes, none where there is no entry yet.

    Raises LedgerFault where an entry that names a key is erased or does not follow from the one before;
    FormatError where it is malformed.
    """
    rows = fetch_all(connection, _ROTATIONS)
    found: list[KeyRange] = []
    for index, body in rows:
        if not isinstance(body, bytes):
            raise LedgerFault("an entry that names a key is erased", got=index, want="its bytes")
        public = parse_entry(body).public
        if index == 0:
            found = [KeyRange(cast("str", public["vkey"]), 0, None)]
        elif public["role"] == LOG_ROLE:
            last, start = found[-1], cast("int", public["from_size"])
            if public["old_vkey"] != last.vkey or start != cast("int", index) + 2:
                raise LedgerFault("a rotation of the log's key does not follow", got=index, want=last.vkey)
            found[-1] = KeyRange(last.vkey, last.start, start)
            found.append(KeyRange(cast("str", public["new_vkey"]), start, None))
    return found


def own_keys(connection: Connection, identity: LogIdentity) -> list[KeyRange]:
    """Return what `load_log_keys` does, and before the first entry the identity's key. Raises LedgerFault."""
    return load_log_keys(connection) or [KeyRange(identity.vkey, 0, None)]


def load_witness_changes(connection: Connection) -> list[WitnessChange]:
    """Return the rotations of witnesses' keys in the order of their entries.

    Raises LedgerFault where an entry that names a key is erased; FormatError where it is malformed.
    """
    found: list[WitnessChange] = []
    for _, entry in _rotations(connection, WITNESS_ROLE):
        old, new = cast("str", entry.public["old_vkey"]), cast("str", entry.public["new_vkey"])
        found.append(WitnessChange(old, new, parse_timestamp(entry.at) // 1000))
    return found


def load_signer_changes(connection: Connection) -> list[SignerChange]:
    """Return the rotations of keys that act on chain in the order of their entries.

    Raises LedgerFault where an entry that names a key is erased; FormatError where it is malformed.
    """
    found: list[SignerChange] = []
    for index, entry in _rotations(connection, SIGNER_ROLE):
        public = cast("dict[str, str]", entry.public)
        old, new = (Address(bytes.fromhex(public[name])) for name in ("old_address", "new_address"))
        found.append(SignerChange(public["signer"], old, new, entry.id, index))
    return found


def _rotations(connection: Connection, role: str) -> Iterator[tuple[int, Entry]]:
    for index, body in fetch_all(connection, _ROTATIONS):
        if not isinstance(body, bytes):
            raise LedgerFault("an entry that names a key is erased", got=index, want="its bytes")
        entry = parse_entry(body)
        if entry.type == "key.rotated" and entry.public["role"] == role:
            yield cast("int", index), entry


def last_signer_changes(changes: Iterable[SignerChange]) -> dict[str, SignerChange]:
    """Return the newest rotation of each role that had one."""
    return {change.signer: change for change in changes}


def own_vkeys(vkey: str, changes: Sequence[WitnessChange]) -> list[str]:
    """Return a witness's key and those that gave way to it, newest first."""
    found = [vkey]
    for change in reversed(changes):
        if change.new_vkey == found[-1]:
            found.append(change.old_vkey)
    return found


def vkeys_at(keys: Sequence[KeyRange], size: int) -> list[str]:
    """Return the vkey that signs checkpoints of ``size``, in a list as verifiers take it."""
    return [key.vkey for key in keys if key.start <= size and (key.end is None or size < key.end)]
