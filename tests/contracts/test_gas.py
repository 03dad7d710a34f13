"""What calls cost has not changed, and stays within its limit."""

from __future__ import annotations

import json

import pytest

from tests.contracts import gas


@pytest.fixture(scope="module")
def measured() -> dict[str, int]:
    return gas.measure()


def test_gas_is_as_committed(measured: dict[str, int]) -> None:
    assert measured == json.loads(gas.GAS_FILE.read_bytes())


def test_an_operation_in_a_large_window_stays_cheap(measured: dict[str, int]) -> None:
    assert measured["settle, 400 leaves, each operation"] <= gas.PER_OPERATION_LIMIT


def test_the_readme_has_the_same_table() -> None:
    readme = (gas.CONTRACTS_DIR / "README.md").read_text(encoding="utf-8")
    for name, used in json.loads(gas.GAS_FILE.read_bytes()).items():
        assert f"| {name} | {used:,} |" in readme
