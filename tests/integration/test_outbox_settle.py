"""Settlement on a real node: windows, pipelining, failed windows, evidence, leaves that cannot be opened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from chain.evm.calldata import (
    Registration,
    encode_anchor,
    encode_approve,
    encode_authorization,
    encode_pass_leaf,
    encode_register,
)
from chain.hashing import keccak256
from chain.operation import Operation, OperationKind, operation_digest
from chain.typed_data import anchor_payload, authorization_digest
from chain.types import Address, NodeHash, TreeSize
from gateway.db import Database
from gateway.mirror.reconcile import reconcile
from gateway.mirror.tables import mirror_operations, mirror_passed
from gateway.outbox.calls import ChainCall
from gateway.outbox.queue import enqueue
from gateway.outbox.tables import chain_transactions
from tests.integration.chain_kit import (
    CHAPTER,
    LOG_ID,
    Network,
    TestLeaf,
    account,
    key,
    running_network,
)
from tests.integration.pipeline_kit import Pipeline, clock

rows = chain_transactions.c
Kind = OperationKind


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with running_network(tmp_path / "chain") as running:
        running.set_quota()
        running.register([account(i) for i in range(4)])
        yield running


@pytest.fixture
def pipeline(network: Network, database: Database) -> Pipeline:
    return Pipeline(network, database, window_leaves=10)


def windows(pipeline: Pipeline) -> list[tuple[int, int, int, str, int]]:
    """(start, end, run, state, block) of every window, in order."""
    columns = (rows.window_start, rows.window_end, rows.run, rows.state, rows.block_number)
    with pipeline.database.reader() as connection:
        found = connection.execute(select(*columns).where(rows.kind == "settle").order_by(rows.id))
        return [(r[0], r[1], r[2], r[3], r[4] or 0) for r in found]


def test_windows_follow_their_anchor_in_one_block(pipeline: Pipeline) -> None:
    log = pipeline.network.log
    for _ in range(45):
        log.operate(Kind.ISSUE, bytes(20), account(0), 1)
    log.publish()
    pipeline.turn()
    found = windows(pipeline)
    assert [(start, end) for start, end, _, _, _ in found] == [
        (0, 10),
        (10, 20),
        (20, 30),
        (30, 40),
        (40, 46),
    ]
    assert {(run, state) for _, _, run, state, _ in found} == {(1, "mined")}
    assert len({block for _, _, _, _, block in found}) == 1
    assert pipeline.network.balance_of(account(0)) == 45


def test_a_stranger_anchored_more_and_settlement_goes_on(pipeline: Pipeline, network: Network) -> None:
    log = network.log
    for _ in range(25):
        log.operate(Kind.ISSUE, bytes(20), account(0), 1)
    log.publish()
    pipeline.anchorer.step()
    while pipeline.settler.step():
        pass
    pipeline.submitter.step()
    # Signed by the log's own keys, posted by somebody else, and mined between our anchor and our windows.
    log.record()
    size = TreeSize(log.publish())
    root = NodeHash(log.root(size))
    network.client.call("evm_mine")
    pipeline.submitter.step()
    anchor = network.addresses["LogAnchor"]
    payload = anchor_payload(network.place("LogAnchor"), LOG_ID, size, root)
    keys = sorted(network.anchor_keys, key=lambda signer: signer.address)
    have = TreeSize(size - 1)
    calldata = encode_anchor(
        LOG_ID, size, root, log.consistency_proof(have, size), [k.sign_payload(payload) for k in keys]
    )
    network.do(network.regulator, anchor, calldata)
    log.operate(Kind.ISSUE, bytes(20), account(0), 1)
    log.publish()
    pipeline.finish()
    assert network.cursor() == log.published
    assert network.balance_of(account(0)) == 26


def test_a_failed_window_is_planned_again_from_the_cursor(pipeline: Pipeline, network: Network) -> None:
    log = network.log
    for _ in range(35):
        log.operate(Kind.ISSUE, bytes(20), account(0), 1)
    log.publish()
    pipeline.anchorer.step()
    good = log.rows[15]
    # A wrong operand in the second window: the first is executed, the second and all behind it fail.
    log.rows[15] = replace(good, amount=2)
    while pipeline.settler.step():
        pass
    log.rows[15] = good
    pipeline.submitter.step()
    network.mine()
    pipeline.submitter.step()
    assert [state for _, _, _, state, _ in windows(pipeline)] == ["mined", "failed", "failed", "failed"]
    errors = [error for kind, _, error in pipeline.states() if kind == "settle"]
    assert (errors[2] or "").startswith("CursorMismatch(")
    assert network.cursor() == 10
    deadline = time.monotonic() + 20
    while network.cursor() != log.published:
        assert time.monotonic() < deadline
        pipeline.turn()
        time.sleep(0.05)
    assert network.balance_of(account(0)) == 35
    second = [found for found in windows(pipeline) if found[2] == 2]
    assert [found[:2] for found in second] == [(10, 20), (20, 30), (30, 36)]


def test_windows_of_a_failed_run_without_nonce_are_withdrawn(network: Network, database: Database) -> None:
    pipeline = Pipeline(network, database, window_leaves=1)
    pipeline.submitter._desk._max_in_flight = 4
    log = network.log
    for _ in range(9):
        log.operate(Kind.ISSUE, bytes(20), account(0), 1)
    log.publish()
    pipeline.anchorer.step()
    log.rows[2] = replace(log.rows[2], amount=2)
    pipeline.settler.step()
    log.rows[2] = replace(log.rows[2], amount=1)
    pipeline.submitter.step()
    network.mine()
    pipeline.submitter.step()
    pipeline.settler.step()
    states = pipeline.states()
    assert ("settle", "failed", "withdrawn: an earlier window failed") in states
    assert "queued" not in {state for _, state, _ in states}


def test_an_authorised_and_an_unregistered_sender(pipeline: Pipeline, network: Network) -> None:
    holder, stranger = key(50), key(51)
    item = Registration(holder.address, CHAPTER, 1, 2, LOG_ID, bytes([1]) * 32)
    network.do(network.operator, network.addresses["Membership"], encode_register([item]))
    log = network.log
    log.operate(Kind.ISSUE, bytes(20), holder.address, 100)

    def authorised(signer: object, amount: int, salt: int) -> None:
        assert isinstance(signer, type(holder))
        nonce = sha256(b"nonce %d" % salt).digest()
        digest = authorization_digest(
            network.place("TimeCredit"),
            kind=2,
            sender=signer.address,
            receiver=account(1),
            amount=amount,
            nonce=nonce,
            valid_before=0,
        )
        evidence = encode_authorization(nonce, signer.sign_digest(digest))
        log.operate(Kind.TRANSFER, signer.address, account(1), amount, ref=digest, evidence=evidence)

    authorised(holder, 30, 1)
    log.publish()
    pipeline.finish()
    assert (network.balance_of(holder.address), network.balance_of(account(1))) == (70, 30)
    # The ledger thinks this account signs for itself, the chain does not know it: the evidence is left out
    # after the first run failed, and the operation is refused.
    authorised(stranger, 5, 2)
    log.publish()
    deadline = time.monotonic() + 20
    while network.cursor() != log.published:
        assert time.monotonic() < deadline
        pipeline.turn()
        time.sleep(0.05)
    pipeline.finish()
    with pipeline.database.reader() as connection:
        last = connection.execute(
            select(mirror_operations.c.reason).order_by(mirror_operations.c.leaf_index.desc()).limit(1)
        ).scalar_one()
    assert last == 3
    assert any("EvidenceCountMismatch(got=1, want=0)" in (error or "") for _, _, error in pipeline.states())


def test_a_reversal_carries_its_original(pipeline: Pipeline, network: Network) -> None:
    log = network.log
    log.operate(Kind.ISSUE, bytes(20), account(0), 100)
    gift = log.operate(Kind.TRANSFER, account(0), account(1), 40)
    log.publish()
    pipeline.finish()
    back = reverse(network, account(1), account(0), 40, gift.leaf_hash)
    log.publish()
    pipeline.finish()
    assert outcome_of(pipeline, back.index) == (0, 40, 40)
    assert (network.balance_of(account(0)), network.balance_of(account(1))) == (100, 0)


def reverse(network: Network, sender: bytes, receiver: bytes, amount: int, original: bytes) -> TestLeaf:
    """Append the reversal of an operation, approved by two officers."""
    back = network.log.operate(Kind.REVERSE, sender, receiver, amount, ref=original)
    operation = Operation(Kind.REVERSE, Address(sender), Address(receiver), amount, 0, original)
    approval = encode_approve(
        keccak256(b"reverse"), CHAPTER, operation_digest(operation, back.op_salt or b"")
    )
    for approver in (network.admin, network.regulator):
        network.do(approver, network.addresses["CoSignature"], approval)
    return back


def outcome_of(pipeline: Pipeline, index: int) -> tuple[int, int, int]:
    """(reason, amount, moved) of a mirrored operation."""
    columns = (mirror_operations.c.reason, mirror_operations.c.amount, mirror_operations.c.moved)
    with pipeline.database.reader() as connection:
        row = connection.execute(select(*columns).where(mirror_operations.c.leaf_index == index)).one()
    return row.reason, row.amount, row.moved


def test_the_reversal_of_an_issue_burns_what_is_still_there(pipeline: Pipeline, network: Network) -> None:
    log, nobody = network.log, bytes(20)
    whole = log.operate(Kind.ISSUE, nobody, account(0), 100)
    spent = log.operate(Kind.ISSUE, nobody, account(1), 100)
    log.operate(Kind.TRANSFER, account(1), account(2), 70)
    log.publish()
    pipeline.finish()
    first = reverse(network, account(0), nobody, 100, whole.leaf_hash)
    second = reverse(network, account(1), nobody, 100, spent.leaf_hash)
    log.publish()
    pipeline.finish()
    assert outcome_of(pipeline, first.index) == (0, 100, 100)
    # What the holder has spent already is a receivable: amount less moved.
    assert outcome_of(pipeline, second.index) == (0, 100, 30)
    assert [network.balance_of(account(i)) for i in range(3)] == [0, 0, 70]
    result = reconcile(
        pipeline.database, network.client, chain_id=network.chain_id, credit=network.addresses["TimeCredit"]
    )
    assert (result.mismatches, result.supply) == ((), 70)


def test_an_erased_operation_waits_for_its_co_signature(pipeline: Pipeline, network: Network) -> None:
    log = network.log
    log.operate(Kind.ISSUE, bytes(20), account(0), 100)
    erased = log.operate(Kind.TRANSFER, account(0), account(1), 40)
    log.operate(Kind.TRANSFER, account(0), account(2), 10)
    log.rows[erased.index] = replace(erased, op_salt=None)
    log.publish()
    for _ in range(4):
        pipeline.turn()
    assert network.cursor() == erased.index
    assert pipeline.settler.blocked_at == erased.index
    digest = keccak256(LOG_ID + erased.index.to_bytes(32, "big") + erased.leaf_hash)
    for approver in (network.admin, network.regulator):
        approval = encode_approve(keccak256(b"pass"), 0, digest)
        network.do(approver, network.addresses["CoSignature"], approval)
    left, right = log.window_proof(erased.index, erased.index + 1, log.published)
    network.do(
        network.regulator,
        network.addresses["TimeCredit"],
        encode_pass_leaf(LOG_ID, erased.index, erased.leaf_hash, left, right),
    )
    while network.cursor() != log.published:
        pipeline.turn()
        time.sleep(0.1)
    pipeline.finish()
    assert pipeline.settler.blocked_at is None
    assert [network.balance_of(account(i)) for i in range(3)] == [90, 0, 10]
    with pipeline.database.reader() as connection:
        passed = connection.execute(select(mirror_passed)).one()
    assert (passed.log_id, passed.leaf_index, passed.leaf_hash) == (LOG_ID, erased.index, erased.leaf_hash)


def test_registration_before_the_window_that_uses_it(pipeline: Pipeline, network: Network) -> None:
    item = Registration(Address(account(9)), CHAPTER, 1, 1, LOG_ID, bytes([1]) * 32)
    call = ChainCall("register", "Membership", encode_register([item]), 250_000, "operator")
    with pipeline.database.writer() as connection:
        enqueue(connection, [call], chain_id=network.chain_id, reference="entry", at=clock())
    network.log.operate(Kind.ISSUE, bytes(20), account(9), 7)
    network.log.publish()
    pipeline.turn()
    assert [(kind, state) for kind, state, _ in pipeline.states()] == [
        ("register", "mined"),
        ("anchor", "mined"),
        ("settle", "mined"),
    ]
    assert network.balance_of(account(9)) == 7
