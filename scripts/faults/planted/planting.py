"""How a bug gets into a gateway: by a variable, in that process alone, by replacing one function of it.

Runs in the gateway's process, before the product's own main. The product knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SETTING = "TORTURE_PLANTED"
"""Variable of a gateway of the campaign: a bug's name, a colon, the file made when it takes effect."""

Fire = Callable[[], None]
"""Called by a bug whenever the gateway does otherwise than it would."""


def plant(order: str) -> None:
    """Plant the bug that ``order`` names, for the rest of this process's life."""
    from scripts.faults.planted.bugs import BUGS

    name, _, mark = order.partition(":")
    BUGS[name].plant(Path(mark).touch)


def put(owner: object, name: str, value: object) -> None:
    """Put something in the place of what a module or class has by that name.

    Raises AttributeError: it has nothing of that name, so what was to be planted would do nothing.
    """
    getattr(owner, name)
    setattr(owner, name, value)
