"""What a selftest says: each step with its time, each check, and the result as JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class CheckFailed(Exception):
    """Something a consortium must stand did not hold; ``reason`` says what was seen instead."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(slots=True)
class Report:
    """Seconds by step, checks by name, and what was counted."""

    seconds: dict[str, float] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)
    counts: dict[str, int | str] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str, chinese: str) -> Iterator[None]:
        """Time a step and say that it begins."""
        self.say(f"▶ {name}  {chinese}")
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)
        self.say(f"  {self.seconds[name]:.1f} s")

    def require(self, name: str, holds: bool, reason: str = "") -> None:
        """Note a check. Raises CheckFailed where it does not hold."""
        self.checks[name] = holds
        self.say(f"  {'✓' if holds else '✗'} {name}")
        if not holds:
            raise CheckFailed(name, reason)

    def say(self, text: str) -> None:
        """Progress, on stderr."""
        print(text, file=sys.stderr, flush=True)

    def result(self, failure: str) -> dict[str, object]:
        """The summary: ``ok``, why not, seconds, checks and counts."""
        return {
            "ok": not failure,
            "failure": failure,
            "counts": self.counts,
            "checks": self.checks,
            "seconds": self.seconds,
            "total_seconds": round(time.monotonic() - self._started, 1),
        }
