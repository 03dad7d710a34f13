"""Counting requests: how many each caller made in the running second. Memory holds one second's callers."""

from __future__ import annotations

from collections.abc import Callable


class Rate:
    """At most ``limit`` hits a second for each key, in fixed windows. For one thread."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds and never goes back."""
        self.limit = limit
        self._clock = clock
        self._second = 0
        self._hits: dict[str, int] = {}

    def hit(self, key: str) -> bool:
        """Count one hit; False when the key had used up its second before."""
        if not self.has_room(key):
            return False
        self._hits[key] = self._hits.get(key, 0) + 1
        return True

    def has_room(self, key: str) -> bool:
        """Say whether one more hit would count, without counting it."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._hits.clear()
        return self._hits.get(key, 0) < self.limit
