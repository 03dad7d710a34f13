"""Rotation of a witness's key: a new one in the witness's own folder, and the log's entry that says so.

Whoever runs the witness makes the key and tells the log's operator both vkeys; the seed leaves nobody's
folder. The operator, on a stopped gateway, records ``key.rotated``; the trust root is followed by one in
which the old key counts until the entry's time and the new one from then on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from chain.checkpoint import KeyKind, parse_vkey
from chain.errors import FormatError
from chain.trust_root import parse_trust_root
from gateway.command_failures import CommandFailure
from gateway.data_folder import DataFolder
from gateway.data_present import require_folder
from gateway.db import Database
from gateway.keys import KeyFolder
from gateway.ledger.append import RandomPool
from gateway.ledger.log_keys import WITNESS_ROLE, load_witness_changes
from gateway.ledger.service import system_clock
from gateway.ledger.vault import Entropy
from gateway.log_rotation import append_rotation, check_reason, finish_rotation, on_stopped_gateway


@dataclass(frozen=True, slots=True)
class WitnessKeys:
    """A witness's key before and after."""

    old_vkey: str
    new_vkey: str


@dataclass(frozen=True, slots=True)
class WitnessRotation:
    """The ``key.rotated`` entry at ``index``; ``at`` is its time in Unix seconds."""

    entry_id: str
    index: int
    old_vkey: str
    new_vkey: str
    at: int


def run_rotate_witness(data: Path) -> WitnessKeys:
    """Give the witness of a folder a new key under its name. What it cosigned last stays known.

    Raises:
        CommandFailure: there is no witness's folder; nothing was made.
        FolderInUse: the witness runs.
        FormatError: its key cannot be opened.
    """
    folder = DataFolder(data)
    require_folder(folder)
    if not (folder.keys / "cosigner.json").is_file():
        raise CommandFailure(f"{data}：不是见证方的数据目录", f"{data}: holds no witness's key")
    folder.lock(create=False)
    try:
        return WitnessKeys(*KeyFolder(folder.keys).replace_cosigner())
    finally:
        folder.unlock()


def record_witness_rotation(
    folder: DataFolder,
    database: Database,
    keys: KeyFolder,
    changed: WitnessKeys,
    *,
    reason: str,
    now: int,
    entropy: Entropy = os.urandom,
) -> WitnessRotation:
    """Record that a pinned witness has a new key. Requires that no gateway runs on this data; ``now`` is
    Unix milliseconds.

    Raises:
        FormatError: ``reason`` is none of those of a rotation, a vkey is no witness's, the names differ, the
            old key is not pinned as the witness's last one, or the new one was used before.
        LedgerFault: as for a rotation of the log's key.
    """
    check_reason(reason)
    finish_rotation(folder, database, keys)
    _check_keys(folder, changed)
    identity = keys.log_identity(None)
    public: dict[str, str | int] = {"role": WITNESS_ROLE, "reason": reason}
    public |= {"old_vkey": changed.old_vkey, "new_vkey": changed.new_vkey}
    with database.writer() as connection:
        entry_id, index = append_rotation(connection, identity, public, now, RandomPool(entropy))
        at = _time_of_last(connection)
    # If we crash here, the next start follows the trust root as the entry says.
    finish_rotation(folder, database, keys)
    return WitnessRotation(entry_id, index, changed.old_vkey, changed.new_vkey, at)


def run_record_witness(
    data: Path | None, database_url: str | None, changed: WitnessKeys, reason: str
) -> WitnessRotation:
    """Record a witness's new key in a data folder that no gateway is using. Raises as
    `record_witness_rotation` and `on_stopped_gateway`.
    """
    with on_stopped_gateway(data, database_url) as (folder, database, keys):
        return record_witness_rotation(folder, database, keys, changed, reason=reason, now=system_clock())


def _check_keys(folder: DataFolder, changed: WitnessKeys) -> None:
    old, new = parse_vkey(changed.old_vkey), parse_vkey(changed.new_vkey)
    if old.kind is not KeyKind.COSIGNER or new.kind is not KeyKind.COSIGNER:
        raise FormatError("vkey", "is not the key of a witness")
    if old.name != new.name:
        raise FormatError("new", "is not under the name of the old key")
    pinned = parse_trust_root(folder.trust_root.read_bytes()).witnesses
    last = next((one for one in reversed(pinned) if one.name == old.name), None)
    if last is None or last.vkey != changed.old_vkey:
        raise FormatError("old", "is not the key that the trust root pins last for this witness")
    if any(parse_vkey(one.vkey).public_key == new.public_key for one in pinned):
        raise FormatError("new", "is a key that was used before")


def _time_of_last(connection: Connection) -> int:
    return load_witness_changes(connection)[-1].at
