"""One running gateway a database for all tests that only need one; each test opens chapters of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.databases import fresh_postgres
from tests.integration.serving import Serving


@pytest.fixture(scope="session")
def serving_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A real ``tongyi serve`` process on SQLite."""
    gateway = Serving(tmp_path_factory.mktemp("serving") / "data").start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(scope="session")
def serving_postgresql(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A real ``tongyi serve`` process on PostgreSQL."""
    with fresh_postgres(postgres_url) as url:
        data = tmp_path_factory.mktemp("serving-postgresql") / "data"
        gateway = Serving(data, ("--database-url", url)).start()
        yield gateway
        assert gateway.stop() == 0


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def serving_on_both(request: pytest.FixtureRequest) -> Serving:
    """The one on SQLite, then the one on PostgreSQL: for modules whose tests must hold on both."""
    gateway: Serving = request.getfixturevalue(f"serving_{request.param}")
    return gateway


@pytest.fixture(scope="session")
def serving(serving_sqlite: Serving) -> Serving:
    """The one gateway of modules that do not say more."""
    return serving_sqlite


@pytest.fixture(scope="session")
def new_chapter() -> Callable[[], str]:
    """Gives chapter codes not used before."""
    numbers = itertools.count(1)
    return lambda: f"3102-{next(numbers):04d}"
