"""The outbox on a real node: lost answers, dropped and foreign transactions, failures, kills, two senders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from chain.evm.blocks import Receipt
from chain.evm.calldata import Registration, encode_register
from chain.evm.client import BlockRef, EvmClient
from chain.evm.errors import NodeRefused, NodeUnreachable
from chain.evm.local import LocalChain
from chain.evm.transport import Call, Json
from chain.operation import OperationKind as Kind
from chain.types import Address
from gateway.db import Database
from gateway.mirror.reconcile import reconcile
from gateway.mirror.tables import mirror_operations
from gateway.outbox.calls import ChainCall, TransactionState
from gateway.outbox.queue import enqueue
from gateway.outbox.rows import load_sent
from gateway.outbox.tables import chain_signers, chain_transactions
from tests.integration.chain_kit import (
    CHAPTER,
    LOG_ID,
    QUIET,
    MemoryLog,
    Network,
    account,
    deploy,
    running_network,
)
from tests.integration.pipeline_kit import Pipeline, Threads, clock, until

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


def put(pipeline: Pipeline, *calls: ChainCall) -> None:
    with pipeline.database.writer() as connection:
        enqueue(connection, calls, chain_id=pipeline.network.chain_id, reference="test", at=clock())


def stored(pipeline: Pipeline) -> list[tuple[str, int | None, bytes | None]]:
    """State, nonce and hash of every row, in order."""
    with pipeline.database.reader() as connection:
        found = connection.execute(select(rows.state, rows.nonce, rows.tx_hash).order_by(rows.id))
        return [(row.state, row.nonce, row.tx_hash) for row in found]


def is_registered(network: Network, number: int) -> bool:
    """Whether the chain knows the account."""
    logs = network.client.logs(0, int(network.client.block_number()), [network.addresses["Membership"]])
    return sum(log.topics[1][12:] == account(number) for log in logs) == 1


def go(pipeline: Pipeline, turns: int = 1) -> None:
    """Send, make a block, look: nothing is anchored or settled."""
    for _ in range(turns):
        pipeline.submitter.step()
        pipeline.network.mine()
        pipeline.submitter.step()


class Wire(EvmClient):
    """A client whose sends may be lost on the way there or back. Real otherwise."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.lose_sends = 0
        self.lose_answers = 0

    def batch(self, calls: Sequence[Call]) -> list[Json | NodeRefused]:
        is_send = bool(calls) and calls[0][0] == "eth_sendRawTransaction"
        if is_send and self.lose_sends:
            self.lose_sends -= 1
            raise NodeUnreachable("eth_sendRawTransaction", "lost before the node")
        answers = super().batch(calls)
        if is_send and self.lose_answers:
            self.lose_answers -= 1
            raise NodeUnreachable("eth_sendRawTransaction", "lost after the node")
        return answers


def test_calls_are_mined_once_in_order_and_become_final(pipeline: Pipeline) -> None:
    put(pipeline, *[registration(i) for i in range(5)])
    pipeline.submitter.step()
    first = stored(pipeline)
    assert [state for state, _, _ in first] == ["sent"] * 5
    nonces = [nonce for _, nonce, _ in first]
    assert nonces == list(range(nonces[0] or 0, (nonces[0] or 0) + 5))
    # Sent again and again before the block: the same bytes, taken as known.
    pipeline.submitter.step()
    pipeline.network.mine()
    pipeline.submitter.step()
    assert [state for state, _, _ in stored(pipeline)] == ["mined"] * 5
    pipeline.network.mine(2)
    pipeline.submitter.step()
    assert stored(pipeline) == [("final", nonce, tx_hash) for _, nonce, tx_hash in first]
    assert all(is_registered(pipeline.network, i) for i in range(5))


@pytest.mark.parametrize("lost", ["sends", "answers"])
def test_a_lost_send_is_unknown_and_the_same_bytes_go_again(pipeline: Pipeline, lost: str) -> None:
    wire = Wire(pipeline.network.client.url)
    submitter = pipeline.new_submitter(wire)
    put(pipeline, registration(0))
    setattr(wire, f"lose_{lost}", 2)
    for _ in range(2):
        with pytest.raises(NodeUnreachable):
            submitter.step()
    ((state, nonce, tx_hash),) = stored(pipeline)
    assert state == "signed"
    # A process that starts anew goes on from the stored bytes.
    later = pipeline.new_submitter(wire)
    later.step()
    assert stored(pipeline) == [("sent", nonce, tx_hash)]
    pipeline.network.mine()
    later.step()
    assert stored(pipeline) == [("mined", nonce, tx_hash)]
    assert is_registered(pipeline.network, 0)
    wire.close()


def test_a_lost_answer_after_which_the_block_came(pipeline: Pipeline) -> None:
    wire = Wire(pipeline.network.client.url)
    put(pipeline, registration(0))
    wire.lose_answers = 1
    with pytest.raises(NodeUnreachable):
        pipeline.new_submitter(wire).step()
    pipeline.network.mine()
    later = pipeline.new_submitter(wire)
    later.step()
    assert [state for state, _, _ in stored(pipeline)] == ["mined"]
    assert pipeline.network.client.transaction_count(pipeline.network.operator.address) == 1
    wire.close()


def test_a_dropped_transaction_is_sent_again(pipeline: Pipeline) -> None:
    put(pipeline, registration(0), registration(1))
    pipeline.submitter.step()
    before = stored(pipeline)
    pipeline.network.client.call("anvil_dropTransaction", "0x" + (before[0][2] or b"").hex())
    pipeline.network.mine()
    assert pipeline.network.client.transaction_count(pipeline.network.operator.address) == 0
    pipeline.submitter.step()
    pipeline.network.mine()
    pipeline.submitter.step()
    assert stored(pipeline) == [("mined", nonce, tx_hash) for _, nonce, tx_hash in before]


def test_a_dropped_transaction_is_missed_before_it_is_overdue(pipeline: Pipeline) -> None:
    """A node that drops the key's next transaction holds up all others: it is sent again two blocks later."""
    patient = pipeline.new_submitter(pipeline.network.client, resend_after=3600.0)
    put(pipeline, registration(0), registration(1))
    patient.step()
    before = stored(pipeline)
    pipeline.network.client.call("anvil_dropTransaction", "0x" + (before[0][2] or b"").hex())
    for _ in range(2):
        pipeline.network.mine()
        assert pipeline.network.client.transaction_count(pipeline.network.operator.address) == 0
        patient.step()
    pipeline.network.mine()
    patient.step()
    assert stored(pipeline) == [("mined", nonce, tx_hash) for _, nonce, tx_hash in before]


def test_a_revert_fails_with_its_reason(pipeline: Pipeline) -> None:
    put(pipeline, registration(0), registration(0), registration(1))
    go(pipeline)
    states = pipeline.states()
    assert [state for _, state, _ in states] == ["mined", "failed", "mined"]
    # Repeated on the state before its block, the second would have succeeded: the reason is not certain.
    assert states[1][2] == "reverted in its block, though not by itself"
    put(pipeline, registration(0))
    go(pipeline)
    assert pipeline.states()[3][2] == f"AlreadyRegistered(account=0x{account(0).hex()})"


def test_a_call_no_node_takes_fails_and_its_nonce_is_filled(pipeline: Pipeline) -> None:
    put(pipeline, replace(registration(0), gas=2_000_000_000), registration(1))
    go(pipeline, 2)
    states = pipeline.states()
    assert [state for _, state, _ in states] == ["failed", "mined"]
    assert (states[0][2] or "").startswith("refused by the node: ")
    assert is_registered(pipeline.network, 1)
    assert not is_registered(pipeline.network, 0)


def test_a_foreign_use_of_the_key_replaces_and_queues_again(pipeline: Pipeline) -> None:
    network = pipeline.network
    put(pipeline, registration(0))
    pipeline.submitter.step()
    ((_, nonce, tx_hash),) = stored(pipeline)
    network.client.call("anvil_dropTransaction", "0x" + (tx_hash or b"").hex())
    network.send(network.operator, account(9), b"")
    for _ in range(8):
        network.mine()
        pipeline.submitter.step()
    states = stored(pipeline)
    assert [state for state, _, _ in states] == ["replaced", "final"]
    assert (states[0][1], states[1][1]) == (nonce, (nonce or 0) + 1)
    assert is_registered(network, 0)


def test_nonces_taken_outside_are_not_used_again(pipeline: Pipeline) -> None:
    network = pipeline.network
    put(pipeline, registration(0))
    go(pipeline)
    for _ in range(3):
        network.do(network.operator, account(9), b"")
    pipeline.submitter.step()
    put(pipeline, registration(1))
    go(pipeline)
    assert [(state, nonce) for state, nonce, _ in stored(pipeline)] == [("final", 0), ("mined", 4)]


def test_a_lower_count_never_lowers_the_next_nonce(pipeline: Pipeline) -> None:
    put(pipeline, registration(0))
    go(pipeline)
    with pipeline.database.writer() as connection:
        connection.execute(update(chain_signers).values(next_nonce=7))
    pipeline.submitter._reconcile("operator")
    with pipeline.database.reader() as connection:
        kept = connection.execute(
            select(chain_signers.c.next_nonce).where(chain_signers.c.signer == "operator")
        ).scalar_one()
    assert kept == 7


def test_a_gap_below_our_nonces_is_filled(pipeline: Pipeline) -> None:
    network = pipeline.network
    foreign = [network.send(network.operator, account(9), b"") for _ in range(2)]
    network.mine()
    put(pipeline, registration(0))
    pipeline.submitter.step()
    # The chain loses what was sent past the outbox, and nobody sends it again.
    network.client.call("anvil_reorg", 1, [])
    for tx_hash in foreign:
        network.client.call("anvil_dropTransaction", "0x" + tx_hash.hex())
    assert network.client.transaction_count(network.operator.address) == 0
    for _ in range(8):
        network.mine()
        pipeline.submitter.step()
    states = [(kind, state) for kind, state, _ in pipeline.states()]
    assert states == [("register", "final"), ("fill", "final"), ("fill", "final")]
    assert is_registered(network, 0)


def test_rule_17_two_senders_on_one_database_send_each_call_once(pipeline: Pipeline) -> None:
    network = pipeline.network
    put(pipeline, *[registration(i) for i in range(60)])
    others = [pipeline.new_submitter(network.client) for _ in range(2)]

    def all_mined() -> bool:
        network.mine()
        return {state for state, _, _ in stored(pipeline)} <= {"mined", "final"}

    with Threads(*[loop for other in others for loop in (other.run, other.watch)]):
        until(all_mined)
    found = stored(pipeline)
    assert sorted(nonce or 0 for _, nonce, _ in found) == list(range(60))
    assert network.client.transaction_count(network.operator.address) == 60
    assert is_registered(network, 59)


def test_the_chain_forgets_blocks_it_had_called_final(tmp_path: Path, database: Database) -> None:
    folder = tmp_path / "chain"
    with LocalChain(folder, block_time=QUIET) as chain:
        network = deploy(EvmClient(chain.url), MemoryLog())
        network.set_quota()
        network.register([account(0)])
        network.client.close()
    with LocalChain(folder, block_time=QUIET) as chain:
        network.client = EvmClient(chain.url)
        pipeline = Pipeline(network, database)
        head = int(network.client.block_number())
        network.log.operate(Kind.ISSUE, bytes(20), account(0), 10)
        network.log.publish()
        pipeline.finish()
        network.mine(5)
        pipeline.submitter.step()
        pipeline.mirror()
        assert {state for _, state, _ in pipeline.states()} == {"final"}
        lost = int(network.client.block_number()) - head
        # As after a kill: the node is back at an earlier block, with an empty pool.
        network.client.call("anvil_rollback", lost)
        assert network.cursor() == 0
        later = Pipeline(network, database)
        for _ in range(lost + 4):
            network.mine()
            later.submitter.step()
        later.submitter.step()
        later.finish()
        assert {state for _, state, _ in later.states()} == {"final"}
        assert (network.cursor(), network.balance_of(account(0))) == (network.log.published, 10)
        assert later.follower.rewinds == 1
        network.client.close()


def test_everything_at_once_in_threads(tmp_path: Path, database: Database) -> None:
    """Two gateways' machinery, one database, a chain that makes its own blocks and reorganises."""
    with LocalChain(tmp_path / "chain", block_time=0.2) as chain:
        client = EvmClient(chain.url)
        network = deploy(client, MemoryLog())
        network.set_quota()
        network.register([account(i) for i in range(10)])
        # Below what is reorganised: nobody would send the set-up again.
        network.mine(6)
        pipelines = [Pipeline(network, database, resend_after=0.5) for _ in range(2)]
        loops = [
            loop
            for it in pipelines
            for loop in (
                it.submitter.run,
                it.submitter.watch,
                it.settler.run,
                it.anchorer.run,
                it.follower.run,
            )
        ]
        log = network.log

        def is_done() -> bool:
            with database.reader() as connection:
                mirrored = connection.execute(select(func.count()).select_from(mirror_operations))
                ends = {state for _, state, _ in pipelines[0].states()} <= {"final", "failed"}
                return ends and mirrored.scalar_one() == 900

        with Threads(*loops, pipelines[0].evidence.run):
            for turn in range(6):
                for i in range(150):
                    log.operate(Kind.ISSUE, bytes(20), account(i % 10), 1)
                    log.record()
                log.publish()
                wanted = 1 + 300 * max(0, turn - 1)
                until(lambda wanted=wanted: network.cursor() > wanted)
                if turn % 2:
                    client.call("anvil_reorg", 3, [])
            until(is_done, seconds=60)
        assert [network.balance_of(account(i)) for i in range(10)] == [90] * 10
        result = reconcile(
            database, client, chain_id=network.chain_id, credit=network.addresses["TimeCredit"]
        )
        assert (result.mismatches, result.supply) == ((), 900)
        client.close()


class Counting(EvmClient):
    """A client whose node counts more transactions of every account than there are."""

    more = 3

    def transaction_count(self, address: Address, block: BlockRef = "latest") -> int:
        return super().transaction_count(address, block) + self.more

    def transaction_counts(self, addresses: Sequence[Address]) -> list[int]:
        return [count + self.more for count in super().transaction_counts(addresses)]


def test_a_nonce_that_the_state_does_not_prove_is_not_skipped_to(pipeline: Pipeline) -> None:
    client = Counting(pipeline.network.client.url)
    operator = pipeline.network.operator.address
    before = pipeline.network.client.transaction_count(operator)
    submitter = pipeline.new_submitter(client, {"operator": pipeline.network.operator})
    put(pipeline, registration(0))
    submitter.step()
    pipeline.network.mine()
    submitter.step()
    client.close()
    ((_, nonce, _),) = stored(pipeline)
    assert nonce == before
    with pipeline.database.reader() as connection:
        assert connection.execute(select(chain_signers.c.next_nonce)).scalar_one() == before + 1


class Silent(EvmClient):
    """A client whose node gives no receipts, though it knows the transactions."""

    def receipts(self, tx_hashes: Sequence[bytes]) -> list[Receipt | None]:
        return [None for _ in tx_hashes]


def test_a_node_without_receipts_has_no_foreign_transactions(pipeline: Pipeline) -> None:
    client = Silent(pipeline.network.client.url)
    submitter = pipeline.new_submitter(client)
    put(pipeline, registration(0))
    submitter.step()
    ((_, nonce, tx_hash),) = stored(pipeline)
    for _ in range(8):
        pipeline.network.mine()
        submitter.step()
    client.close()
    assert stored(pipeline) == [("sent", nonce, tx_hash)]
    go(pipeline)
    assert stored(pipeline) == [("final", nonce, tx_hash)]


def test_a_row_that_moved_since_it_was_read_is_not_queued_again(pipeline: Pipeline) -> None:
    put(pipeline, registration(0))
    pipeline.submitter.step()
    with pipeline.database.reader() as connection:
        (row,) = load_sent(connection, rows.chain_id == pipeline.network.chain_id, 1)
    watcher = pipeline.submitter._watcher
    # As read by one thread before another noted that the node has it.
    watcher._replace([replace(row, state=TransactionState.SIGNED)])
    assert [state for state, _, _ in stored(pipeline)] == ["sent"]
    for _ in range(2):
        watcher._replace([row])
    assert [state for state, _, _ in stored(pipeline)] == ["replaced", "queued"]
