"""When the next attempt is made: the pauses Standard Webhooks suggests, each shaken by a fifth."""

from __future__ import annotations

PAUSES = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds before the second, third, ... attempt; the last one holds for all after it."""
JITTER = 0.2


def pause_after(attempts: int, chance: float) -> float:
    """Return the seconds to wait behind the ``attempts``-th attempt; ``chance`` is within [0, 1).

    Requires attempts >= 1. Receivers that failed together are thereby not asked together again.
    """
    pause = PAUSES[min(attempts, len(PAUSES)) - 1]
    return pause * (1 - JITTER + 2 * JITTER * chance)
