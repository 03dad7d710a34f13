"""Read the next blocks from the node while the last ones are written to the database.

The node needs about as long to give a full block's logs as the database to take them; one after the other
they would halve the rate. What was read ahead is used only where it follows the cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from chain.errors import FatalChainError, TransientChainError
from chain.events import RawLog
from chain.evm.blocks import Header
from chain.evm.errors import NodeRefused


@dataclass(frozen=True, slots=True)
class Loaded:
    """Consecutive headers, at least one, and their followed logs in chain order."""

    headers: list[Header]
    logs: list[RawLog]


Load = Callable[[int, int | None], Loaded | None]
"""Loads blocks from a height on, up to a last one where given; None where the chain has none there."""


class ReadAhead:
    """One range of blocks that is being read in a thread of its own, or none."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="mirror-ahead")
        self._reading: Future[Loaded | None] | None = None

    def start(self, first: int, last: int | None) -> None:
        """Begin to read from height ``first`` on, not beyond ``last``."""
        self._reading = self._reader.submit(self._load, first, last)

    def take(self, number: int, block_hash: bytes, last: int | None) -> Loaded | None:
        """Return what was read if it follows block ``number`` of that hash and ends by ``last``.

        None where nothing was, or where reading failed: whoever asks reads again, and meets the cause.
        """
        reading, self._reading = self._reading, None
        if reading is None:
            return None
        try:
            loaded = reading.result()
        except (TransientChainError, FatalChainError, NodeRefused):
            return None
        if loaded is None or (last is not None and loaded.headers[-1].number > last):
            return None
        lowest = loaded.headers[0]
        return loaded if (lowest.number, lowest.parent_hash) == (number + 1, block_hash) else None
