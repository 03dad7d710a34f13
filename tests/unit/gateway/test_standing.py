"""What waits is shown: the first entry whose call is held until operations before it are settled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from gateway.db import Database
from gateway.ledger.tables import entries, operations
from gateway.mirror.tables import mirror_settlements
from gateway.outbox.calls import ChainCall
from gateway.outbox.nonce_gaps import count_nonce_gaps
from gateway.outbox.queue import enqueue_rows
from gateway.outbox.settler import Held
from gateway.outbox.tables import chain_signers, chain_transactions
from gateway.standing import Figures, Standing

LOG_ID = bytes([9]) * 32
AT = "2026-01-01T00:00:00.000Z"
NOW = datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC).timestamp()
OPERATION = {
    "kind": 2, "sender": bytes(20), "receiver": bytes(20), "amount": 1, "valid_until": 0, "ref": bytes(32),
    "op_salt": bytes(16), "evidence": None, "moved": 1, "outcome": 0,
}  # fmt: skip


def read(database: Database) -> Figures:
    return Standing(
        database, origin="log.example/test", log_id=LOG_ID, chain_id=1, chain_head=lambda: 5,
        mismatches=lambda: 0, held=Held, now=lambda: NOW,
    ).read()  # fmt: skip


@pytest.fixture
def ledger(database: Database) -> Database:
    """Entries 0 to 5; 1 and 4 are operations; 2, 3 and 5 have calls of other keys."""
    with database.writer() as connection:
        for index in range(6):
            row = {"chapter": 1, "type": "t", "at": AT, "leaf_data": bytes(65)}
            connection.execute(insert(entries).values(log_index=index, entry_id=f"id {index}", **row))
        for index in (1, 4):
            row = {"log_index": index, "leaf_hash": bytes([index]) * 32, **OPERATION}
            connection.execute(insert(operations).values(**row))
        calls = [
            (f"id {index}", ChainCall(kind, "Membership", b"\1", 1, signer))
            for index, kind, signer in (
                (2, "register", "operator"), (2, "approve", "hq"), (3, "recover", "hq"), (5, "recover", "hq"),
            )
        ]  # fmt: skip
        enqueue_rows(connection, calls, chain_id=1, at=AT)
    return database


def settle(database: Database, end: int) -> None:
    row = {"chain_id": 1, "log_id": LOG_ID, "start": end - 1, "end": end, "anchored_size": 6}
    row |= {"tx_hash": bytes(32), "block_number": end, "log_index": 0}
    with database.writer() as connection:
        connection.execute(insert(mirror_settlements).values(**row))


def test_the_first_call_that_waits_is_shown_with_its_age(ledger: Database) -> None:
    figures = read(ledger)
    assert (figures.calls_wait_at, figures.calls_wait_seconds) == (3, 7.0)
    assert figures.shown()["calls_wait_at"] == 3
    # Operation 1 is settled: entry 3 waits for nothing any more, entry 5 for operation 4.
    settle(ledger, 2)
    assert read(ledger).calls_wait_at == 5
    settle(ledger, 5)
    assert (read(ledger).calls_wait_at, read(ledger).calls_wait_seconds) == (None, 0.0)


def test_a_call_with_a_nonce_waits_no_longer(ledger: Database) -> None:
    signed = {"nonce": 0, "raw": b"\1", "tx_hash": bytes(32), "signer_address": bytes(20), "state": "signed"}
    with ledger.writer() as connection:
        connection.execute(
            chain_transactions.update().where(chain_transactions.c.reference == "id 3").values(**signed)
        )
    assert read(ledger).calls_wait_at == 5


def test_a_nonce_without_a_transaction_is_counted_while_others_wait_behind_it(ledger: Database) -> None:
    key = bytes(20)
    with ledger.writer() as connection:
        connection.execute(insert(chain_signers).values(chain_id=1, address=key, signer="hq", next_nonce=5))
        for index, (nonce, state) in {3: (0, "final"), 5: (1, "sent")}.items():
            signed = {"nonce": nonce, "raw": b"\1", "tx_hash": bytes([nonce]) * 32, "signer_address": key}
            connection.execute(
                chain_transactions.update()
                .where(chain_transactions.c.reference == f"id {index}")
                .values(state=state, **signed)
            )
        # 2, 3 and 4 were given out and are of nobody.
        assert count_nonce_gaps(connection, 1) == 3
        assert count_nonce_gaps(connection, 2) == 0
        connection.execute(chain_signers.update().values(next_nonce=2))
        assert count_nonce_gaps(connection, 1) == 0
        # Nothing waits: what was skipped before holds nobody back.
        connection.execute(chain_signers.update().values(next_nonce=9))
        connection.execute(
            chain_transactions.update().where(chain_transactions.c.nonce == 1).values(state="final")
        )
        assert count_nonce_gaps(connection, 1) == 0
