"""Anchors on a real node, and evidence that the chain's own verifier accepts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import Row, select

from chain.errors import FatalChainError
from chain.evidence.headers import parse_header
from chain.evidence.rlp import parse_rlp_list
from chain.evidence.tries import verify_account_proof, verify_receipt_proof
from chain.evm.errors import NodeRefused
from chain.hashing import keccak256
from chain.types import Address
from gateway.anchor import evidence as evidence_module
from gateway.anchor.anchorer import Anchorer, AnchorSettings
from gateway.anchor.evidence import EvidenceKeeper
from gateway.anchor.tables import anchor_evidence, anchor_headers
from gateway.db import Database
from tests.integration.chain_kit import LOG_ID, Network, running_network
from tests.integration.pipeline_kit import Pipeline, Threads, clock, until


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with running_network(tmp_path / "chain") as running:
        yield running


@pytest.fixture
def pipeline(network: Network, database: Database) -> Pipeline:
    return Pipeline(network, database)


def grow(network: Network, leaves: int = 5) -> int:
    for _ in range(leaves):
        network.log.record()
    return network.log.publish()


def evidence(pipeline: Pipeline) -> list[Row[tuple[object, ...]]]:
    with pipeline.database.reader() as connection:
        return list(connection.execute(select(anchor_evidence).order_by(anchor_evidence.c.size)))


def check(pipeline: Pipeline, row: Row[tuple[object, ...]]) -> None:
    """Verify a stored row as a bundle's reader would, against the chain's own hashes."""
    network = pipeline.network
    header = parse_header(row.header)
    assert keccak256(row.header) == row.block_hash == network.client.header(row.block_number).hash
    receipt = verify_receipt_proof(
        header.receipts_root, row.tx_index, [bytes(node) for node in parse_rlp_list(row.receipt_proof)]
    )
    assert receipt == row.receipt
    log = parse_rlp_list(receipt if receipt[0] >= 0xC0 else receipt[1:])[3][row.log_index]
    assert log[0] == network.addresses["LogAnchor"]
    assert (log[1][1], int.from_bytes(log[1][2], "big")) == (LOG_ID, row.size)
    assert log[2][:32] == row.root == network.log.root(row.size)
    account = verify_account_proof(
        header.state_root, Address(row.contract), [bytes(node) for node in parse_rlp_list(row.account_proof)]
    )
    assert account.code_hash == row.code_hash == keccak256(network.client.code(Address(row.contract)))
    with pipeline.database.reader() as connection:
        kept = anchor_headers.c
        run = connection.execute(
            select(kept.hash, kept.parent_hash, kept.header)
            .where(kept.number >= row.block_number, kept.number <= row.block_number + pipeline.depth)
            .order_by(kept.number)
        ).all()
    assert len(run) == pipeline.depth + 1
    assert [keccak256(item.header) for item in run] == [item.hash for item in run]
    assert [item.parent_hash for item in run[1:]] == [item.hash for item in run[:-1]]


def test_each_anchor_follows_the_one_before(pipeline: Pipeline, network: Network) -> None:
    sizes = []
    for _ in range(3):
        sizes.append(grow(network))
        assert pipeline.anchorer.step() == sizes[-1]
        # One at a time: the next waits until this one is mined.
        grow(network)
        sizes[-1] = network.log.published if pipeline.anchorer.step() else sizes[-1]
        pipeline.submitter.step()
        network.mine()
        pipeline.submitter.step()
    network.mine(pipeline.depth)
    pipeline.submitter.step()
    pipeline.evidence.step()
    rows = evidence(pipeline)
    assert [row.size for row in rows] == sizes
    assert all(row.complete for row in rows)
    for row in rows:
        check(pipeline, row)
    assert pipeline.evidence.step() == 0


def test_evidence_is_complete_only_at_depth(pipeline: Pipeline, network: Network) -> None:
    grow(network)
    pipeline.turn()
    assert pipeline.evidence.step() == 0
    (row,) = evidence(pipeline)
    assert not row.complete
    network.mine(pipeline.depth)
    assert pipeline.evidence.step() == 1
    (row,) = evidence(pipeline)
    assert row.complete
    check(pipeline, row)


def test_two_keepers_of_one_database_do_not_collide(pipeline: Pipeline, network: Network) -> None:
    first, second = pipeline.evidence, replace_keeper(pipeline)
    grow(network)
    pipeline.turn()
    network.mine(pipeline.depth)
    (missing,) = first._missing()
    values, header = first._read_evidence(*missing)
    with Threads() as threads:
        with pipeline.database.writer() as connection:
            first._store_evidence(connection, values, header)
            # The second one writes the same row while the first has not committed.
            threads.add(lambda _: second._capture(*missing))
            time.sleep(0.3)
        until(lambda: len(evidence(pipeline)) == 1)
    assert second.step() == 1
    assert first.step() == 0
    first._capture(*missing)
    (row,) = evidence(pipeline)
    assert row.complete
    check(pipeline, row)


def replace_keeper(pipeline: Pipeline) -> EvidenceKeeper:
    """Another process's keeper of the same anchors."""
    network = pipeline.network
    return EvidenceKeeper(
        pipeline.database,
        network.client,
        chain_id=network.chain_id,
        log_id=LOG_ID,
        contract=network.addresses["LogAnchor"],
        depth=pipeline.depth,
    )


def test_anchors_keep_their_interval(pipeline: Pipeline, network: Network) -> None:
    now = 100.0
    anchorer = Anchorer(
        pipeline.database,
        network.client,
        network.log,
        network.log,
        network.anchor_keys,
        place=network.place("LogAnchor"),
        log_id=LOG_ID,
        clock=clock,
        settings=AnchorSettings(threshold=2, interval=60.0),
        monotonic=lambda: now,
    )

    def mined() -> None:
        pipeline.submitter.step()
        network.mine()
        pipeline.submitter.step()

    first = grow(network)
    assert anchorer.step() == first
    mined()
    later = grow(network)
    now += 59.0
    assert anchorer.step() is None
    # Without an interval the same anchor would be posted at once.
    now += 1.0
    assert anchorer.step() == later


def test_a_reorganisation_replaces_the_evidence(pipeline: Pipeline, network: Network) -> None:
    grow(network)
    pipeline.turn()
    pipeline.evidence.step()
    (before,) = evidence(pipeline)
    network.client.call("anvil_reorg", 3, [])
    network.mine()
    for _ in range(6):
        pipeline.submitter.step()
        network.mine()
    pipeline.submitter.step()
    pipeline.evidence.step()
    pipeline.evidence.step()
    (after,) = evidence(pipeline)
    assert after.size == before.size
    assert after.block_hash != before.block_hash
    assert after.complete
    check(pipeline, after)


def test_evidence_of_a_block_that_is_gone_goes_too(
    pipeline: Pipeline, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a node that lost blocks and, mined anew, does not prove their state any more."""

    def forgotten(*_: object) -> NoReturn:
        raise NodeRefused("eth_getProof", -32000, "state histories haven't been fully indexed yet")

    grow(network)
    pipeline.turn()
    pipeline.evidence.step()
    assert len(evidence(pipeline)) == 1
    network.client.call("anvil_reorg", 3, [])
    network.mine(pipeline.depth + 3)
    monkeypatch.setattr(evidence_module, "fetch_proven_state", forgotten)
    # As long as the outbox has not seen it, the transaction is said to be in that block.
    pipeline.evidence.step()
    assert len(evidence(pipeline)) == 1
    for _ in range(6):
        pipeline.submitter.step()
        network.mine()
    pipeline.submitter.step()
    pipeline.evidence.step()
    assert evidence(pipeline) == []
    # The next anchor proves these leaves as well.
    monkeypatch.undo()
    grow(network)
    pipeline.turn()
    network.mine(pipeline.depth)
    pipeline.submitter.step()
    pipeline.evidence.step()
    (row,) = evidence(pipeline)
    assert row.complete and row.size == network.log.published
    check(pipeline, row)


def test_an_anchor_that_fails_is_posted_again(pipeline: Pipeline, network: Network) -> None:
    grow(network)
    # Signed by one key twice: the contract refuses it.
    bad = Anchorer(
        pipeline.database,
        network.client,
        network.log,
        network.log,
        [network.anchor_keys[0], network.operator],
        place=network.place("LogAnchor"),
        log_id=LOG_ID,
        clock=clock,
        settings=AnchorSettings(threshold=2),
    )
    bad.step()
    pipeline.submitter.step()
    network.mine()
    pipeline.submitter.step()
    ((kind, state, error),) = pipeline.states()
    assert (kind, state) == ("anchor", "failed")
    assert (error or "").startswith("InvalidSignature(")
    pipeline.finish()
    assert network.cursor() == network.log.published


def test_a_chain_with_a_larger_tree_stops_the_anchorer(pipeline: Pipeline, network: Network) -> None:
    grow(network, 9)
    pipeline.turn()
    del network.log.rows[5:]
    network.log.publish()
    with pipeline.database.writer() as connection:
        connection.exec_driver_sql("DELETE FROM chain_transactions")
    with pytest.raises(
        FatalChainError, match="the chain holds a tree of 10 leaves, this log has published 5"
    ):
        pipeline.anchorer.step()


def test_too_few_keys_are_refused_at_once(pipeline: Pipeline, network: Network) -> None:
    with pytest.raises(FatalChainError, match="1 anchor keys are at hand, 2 must sign"):
        Anchorer(
            pipeline.database,
            network.client,
            network.log,
            network.log,
            network.anchor_keys[:1],
            place=network.place("LogAnchor"),
            log_id=LOG_ID,
            clock=clock,
            settings=AnchorSettings(threshold=2),
        )
