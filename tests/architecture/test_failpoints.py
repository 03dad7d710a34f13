"""Steps in code and the table of steps are the same, and every write transaction has one.

A new transaction without a step, a step without a row, or a row without a step fails here.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from gateway.failpoint_names import STEPS
from scripts.faults.failpoint_part import CASES

ROOT = Path(__file__).resolve().parents[2]
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text())
    for path in (ROOT / "gateway").rglob("*.py")
}
UNNAMED_WRITERS = {
    "gateway/backup/database_copy.py": "into an empty database: asked for again",
    "gateway/cases/replay.py": "a database in memory, thrown away",
    "gateway/api_key_rotation.py": "a command on a stopped gateway",
    "gateway/delivery/queue.py": "attempts at receivers: sent again, rehearsed beside the courier",
    "gateway/delivery/subscriptions.py": "what a caller asked for: he asks again",
    "gateway/delivery/teller.py": "numbers that the next round gives alike",
    "gateway/leadership.py": "a report is status alone, and replaced a second later",
    "gateway/ledger/intake_clerk.py": "of process roles alone, whose case the campaign does not have yet",
    "gateway/ledger/intake_desk.py": "of process roles alone",
    "gateway/ledger/receipt_store.py": "of process roles alone",
    "gateway/ledger/integrator.py": "release under a witness policy",
    "gateway/log_rotation.py": "a command on a stopped gateway",
    "gateway/witness_rotation.py": "a command on a stopped gateway",
    "gateway/members/proposals.py": "a proposal is no record yet",
    "gateway/outbox/signing.py": "fillers of nonces",
    "gateway/outbox/settler.py": "windows withdrawn",
    "gateway/outbox/watcher.py": "a foreign transaction",
    "gateway/mirror/follower.py": "proof put off, and evidence of a halt",
    "gateway/witness/state.py": "a witness's own process",
}
"""Files with transactions that no rehearsal fails, and why."""


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


def test_every_write_transaction_has_a_step() -> None:
    unnamed = {file for file, call in calls("writer") if not call.args}
    assert unnamed == set(UNNAMED_WRITERS)


def test_every_row_says_what_it_does() -> None:
    assert all(action.what and action.room for action in STEPS.values())
    assert len({action.what for action in STEPS.values()}) == len(STEPS)


def test_every_step_has_a_case_in_the_campaign() -> None:
    assert set(CASES) == set(STEPS)
