"""The mirror on a real node: what it stores, that a rebuild is equal, and that it steps back exactly."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from chain.errors import FatalChainError
from chain.evm.calldata import encode_recover, encode_set_rights
from chain.operation import OperationKind as Kind
from gateway.db import Database, migrate, sqlite_url
from gateway.mirror.compare import compare_mirrors
from gateway.mirror.follower import MirrorSettings, Progress
from gateway.mirror.own_tables import mirror_halts
from gateway.mirror.rebuild import NotEmpty, rebuild_mirror
from gateway.mirror.reconcile import reconcile
from gateway.mirror.source import Receipts
from gateway.mirror.tables import (
    mirror_accounts,
    mirror_anchors,
    mirror_locks,
    mirror_operations,
    mirror_quotas,
    mirror_settlements,
)
from tests.integration.chain_kit import CHAPTER, LOG_ID, Network, account, running_network
from tests.integration.pipeline_kit import Pipeline


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with running_network(tmp_path / "chain") as running:
        running.set_quota()
        running.register([account(i) for i in range(8)])
        yield running


@pytest.fixture
def pipeline(network: Network, database: Database) -> Pipeline:
    return Pipeline(network, database)


def rebuilt(pipeline: Pipeline, folder: Path, name: str = "rebuilt") -> Database:
    """A mirror built afresh, up to the block the pipeline's mirror stands at."""
    fresh = Database(sqlite_url(folder / f"{name}.sqlite3"))
    migrate(fresh)
    network = pipeline.network
    rebuild_mirror(
        fresh,
        network.client,
        network.contracts,
        chain_id=network.chain_id,
        genesis_hash=network.genesis_hash,
        settings=MirrorSettings(rewind_limit=2),
        last=int(network.client.block_number()),
    )
    return fresh


def work(network: Network) -> None:
    """Every kind of operation, some refused, and the registers' other events."""
    log = network.log
    for i in range(4):
        log.operate(Kind.ISSUE, bytes(20), account(i), 10_000)
        log.record()
    for i in range(4):
        log.operate(Kind.TRANSFER, account(i), account(i + 1), 1_000 + i)
    log.operate(Kind.TRANSFER, account(7), account(0), 1)
    log.operate(Kind.BURN, account(0), bytes(20), 500)
    lock = log.operate(Kind.LOCK, account(1), account(1), 3_000)
    log.operate(Kind.RELEASE, account(1), account(1), 1_000, ref=lock.leaf_hash)
    log.operate(Kind.CANCEL, account(1), bytes(20), 1_000, ref=lock.leaf_hash)
    log.operate(Kind.TRANSFER, account(2), account(3), 1, valid_until=1)
    log.publish()


def test_rows_say_what_the_chain_did(pipeline: Pipeline) -> None:
    network = pipeline.network
    work(network)
    pipeline.finish()
    with pipeline.database.reader() as connection:
        operations = connection.execute(
            select(mirror_operations).order_by(mirror_operations.c.leaf_index)
        ).all()
        lock = connection.execute(select(mirror_locks)).one()
        quota = connection.execute(select(mirror_quotas)).one()
        anchor = connection.execute(select(mirror_anchors)).one()
        window = connection.execute(select(mirror_settlements)).one()
    by_index = {row.leaf_index: row for row in operations}
    assert len(operations) == len([row for row in network.log.rows if row.kind])
    for row in network.log.rows:
        if not row.kind:
            continue
        seen = by_index[row.index]
        assert (seen.kind, seen.from_address, seen.to_address) == (row.kind, row.sender, row.receiver)
        assert (seen.amount, seen.valid_until, seen.ref) == (row.amount, row.valid_until, row.ref)
        assert (seen.op_salt, seen.leaf_hash, seen.log_id) == (row.op_salt, row.leaf_hash, LOG_ID)
    refused = {row.leaf_index: row.reason for row in operations if row.reason}
    kinds = {row.index: row.kind for row in network.log.rows}
    # account 7 has nothing (7), the cancel has no co-signature (13), the last one is past its time (2)
    assert sorted((kinds[index], reason) for index, reason in refused.items()) == [(2, 2), (2, 7), (7, 13)]
    assert all(row.moved == (0 if row.reason else row.amount) for row in operations)
    assert (lock.address, lock.amount, lock.ended) == (account(1), 3_000, 1_000)
    assert (quota.chapter, quota.used) == (CHAPTER, 40_000)
    assert (anchor.size, anchor.previous_size, anchor.root) == (
        network.log.published,
        1,
        network.log.root(network.log.published),
    )
    assert (window.start, window.end, window.anchored_size) == (0, network.log.published, anchor.size)


def test_rule_34_agrees_with_the_contract_and_with_a_rebuild(pipeline: Pipeline, tmp_path: Path) -> None:
    network = pipeline.network
    work(network)
    pipeline.finish()
    network.do(
        network.freezer,
        network.addresses["Membership"],
        encode_set_rights(account(2), False, True, sha256(b"order").digest()),
    )
    network.do(
        network.recoverer,
        network.addresses["Membership"],
        encode_recover(account(1), account(100), sha256(b"order 2").digest()),
    )
    network.log.operate(Kind.RECOVER, account(1), account(100), 0)
    network.log.publish()
    pipeline.finish()
    result = reconcile(
        pipeline.database, network.client, chain_id=network.chain_id, credit=network.addresses["TimeCredit"]
    )
    assert result.mismatches == ()
    assert (result.accounts, result.logs, result.supply) == (9, 1, 40_000 - 500)
    with pipeline.database.reader() as connection:
        rows = {row.address: row for row in connection.execute(select(mirror_accounts))}
    assert (rows[account(100)].locked, rows[account(1)].locked, rows[account(1)].balance) == (2_000, 0, 0)
    assert rows[account(1)].recovered_to == account(100)
    assert (rows[account(1)].may_send, rows[account(1)].may_receive) == (False, False)
    assert (rows[account(2)].may_send, rows[account(2)].may_receive) == (False, True)
    fresh = rebuilt(pipeline, tmp_path)
    comparison = compare_mirrors(pipeline.database, fresh, network.chain_id)
    assert comparison.difference is None
    assert comparison.rows["mirror_operations"] == len([row for row in network.log.rows if row.kind])


def test_a_changed_row_is_named(pipeline: Pipeline, tmp_path: Path) -> None:
    work(pipeline.network)
    pipeline.finish()
    fresh = rebuilt(pipeline, tmp_path)
    with pipeline.database.writer() as connection:
        connection.execute(
            update(mirror_accounts).where(mirror_accounts.c.address == account(3)).values(balance=1)
        )
    difference = compare_mirrors(pipeline.database, fresh, pipeline.network.chain_id).difference
    assert difference is not None
    assert (difference.table.name, difference.key) == (
        "mirror_accounts",
        (pipeline.network.chain_id, account(3)),
    )
    result = reconcile(
        pipeline.database,
        pipeline.network.client,
        chain_id=pipeline.network.chain_id,
        credit=pipeline.network.addresses["TimeCredit"],
    )
    true = pipeline.network.balance_of(account(3))
    assert [(m.what, m.subject, m.mirrored, m.on_chain) for m in result.mismatches] == [
        ("balance", account(3).hex(), 1, true),
        ("supply", pipeline.network.addresses["TimeCredit"].hex(), 39_500 - true + 1, 39_500),
    ]


def test_rebuild_refuses_a_database_in_use(pipeline: Pipeline) -> None:
    pipeline.mirror()
    network = pipeline.network
    with pytest.raises(NotEmpty) as caught:
        rebuild_mirror(
            pipeline.database,
            network.client,
            network.contracts,
            chain_id=network.chain_id,
            genesis_hash=network.genesis_hash,
            settings=MirrorSettings(rewind_limit=2),
            last=3,
        )
    assert (caught.value.chain_id, caught.value.block) == (
        network.chain_id,
        network.client.block_number(),
    )


@pytest.mark.parametrize("depth", [1, 2, 7, 64])
def test_a_reorganisation_is_followed_exactly(
    network: Network, database: Database, tmp_path: Path, depth: int
) -> None:
    pipeline = Pipeline(network, database)
    network.mine(64)
    work(network)
    pipeline.settle()
    pipeline.mirror()
    network.client.call("anvil_reorg", depth, [])
    progress = pipeline.mirror()
    assert progress[0] is Progress.REWOUND
    assert pipeline.follower.rewinds == 1
    # The outbox sends its stored bytes again, and the chain catches up.
    pipeline.finish()
    assert {state for _, state, _ in pipeline.states()} == {"final"}
    comparison = compare_mirrors(database, rebuilt(pipeline, tmp_path), network.chain_id)
    assert comparison.difference is None
    with database.reader() as connection:
        total = connection.execute(select(func.sum(mirror_accounts.c.balance))).scalar_one()
    assert total == 39_500


def test_a_reorganisation_below_the_limit_stops_with_evidence(network: Network, database: Database) -> None:
    pipeline = Pipeline(network, database)
    work(network)
    pipeline.finish()
    follower = pipeline.new_follower(database, rewind_limit=2)
    with database.reader() as connection:
        before = connection.execute(select(mirror_operations)).all()
    head = int(network.client.block_number())
    stored = {number: network.client.header(number).hash for number in range(head - 7, head + 1)}
    network.client.call("anvil_reorg", 7, [])
    changed = min(number for number, old in stored.items() if network.client.header(number).hash != old)
    assert head - changed >= 2, "the reorganisation is not deep enough to show anything"
    with pytest.raises(FatalChainError):
        pipeline.mirror(follower)
    seen = network.client.header(changed)
    with database.reader() as connection:
        halt = connection.execute(select(mirror_halts)).one()
        assert connection.execute(select(mirror_operations)).all() == before
    assert (halt.number, halt.seen_hash, halt.seen_header) == (changed, seen.hash, seen.raw)
    assert halt.stored_hash == stored[changed]
    assert halt.reason == f"reorganisation of {head - changed + 1} blocks, at most 2 may change"
    with pytest.raises(FatalChainError):
        pipeline.mirror(follower)


def test_a_lower_head_changes_nothing(network: Network, database: Database, tmp_path: Path) -> None:
    pipeline = Pipeline(network, database)
    work(network)
    pipeline.finish()
    snapshot = rebuilt(pipeline, tmp_path)
    network.client.call("anvil_rollback", 2)
    assert pipeline.follower.step() is Progress.BEHIND
    assert compare_mirrors(database, snapshot, network.chain_id).difference is None


@pytest.mark.parametrize("receipts", list(Receipts))
def test_every_way_of_reading_gives_the_same_rows(
    network: Network, database: Database, tmp_path: Path, receipts: Receipts
) -> None:
    pipeline = Pipeline(network, database, receipts=receipts)
    work(network)
    pipeline.finish()
    fresh = rebuilt(pipeline, tmp_path)
    assert compare_mirrors(database, fresh, network.chain_id).difference is None
