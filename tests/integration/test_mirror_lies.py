"""What the mirror does when its node withholds, repeats, reorders, forges or serves another chain's logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.errors import FatalChainError, TransientChainError
from chain.evm.client import EvmClient
from chain.evm.errors import MalformedAnswer
from chain.evm.transport import Json
from chain.operation import OperationKind as Kind
from chain.types import Digest
from gateway.db import Database, execute, migrate, sqlite_url
from gateway.mirror.compare import compare_mirrors
from gateway.mirror.derive import FOLLOWED
from gateway.mirror.follower import Follower, MirrorSettings, Progress
from gateway.mirror.receipts import load_proven_logs
from gateway.mirror.source import Receipts
from gateway.mirror.unproven import count_unproven
from gateway.mirror.write import load_cursor
from tests.integration.chain_kit import Network, account, running_network
from tests.integration.pipeline_kit import Pipeline

Edit = Callable[[list[Json]], list[Json]]


class LyingClient(EvmClient):
    """A client whose node's answers to one method are edited on the way."""

    method = ""
    edit: Edit

    def call(self, method: str, *params: Json) -> Json:
        answer = super().call(method, *params)
        if method == self.method and isinstance(answer, list):
            return self.edit(answer)
        return answer


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with running_network(tmp_path_factory.mktemp("node")) as running:
        folder = tmp_path_factory.mktemp("database")
        database = Database(sqlite_url(folder / "one.sqlite3"))
        migrate(database)
        running.set_quota()
        running.register([account(i) for i in range(3)])
        pipeline = Pipeline(running, database)
        for i in range(6):
            running.log.operate(Kind.ISSUE, bytes(20), account(i % 3), 100 + i)
        running.log.publish()
        pipeline.finish()
        yield running
        database.close()


@pytest.fixture
def liar(network: Network) -> Iterator[LyingClient]:
    client = LyingClient(network.client.url)
    yield client
    client.close()


def open_database(folder: Path, name: str) -> Database:
    database = Database(sqlite_url(folder / f"{name}.sqlite3"))
    migrate(database)
    return database


def follower(
    network: Network, client: EvmClient, database: Database, receipts: Receipts, heavy: int = 50_000_000
) -> Follower:
    return Follower(
        database,
        client,
        network.contracts,
        chain_id=network.chain_id,
        genesis_hash=network.genesis_hash,
        settings=MirrorSettings(rewind_limit=2, receipts=receipts, heavy_gas=heavy),
    )


def follow(it: Follower) -> None:
    while it.step() is not Progress.CURRENT:
        pass


def drop_one(logs: list[Json]) -> list[Json]:
    """Leave out the last operation of the window: the block still has others."""
    return logs[:-2] + logs[-1:] if len(logs) > 6 else logs


def drop_receipt_log(receipts: list[Json]) -> list[Json]:
    for receipt in receipts:
        assert isinstance(receipt, dict)
        logs = receipt["logs"]
        if isinstance(logs, list) and len(logs) > 6:
            receipt["logs"] = drop_one(logs)
    return receipts


def forge_amount(receipts: list[Json]) -> list[Json]:
    for receipt in receipts:
        assert isinstance(receipt, dict)
        for log in receipt["logs"] if isinstance(receipt["logs"], list) else []:
            assert isinstance(log, dict)
            data = log["data"]
            if isinstance(data, str) and len(data) == 2 + 512:
                log["data"] = data[: 2 + 254] + "ff" + data[2 + 256 :]
    return receipts


@pytest.mark.parametrize("edit", [drop_receipt_log, forge_amount])
def test_receipts_that_are_not_the_headers_stop_the_mirror(
    network: Network, liar: LyingClient, tmp_path: Path, edit: Edit
) -> None:
    liar.method, liar.edit = "eth_getBlockReceipts", edit
    database = open_database(tmp_path, "mirror")
    with pytest.raises(FatalChainError, match=r"block \d+: receipts give [0-9a-f]{64}, header has"):
        follow(follower(network, liar, database, Receipts.ALL))
    with database.reader() as connection:
        cursor = load_cursor(connection, network.chain_id)
    # What came before stands; nothing of the forged block was stored.
    assert cursor is None or cursor.number < network.client.block_number()


def forge_receipt(name: str, value: str) -> Edit:
    def edit(receipts: list[Json]) -> list[Json]:
        return [{**receipt, name: value} for receipt in receipts if isinstance(receipt, dict)]

    return edit


@pytest.mark.parametrize(
    ("method", "receipts", "name", "value", "reason"),
    [
        ("eth_getBlockReceipts", Receipts.ALL, "transactionHash", "0x" + "11" * 32, "of another transaction"),
        ("eth_getBlockReceipts", Receipts.ALL, "transactionIndex", "first", "has no position"),
        ("eth_getLogs", Receipts.NONE, "transactionHash", "0x" + "11" * 32, "of none of its transactions"),
        ("eth_getLogs", Receipts.NONE, "transactionIndex", "0x7", "of none of its transactions"),
    ],
)
def test_a_transaction_that_the_block_has_not_there_is_not_stored(
    network: Network,
    liar: LyingClient,
    tmp_path: Path,
    method: str,
    receipts: Receipts,
    name: str,
    value: str,
    reason: str,
) -> None:
    # No root commits to these two; only the block's own list of transactions does.
    liar.method, liar.edit = method, forge_receipt(name, value)
    database = open_database(tmp_path, "mirror")
    with pytest.raises(TransientChainError, match=reason):
        follow(follower(network, liar, database, receipts))
    with database.reader() as connection:
        cursor = load_cursor(connection, network.chain_id)
    assert cursor is None


def test_no_receipts_at_all_stop_the_mirror_unless_the_block_was_replaced(
    network: Network, liar: LyingClient, tmp_path: Path
) -> None:
    header = next(
        header
        for header in network.client.headers(0, network.client.block_number() + 1)[::-1]
        if header.tx_hashes
    )
    contracts, topics = frozenset(network.contracts), frozenset(FOLLOWED)
    liar.method, liar.edit = "eth_getBlockReceipts", lambda _receipts: []
    with pytest.raises(FatalChainError, match=rf"block {header.number}: receipts give 56e81f17"):
        load_proven_logs(liar, header, contracts, topics)
    # As after a reorganisation: the header is that of a block the node no longer has at this height.
    former = replace(header, hash=Digest(bytes(32)))
    with pytest.raises(TransientChainError, match=rf"block {header.number}: the node changed its chain"):
        load_proven_logs(liar, former, contracts, topics)


def test_a_block_without_its_logs_is_noticed_by_its_bloom(
    network: Network, liar: LyingClient, tmp_path: Path
) -> None:
    liar.method, liar.edit = "eth_getLogs", lambda _logs: []
    with pytest.raises(TransientChainError, match=r"block \d+: the node left out all \d+ logs"):
        follow(follower(network, liar, open_database(tmp_path, "mirror"), Receipts.NONE))


def test_a_log_left_out_of_a_heavy_block_is_found_by_the_scrub(
    network: Network, liar: LyingClient, tmp_path: Path
) -> None:
    liar.method, liar.edit = "eth_getLogs", drop_one
    it = follower(network, liar, open_database(tmp_path, "mirror"), Receipts.LIGHT, heavy=0)
    follow(it)
    with pytest.raises(FatalChainError, match=r"block \d+: \d+ logs are mirrored, its receipts hold \d+"):
        while it.scrub():
            pass


def test_an_honest_heavy_block_passes_the_scrub(network: Network, tmp_path: Path) -> None:
    it = follower(network, network.client, open_database(tmp_path, "mirror"), Receipts.LIGHT, heavy=0)
    follow(it)
    checked = 0
    while it.scrub():
        checked += 1
    assert checked >= 3


def test_what_a_former_process_left_unproven_is_proven_after_a_restart(
    network: Network, liar: LyingClient, database: Database
) -> None:
    liar.method, liar.edit = "eth_getLogs", drop_one
    follow(follower(network, liar, database, Receipts.LIGHT, heavy=0))
    left = unproven(network, database)
    assert left >= 3
    later = follower(network, network.client, database, Receipts.LIGHT)
    follow(later)
    with pytest.raises(FatalChainError, match=r"block \d+: \d+ logs are mirrored, its receipts hold \d+"):
        while later.scrub():
            pass
    # The block that failed is still there for whoever looks next.
    assert 1 <= unproven(network, database) <= left


def test_proven_and_vanished_blocks_are_forgotten(network: Network, database: Database) -> None:
    it = follower(network, network.client, database, Receipts.LIGHT, heavy=0)
    follow(it)
    with database.writer() as connection:
        execute(
            connection,
            "INSERT INTO mirror_unproven (chain_id, number, hash) VALUES (?, ?, ?)",
            network.chain_id,
            1_000_000,
            bytes(32),
        )
    while it.scrub():
        pass
    assert unproven(network, database) == 0


def unproven(network: Network, database: Database) -> int:
    with database.reader() as connection:
        return count_unproven(connection, network.chain_id)


@pytest.mark.parametrize("edit", [lambda logs: logs * 2, lambda logs: logs[::-1]])
def test_rule_18_repeated_and_shuffled_logs_change_nothing(
    network: Network, liar: LyingClient, tmp_path: Path, edit: Edit
) -> None:
    liar.method, liar.edit = "eth_getLogs", edit
    lied, honest = open_database(tmp_path, "lied"), open_database(tmp_path, "honest")
    follow(follower(network, liar, lied, Receipts.NONE))
    follow(follower(network, network.client, honest, Receipts.ALL))
    comparison = compare_mirrors(lied, honest, network.chain_id)
    assert comparison.difference is None
    assert comparison.rows["mirror_operations"] == 6


def change_first(name: str, value: str) -> Edit:
    def edit(logs: list[Json]) -> list[Json]:
        first = dict(logs[0]) if logs and isinstance(logs[0], dict) else {}
        return [first | {name: value}, *logs[1:]] if logs else logs

    return edit


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("blockHash", "0x" + "11" * 32, TransientChainError),
        ("address", "0x" + "22" * 20, MalformedAnswer),
        ("blockNumber", "0xffffff", MalformedAnswer),
        ("data", "0x1", MalformedAnswer),
    ],
)
def test_a_log_that_does_not_fit_is_not_stored(
    network: Network, liar: LyingClient, tmp_path: Path, name: str, value: str, error: type[Exception]
) -> None:
    liar.method, liar.edit = "eth_getLogs", change_first(name, value)
    database = open_database(tmp_path, "mirror")
    it = follower(network, liar, database, Receipts.NONE)
    with pytest.raises(error):
        follow(it)
    with database.reader() as connection:
        assert load_cursor(connection, network.chain_id) is None


def test_another_genesis_is_refused(network: Network, tmp_path: Path) -> None:
    database = open_database(tmp_path, "mirror")
    follow(follower(network, network.client, database, Receipts.NONE))
    network_of_old = network.genesis_hash
    network.genesis_hash = bytes(32)
    try:
        it = follower(network, network.client, database, Receipts.NONE)
        with pytest.raises(FatalChainError, match="mirrored from another genesis block"):
            it.step()
    finally:
        network.genesis_hash = network_of_old
