"""The chapter that tests of memberships play in, once on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.db import Database
from tests.unit.gateway.ledger.worlds import World
from tests.unit.gateway.members.chapter import chapter


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A running chapter."""
    with chapter(database, tmp_path) as world:
        yield world
