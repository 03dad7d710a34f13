"""The chapter that the time bank's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.db import Database
from tests.unit.gateway.timebank.kit import Bank, bank_of


@pytest.fixture
def bank(database: Database, tmp_path: Path) -> Iterator[Bank]:
    with bank_of(database, tmp_path) as bank:
        yield bank
