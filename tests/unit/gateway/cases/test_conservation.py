"""Conservation over random sequences of operations, sales and bookings.

Hypothesis plays thousands of short lives of a chapter on one real ledger. After each step what members hold
in SQL is what the model holds, and all of it together is what was issued less what was burned.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from chain.hashing import hash_leaf
from gateway.case_rules import CASE_BOOK
from gateway.db import Database, fetch_all, migrate, sqlite_url
from tests.unit.gateway.cases.life import Life
from tests.unit.gateway.ledger.worlds import running

PLAYED = (
    *("credit.issued", "credit.transferred", "credit.redeemed", "credit.burned", "credit.locked"),
    *("credit.released", "credit.cancelled", "credit.reversed", "credit.recovered"),
    *("sale.paid", "sale.rebated", "sale.refunded", "sale.coins_returned", "sale.rebate_returned"),
    *("service.booked", "service.cancelled"),
)
"""What moves coins in these lives, each of it many times."""
STEPS = 13
"""Steps of a life at most."""


def test_rule_01_coins_are_conserved_over_every_sequence(tmp_path: Path) -> None:
    """Rule 1: supply is the sum of all balances after every step; rule 3: limits hold in the same step."""
    with ExitStack() as stack:
        database = Database(sqlite_url(tmp_path / "life.sqlite3"))
        stack.callback(database.close)
        migrate(database)
        Life.world = stack.enter_context(running(database, tmp_path, rules=CASE_BOOK))
        Life.steps = 0
        Life.done.clear()
        lives = settings(
            max_examples=2_000,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Life, settings=lives)
        # A machine that never gets to do anything would prove nothing.
        assert Life.steps > 12_000
        assert {name: Life.done[name] for name in PLAYED if Life.done[name] < 20} == {}
        check_leaves(database)


def check_leaves(database: Database) -> None:
    """Every operation's row belongs to the entry at its index: the same leaf, the same operands."""
    sql = (
        "SELECT o.leaf_hash, e.leaf_data, e.body, o.amount FROM operations o "
        "JOIN entries e ON e.log_index = o.log_index ORDER BY o.log_index DESC LIMIT 500"
    )
    with database.reader() as connection:
        rows = fetch_all(connection, sql)
    assert rows
    for leaf_hash, leaf_data, body, amount in rows:
        assert hash_leaf(cast("bytes", leaf_data)) == cast("bytes", leaf_hash)
        assert json.loads(cast("bytes", body))["op"]["amount"] == str(amount)
