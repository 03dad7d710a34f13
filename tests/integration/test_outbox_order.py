"""Operations and calls of different keys come on chain in the order of their entries, whoever is slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from chain.evm.calldata import (
    Registration,
    encode_approve,
    encode_pass_leaf,
    encode_recover,
    encode_register,
    encode_set_quota,
    encode_set_rights,
)
from chain.hashing import keccak256
from chain.operation import OperationKind as Kind
from chain.types import TreeSize
from gateway.db import Database
from gateway.mirror.tables import mirror_operations
from gateway.outbox.calls import ChainCall
from gateway.outbox.queue import enqueue
from gateway.outbox.tables import chain_transactions
from tests.integration.chain_kit import CHAPTER, LOG_ID, Network, account, running_network
from tests.integration.pipeline_kit import Pipeline, clock

DONE, SENDER_BLOCKED, RECEIVER_BLOCKED, QUOTA_EXCEEDED = 0, 5, 6, 9
ORDER = bytes([7]) * 32
rows = chain_transactions.c


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with running_network(tmp_path / "chain") as running:
        running.set_quota()
        yield running


@pytest.fixture
def pipeline(network: Network, database: Database) -> Pipeline:
    return Pipeline(network, database)


def registration(number: int) -> ChainCall:
    """A call that registers one test account."""
    item = Registration(account(number), CHAPTER, 1, 1, LOG_ID, bytes([1]) * 32)
    return ChainCall("register", "Membership", encode_register([item]), 250_000, "operator")


def quota_call(network: Network, amount: int, signer: str = "issuer") -> ChainCall:
    """A call that sets the quota of the month of the newest block."""
    stamp = datetime.fromtimestamp(network.client.header("latest").timestamp, UTC) + timedelta(hours=8)
    calldata = encode_set_quota(CHAPTER, stamp.year * 100 + stamp.month, amount)
    return ChainCall("setQuota", "TimeCredit", calldata, 150_000, signer)


def rights_call(number: int, *, send: bool, receive: bool) -> ChainCall:
    """A call that sets an account's rights."""
    calldata = encode_set_rights(account(number), send, receive, ORDER)
    return ChainCall("setRights", "Membership", calldata, 150_000, "freezer")


def recovery_call(number: int, successor: int) -> ChainCall:
    """A call that puts one account in the place of another."""
    calldata = encode_recover(account(number), account(successor), ORDER)
    return ChainCall("recover", "Membership", calldata, 300_000, "recoverer")


def approval_call(signer: str, digest: bytes = ORDER) -> ChainCall:
    """A call by which an officer approves a reversal."""
    calldata = encode_approve(keccak256(b"reverse"), CHAPTER, digest)
    return ChainCall("approve", "CoSignature", calldata, 150_000, signer)


def put_for(pipeline: Pipeline, reference: int | str, call: ChainCall) -> None:
    """Queue a call of the entry at this index, or of something else."""
    name = f"entry {reference}" if isinstance(reference, int) else reference
    with pipeline.database.writer() as connection:
        enqueue(connection, [call], chain_id=pipeline.network.chain_id, reference=name, at=clock())


def outcomes(pipeline: Pipeline) -> dict[int, int]:
    """Reason by leaf, 0 for done."""
    columns = (mirror_operations.c.leaf_index, mirror_operations.c.reason)
    with pipeline.database.reader() as connection:
        return {row.leaf_index: row.reason for row in connection.execute(select(*columns))}


def block_of(pipeline: Pipeline, kind: str) -> int:
    """Block of the only call of this kind."""
    with pipeline.database.reader() as connection:
        return int(connection.execute(select(rows.block_number).where(rows.kind == kind)).scalar_one())


def settled_in(pipeline: Pipeline, index: int) -> int:
    """Block in which a leaf was executed."""
    wanted = (rows.kind == "settle") & (rows.window_start <= index) & (rows.window_end > index)
    query = select(rows.block_number).where(wanted, rows.state.in_(("mined", "final")))
    with pipeline.database.reader() as connection:
        return int(connection.execute(query).scalar_one())


def states_by_kind(pipeline: Pipeline) -> list[tuple[str, str]]:
    return [(kind, state) for kind, state, _ in pipeline.states()]


def send_and_mine(pipeline: Pipeline) -> None:
    """Send what may go and make a block: nothing is anchored or settled."""
    pipeline.submitter.step()
    pipeline.network.mine()
    pipeline.submitter.step()


# --- operations wait for calls ---------------------------------------------------------------------------


def test_an_issue_waits_for_the_quota_before_it(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0)])
    network.set_quota(5)
    log.operate(Kind.ISSUE, bytes(20), account(0), 5)
    quota = log.record()
    log.record()
    issue = log.operate(Kind.ISSUE, bytes(20), account(0), 50)
    log.record()
    log.publish()
    put_for(pipeline, quota.index, quota_call(network, 100))
    whole = pipeline.submitter
    # The issuer's transaction is held back: its key does not sign.
    keys = {role: signer for role, signer in network.signers.items() if role != "issuer"}
    pipeline.submitter = pipeline.new_submitter(network.client, keys)
    for _ in range(4):
        pipeline.turn()
    assert network.cursor() == issue.index
    assert network.balance_of(account(0)) == 5
    assert pipeline.settler.held.index == quota.index
    assert pipeline.settler.held.seconds > 0
    # Signed and sent is not mined either.
    pipeline.submitter = whole
    pipeline.submitter.step()
    assert dict(states_by_kind(pipeline))["setQuota"] == "sent"
    assert pipeline.settler.step() == 0
    pipeline.finish()
    assert outcomes(pipeline) == {1: DONE, issue.index: DONE}
    assert network.balance_of(account(0)) == 55
    assert pipeline.settler.held.index is None


def test_a_call_that_fails_holds_nothing_back(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0)])
    quota = log.record()
    log.operate(Kind.ISSUE, bytes(20), account(0), 50)
    log.publish()
    # The freezer may set no quota.
    put_for(pipeline, quota.index, quota_call(network, 100, "freezer"))
    pipeline.finish()
    assert ("setQuota", "failed") in states_by_kind(pipeline)
    assert network.balance_of(account(0)) == 50


def test_calls_of_no_entry_and_of_the_same_key_hold_nothing_back(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    item = log.record()
    log.operate(Kind.ISSUE, bytes(20), account(0), 10)
    log.publish()
    put_for(pipeline, item.index, registration(0))
    put_for(pipeline, "test", quota_call(network, 100))
    pipeline.anchorer.step()
    assert pipeline.settler.step() == 1
    pipeline.finish()
    assert network.balance_of(account(0)) == 10


# --- calls wait for operations ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["setRights", "recover"])
def test_what_was_accepted_before_a_freeze_or_recovery_is_settled_before_it(
    pipeline: Pipeline, kind: str
) -> None:
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0), account(1)])
    log.operate(Kind.ISSUE, bytes(20), account(0), 10)
    early = log.operate(Kind.TRANSFER, account(0), account(1), 4)
    order = log.record()
    late = log.operate(Kind.TRANSFER, account(0), account(1), 1)
    log.publish()
    call = rights_call(0, send=False, receive=False) if kind == "setRights" else recovery_call(0, 100)
    put_for(pipeline, order.index, call)
    # Before anything is anchored, the call could be mined at once.
    send_and_mine(pipeline)
    assert states_by_kind(pipeline) == [(kind, "queued")]
    # Nor does it go while the window with the transfer is on its way.
    pipeline.anchorer.step()
    pipeline.settler.step()
    pipeline.submitter.step()
    pipeline.submitter.step()
    assert states_by_kind(pipeline) == [(kind, "queued"), ("anchor", "sent"), ("settle", "sent")]
    pipeline.finish()
    assert outcomes(pipeline) == {1: DONE, early.index: DONE, late.index: SENDER_BLOCKED}
    assert network.balance_of(account(1)) == 4
    assert settled_in(pipeline, early.index) < block_of(pipeline, kind) < settled_in(pipeline, late.index)


def test_a_quota_is_lowered_after_the_issues_before_it(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0)])
    issue = log.operate(Kind.ISSUE, bytes(20), account(0), 60)
    lowered = log.record()
    beyond = log.operate(Kind.ISSUE, bytes(20), account(0), 10)
    log.publish()
    put_for(pipeline, lowered.index, quota_call(network, 65))
    send_and_mine(pipeline)
    assert states_by_kind(pipeline) == [("setQuota", "queued")]
    pipeline.finish()
    assert outcomes(pipeline) == {issue.index: DONE, beyond.index: QUOTA_EXCEEDED}
    assert network.balance_of(account(0)) == 60


def test_calls_without_unsettled_operations_before_them_go_at_once(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0)])
    log.operate(Kind.ISSUE, bytes(20), account(0), 10)
    log.publish()
    pipeline.settle()
    # Settled, but not mirrored and not final: mined is enough.
    log.record()
    freeze = log.record()
    log.operate(Kind.ISSUE, bytes(20), account(0), 5)
    log.publish()
    put_for(pipeline, freeze.index, rights_call(0, send=False, receive=True))
    pipeline.submitter.step()
    assert states_by_kind(pipeline)[-1] == ("setRights", "sent")


def test_registrations_approvals_and_calls_of_no_entry_wait_for_no_operation(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    log.operate(Kind.ISSUE, bytes(20), account(0), 10)
    item = log.record()
    log.publish()
    put_for(pipeline, item.index, rights_call(0, send=False, receive=True))
    put_for(pipeline, item.index, registration(0))
    # An officer whose other call waits: the approval does not wait behind it.
    put_for(pipeline, item.index, approval_call("freezer"))
    put_for(pipeline, "elsewhere", quota_call(network, 100))
    pipeline.submitter.step()
    assert states_by_kind(pipeline) == [
        ("setRights", "queued"), ("register", "sent"), ("approve", "sent"), ("setQuota", "sent")
    ]  # fmt: skip
    pipeline.finish()
    assert outcomes(pipeline) == {1: DONE}


def test_calls_and_operations_in_turn_all_happen_in_order(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0)])
    wanted: dict[int, int] = {}
    for _ in range(2):
        wanted[log.operate(Kind.ISSUE, bytes(20), account(0), 10).index] = DONE
        put_for(pipeline, log.record().index, rights_call(0, send=False, receive=False))
        wanted[log.operate(Kind.ISSUE, bytes(20), account(0), 10).index] = RECEIVER_BLOCKED
        put_for(pipeline, log.record().index, rights_call(0, send=True, receive=True))
    log.publish()
    pipeline.finish()
    assert outcomes(pipeline) == wanted
    assert network.balance_of(account(0)) == 20
    assert {state for kind, state in states_by_kind(pipeline) if kind == "setRights"} == {"final"}


def test_a_call_queued_again_is_not_stuck_behind_a_later_entrys(pipeline: Pipeline) -> None:
    """A row that a foreign transaction replaced is queued anew, behind calls of later entries."""
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0)])
    first = log.record()
    issue = log.operate(Kind.ISSUE, bytes(20), account(0), 10)
    second = log.record()
    log.publish()
    put_for(pipeline, second.index, rights_call(0, send=False, receive=False))
    put_for(pipeline, first.index, rights_call(0, send=False, receive=True))
    pipeline.finish()
    assert outcomes(pipeline) == {issue.index: DONE}
    with pipeline.database.reader() as connection:
        nonces = connection.execute(
            select(rows.nonce).where(rows.kind == "setRights").order_by(rows.id)
        ).scalars()
        assert list(nonces) == [1, 0]


def test_what_waits_is_known_after_every_restart(pipeline: Pipeline) -> None:
    """Each turn is made by parts that were built a moment ago: nothing that matters is in memory."""
    network, log, database = pipeline.network, pipeline.network.log, pipeline.database
    network.register([account(0), account(1)])
    log.operate(Kind.ISSUE, bytes(20), account(0), 10)
    early = log.operate(Kind.TRANSFER, account(0), account(1), 4)
    order = log.record()
    late = log.operate(Kind.TRANSFER, account(0), account(1), 1)
    log.publish()
    put_for(pipeline, order.index, rights_call(0, send=False, receive=False))
    steps = 0
    while network.cursor() != log.published:
        for part in ("anchorer", "settler", "submitter"):
            getattr(Pipeline(network, database), part).step()
        if steps == 0:
            assert states_by_kind(pipeline) == [
                ("setRights", "queued"),
                ("anchor", "sent"),
                ("settle", "sent"),
            ]
        network.mine()
        Pipeline(network, database).submitter.step()
        steps += 1
        assert steps < 20, pipeline.states()
    Pipeline(network, database).finish()
    assert outcomes(pipeline) == {1: DONE, early.index: DONE, late.index: SENDER_BLOCKED}


def test_a_call_waits_for_a_leaf_that_only_a_co_signature_passes(pipeline: Pipeline) -> None:
    network, log = pipeline.network, pipeline.network.log
    network.register([account(0), account(1)])
    log.operate(Kind.ISSUE, bytes(20), account(0), 100)
    erased = log.operate(Kind.TRANSFER, account(0), account(1), 40)
    behind = log.operate(Kind.TRANSFER, account(0), account(1), 10)
    freeze = log.record()
    log.rows[erased.index] = replace(erased, op_salt=None)
    log.publish()
    put_for(pipeline, freeze.index, rights_call(0, send=False, receive=False))
    for _ in range(4):
        pipeline.turn()
    assert (network.cursor(), pipeline.settler.blocked_at) == (erased.index, erased.index)
    assert ("setRights", "queued") in states_by_kind(pipeline)
    digest = keccak256(LOG_ID + erased.index.to_bytes(32, "big") + erased.leaf_hash)
    for approver in (network.admin, network.regulator):
        approval = encode_approve(keccak256(b"pass"), 0, digest)
        network.do(approver, network.addresses["CoSignature"], approval)
    left, right = log.window_proof(erased.index, erased.index + 1, TreeSize(log.published))
    calldata = encode_pass_leaf(LOG_ID, erased.index, erased.leaf_hash, left, right)
    network.do(network.regulator, network.addresses["TimeCredit"], calldata)
    # Passed is settled, but the transfer behind it is not.
    pipeline.submitter.step()
    assert ("setRights", "queued") in states_by_kind(pipeline)
    while network.cursor() != log.published:
        pipeline.turn()
        time.sleep(0.1)
    pipeline.finish()
    assert outcomes(pipeline) == {1: DONE, behind.index: DONE}
    assert dict(states_by_kind(pipeline))["setRights"] in ("mined", "final")
