"""Do two sorts of answers take equally long? A test on medians that assumes no distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

BOUND_SECONDS = 0.001
"""Difference of medians from which a sort of names could be told apart by time."""
DEVIATIONS = 3.3
"""Half a median interval's width in standard deviations of the rank: 999 of 1,000 intervals hold it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two medians and the interval it lies in, in seconds."""

    median: float
    low: float
    high: float

    @property
    def shown_unequal(self) -> bool:
        """Whether the medians are further apart than the bound, beyond what chance explains."""
        return self.low > BOUND_SECONDS or self.high < -BOUND_SECONDS

    @property
    def shown_equal(self) -> bool:
        """Whether the whole interval lies within the bound."""
        return -BOUND_SECONDS < self.low and self.high < BOUND_SECONDS

    def __str__(self) -> str:
        return f"{self.median * 1000:+.2f} ms ({self.low * 1000:+.2f} to {self.high * 1000:+.2f})"


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and an interval that holds the true one, from the ranks of the values alone.

    How many of n independent values lie below the true median is binomial (n, 1/2). Requires values.
    """
    ranked = sorted(values)
    half = math.ceil(DEVIATIONS * math.sqrt(len(ranked)) / 2)
    middle = len(ranked) // 2
    return ranked[middle], ranked[max(0, middle - half)], ranked[min(len(ranked) - 1, middle + half)]


def difference_of_medians(one: Sequence[float], other: Sequence[float]) -> Difference:
    """Return how much larger the median of ``one`` is. Requires values of both."""
    mine, mine_low, mine_high = median_interval(one)
    yours, yours_low, yours_high = median_interval(other)
    return Difference(mine - yours, mine_low - yours_high, mine_high - yours_low)
