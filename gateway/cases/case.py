"""One case: something with a life of its own that entries open, move and close. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chain.canonical import JsonValue
from chain.types import AccountId


@dataclass(frozen=True, slots=True)
class Case:
    """A case after some entry.

    ``key`` is the id of the entry that opened it, or what it is about where there can be one only (an
    account, a seat). ``due_at`` is Unix milliseconds at which somebody must act, None where nothing waits.
    The document holds what its rules need, as JSON; its form is that of the room that owns the kind.
    """

    kind: str
    key: str
    chapter: int
    state: str
    holder: AccountId | None = None
    due_at: int | None = None
    document: Mapping[str, JsonValue] = field(default_factory=dict)
    opened_index: int = 0
    changed_index: int = 0

    def text(self, name: str) -> str:
        """Return a member of the document that is text. Raises TypeError for another one."""
        value = self.document.get(name)
        if not isinstance(value, str):
            raise TypeError(f"{self.kind} has no text {name}")
        return value

    def number(self, name: str) -> int:
        """Return a member of the document that is an integer. Raises TypeError for another one."""
        value = self.document.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{self.kind} has no number {name}")
        return value


def changed(case: Case, **members: JsonValue) -> Case:
    """Return the case with other members in its document."""
    return replace(case, document={**case.document, **members})


def holder_of(case: Case) -> AccountId:
    """Return whose case it is. Raises TypeError for a case of nobody."""
    if case.holder is None:
        raise TypeError(f"{case.kind} has no holder")
    return case.holder
