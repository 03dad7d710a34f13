"""Threads of the machinery: each runs one loop until told to stop; a contradiction in one stops all
writing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from gateway.telemetry import fault_place

_log = structlog.get_logger("workers")

JOIN_SECONDS = 20.0
"""How long a loop may take to end."""


@dataclass(slots=True)
class Workers:
    """The loops of one process. ``on_fault`` is called with the name of a loop that cannot go on."""

    on_fault: Callable[[str], None]
    stop_event: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _failed: list[str] = field(default_factory=list)

    def add(self, name: str, run: Callable[[threading.Event], None]) -> None:
        """Start one loop. ``run`` returns soon after the event it is given is set."""
        thread = threading.Thread(target=self._guarded, args=(name, run), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, name: str, run: Callable[[threading.Event], None]) -> None:
        try:
            run(self.stop_event)
        except Exception as error:
            # The state is unknown: nothing is tried again here. Reads go on, writes stop, a restart recovers.
            _log.error("loop ended", loop=name, error=type(error).__name__, place=fault_place(error))
            self._failed.append(name)
            self.on_fault(name)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of loops that ended by a fault."""
        return tuple(self._failed)

    def stop(self) -> None:
        """Tell every loop to end and wait for it."""
        self.stop_event.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
