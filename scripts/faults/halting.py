"""Processes held in the middle of what they do, as a power cut finds them.

A file system that is shut down goes on answering for a moment, and calls a flush done whose bytes it has
thrown away. With the power nobody is there to hear that and to pass it on: whoever could is halted first.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

_HALTED_WITHIN = 10.0


def halt(pids: Sequence[int]) -> None:
    """Have no thread of these processes run on. Those that are inside of the kernel stop as they come out.

    Raises AssertionError where one runs on.
    """
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + _HALTED_WITHIN
    while not all(map(_is_halted, pids)):
        if time.monotonic() > deadline:
            raise AssertionError("a process does not halt")
        time.sleep(0.001)


def _is_halted(pid: int) -> bool:
    """Whether every thread is stopped or in a call that no signal interrupts, or the process has ended."""
    states = set()
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            states.add(path.read_text().rpartition(")")[2].split()[0])
        except OSError:
            continue
    alone = len(states) == 1
    return states <= {"T", "t", "D", "Z", "X"} and ("T" in states or "t" in states or alone or not states)


def list_children(parent: int) -> list[int]:
    """Return the processes that one process started and that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found
