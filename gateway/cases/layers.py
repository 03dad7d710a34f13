"""What a transaction has of cases: what its steps changed, over what it has read; nobody else writes any."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.cases.case import Case

Key = tuple[str, str]
"""Kind and key of a case."""
Choice = tuple[str, int, str | None, str | None]
"""Kind, chapter, state and holder by which cases were listed, None where any would do."""


class Kept(dict[Key, Case]):
    """Cases as earlier steps of the transaction left them.

    A step asks for those of one kind without a look at all others: a batch of thousands is judged in one
    transaction.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[str, dict[Key, Case]] = {}

    def __setitem__(self, place: Key, case: Case) -> None:
        super().__setitem__(place, case)
        self._kinds.setdefault(place[0], {})[place] = case

    def of_kind(self, kind: str) -> Mapping[Key, Case]:
        """Return those of a kind."""
        return self._kinds.get(kind, {})


class Seen(dict[Key, Case | None]):
    """Cases as they were read, None where there is none; ``lists`` are those that were read together."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[Choice, tuple[Case, ...]] = {}
