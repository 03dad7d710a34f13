"""One running gateway for all tests that only need one; each test opens chapters of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.integration.serving import Serving


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A real ``tongyi serve`` process."""
    gateway = Serving(tmp_path_factory.mktemp("serving") / "data").start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(scope="session")
def new_chapter() -> Callable[[], str]:
    """Gives chapter codes not used before."""
    numbers = itertools.count(1)
    return lambda: f"3102-{next(numbers):04d}"
