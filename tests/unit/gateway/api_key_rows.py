"""API keys for tests: a draft that makes one, and rows without a log."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from gateway.auth import Scope, joined_scopes, new_secret
from gateway.db import Database
from gateway.ledger.api_keys import KeyUse, issue_draft, key_id, revocation_draft
from gateway.ledger.drafts import IssueKey

MADE_AT = "2026-11-22T00:00:00.000Z"


def new_key(
    scopes: Iterable[Scope] = (Scope.ENTRIES_WRITE,),
    chapter: str | None = None,
    *,
    name: str = "shop",
    request: bytes | None = None,
    replaces: str | None = None,
) -> tuple[IssueKey, str]:
    """Return a key to be made and its secret."""
    secret = new_secret()
    digest = sha256(secret.encode()).digest()
    return IssueKey(key_id(digest), digest, name, joined_scopes(scopes), chapter, request, replaces), secret


def store_key(
    database: Database, scopes: Iterable[Scope], chapter: str | None = None, *, name: str = "shop"
) -> tuple[str, str]:
    """Write a key's row as its entry would; return its id and secret."""
    key, secret = new_key(scopes, chapter, name=name)
    with database.writer() as connection:
        KeyUse(connection, MADE_AT).apply(issue_draft(key))
    return key.id, secret


def end_key(database: Database, name: str, chapter: str | None = None) -> None:
    """End a key as the entry of its revocation would."""
    with database.writer() as connection:
        KeyUse(connection, MADE_AT).apply(revocation_draft(name, chapter, "retired"))
