"""Logs of a block as its header commits to them: from all receipts, checked against the receipts root.

1. Every receipt is encoded from the node's JSON and the trie over all of them must have the header's root, so
   address, topics, data and order of every log are the chain's own.
2. Positions (block, transaction, log) are counted here, never taken from the answer.
3. Receipts do not commit to their transaction's hash: it must be the one the block's own answer has there.

Tens of thousands of logs pass here a second: hex is joined as text and turned into bytes once per receipt.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import lru_cache
from typing import cast

from chain.errors import FatalChainError, TransientChainError
from chain.events import RawLog
from chain.evidence.rlp import format_number, format_rlp
from chain.evidence.tries_build import Trie
from chain.evm.blocks import Header, as_list, encode_receipt
from chain.evm.client import NO_SUCH_METHOD, EvmClient
from chain.evm.errors import MalformedAnswer, NodeRefused
from chain.evm.transport import Json
from chain.types import Address, Digest

_METHOD = "eth_getBlockReceipts"

JsonLog = Mapping[str, str | list[str]]
"""One log as the node writes it."""


def load_proven_logs(
    client: EvmClient, header: Header, contracts: Container[bytes], topics: Container[bytes]
) -> list[RawLog]:
    """Return the block's logs of these contracts whose first topic is one of ``topics``, proven and in order.

    Raises:
        TransientChainError: the node does not have the block's receipts, or has another block there by now.
        FatalChainError: its receipts contradict the header.
    """
    answer = _load_receipts(client, header)
    if answer is None:
        return _from_single_receipts(client, header, contracts, topics)
    found: list[RawLog] = []
    encoded: list[bytes] = []
    position = 0
    try:
        for tx_index, item in enumerate(answer):
            logs = cast("list[JsonLog]", item["logs"])
            encoded.append(_encode(item, logs))
            tx_hash = Digest(bytes.fromhex(str(item["transactionHash"])[2:]))
            if header.tx_hashes[tx_index : tx_index + 1] != (tx_hash,):
                raise MalformedAnswer(_METHOD, "a receipt is of another transaction than the block has there")
            for log in logs:
                raw = _followed(header, tx_hash, tx_index, position, log, contracts, topics)
                position += 1
                if raw is not None:
                    found.append(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedAnswer(_METHOD, "a receipt lacks a field or has one of another form") from error
    _check_root(client, header, encoded)
    return found


def _load_receipts(client: EvmClient, header: Header) -> list[Mapping[str, Json]] | None:
    """Return the block's receipts as JSON in transaction order, None where the node has no such method."""
    try:
        answer = client.call(_METHOD, hex(header.number))
    except NodeRefused as refused:
        if refused.code in NO_SUCH_METHOD:
            return None
        raise
    if answer is None:
        raise TransientChainError(f"block {header.number}: the node does not have its receipts")
    receipts = cast("list[Mapping[str, Json]]", as_list(answer, _METHOD))
    named = "0x" + header.hash.hex()
    if any(not isinstance(item, dict) or item.get("blockHash") != named for item in receipts):
        raise TransientChainError(f"block {header.number}: the node gave receipts of another block")
    try:
        return sorted(receipts, key=lambda item: int(str(item.get("transactionIndex")), 16))
    except ValueError as error:
        raise MalformedAnswer(_METHOD, "a receipt has no position") from error


def _followed(
    header: Header,
    tx_hash: Digest,
    tx_index: int,
    position: int,
    log: JsonLog,
    contracts: Container[bytes],
    topics: Container[bytes],
) -> RawLog | None:
    words = cast("list[str]", log["topics"])
    address = bytes.fromhex(cast("str", log["address"])[2:])
    if address not in contracts or not words or bytes.fromhex(words[0][2:]) not in topics:
        return None
    return RawLog(
        header.number,
        header.hash,
        tx_hash,
        tx_index,
        position,
        Address(address),
        tuple([bytes.fromhex(word[2:]) for word in words]),
        bytes.fromhex(cast("str", log["data"])[2:]),
    )


def _encode(item: Mapping[str, Json], logs: Sequence[JsonLog]) -> bytes:
    """Return a receipt's consensus bytes (EIP-2718 where typed), straight from the hex the node wrote."""
    status, gas = int(str(item["status"]), 16), int(str(item["cumulativeGasUsed"]), 16)
    body = "".join([_encode_log(log) for log in logs])
    head = format_rlp(format_number(status)) + format_rlp(format_number(gas))
    bloom = bytes.fromhex(str(item["logsBloom"])[2:])
    packed = head + format_rlp(bloom) + bytes.fromhex(_list_prefix(len(body) // 2) + body)
    kind = int(str(item.get("type", "0x0")), 16)
    raw = bytes.fromhex(_list_prefix(len(packed))) + packed
    return bytes((kind,)) + raw if kind else raw


def _encode_log(log: JsonLog) -> str:
    words, data = cast("list[str]", log["topics"]), cast("str", log["data"])
    before, between, after = _log_prefixes(len(words), len(data) // 2 - 1, data if len(data) == 4 else "")
    topics = "".join(words)
    # Each topic is 32 bytes: its prefix a0 takes the place of the hex notation's 0x.
    return before + cast("str", log["address"])[2:] + between + topics.replace("0x", "a0") + after + data[2:]


@lru_cache(maxsize=1024)
def _log_prefixes(topics: int, size: int, single: str) -> tuple[str, str, str]:
    """Return the RLP prefixes around address, topics and data of a log with ``size`` data bytes.

    ``single`` is the data itself where it is one byte, which below 0x80 has no prefix.
    """
    data = "" if single and int(single, 16) < 0x80 else _string_prefix(size)
    between = _list_prefix(33 * topics)
    total = 21 + len(between) // 2 + 33 * topics + len(data) // 2 + size
    return _list_prefix(total) + "94", between, data


def _string_prefix(size: int) -> str:
    if size < 56:
        return f"{0x80 + size:02x}"
    length = format_number(size)
    return f"{0xB7 + len(length):02x}{length.hex()}"


def _list_prefix(size: int) -> str:
    if size < 56:
        return f"{0xC0 + size:02x}"
    length = format_number(size)
    return f"{0xF7 + len(length):02x}{length.hex()}"


def _from_single_receipts(
    client: EvmClient, header: Header, contracts: Container[bytes], topics: Container[bytes]
) -> list[RawLog]:
    """The same for nodes that serve receipts one by one only (Hardhat)."""
    receipts = client.block_receipts(header.number)
    if any(receipt.block_hash != header.hash for receipt in receipts):
        raise TransientChainError(f"block {header.number}: the node gave receipts of another block")
    _check_root(client, header, [encode_receipt(receipt) for receipt in receipts])
    return [
        log
        for receipt in receipts
        for log in receipt.logs
        if log.address in contracts and log.topics and log.topics[0] in topics
    ]


def _check_root(client: EvmClient, header: Header, encoded: Sequence[bytes]) -> None:
    trie = Trie({format_rlp(format_number(at)): item for at, item in enumerate(encoded)})
    if trie.root == header.receipts_root:
        return
    # Receipts name their block, but none at all name nothing: a block may have been replaced by an empty one.
    if client.header(header.number).hash != header.hash:
        raise TransientChainError(f"block {header.number}: the node changed its chain while it was read")
    raise FatalChainError(
        f"block {header.number}: receipts give {trie.root.hex()}, header has {header.receipts_root.hex()}"
    )
