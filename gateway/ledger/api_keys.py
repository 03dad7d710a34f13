"""API keys in the ledger: who may call follows from entries, and a key's row changes with its entry.

A key is named by the first bits of its secret's SHA-256, so that an entry says which secret it is about and
nobody can tell the secret from it. Its entry is of the key's chapter, of `0000-0000` for a key of all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.entry import Entry, parse_entry
from chain.errors import FormatError
from chain.operation import chapter_code, chapter_number
from chain.types import ChapterCode
from gateway.db import execute, fetch_all, fetch_in, insert_rows
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft, EndKey, IssueKey, KeyEffect

API_ROLE = "api"
"""The public field ``role`` of an entry about an API key."""
KEY_ID_START = "key_"
_ID_BYTES = 8
_TYPES = ("key.issued", "key.rotated", "key.revoked")
_COLUMNS = "id,digest,request,name,scopes,chapter,created_at,replaces"


def key_id(digest: bytes) -> str:
    """Return the name of the key whose secret has this SHA-256."""
    return KEY_ID_START + digest[:_ID_BYTES].hex()


def issue_draft(key: IssueKey, reason: str | None = None) -> Draft:
    """Return the draft that makes a key."""
    public = _about(reason) | {"key": key.id, "scopes": [*key.scopes.split()]}
    return Draft("key.issued", _chapter_of(key.chapter), None, (), public=public, effects=(key,))


def rotation_draft(key: IssueKey, ends_at: str | None, reason: str) -> Draft:
    """Return the draft that makes a key in the place of the one it ``replaces``, which ends at ``ends_at``,
    at once for None.
    """
    assert key.replaces is not None  # noqa: S101  that makes it a rotation
    public = _about(reason) | {"old_key": key.replaces, "new_key": key.id, "scopes": [*key.scopes.split()]}
    if ends_at is not None:
        public["ends_at"] = ends_at
    effects = (key, EndKey(key.replaces, ends_at))
    return Draft("key.rotated", _chapter_of(key.chapter), None, (), public=public, effects=effects)


def revocation_draft(name: str, chapter: str | None, reason: str) -> Draft:
    """Return the draft that ends a key of ``chapter``."""
    public = _about(reason) | {"key": name}
    return Draft("key.revoked", _chapter_of(chapter), None, (), public=public, effects=(EndKey(name),))


def _about(reason: str | None) -> dict[str, JsonValue]:
    return {"role": API_ROLE} if reason is None else {"role": API_ROLE, "reason": reason}


def _chapter_of(chapter: str | None) -> ChapterCode:
    return chapter_code(0) if chapter is None else ChapterCode(chapter)


class KeyUse:
    """The API keys in one write transaction, whose entries are of the time ``at`` (RFC 3339)."""

    def __init__(self, connection: Connection, at: str) -> None:
        self._connection = connection
        self._at = at
        self._ended: set[str] = set()

    def load(self, principals: Iterable[str]) -> None:
        """Read which of those who submit are keys that have ended."""
        names = sorted({one for one in principals if one.startswith(KEY_ID_START)})
        sql = "SELECT id, revoked_at, ends_at FROM api_keys WHERE id IN (@)"
        rows = cast("list[tuple[str, str | None, str | None]]", fetch_in(self._connection, sql, names))
        self._ended = {name for name, *ends in rows if self._is_over(*ends)}

    def admit(self, principal: str) -> None:
        """Pass for whoever is no key that has ended. Raises Refusal ``auth.invalid``.

        Asked in the transaction, and not of the process that let the caller in: nothing of a key is recorded
        behind the entry that ended it.
        """
        if principal in self._ended:
            raise Refusal("auth.invalid")

    def check(self, draft: Draft, chapter: int) -> None:
        """Pass where a draft of ``chapter`` may change the keys that it would.

        Raises Refusal: ``key.made_already``, ``idempotency.key_reused``, ``not_found`` for a key that has
        ended or is of another chapter, ``key.ending`` for one that was rotated before.
        """
        effects = _of_keys(draft)
        is_rotation = any(isinstance(effect, IssueKey) for effect in effects)
        for effect in effects:
            if isinstance(effect, IssueKey):
                self._check_new(effect)
            else:
                self._check_end(effect, chapter, is_rotation=is_rotation)

    def _check_new(self, key: IssueKey) -> None:
        sql = "SELECT id, name, scopes, chapter, replaces FROM api_keys WHERE id = ? OR request = ?"
        for name, *made in fetch_all(self._connection, sql, key.id, key.request):
            if made != [key.name, key.scopes, key.chapter, key.replaces]:
                raise Refusal("idempotency.key_reused")
            raise Refusal("key.made_already", key=str(name))

    def _check_end(self, key: EndKey, chapter: int, *, is_rotation: bool) -> None:
        sql = "SELECT chapter, revoked_at, ends_at FROM api_keys WHERE id = ?"
        for of, *ends in cast("list[tuple[str | None, ...]]", fetch_all(self._connection, sql, key.id)):
            if chapter_number(_chapter_of(of)) == chapter and not self._is_over(*ends):
                if is_rotation and ends[1] is not None:
                    raise Refusal("key.ending", key=key.id)
                return
        raise Refusal("not_found")

    def _is_over(self, revoked_at: str | None, ends_at: str | None) -> bool:
        return revoked_at is not None or (ends_at is not None and ends_at <= self._at)

    def apply(self, draft: Draft) -> None:
        """Change the keys' rows as checked."""
        for effect in _of_keys(draft):
            if isinstance(effect, IssueKey):
                row = (
                    effect.id, effect.digest, effect.request, effect.name, effect.scopes, effect.chapter,
                    self._at, effect.replaces,
                )  # fmt: skip
                insert_rows(self._connection, "api_keys", _COLUMNS, [row])
                continue
            if effect.ends_at is None:
                self._ended.add(effect.id)
            column, moment = (
                ("revoked_at", self._at) if effect.ends_at is None else ("ends_at", effect.ends_at)
            )
            execute(self._connection, f"UPDATE api_keys SET {column} = ? WHERE id = ?", moment, effect.id)  # noqa: S608


def _of_keys(draft: Draft) -> list[KeyEffect]:
    return [effect for effect in draft.effects if isinstance(effect, KeyEffect)]


@dataclass(slots=True)
class _Told:
    """What entries say of one key."""

    chapter: str | None
    scopes: str
    created_at: str
    replaces: str | None = None
    revoked_at: str | None = None
    ends_at: str | None = None


def find_key_difference(connection: Connection) -> str | None:
    """Return the name of the first key whose row is not what the entries say, None where all are.

    A digest is held against the key's name. A key's own name is in no entry, as it may be anybody's words.
    """
    told = _replay(connection)
    sql = (
        "SELECT id, digest, chapter, scopes, created_at, replaces, revoked_at, ends_at "
        "FROM api_keys ORDER BY id"
    )
    rows = {str(row[0]): row[1:] for row in fetch_all(connection, sql)}
    for name in sorted(rows.keys() | told.keys()):
        row, want = rows.get(name), told.get(name)
        # SQLite keeps whatever type was written.
        if row is None or want is None or not isinstance(row[0], bytes) or key_id(row[0]) != name:
            return name
        if row[1:] != astuple(want):
            return name
    return None


def _replay(connection: Connection) -> dict[str, _Told]:
    told: dict[str, _Told] = {}
    sql = "SELECT body FROM entries WHERE type IN (@) ORDER BY log_index"
    for (body,) in fetch_in(connection, sql, _TYPES):
        try:
            entry = parse_entry(body if isinstance(body, bytes) else b"")
        except FormatError:
            # A damaged entry: whatever key it was about differs now.
            continue
        if entry.public["role"] == API_ROLE:
            _tell(told, entry)
    return told


def _tell(told: dict[str, _Told], entry: Entry) -> None:
    """Add what one entry says of keys; of a key that no entry made it says nothing."""
    public = cast("dict[str, str]", entry.public)
    chapter = None if entry.chapter == chapter_code(0) else str(entry.chapter)
    scopes = " ".join(cast("list[str]", entry.public.get("scopes", [])))
    if entry.type == "key.issued":
        told[public["key"]] = _Told(chapter, scopes, entry.at)
        return
    if entry.type == "key.rotated":
        told[public["new_key"]] = _Told(chapter, scopes, entry.at, public["old_key"])
    ended = told.get(public["key" if entry.type == "key.revoked" else "old_key"])
    if ended is not None:
        if "ends_at" in public:
            ended.ends_at = public["ends_at"]
        else:
            ended.revoked_at = entry.at
