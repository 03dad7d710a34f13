"""Rotation of an API key on a stopped gateway: for an operator who has no key left that may ask for it.

The entry, its checkpoint and both keys' rows are one transaction. The secret is printed once and kept
nowhere: lost on a crash behind the commit, it is made again by rotating the new key.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, select

from gateway.auth import new_secret
from gateway.auth_tables import api_keys
from gateway.command_failures import CommandFailure
from gateway.data_folder import DataFolder
from gateway.db import Database
from gateway.errors import Refusal, problem_document
from gateway.failpoints import step
from gateway.keys import KeyFolder
from gateway.ledger.api_keys import key_id, rotation_draft
from gateway.ledger.append import RandomPool
from gateway.ledger.drafts import IssueKey
from gateway.ledger.service import system_clock
from gateway.log_rotation import append_entry, check_reason, finish_rotation, on_stopped_gateway
from gateway.rules.calendar import format_timestamp


@dataclass(frozen=True, slots=True)
class ApiKeyRotation:
    """The key that follows ``replaces`` by the entry ``entry``; the old one ends at ``ends_at``, at once for
    None.
    """

    id: str
    entry: str
    secret: str
    replaces: str
    ends_at: str | None


def rotate_api_key(
    folder: DataFolder,
    database: Database,
    keys: KeyFolder,
    name: str,
    *,
    reason: str,
    overlap_seconds: int,
    now: int,
) -> ApiKeyRotation:
    """Replace the API key ``name``. Requires that no gateway runs on this data; ``now`` is Unix milliseconds.

    Raises:
        FormatError: ``reason`` is none of those of a rotation.
        CommandFailure: there is no such key, it has ended, or it was rotated before.
        LedgerFault: as for a rotation of the log's key.
    """
    check_reason(reason)
    finish_rotation(folder, database, keys)
    identity, secret = keys.log_identity(None), new_secret()
    ends_at = format_timestamp(now + overlap_seconds * 1000) if overlap_seconds else None
    try:
        with database.writer(step("rotate.api")) as connection:
            key = _following(connection, name, sha256(secret.encode()).digest())
            draft = rotation_draft(key, ends_at, reason)
            entry_id, _, _ = append_entry(connection, identity, draft, now, RandomPool(secrets.token_bytes))
    except Refusal as refusal:
        if refusal.code == "not_found":
            raise CommandFailure(
                f"{name}：没有此密钥或已失效", f"{name}: no such key, or it has ended"
            ) from None
        told = problem_document(refusal, instance="", trace_id="")
        raise CommandFailure(str(told["detail_zh"]), str(told["detail"])) from None
    return ApiKeyRotation(key.id, entry_id, secret, name, ends_at)


def _following(connection: Connection, name: str, digest: bytes) -> IssueKey:
    columns = (api_keys.c.name, api_keys.c.scopes, api_keys.c.chapter)
    row = connection.execute(select(*columns).where(api_keys.c.id == name)).one_or_none()
    if row is None:
        raise Refusal("not_found")
    return IssueKey(key_id(digest), digest, row.name, row.scopes, row.chapter, replaces=name)


def run_rotate_api(
    data: Path | None, database_url: str | None, name: str, reason: str, overlap_seconds: int
) -> ApiKeyRotation:
    """Replace an API key in a data folder that no gateway is using. Raises as `rotate_api_key` and
    `on_stopped_gateway`.
    """
    with on_stopped_gateway(data, database_url) as (folder, database, keys):
        return rotate_api_key(
            folder, database, keys, name, reason=reason, overlap_seconds=overlap_seconds, now=system_clock()
        )
