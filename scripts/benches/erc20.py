"""The peer of the credit operations: plain ERC-20 transfers, pre-signed, in JSON-RPC batches of 100.

The token is OpenZeppelin's own ERC20, compiled by the contracts' toolchain; chain, block time and gas limit
are those the gateway used a moment before. The clock runs from the first batch to the block of the last one.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from pathlib import Path

import httpx2

from chain.evm.client import EvmClient
from chain.evm.signers.base import LocalKey
from chain.evm.solc import CONTRACTS_DIR, compile_contracts
from chain.evm.transactions import TransactionFields
from chain.types import Address

SOURCE = Path(__file__).with_name("PlainToken.sol")
BATCH = 100
HOLDERS = 200
"""Who receives: as many as the operations measured beside them have."""
TRANSFER_GAS = 100_000
DEPLOY_GAS = 3_000_000
TRANSFER = bytes.fromhex("a9059cbb")
"""Selector of ``transfer(address,uint256)``."""


class PeerFailed(Exception):
    """The node refused a transfer, or did not mine it: ``reason`` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def compile_token() -> bytes:
    """Creation code of the token: its own folder, the libraries and the compiler of our contracts."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "src").mkdir()
        (place / "src" / SOURCE.name).write_bytes(SOURCE.read_bytes())
        for name in ("node_modules", "bin"):
            (place / name).symlink_to(CONTRACTS_DIR / name)
        output = compile_contracts(contracts_dir=place)
    evm = output.contracts[f"src/{SOURCE.name}"][SOURCE.stem]["evm"]
    if not isinstance(evm, dict):
        raise PeerFailed("the compiler printed no code")
    return bytes.fromhex(evm["bytecode"]["object"])


def deploy_token(client: EvmClient, key: LocalKey) -> Address:
    """Deploy the token with a key that has sent nothing yet."""
    chain_id, nonce = client.chain_id(), client.transaction_count(key.address)
    fields = TransactionFields(chain_id, nonce, DEPLOY_GAS, None, compile_token())
    receipt = client.wait_for_receipt(client.send_raw(key.sign_transaction(fields)))
    if not receipt.succeeded or receipt.contract is None:
        raise PeerFailed("the token was not deployed")
    return receipt.contract


def sign_transfers(key: LocalKey, token: Address, chain_id: int, nonce: int, count: int) -> list[str]:
    """``count`` transfers to ``HOLDERS`` holders in turn, as hex."""
    signed = []
    for number in range(count):
        holder = hashlib.sha256(b"holder %d" % (number % HOLDERS)).digest()[:20]
        data = TRANSFER + holder.rjust(32, b"\x00") + (100 + number).to_bytes(32, "big")
        fields = TransactionFields(chain_id, nonce + number, TRANSFER_GAS, token, data)
        signed.append("0x" + key.sign_transaction(fields).hex())
    return signed


def measure(url: str, count: int, patience: float = 120.0) -> float:
    """Transfers a second. Raises PeerFailed."""
    client = EvmClient(url)
    key = LocalKey(hashlib.sha256(b"plain token bench").digest())
    token = deploy_token(client, key)
    nonce = client.transaction_count(key.address)
    signed = sign_transfers(key, token, client.chain_id(), nonce, count)
    bodies = [_batch(signed[start : start + BATCH]) for start in range(0, count, BATCH)]
    started = time.perf_counter()
    with httpx2.Client(trust_env=False, timeout=120.0) as http:
        for body in bodies:
            answers = http.post(url, content=body, headers={"content-type": "application/json"}).json()
            refused = [answer["error"] for answer in answers if "error" in answer]
            if refused:
                raise PeerFailed(f"transfer refused: {refused[0]}")
    while client.transaction_count(key.address) < nonce + count:
        if time.perf_counter() - started > patience:
            raise PeerFailed("transfers were not mined in time")
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    client.close()
    return count / seconds


def _batch(transactions: list[str]) -> bytes:
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": "eth_sendRawTransaction", "params": [raw]}
        for number, raw in enumerate(transactions)
    ]
    return json.dumps(calls).encode()
