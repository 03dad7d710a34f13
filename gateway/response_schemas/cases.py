"""Answers about cases, the steps whose time has come, and the clock of a simulated gateway."""

from __future__ import annotations

from gateway.response_schemas.base import Answer, Count, Time
from gateway.schemas import Account, ChapterName, Code, EntryName


class Case(Answer):
    """One case as it stands; the form of ``document`` is that of its kind."""

    kind: str
    key: str
    chapter: ChapterName
    state: str
    holder: Account | None
    due_at: Time | None
    document: dict[str, object]
    opened_index: Count
    changed_index: Count


class CasePage(Answer):
    """Cases of a kind in order of their keys; ``next`` is the cursor of the next page, null at the end."""

    cases: list[Case]
    next: str | None


class CaseStep(Answer):
    """An entry that changed a case."""

    id: EntryName
    type: Code
    at: Time


class CaseDetail(Case):
    """One case with the entries that changed it, in order."""

    entries: list[CaseStep]


class RefusedStep(Answer):
    """A step that was due and is refused, by its code."""

    step: str
    code: str


class DueSteps(Answer):
    """Entries recorded for steps whose time has come; ``more`` says that others wait."""

    recorded: list[EntryName]
    refused: list[RefusedStep]
    more: bool


class ClockTime(Answer):
    """What the simulated clock shows now."""

    now: Time
