"""Where entries and operations stand, as the outbox asks: from the moment they commit, published or not."""

from __future__ import annotations

from pathlib import Path

from chain.operation import OperationKind as Kind
from gateway.db import Database
from gateway.ledger.log_view import LogView
from tests.unit.gateway.ledger.worlds import CHAPTER, address, joined, opened, operated, recorded, running


def test_entries_and_operations_are_found_by_place(database: Database, tmp_path: Path) -> None:
    with running(database, tmp_path / "data") as world:
        pool = address(f"pool-{CHAPTER}")
        made = [
            world.accept(draft)
            for draft in (
                opened(),
                joined("member"),
                operated(Kind.ISSUE, receiver=pool, amount=50),
                recorded("member"),
                operated(Kind.TRANSFER, pool, address("member"), 20),
                recorded("member"),
            )
        ]
        # A view of another process that has followed nothing yet.
        view = LogView(database)
        indices = [entry.index for entry in made]
        issue, transfer = indices[2], indices[4]
        assert indices == list(range(1, 7))
        names = [entry.entry_id for entry in made]
        assert view.indices([*names, "settle"]) == dict(zip(names, indices, strict=True))
        assert view.indices(["anchor"]) == {}
        assert view.first_operation(0, 100) == issue
        assert view.first_operation(issue, issue) is None
        assert view.first_operation(issue, issue + 1) == issue
        assert view.first_operation(issue + 1, 100) == transfer
        assert view.first_operation(issue + 1, transfer) is None
        assert view.first_operation(transfer + 1, 100) is None
