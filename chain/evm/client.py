"""Typed reads of one EVM node, and the sending of signed bytes. Never signs; never follows a contract's URL.

Where the node's word can be checked it is: headers against their hash, the chain id and genesis block
against what the caller pinned. Everything else is a hint until a proof says so. CCIP-Read
(EIP-3668) cannot happen: no library that follows a contract's URL is in use here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from chain.errors import FatalChainError, TransientChainError
from chain.event_kinds import RawLog
from chain.evm.blocks import (
    AccountProof,
    Header,
    Receipt,
    as_list,
    parse_account_proof,
    parse_bytes,
    parse_header,
    parse_log,
    parse_number,
    parse_receipt,
)
from chain.evm.errors import MalformedAnswer, NodeRefused, WrongChain
from chain.evm.transport import Call, Json, Transport
from chain.hashing import keccak256
from chain.types import Address, BlockNumber, Digest

BlockTag = Literal["earliest", "latest", "pending", "safe", "finalized"]
BlockRef = int | BlockTag
"""A height or a tag."""

NO_SUCH_METHOD = frozenset({-32601, -32004})
"""JSON-RPC's own code, and the one of EIP-1474 that Hardhat answers with."""


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _block(ref: BlockRef) -> str:
    return ref if isinstance(ref, str) else hex(ref)


class EvmClient:
    """One node at ``url``. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        expected_chain_id: int | None = None,
        expected_genesis: bytes | None = None,
        timeout: float = 30.0,
        max_bytes: int = 256 * 1024 * 1024,
        sleep: Callable[[float], None] = time.sleep,
        may_be_silent: bool = False,
    ) -> None:
        """Connect and check the chain where one is expected. Raises WrongChain or TransientChainError.

        With ``may_be_silent`` a node that does not answer yet is no error: whoever asks for that calls
        `check_chain` before anything else.
        """
        self._transport = Transport(url, timeout=timeout, max_bytes=max_bytes, sleep=sleep)
        self._sleep = sleep
        self._expected_chain_id = expected_chain_id
        self._expected_genesis = expected_genesis
        self._has_block_receipts = True
        try:
            self.check_chain()
        except TransientChainError:
            if not may_be_silent:
                self.close()
                raise
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """The node's address."""
        return self._transport.url

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def check_chain(self) -> None:
        """Raise WrongChain where the node is on another chain than expected; call it on each reconnect."""
        if self._expected_chain_id is not None and self.chain_id() != self._expected_chain_id:
            raise WrongChain("chain id", self.chain_id(), self._expected_chain_id)
        if self._expected_genesis is not None and self.genesis_hash() != self._expected_genesis:
            raise WrongChain("genesis block", self.genesis_hash().hex(), self._expected_genesis.hex())

    def call(self, method: str, *params: Json) -> Json:
        """Return the result of any JSON-RPC method; see ``Transport.call``."""
        return self._transport.call(method, *params)

    def batch(self, calls: Sequence[Call]) -> list[Json | NodeRefused]:
        """Return the results of many calls; a refused one is its ``NodeRefused`` as a value."""
        return self._transport.batch(calls)

    def chain_id(self) -> int:
        """Return the chain id of EIP-155."""
        return parse_number(self.call("eth_chainId"), "eth_chainId")

    def genesis_hash(self) -> Digest:
        """Return the checked hash of block 0."""
        return self.header(0).hash

    def block_number(self) -> BlockNumber:
        """Return the height of the newest block."""
        return BlockNumber(parse_number(self.call("eth_blockNumber"), "eth_blockNumber"))

    def header(self, block: BlockRef | bytes) -> Header:
        """Return a header by height, tag or hash, checked against its hash and against what was asked for.

        Raises TransientChainError where the node does not have it (yet) and FatalChainError where its
        fields do not hash to its hash.
        """
        if isinstance(block, bytes):
            answer = self.call("eth_getBlockByHash", _hex(block), False)
        else:
            answer = self.call("eth_getBlockByNumber", _block(block), False)
        if answer is None:
            name = _hex(block) if isinstance(block, bytes) else _block(block)
            raise TransientChainError(f"block {name}: the node does not have it")
        header = parse_header(answer)
        if (isinstance(block, bytes) and header.hash != block) or (
            isinstance(block, int) and header.number != block
        ):
            raise MalformedAnswer("eth_getBlock", "another block than was asked for")
        return header

    def headers(self, first: int, end: int) -> list[Header]:
        """Return the headers of heights ``[first, end)`` in one request, each checked against its hash.

        Raises TransientChainError where one is missing. Does not check parent links.
        """
        calls: list[Call] = [("eth_getBlockByNumber", (hex(n), False)) for n in range(first, end)]
        found = []
        for number, answer in zip(range(first, end), self.batch(calls), strict=True):
            if answer is None or isinstance(answer, NodeRefused):
                raise TransientChainError(f"block {number}: the node does not have it")
            header = parse_header(answer)
            if header.number != number:
                raise MalformedAnswer("eth_getBlock", "another block than was asked for")
            found.append(header)
        return found

    def logs(self, first: int, last: int, addresses: Iterable[bytes]) -> list[RawLog]:
        """Return the logs of ``addresses`` in blocks ``first`` to ``last``, both included, in chain order.

        A hint: a node may leave logs out, and only the receipt trie shows it. Raises MalformedAnswer for a
        log outside the range or of another contract.
        """
        wanted = frozenset(addresses)
        query: dict[str, Json] = {
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "address": [_hex(address) for address in sorted(wanted)],
        }
        logs = [parse_log(item) for item in as_list(self.call("eth_getLogs", query), "eth_getLogs")]
        for log in logs:
            if not first <= log.block_number <= last or log.address not in wanted:
                raise MalformedAnswer("eth_getLogs", "a log is not of the range and contracts asked for")
        logs.sort(key=lambda log: (log.block_number, log.log_index))
        return logs

    def knows_transaction(self, tx_hash: bytes) -> bool:
        """Return whether the node has the transaction, in a block or in its pool."""
        return self.knows_transactions([tx_hash])[0]

    def knows_transactions(self, tx_hashes: Sequence[bytes]) -> list[bool]:
        """Return what ``knows_transaction`` gives for each of ``tx_hashes``, by one request."""
        found = []
        for answer in self.batch([("eth_getTransactionByHash", (_hex(one),)) for one in tx_hashes]):
            if isinstance(answer, NodeRefused):
                raise answer
            found.append(answer is not None)
        return found

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Return the receipt of a mined transaction, None where it is not mined."""
        answer = self.call("eth_getTransactionReceipt", _hex(tx_hash))
        return None if answer is None else self._own_receipt(answer, tx_hash)

    def receipts(self, tx_hashes: Sequence[bytes]) -> list[Receipt | None]:
        """Return the receipts of many transactions in one request, None for each that is not mined."""
        calls: list[Call] = [("eth_getTransactionReceipt", (_hex(tx_hash),)) for tx_hash in tx_hashes]
        found: list[Receipt | None] = []
        for tx_hash, answer in zip(tx_hashes, self.batch(calls), strict=True):
            if isinstance(answer, NodeRefused):
                raise answer
            found.append(None if answer is None else self._own_receipt(answer, tx_hash))
        return found

    @staticmethod
    def _own_receipt(answer: Json, tx_hash: bytes) -> Receipt:
        receipt = parse_receipt(answer)
        if receipt.tx_hash != tx_hash:
            raise MalformedAnswer("eth_getTransactionReceipt", "receipt of another transaction")
        return receipt

    def block_receipts(self, block: int) -> list[Receipt]:
        """Return all receipts of a block in transaction order.

        Asks one by one where the node has no ``eth_getBlockReceipts``. Raises TransientChainError where the
        node does not have the block or one of its receipts.
        """
        if self._has_block_receipts:
            try:
                answer = self.call("eth_getBlockReceipts", hex(block))
            except NodeRefused as refused:
                if refused.code not in NO_SUCH_METHOD:
                    raise
                self._has_block_receipts = False
            else:
                if answer is None:
                    raise TransientChainError(f"block {block}: the node does not have it")
                receipts = [parse_receipt(item) for item in as_list(answer, "eth_getBlockReceipts")]
                return sorted(receipts, key=lambda receipt: receipt.tx_index)
        single = self.receipts(self.header(block).tx_hashes)
        if any(receipt is None for receipt in single):
            raise TransientChainError(f"block {block}: the node lacks one of its receipts")
        return [receipt for receipt in single if receipt is not None]

    def wait_for_receipt(self, tx_hash: bytes, *, timeout: float = 60.0, pause: float = 0.2) -> Receipt:
        """Return the receipt once mined. Raises TransientChainError after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            receipt = self.receipt(tx_hash)
            if receipt is not None:
                return receipt
            if time.monotonic() > deadline:
                raise TransientChainError(f"transaction {_hex(tx_hash)}: not mined in {timeout} s")
            self._sleep(pause)

    def transaction_count(self, address: Address, block: BlockRef = "latest") -> int:
        """Return the number of transactions an account has sent: its next nonce."""
        answer = self.call("eth_getTransactionCount", _hex(address), _block(block))
        return parse_number(answer, "eth_getTransactionCount")

    def transaction_counts(self, addresses: Sequence[Address]) -> list[int]:
        """Return what ``transaction_count`` gives for each of ``addresses``, by one request."""
        method = "eth_getTransactionCount"
        counts = []
        for answer in self.batch([(method, (_hex(address), _block("latest"))) for address in addresses]):
            if isinstance(answer, NodeRefused):
                raise answer
            counts.append(parse_number(answer, method))
        return counts

    def balance(self, address: Address, block: BlockRef = "latest") -> int:
        """Return an account's balance in the chain's own coin, in wei; it pays for gas and nothing else."""
        return parse_number(self.call("eth_getBalance", _hex(address), _block(block)), "eth_getBalance")

    def code(self, address: Address, block: BlockRef = "latest") -> bytes:
        """Return the code at an address, empty where there is none."""
        return parse_bytes(self.call("eth_getCode", _hex(address), _block(block)), "eth_getCode")

    def view(
        self, target: Address, calldata: bytes, block: BlockRef = "latest", *, sender: Address | None = None
    ) -> bytes:
        """Return what a call would return, changing nothing. Raises NodeRefused for a revert."""
        request: dict[str, Json] = {"to": _hex(target), "data": _hex(calldata)}
        if sender is not None:
            request["from"] = _hex(sender)
        return parse_bytes(self.call("eth_call", request, _block(block)), "eth_call")

    def storage_proof(self, address: Address, keys: Sequence[bytes], block: BlockRef) -> AccountProof:
        """Return the EIP-1186 proof of an account and its slots at ``block``. Does not check the proof.

        Raises FatalChainError where the answer is of another account or other slots.
        """
        answer = self.call("eth_getProof", _hex(address), [_hex(key) for key in keys], _block(block))
        proof = parse_account_proof(answer)
        if proof.address != address or [slot.key for slot in proof.storage] != list(keys):
            raise FatalChainError(f"eth_getProof: answer is not of {_hex(address)} and its {len(keys)} slots")
        return proof

    def send_raw(self, raw: bytes) -> Digest:
        """Send signed bytes once and return their hash. Raises NodeRefused with the node's reason.

        Never retried here: after a TransientChainError the transaction may be known or not, and sending the
        same bytes again is the caller's safe way to find out.
        """
        named = parse_bytes(self.call("eth_sendRawTransaction", _hex(raw)), "eth_sendRawTransaction", 32)
        if named != keccak256(raw):
            raise MalformedAnswer("eth_sendRawTransaction", "hash is not that of the bytes sent")
        return Digest(named)
