"""A server's heap is set aside, so that full collections do not stop it."""

from __future__ import annotations

import gc

from gateway.heap import settle_heap


def test_what_lives_is_not_walked_again() -> None:
    thresholds = gc.get_threshold()
    try:
        settle_heap()
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 1_000
        assert gc.get_threshold()[0] > thresholds[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
