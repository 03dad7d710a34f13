"""Cases as their readers see them: by kind, state and holder, each with the entries that changed it."""

from __future__ import annotations

from typing import cast

from chain.canonical import JsonValue
from chain.operation import chapter_code, chapter_number
from chain.types import ChapterCode
from gateway.cases.case import Case
from gateway.cases.world import SELECT_CASES, read_case
from gateway.db import Database, fetch_all
from gateway.rules.calendar import format_timestamp

_SELECT_STEPS = """
SELECT e.entry_id, e.type, e.at FROM case_entries c JOIN entries e ON e.log_index = c.log_index
WHERE c.kind = ? AND c.key = ? ORDER BY c.log_index"""


class CaseReader:
    """Reads the cases of one database. Chapters are NNNN-NNNN, None sees all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, kind: str, key: str, chapter: str | None) -> dict[str, JsonValue] | None:
        """Return a case with its steps, None where there is none or it is another chapter's."""
        with self._database.reader() as connection:
            rows = fetch_all(connection, f"{SELECT_CASES} WHERE kind = ? AND key = ?", kind, key)
            if not rows:
                return None
            case = read_case(rows[0])
            if chapter is not None and chapter_code(case.chapter) != chapter:
                return None
            steps = fetch_all(connection, _SELECT_STEPS, kind, key)
        shown: list[JsonValue] = [
            {"id": cast("str", entry_id), "type": cast("str", name), "at": cast("str", at)}
            for entry_id, name, at in steps
        ]
        return {**describe(case), "entries": shown}

    def list(
        self,
        kind: str,
        chapter: str | None,
        *,
        state: str | None = None,
        holder: str | None = None,
        due_before: int | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[dict[str, JsonValue]]:
        """Return cases of a kind in order of their keys, after the key ``after``."""
        sql, values = f"{SELECT_CASES} WHERE kind = ? AND key > ?", [kind, after]
        parts: list[object] = [*values]
        for clause, value in (
            ("chapter = ?", None if chapter is None else chapter_number(ChapterCode(chapter))),
            ("state = ?", state),
            ("holder = ?", holder),
            ("due_at <= ?", due_before),
        ):
            if value is not None:
                sql += f" AND {clause}"
                parts.append(value)
        with self._database.reader() as connection:
            rows = fetch_all(connection, f"{sql} ORDER BY key LIMIT ?", *parts, limit)
        return [describe(read_case(row)) for row in rows]


def describe(case: Case) -> dict[str, JsonValue]:
    """Return a case as JSON for those who may read it."""
    return {
        "kind": case.kind,
        "key": case.key,
        "chapter": chapter_code(case.chapter),
        "state": case.state,
        "holder": case.holder,
        "due_at": None if case.due_at is None else format_timestamp(case.due_at),
        "document": dict(case.document),
        "opened_index": case.opened_index,
        "changed_index": case.changed_index,
    }
