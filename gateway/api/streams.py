"""Event streams that are open in this process: how many each key may have, and their common end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import Refusal


class Streams:
    """Counts open streams by key. For the one thread that answers HTTP."""

    def __init__(self, limit: int) -> None:
        """``limit`` streams a key may have open at once."""
        self._limit = limit
        self._open: Counter[str] = Counter()
        self._closing = asyncio.Event()

    @contextmanager
    def slot(self, key: str) -> Iterator[None]:
        """Hold one of the key's streams while the block runs.

        Raises:
            Refusal: ``streams.limited``.
        """
        if self._open[key] >= self._limit:
            raise Refusal("streams.limited", limit=self._limit)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    async def rest(self, seconds: float) -> bool:
        """Wait; return at once and True when the streams are to end."""
        if self._closing.is_set():
            return True
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Have every open stream end, and every later one as soon as it begins."""
        self._closing.set()
