"""A gateway in a time and with a chance of its own, for rehearsals: one seed gives one ledger, byte for byte.

Clock, ids, salts and keys follow from the seed and from what is asked, so that a year can be played in
minutes and twice the same. Whoever knows the seed knows every key: status and trust root say so, and nothing
but rehearsals and tests may run this way.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from gateway.ledger.genesis import Clock
from gateway.ledger.service import system_clock
from gateway.ledger.vault import Entropy

NAME = "simulation: time and keys follow from a seed, nothing here is evidence"
"""Name of a simulated gateway's trust root."""


class SimulatedClock:
    """Unix milliseconds that stand still until they are moved forward. Safe to share between threads."""

    def __init__(self, start: int) -> None:
        self._now = start
        self._lock = threading.Lock()

    def __call__(self) -> int:
        return self._now

    def advance(self, to: int) -> bool:
        """Move forward to ``to``; return whether that is not in the past."""
        with self._lock:
            if to < self._now:
                return False
            self._now = to
            return True


def seeded_entropy(seed: str, purpose: str) -> Entropy:
    """Return a source of bytes that follow from seed and purpose: SHAKE-256 over both and a counter."""
    counter = 0
    lock = threading.Lock()

    def draw(size: int) -> bytes:
        nonlocal counter
        with lock:
            counter += 1
            number = counter
        return hashlib.shake_256(f"{seed}\x00{purpose}\x00{number}".encode()).digest(size)

    return draw


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a gateway takes time and chance from; ``simulated`` is the clock that can be moved."""

    clock: Clock
    entropy: Callable[[str], Entropy]
    simulated: SimulatedClock | None = None


def real_surroundings() -> Surroundings:
    """Return the system's clock and its source of random bytes, whatever they are for."""
    return Surroundings(system_clock, lambda purpose: os.urandom)


def simulated_surroundings(seed: str, start: int) -> Surroundings:
    """Return a clock that stands at ``start`` (Unix milliseconds) and bytes that follow from ``seed``."""
    clock = SimulatedClock(start)
    return Surroundings(clock, lambda purpose: seeded_entropy(seed, purpose), clock)
