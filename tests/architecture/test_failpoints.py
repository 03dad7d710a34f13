"""Steps in code and the table of steps are the same, and every write transaction has one.

A new transaction without a step, a step without a row, or a row without a step fails here.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gateway.failpoint_names import STEPS
from scripts.faults.failpoint_cases import CASES

ROOT = Path(__file__).resolve().parents[2]
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text())
    for path in (ROOT / "gateway").rglob("*.py")
}
UNNAMED_WRITERS = {
    "anchor/evidence.py _drop": "what a block that is gone would have proved, found again at the next look",
    "backup/database_copy.py _copy_rows": "into an empty database: asked for again",
    "cases/replay.py rebuild_cases": "a database in memory, thrown away",
    "ledger/intake_clerk.py _purge": "answered rows that are kept longer harm nobody",
    "ledger/integrator.py release": "under a witness policy alone, which the campaign has no case of yet",
    "repair/recovering.py put": "a command on a stopped gateway: run again",
    "repair/register_rows.py find_register_changes": "a database thrown away",
    "witness/state.py __init__": "a witness's own process",
    "witness/state.py cosign": "a witness's own process",
    "witness_rotation.py record_witness_rotation": "a command on a stopped gateway: run again",
}
"""Functions with transactions that no rehearsal fails, and why."""


def calls(name: str) -> list[tuple[str, ast.Call]]:
    """Every call of a function or method of this name in the gateway, with its file."""
    return [
        (file, node)
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) == name
    ]


def knows_steps(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "gateway.failpoints"
        and "step" in [alias.name for alias in node.names]
        for node in ast.walk(tree)
    )


def crossed() -> Counter[str]:
    names = []
    for file, call in calls("step"):
        if isinstance(call.func, ast.Attribute) or not knows_steps(TREES[file]):
            continue
        (argument,) = call.args
        assert isinstance(argument, ast.Constant) and isinstance(argument.value, str), (file, call.lineno)
        names.append(argument.value)
    return Counter(names)


def test_every_step_in_code_is_in_the_table_and_the_other_way_round() -> None:
    assert set(crossed()) == set(STEPS)


def test_every_step_is_in_one_place() -> None:
    assert [name for name, count in crossed().items() if count != 1] == []


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function and method of the gateway, as ``file name``."""
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{file.removeprefix('gateway/')} {node.name}", node


def test_every_write_transaction_has_a_step() -> None:
    unnamed = {
        name
        for name, function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "writer"
        and not node.args
    }
    assert unnamed == set(UNNAMED_WRITERS)


def test_every_row_says_what_it_does() -> None:
    assert all(action.what and action.room for action in STEPS.values())
    assert len({action.what for action in STEPS.values()}) == len(STEPS)


def test_every_step_has_a_case_in_the_campaign() -> None:
    assert set(CASES) == set(STEPS)
