"""Seats, split tables and gates on a real node: calls, events, mirrored rows, reads, rebuild and rewind."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select

from chain.evm.calldata import encode_approve, encode_recover
from chain.evm.roles import REFERRAL_POLICY, SEAT_POLICY
from chain.evm.rule_calls import (
    encode_activate_raise,
    encode_announce_raise,
    encode_grant_seat,
    encode_lower_gate,
    encode_publish_table,
    encode_release_seat,
    encode_renew_seat,
    encode_withdraw_raise,
)
from chain.hashing import keccak256
from chain.rule_kinds import (
    Gate,
    RuleLine,
    SeatAction,
    TableKind,
    encode_code,
    raise_digest,
    seat_digest,
)
from chain.types import Address, Digest
from gateway.db import Database
from gateway.mirror.compare import compare_mirrors
from gateway.mirror.follower import Progress
from gateway.mirror.rule_reads import HeldSeat, RuleTable, load_gates, load_seat, load_table
from gateway.mirror.rule_tables import mirror_referral, mirror_rule_tables, mirror_seats
from gateway.mirror.tables import mirror_logs
from tests.integration.chain_kit import CHAPTER, Network, account, running_network
from tests.integration.pipeline_kit import Pipeline
from tests.integration.test_mirror_follow import rebuilt

BAKERY, TABLE, FUND, SHOP = map(encode_code, ("bakery", "purchase.cross_store", "chapter_fund", "shop"))
CERTIFICATE, ORDER, OPINION, TABLE_HASH = (
    Digest(sha256(text).digest()) for text in (b"certificate", b"order", b"opinion", b"table")
)
REASON = encode_code("score")
DAY = 86_400
LINES = (RuleLine(FUND, 1, 1_000), RuleLine(SHOP, 1, 9_000), RuleLine(SHOP, 2, 18_000))


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with running_network(tmp_path / "chain") as running:
        running.register([account(i) for i in range(3)], kind=2)
        yield running


@pytest.fixture
def pipeline(network: Network, database: Database) -> Pipeline:
    return Pipeline(network, database)


def now(network: Network) -> int:
    return int(network.client.header("latest").timestamp)


def view(network: Network, name: str, signature: str, *words: bytes) -> bytes:
    return network.client.view(
        network.addresses[name], keccak256(signature.encode())[:4] + b"".join(word for word in words)
    )


def number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def approve(network: Network, policy: Digest, chapter: int, digest: Digest) -> None:
    for officer in (network.admin, network.regulator):
        network.do(officer, network.addresses["CoSignature"], encode_approve(policy, chapter, digest))


def approve_seat(network: Network, action: SeatAction, merchant: bytes, until: int, term: int) -> None:
    registry = Address(network.addresses["SeatRegistry"])
    operands = (CHAPTER, BAKERY, Address(merchant), CERTIFICATE, until)
    digest = seat_digest(registry, action, *operands, term)
    words = (number(action), number(CHAPTER), BAKERY, bytes(12) + merchant, CERTIFICATE, number(until))
    signature = "approvalDigest(uint8,uint32,bytes32,address,bytes32,uint64)"
    assert view(network, "SeatRegistry", signature, *words) == digest, "the contract's own digest"
    approve(network, SEAT_POLICY, CHAPTER, digest)


def grant(network: Network, merchant: bytes, until: int, term: int) -> None:
    approve_seat(network, SeatAction.GRANT, merchant, until, term)
    calldata = encode_grant_seat(CHAPTER, BAKERY, Address(merchant), CERTIFICATE, until)
    network.do(network.operator, network.addresses["SeatRegistry"], calldata)


def publish(network: Network, chapter: int, effective_from: int) -> None:
    calldata = encode_publish_table(
        TABLE, chapter, TableKind.PURCHASE, effective_from, LINES, SHOP, TABLE_HASH
    )
    network.do(network.admin, network.addresses["RuleBook"], calldata)


def announce(network: Network, gate: Gate, value: int, changes: int) -> None:
    book = Address(network.addresses["RuleBook"])
    digest = raise_digest(book, gate, value, OPINION, changes)
    words = (number(gate), number(value), OPINION)
    assert view(network, "RuleBook", "raiseDigest(uint8,uint8,bytes32)", *words) == digest
    approve(network, REFERRAL_POLICY, 0, digest)
    network.do(network.admin, network.addresses["RuleBook"], encode_announce_raise(gate, value, OPINION))


def wait(network: Network, seconds: int) -> None:
    network.client.call("evm_increaseTime", seconds)
    network.mine()


def seat_rows(database: Database) -> list[tuple[object, ...]]:
    rows = mirror_seats.c
    query = select(rows.event, rows.merchant, rows.until, rows.term, rows.reason_code, rows.order_hash)
    with database.reader() as connection:
        found = connection.execute(query.order_by(rows.block_number, rows.log_index))
        return [tuple(row) for row in found]


def assert_rebuilds(pipeline: Pipeline, folder: Path) -> dict[str, int]:
    fresh = rebuilt(pipeline, folder)
    comparison = compare_mirrors(pipeline.database, fresh, pipeline.network.chain_id)
    assert comparison.difference is None
    return comparison.rows


def test_seats_are_mirrored_and_read_as_the_contract_says(pipeline: Pipeline, tmp_path: Path) -> None:
    network, database = pipeline.network, pipeline.database
    registry = network.addresses["SeatRegistry"]
    first = now(network) + 30 * DAY
    grant(network, account(0), first, 0)
    approve_seat(network, SeatAction.RENEW, account(0), first + DAY, 1)
    renewal = encode_renew_seat(CHAPTER, BAKERY, CERTIFICATE, first + DAY)
    network.do(network.operator, registry, renewal)
    membership = network.addresses["Membership"]
    network.do(network.recoverer, membership, encode_recover(account(0), account(50), ORDER))
    pipeline.mirror()
    with database.reader() as connection:
        held = load_seat(connection, network.chain_id, CHAPTER, BAKERY, first + DAY - 1)
        assert held == HeldSeat(account(50), CERTIFICATE, first + DAY), "follows the recovery"
        assert load_seat(connection, network.chain_id, CHAPTER, BAKERY, first + DAY) is None
        assert load_seat(connection, network.chain_id, CHAPTER + 1, BAKERY, first) is None
    holder = view(network, "SeatRegistry", "holderOf(uint32,bytes32)", number(CHAPTER), BAKERY)
    assert holder == bytes(12) + account(50)
    network.do(network.operator, registry, encode_release_seat(CHAPTER, BAKERY, REASON, ORDER))
    grant(network, account(1), now(network) + 2 * DAY, 2)
    second = now(network) + 2 * DAY
    wait(network, 3 * DAY)
    grant(network, account(2), now(network) + DAY, 3)
    pipeline.mirror()
    rows = seat_rows(database)
    assert [row[0] for row in rows] == ["granted", "renewed", "released", "granted", "lapsed", "granted"]
    assert rows[0] == ("granted", account(0), first, 1, b"", b"")
    assert rows[1] == ("renewed", account(0), first + DAY, 2, b"", b"")
    assert rows[2] == ("released", account(50), 0, 0, REASON, ORDER)
    assert rows[3][1:4] == (account(1), rows[4][2], 3)
    assert isinstance(rows[4][2], int)
    assert second - 10 * DAY < rows[4][2] <= second
    assert (rows[5][1], rows[5][3]) == (account(2), 4)
    with database.reader() as connection:
        held = load_seat(connection, network.chain_id, CHAPTER, BAKERY, now(network))
    assert held is not None
    assert held.merchant == account(2)
    assert assert_rebuilds(pipeline, tmp_path)["mirror_seats"] == 6


def test_tables_are_mirrored_and_read_at_their_time(pipeline: Pipeline, tmp_path: Path) -> None:
    network, database = pipeline.network, pipeline.database
    start = now(network) + DAY
    publish(network, 0, start)
    publish(network, 0, start + 10)
    publish(network, CHAPTER, start + 5)
    pipeline.mirror()
    wanted = {start - 1: None, start: (0, 1), start + 4: (0, 1), start + 5: (CHAPTER, 1)}
    with database.reader() as connection:
        for time, want in wanted.items():
            found = load_table(connection, network.chain_id, TABLE, CHAPTER, time)
            assert (found and (found.scope, found.version)) == want
        other = load_table(connection, network.chain_id, TABLE, CHAPTER + 1, start + 10)
    assert other == RuleTable(0, 2, TableKind.PURCHASE, start + 10, SHOP, TABLE_HASH, LINES)
    words = (TABLE, number(CHAPTER), number(start + 10))
    answer = view(network, "RuleBook", "tableAt(bytes32,uint32,uint64)", *words)
    assert (answer[:32], answer[32:64]) == (number(CHAPTER), number(1))
    assert assert_rebuilds(pipeline, tmp_path)["mirror_rule_tables"] == 3


def test_gates_are_mirrored_with_their_announcements(pipeline: Pipeline, tmp_path: Path) -> None:
    network, database, book = pipeline.network, pipeline.database, pipeline.network.addresses["RuleBook"]
    with database.reader() as connection:
        before = load_gates(connection, network.chain_id)
    assert before == {Gate.DEPTH: 1, Gate.JOINING_FEE_REFERRAL: 0, Gate.FEE_WAIVER: 0, Gate.REFERRAL_DUTY: 0}
    announce(network, Gate.DEPTH, 2, 0)
    announced = now(network)
    announce(network, Gate.FEE_WAIVER, 1, 0)
    network.do(network.regulator, book, encode_withdraw_raise(Gate.FEE_WAIVER))
    pipeline.mirror()
    with database.reader() as connection:
        assert load_gates(connection, network.chain_id) == before, "announced is not in force"
    wait(network, 7 * DAY)
    network.do(network.admin, book, encode_activate_raise(Gate.DEPTH))
    pipeline.mirror()
    with database.reader() as connection:
        assert load_gates(connection, network.chain_id) == before | {Gate.DEPTH: 2}
    assert view(network, "RuleBook", "depth()") == number(2)
    network.do(network.regulator, book, encode_lower_gate(Gate.DEPTH, 0))
    pipeline.mirror()
    rows = mirror_referral.c
    query = select(rows.event, rows.gate, rows.value, rows.opinion, rows.ready_at)
    with database.reader() as connection:
        assert load_gates(connection, network.chain_id)[Gate.DEPTH] == 0
        found = [tuple(row) for row in connection.execute(query.order_by(rows.block_number, rows.log_index))]
    assert found[0] == ("announced", 1, 2, OPINION, announced + 7 * DAY)
    assert [row[:3] for row in found[1:]] == [
        ("announced", 3, 1),
        ("withdrawn", 3, 1),
        ("activated", 1, 2),
        ("lowered", 1, 0),
    ]
    assert found[3] == ("activated", 1, 2, OPINION, 0)
    assert found[4] == ("lowered", 1, 0, b"", 0)
    assert assert_rebuilds(pipeline, tmp_path)["mirror_referral"] == 5


def test_a_rewind_takes_back_exactly_these_rows(pipeline: Pipeline, tmp_path: Path) -> None:
    network, database = pipeline.network, pipeline.database
    grant(network, account(0), now(network) + 30 * DAY, 0)
    publish(network, 0, now(network) + DAY)
    pipeline.mirror()
    kept = seat_rows(database)
    head = int(network.client.block_number())
    release = encode_release_seat(CHAPTER, BAKERY, REASON, ORDER)
    network.do(network.operator, network.addresses["SeatRegistry"], release)
    publish(network, 0, now(network) + 2 * DAY)
    announce(network, Gate.DEPTH, 3, 0)
    pipeline.mirror()
    assert [row[0] for row in seat_rows(database)] == ["granted", "released"]
    network.client.call("anvil_reorg", int(network.client.block_number()) - head, [])
    assert pipeline.mirror()[0] is Progress.REWOUND
    assert seat_rows(database) == kept
    with database.reader() as connection:
        tables = connection.execute(select(mirror_rule_tables.c.version)).scalars().all()
        gates = connection.execute(select(func.count()).select_from(mirror_referral)).scalar_one()
        logs = connection.execute(select(mirror_logs.c.block_number)).scalars().all()
        held = load_seat(connection, network.chain_id, CHAPTER, BAKERY, now(network))
    assert (tables, gates) == ([1], 0)
    assert max(logs) <= head
    assert held is not None
    assert held.merchant == account(0)
    assert_rebuilds(pipeline, tmp_path)
