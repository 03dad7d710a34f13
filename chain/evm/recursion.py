"""Python's recursion limit, put back to its default after imports that raise it.

``eth_account`` and ``web3`` import a package that raises the limit to 100,000, after which deep JSON
overflows the C stack and kills the process. Every process resets the limit after its last import and
asserts it at start.
"""

from __future__ import annotations

import sys
from typing import Final

from chain.errors import FatalChainError

RECURSION_LIMIT: Final = 1000
"""CPython's default; far above what this product needs."""


def reset_recursion_limit() -> None:
    """Set the limit to ``RECURSION_LIMIT``; call it after the last import."""
    sys.setrecursionlimit(RECURSION_LIMIT)


def is_recursion_limited() -> bool:
    """Say whether no import has raised the limit again."""
    return sys.getrecursionlimit() <= RECURSION_LIMIT


def assert_recursion_limit() -> None:
    """Raise FatalChainError where some import has raised the limit again."""
    if not is_recursion_limited():
        raise FatalChainError(f"recursion limit is {sys.getrecursionlimit()}, wants {RECURSION_LIMIT}")
