"""What ``/readyz`` says of the process itself."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import cast

from chain.evm.recursion import reset_recursion_limit
from gateway.api.system import readiness
from gateway.services import Services


def test_a_raised_recursion_limit_is_not_ready() -> None:
    figures = SimpleNamespace(
        mirror_lag_blocks=0, chain_head=1, mirror_halted=False, witnesses_behind_seconds=0.0
    )
    services = SimpleNamespace(
        standing=SimpleNamespace(read=lambda: figures),
        schema_current=lambda: True,
        chain_matches=lambda: True,
        writable=lambda: True,
    )
    reset_recursion_limit()
    names = ("schema", "chain", "mirror", "ledger", "witnesses", "recursion_limit")
    expected = dict.fromkeys(names, True)
    assert readiness(cast(Services, services)) == expected
    sys.setrecursionlimit(100_000)
    try:
        assert readiness(cast(Services, services)) == expected | {"recursion_limit": False}
    finally:
        reset_recursion_limit()
