"""Garbage collection of a process that answers requests: what lives until the end is not walked again."""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 10_000, 20, 50


def settle_heap() -> None:
    """Set everything that lives now aside for good; call it once all is imported and open.

    Modules, classes and tables are 130,000 objects. A full collection walks them with every thread standing
    still for up to a tenth of a second, in the middle of somebody's request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
