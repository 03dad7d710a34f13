"""In which order the processes of a distributed run take up the test files.

A file is the unit: its tests share set-ups, some follow from each other. Whoever is free takes the next one,
so the long ones come first and none is left over for the end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONG_FILES = (
    "tests/integration/test_torture_kills.py",
    "tests/integration/test_torture_failpoints.py",
    "tests/integration/test_torture_tampers.py",
    "tests/integration/test_torture_soak.py",
    "tests/integration/test_torture_recovery.py",
    "tests/integration/test_consortium.py",
    "tests/integration/test_torture_hostile.py",
    "tests/integration/test_roles_postgres.py",
    "tests/integration/test_torture_power.py",
    "tests/integration/test_torture_node.py",
    "tests/integration/test_torture_disk.py",
    "tests/integration/test_torture_planted.py",
    "tests/integration/test_chapter_year.py",
    "tests/integration/test_cli.py",
    "tests/campaign/test_bundle_mutants.py",
    "tests/unit/gateway/timebank/test_booking_walks.py",
    "tests/integration/test_signer_rotation.py",
    "tests/integration/test_log_rotation.py",
    "tests/malicious/test_malicious_operator.py",
    "tests/integration/test_torture_restores.py",
    "tests/integration/test_start_check.py",
    "tests/integration/test_recover.py",
    "tests/integration/test_fault_checker.py",
    "tests/integration/test_stock_witness.py",
    "tests/integration/test_roles_witnessed.py",
    "tests/integration/test_webhooks.py",
    "tests/integration/test_import.py",
    "tests/integration/test_contract_migration.py",
    "tests/integration/test_api.py",
    "tests/integration/test_mirror_follow.py",
    "tests/integration/test_operations_end_to_end.py",
    "tests/integration/test_serve_with_signers.py",
    "tests/integration/test_demo.py",
    "tests/unit/gateway/cases/test_conservation.py",
    "tests/foreign/test_agreement.py",
    "tests/contracts/test_toolchain.py",
    "tests/unit/chain/test_verify_mutations.py",
)
"""Files of ten seconds and more, longest first."""


def place(path: Path) -> int:
    """Return when a file's turn is: the long ones, then what waits for other processes, then the rest."""
    name = path.relative_to(ROOT).as_posix()
    if name in LONG_FILES:
        return LONG_FILES.index(name)
    return len(LONG_FILES) + (not name.startswith("tests/integration/"))


def sort_files(items: list[pytest.Item]) -> None:
    """Sort collected tests by their files' turns; the order inside a file stays."""
    items.sort(key=lambda item: place(item.path))
