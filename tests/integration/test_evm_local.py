"""The local chain through stops, kills, cut-off files and a second owner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chain.errors import ChainError
from chain.evm.client import EvmClient
from chain.evm.errors import LocalChainError
from chain.evm.local import CHAIN_ID, LocalChain
from chain.evm.node_process import NodeProcess
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields, contract_address
from chain.types import Address, Digest

KEY = LocalKey(bytes(31) + b"\x07")
LOGS_ONCE = bytes.fromhex("60006000a060006000f3")
"""Creation code that emits one empty log and leaves no code."""


def emit_log(client: EvmClient) -> tuple[Address, Digest]:
    """Send one transaction that logs; return the log's address and the transaction's hash."""
    nonce = client.transaction_count(KEY.address)
    raw = KEY.sign_transaction(TransactionFields(CHAIN_ID, nonce, 200_000, None, LOGS_ONCE))
    tx_hash = client.send_raw(raw)
    assert client.wait_for_receipt(tx_hash, pause=0.05).succeeded
    return contract_address(KEY.address, nonce), tx_hash


def snapshot(client: EvmClient, head: int, address: Address) -> object:
    """Return all that a mirror reads: headers, logs and receipts from block 0 to ``head``."""
    receipts = [client.block_receipts(number) for number in range(head + 1)]
    return client.headers(0, head + 1), client.logs(0, head, [address]), receipts


def wait_until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for ``done``; fail the test where it never comes."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_restart_serves_every_block_log_and_receipt_again(tmp_path: Path) -> None:
    with LocalChain(tmp_path, block_time=0.1) as chain:
        client = EvmClient(chain.url, expected_chain_id=CHAIN_ID)
        address, _ = emit_log(client)
        emit_log(client)
        genesis, head = client.genesis_hash(), client.block_number()
        before = snapshot(client, head, address)
        client.close()
    with LocalChain(tmp_path, block_time=0.1) as chain:
        client = EvmClient(chain.url, expected_chain_id=CHAIN_ID, expected_genesis=genesis)
        assert snapshot(client, head, address) == before
        assert len(client.logs(0, head, [address])) == 1
        assert client.transaction_count(KEY.address) == 2
        _, tx_hash = emit_log(client)
        receipt = client.receipt(tx_hash)
        assert receipt is not None and receipt.block_number > head
        assert client.storage_proof(address, [bytes(32)], receipt.block_number).address == address
        client.close()


def test_chain_has_no_accounts_free_gas_and_listens_on_loopback_alone(tmp_path: Path) -> None:
    with LocalChain(tmp_path, block_time=0.1) as chain:
        assert chain.url.startswith("http://127.0.0.1:")
        client = EvmClient(chain.url)
        assert client.call("eth_accounts") == []
        assert client.call("eth_gasPrice") == "0x0"
        assert client.balance(KEY.address) == 0
        emit_log(client)
        inodes = {os.readlink(f"/proc/{chain.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{chain.pid}/fd")}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
        assert [place.partition(":")[0] for place in listening] == ["0100007F"]
        client.close()


def test_state_proofs_are_kept_for_the_last_blocks_only(tmp_path: Path) -> None:
    with LocalChain(tmp_path, block_time=3600, kept_states=20) as chain:
        client = EvmClient(chain.url)
        client.call("anvil_mine", hex(60))
        assert client.storage_proof(KEY.address, [], 50).nonce == 0
        with pytest.raises(ChainError):
            client.storage_proof(KEY.address, [], 10)
        client.close()


def test_blocks_come_at_the_given_pace(tmp_path: Path) -> None:
    with LocalChain(tmp_path, block_time=0.2) as chain:
        client = EvmClient(chain.url)
        first, begun = client.block_number(), time.monotonic()
        time.sleep(2.0)
        made, elapsed = client.block_number() - first, time.monotonic() - begun
        assert elapsed / 0.2 - 4 <= made <= elapsed / 0.2 + 1
        client.close()


def test_second_owner_of_a_folder_is_refused(tmp_path: Path) -> None:
    with LocalChain(tmp_path, block_time=1.0):
        second = LocalChain(tmp_path, patience=0.3)
        with pytest.raises(LocalChainError, match="another process holds the state folder"):
            second.start()
        with pytest.raises(LocalChainError, match="not started"):
            _ = second.pid


def test_node_outlives_no_parent_and_writes_its_state(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from chain.evm.local import LocalChain\n"
        "chain = LocalChain(Path(sys.argv[1]), block_time=0.1)\n"
        "print(chain.start(), chain.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    url, pid = parent.stdout.readline().split()
    client = EvmClient(url)
    _, tx_hash = emit_log(client)
    client.close()
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())
    with LocalChain(tmp_path, block_time=0.1) as chain:
        client = EvmClient(chain.url)
        assert client.receipt(tx_hash) is not None
        client.close()


def test_cut_off_dump_falls_back_to_the_last_copy(tmp_path: Path) -> None:
    with LocalChain(tmp_path, block_time=0.1) as chain:
        client = EvmClient(chain.url)
        _, tx_hash = emit_log(client)
        genesis = client.genesis_hash()
        client.close()
    whole = (tmp_path / "state.json").read_bytes()
    # What a node killed in the middle of writing leaves behind.
    (tmp_path / "dump.json").write_bytes(whole[: len(whole) // 2])
    with LocalChain(tmp_path, block_time=0.1) as chain:
        client = EvmClient(chain.url, expected_genesis=genesis)
        assert client.receipt(tx_hash) is not None
        client.close()


def test_killed_node_keeps_what_the_clock_copied(tmp_path: Path) -> None:
    chain = LocalChain(tmp_path, block_time=0.2, dump_interval=7)
    chain.start()
    client = EvmClient(chain.url)
    _, tx_hash = emit_log(client)
    wait_until((tmp_path / "state.json").exists, 40.0)
    client.close()
    os.kill(chain.pid, signal.SIGKILL)
    chain.stop()
    json.loads((tmp_path / "state.json").read_bytes())
    with LocalChain(tmp_path, block_time=0.2) as again:
        client = EvmClient(again.url)
        assert client.receipt(tx_hash) is not None
        client.close()


def test_node_that_listens_elsewhere_is_refused_and_ended() -> None:
    code = "import time; print('Listening on 0.0.0.0:1', flush=True); time.sleep(60)"
    begun = time.monotonic()
    with pytest.raises(LocalChainError, match=r"listens on 0\.0\.0\.0"):
        NodeProcess([sys.executable, "-c", code])
    assert time.monotonic() - begun < 10


def test_node_that_never_starts_is_reported_with_its_last_words() -> None:
    with pytest.raises(LocalChainError, match="no such fork"):
        NodeProcess([sys.executable, "-c", "print('no such fork')"])
