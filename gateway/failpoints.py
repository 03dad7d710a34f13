"""Failpoints: named steps at which a test crashes the process or fails the step.

A step is something durable or irreversible: a commit, a file put in its place, bytes given to a node. Code
crosses it by ``with step("ledger.commit"):`` around that one action and nothing else; a commit's step is
given to ``Database.writer``. Off, which is always but in a test, a step costs one look at a global.

One step at a time can be armed, by ``TONGYI_FAILPOINT=name:mode[:nth]`` and only on a data folder that holds
a file named ``failpoints.allowed``. No command makes that file, so neither a stray variable nor a stray file
arms anything by itself.

What was fired is appended to ``failpoint.fired`` in the data folder before it happens.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Never

from chain.errors import FormatError, TransientChainError
from gateway.failpoint_names import STEPS, Effect

SETTING = "TONGYI_FAILPOINT"
"""The variable that arms a step."""
MARKER = "failpoints.allowed"
"""File of a data folder in which steps may be armed."""
FIRED = "failpoint.fired"
"""File of a data folder that lists what was fired in it, a line each."""


class Mode(StrEnum):
    """What happens at the armed step."""

    CRASH_BEFORE = "crash-before"
    """The process ends by SIGKILL, the action not begun."""
    CRASH_AFTER = "crash-after"
    """The process ends by SIGKILL, the action done and nobody told."""
    ERROR_BEFORE = "error-before"
    """The action fails and was not done."""
    ERROR_AFTER = "error-after"
    """The action fails and was done all the same."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which step is to fail, how, and at which crossing, counted from 1."""

    name: str
    mode: Mode
    nth: int = 1


def _failure(effect: Effect) -> Exception:
    """Return the error that the surroundings of such a step know from real life."""
    if effect is Effect.FILE:
        return OSError(errno.EIO, os.strerror(errno.EIO))
    if effect is Effect.NODE:
        return TransientChainError("failpoint")
    # Where no step is armed, neither library is needed here.
    import pysqlite3.dbapi2 as sqlite_driver  # type: ignore[import-untyped]
    from sqlalchemy.exc import OperationalError

    cause: Exception = sqlite_driver.OperationalError("failpoint")
    return cause if effect is Effect.VAULT else OperationalError("failpoint", None, cause)


class _Off:
    """A step at which nothing happens."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


class _Armed:
    """The armed step; counts its crossings, from whichever threads they come."""

    def __init__(self, order: Order, fired: Path) -> None:
        self.order = order
        self._fired = fired
        self._left = order.nth
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Count one crossing; return whether it is the one."""
        with self._lock:
            self._left -= 1
            return self._left == 0

    def fire(self) -> Never:
        """Do what was ordered, after saying so in the data folder."""
        order = self.order
        descriptor = os.open(self._fired, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(descriptor, f"{order.name}:{order.mode.value}:{order.nth}\n".encode())
        os.close(descriptor)
        if order.mode in (Mode.CRASH_BEFORE, Mode.CRASH_AFTER):
            os.kill(os.getpid(), signal.SIGKILL)
        raise _failure(STEPS[order.name].effect)


class _Crossing:
    """One crossing of the armed step."""

    __slots__ = ("_armed", "_fires_after")

    def __init__(self, armed: _Armed) -> None:
        self._armed = armed
        self._fires_after = False

    def __enter__(self) -> None:
        if self._armed.is_due():
            if self._armed.order.mode in (Mode.CRASH_BEFORE, Mode.ERROR_BEFORE):
                self._armed.fire()
            self._fires_after = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fires_after and kind is None:
            self._armed.fire()


Step = AbstractContextManager[None]
"""What goes around one action."""
UNNAMED: Step = _Off()
"""Of an action that no test fails."""

_armed: _Armed | None = None


def step(name: str) -> Step:
    """Return what to put around the action of this name, which `failpoint_names.STEPS` lists."""
    armed = _armed
    if armed is None or armed.order.name != name:
        return UNNAMED
    return _Crossing(armed)


def parse_order(text: str) -> Order:
    """Return what ``name:mode[:nth]`` asks for. Raises FormatError."""
    name, _, rest = text.partition(":")
    mode, _, nth = rest.partition(":")
    if name not in STEPS:
        raise FormatError(SETTING, "no step of this name")
    if mode not in set(Mode):
        raise FormatError(SETTING, f"the mode is none of {', '.join(Mode)}")
    if nth and not (nth.isascii() and nth.isdecimal() and 0 < int(nth) < 1_000_000):
        raise FormatError(SETTING, "the crossing is no number from 1 on")
    return Order(name, Mode(mode), int(nth or "1"))


def arm(text: str | None, folder: Path) -> None:
    """Arm what ``text`` orders for the rest of this process's life; None, as nearly always, does nothing.

    Raises FormatError: it is no order, or ``folder`` holds no `MARKER`.
    """
    global _armed
    if text is None:
        return
    order = parse_order(text)
    if not (folder / MARKER).is_file():
        raise FormatError(SETTING, f"the data folder holds no file {MARKER}")
    _armed = _Armed(order, folder / FIRED)


def disarm() -> None:
    """Take back what `arm` did; for a process that goes on."""
    global _armed
    _armed = None
