"""States move as listed and in no other way; refusals of a node are read for what they mean."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from chain.errors import FormatError
from gateway.db import Database
from gateway.outbox.broadcast import Answer, read_refusal
from gateway.outbox.calls import LEGAL_TRANSITIONS, MAX_CALLDATA, ChainCall, TransactionState
from gateway.outbox.contract_errors import format_error
from gateway.outbox.queue import enqueue
from gateway.outbox.rows import IllegalTransition, Move, move_rows
from gateway.outbox.tables import chain_transactions

State = TransactionState
rows = chain_transactions.c
AT = "2026-01-01T00:00:00.000Z"


def put(database: Database, state: State) -> int:
    with database.writer() as connection:
        enqueue(
            connection,
            [ChainCall("register", "Membership", b"\1", 1, "operator")],
            chain_id=1,
            reference="r",
            at=AT,
        )
        row_id = int(connection.execute(select(rows.id)).scalar_one())
        signed = {"nonce": 0, "raw": b"\1", "tx_hash": b"\2" * 32, "signer_address": b"\3" * 20}
        connection.execute(chain_transactions.update().values(state=state.value, **signed))
    return row_id


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("after", list(State))
def test_only_listed_moves_are_made(database: Database, before: State, after: State) -> None:
    row_id = put(database, before)
    move = Move(row_id, before, after, 5, b"\4" * 32, "why", AT)
    if (before, after) in LEGAL_TRANSITIONS:
        with database.writer() as connection:
            move_rows(connection, [move])
    else:
        with pytest.raises(IllegalTransition) as caught, database.writer() as connection:
            move_rows(connection, [move])
        assert (caught.value.got, caught.value.want) == (before, after)
    with database.reader() as connection:
        row = connection.execute(select(rows.state, rows.block_number, rows.error)).one()
    is_legal = (before, after) in LEGAL_TRANSITIONS
    assert row == ((after.value, 5, "why") if is_legal else (before.value, None, None))


def test_a_row_that_moved_meanwhile_is_left_alone(database: Database) -> None:
    row_id = put(database, State.FINAL)
    with database.writer() as connection:
        move_rows(connection, [Move(row_id, State.SENT, State.MINED, 9)])
    with database.reader() as connection:
        assert connection.execute(select(rows.state, rows.block_number)).one() == ("final", None)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("already known", Answer.TAKEN),
        ("transaction already imported", Answer.TAKEN),
        ("Known transaction", Answer.TAKEN),
        ("nonce too low", Answer.UNKNOWN),
        ("Nonce too low: next nonce 5, tx nonce 2", Answer.UNKNOWN),
        ("replacement transaction underpriced", Answer.UNKNOWN),
        ("txpool is full", Answer.UNKNOWN),
        ("something nobody has seen", Answer.UNKNOWN),
        ("intrinsic gas too low", Answer.NEVER),
        ("exceeds block gas limit", Answer.NEVER),
        ("oversized data: transaction size 140000, limit 131072", Answer.NEVER),
    ],
)
def test_refusals_are_read(message: str, answer: Answer) -> None:
    assert read_refusal(message) is answer


def test_calls_that_no_pool_takes_are_refused_at_once(database: Database) -> None:
    for call, where in (
        (ChainCall("settle", "TimeCredit", bytes(MAX_CALLDATA + 1), 1, "operator"), "calldata"),
        (ChainCall("settle", "TimeCredit", b"", 0, "operator"), "gas"),
    ):
        with pytest.raises(FormatError) as caught, database.writer() as connection:
            enqueue(connection, [call], chain_id=1, reference="r", at=AT)
        assert caught.value.where == where


def test_contract_errors_are_told_with_their_values() -> None:
    want = "CursorMismatch(logId=" + "11" * 32 + ", want=3, got=5)"
    from chain.hashing import keccak256

    data = keccak256(b"CursorMismatch(bytes32,uint64,uint64)")[:4] + b"\x11" * 32
    data += (3).to_bytes(32, "big") + (5).to_bytes(32, "big")
    assert format_error("0x" + data.hex()) == want
    assert format_error("0x08c379a0") is None
    assert format_error(None) is None
    assert format_error("0x" + data[:20].hex()) is None
