"""Headers, receipts, logs and state proofs as a node's JSON gives them, turned into checked values.

A header is encoded again from its fields and must hash to the hash the node names, so nothing of it is
taken on trust. Receipts are encoded for the receipt trie; whether they are the block's is for that trie to
say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypedDict, cast

from chain.errors import FatalChainError
from chain.event_kinds import RawLog
from chain.evidence.rlp import format_number, format_rlp
from chain.evm.errors import MalformedAnswer
from chain.evm.transport import Json
from chain.hashing import keccak256
from chain.types import Address, BlockNumber, Digest

HEAVY_GAS: Final = 50_000_000
"""Gas from which a block counts as heavy, about two thousand operations: its receipts take long to serve."""
QUIET_BLOCKS: Final = 4
"""Light blocks in a row after which heavy receipts may be asked for without slowing what is under way."""

_HEADER_HASHES: Final = ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot")
_HEADER_NUMBERS: Final = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
_HEADER_LATER: Final = (
    ("baseFeePerGas", True),
    ("withdrawalsRoot", False),
    ("blobGasUsed", True),
    ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False),
    ("requestsHash", False),
)
"""Fields that London, Shanghai, Cancun and Prague appended, and whether each is a number."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block header whose ``raw`` RLP hashes to ``hash``; ``timestamp`` is in Unix seconds."""

    number: BlockNumber
    hash: Digest
    parent_hash: Digest
    timestamp: int
    state_root: Digest
    receipts_root: Digest
    gas_used: int
    raw: bytes
    tx_hashes: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one transaction; ``succeeded`` is False for a revert."""

    tx_hash: Digest
    tx_index: int
    block_number: BlockNumber
    block_hash: Digest
    tx_type: int
    succeeded: bool
    cumulative_gas: int
    gas_used: int
    contract: Address | None
    bloom: bytes
    logs: tuple[RawLog, ...]


@dataclass(frozen=True, slots=True)
class StorageProof:
    """One storage slot of a proven account: its value and the trie nodes from the storage root down."""

    key: Digest
    value: int
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """EIP-1186 answer: an account at a block, the trie nodes from the state root down, and its slots."""

    address: Address
    nonce: int
    balance: int
    code_hash: Digest
    storage_root: Digest
    nodes: tuple[bytes, ...]
    storage: tuple[StorageProof, ...]


def as_object(value: Json, method: str) -> Mapping[str, Json]:
    """Return ``value`` where it is a JSON object. Raises MalformedAnswer otherwise."""
    if not isinstance(value, dict):
        raise MalformedAnswer(method, "answer is not an object")
    return value


def as_list(value: Json, method: str) -> list[Json]:
    """Return ``value`` where it is a JSON array. Raises MalformedAnswer otherwise."""
    if not isinstance(value, list):
        raise MalformedAnswer(method, "answer is not an array")
    return value


def parse_number(value: Json, method: str) -> int:
    """Return a quantity (``0x`` and hex digits). Raises MalformedAnswer otherwise."""
    if not isinstance(value, str) or value[:2] != "0x" or not 3 <= len(value) <= 66:
        raise MalformedAnswer(method, "a quantity is not 0x and hex digits")
    try:
        return int(value, 16)
    except ValueError as error:
        raise MalformedAnswer(method, "a quantity is not 0x and hex digits") from error


def parse_bytes(value: Json, method: str, size: int | None = None) -> bytes:
    """Return data (``0x`` and pairs of hex digits), of ``size`` bytes where given. Raises MalformedAnswer."""
    if not isinstance(value, str) or value[:2] != "0x":
        raise MalformedAnswer(method, "data is not 0x and hex digits")
    try:
        data = bytes.fromhex(value[2:])
    except ValueError as error:
        raise MalformedAnswer(method, "data is not 0x and hex digits") from error
    if size is not None and len(data) != size:
        raise MalformedAnswer(method, f"data is {len(data)} bytes, wants {size}")
    return data


class _LogJson(TypedDict):
    """What a log should hold; a node may send anything, so every use stands under one ``except``."""

    address: str
    topics: list[str]
    data: str
    blockNumber: str
    blockHash: str
    transactionHash: str
    transactionIndex: str
    logIndex: str


def parse_log(value: Json) -> RawLog:
    """Return one log of ``eth_getLogs`` or of a receipt.

    Raises MalformedAnswer where a field is missing or not of its size, and for ``removed`` logs, which a
    caller that asks for a range never wants.
    """
    # Tens of thousands of logs a second pass here, so the conversions stand inline.
    item, from_hex = cast(_LogJson, value), bytes.fromhex
    try:
        log = RawLog(
            BlockNumber(int(item["blockNumber"], 16)),
            Digest(from_hex(item["blockHash"][2:])),
            Digest(from_hex(item["transactionHash"][2:])),
            int(item["transactionIndex"], 16),
            int(item["logIndex"], 16),
            Address(from_hex(item["address"][2:])),
            tuple([from_hex(topic[2:]) for topic in item["topics"]]),
            from_hex(item["data"][2:]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedAnswer("eth_getLogs", "a log lacks a field or has one of another form") from error
    if type(item["topics"]) is not list or len(b"".join(log.topics)) != 32 * len(log.topics):
        raise MalformedAnswer("eth_getLogs", "topics of a log are not 32 bytes each")
    if len(log.block_hash) != 32 or len(log.tx_hash) != 32 or len(log.address) != 20:
        raise MalformedAnswer("eth_getLogs", "a hash or address of a log has another size")
    if as_object(value, "eth_getLogs").get("removed"):
        raise MalformedAnswer("eth_getLogs", "a log is marked as removed")
    return log


def parse_header(value: Json) -> Header:
    """Return the header in a block answer, encoded again and checked against its own hash.

    Raises FatalChainError where the fields do not hash to the hash (the node contradicts itself), and
    MalformedAnswer where a field is missing.
    """
    method = "eth_getBlock"
    block = as_object(value, method)
    hashes = [parse_bytes(block.get(name), method) for name in _HEADER_HASHES]
    numbers = [parse_number(block.get(name), method) for name in _HEADER_NUMBERS]
    fields: list[bytes] = [*hashes, parse_bytes(block.get("logsBloom"), method, 256)]
    fields += [format_number(number) for number in numbers]
    fields += [parse_bytes(block.get(name), method) for name in ("extraData", "mixHash", "nonce")]
    for name, is_number in _HEADER_LATER:
        if block.get(name) is not None:
            later = block[name]
            fields.append(
                format_number(parse_number(later, method)) if is_number else parse_bytes(later, method, 32)
            )
    raw = format_rlp(fields)
    named = parse_bytes(block.get("hash"), method, 32)
    if keccak256(raw) != named:
        raise FatalChainError(f"block {numbers[1]}: header fields do not hash to 0x{named.hex()}")
    return Header(
        number=BlockNumber(numbers[1]),
        hash=Digest(named),
        parent_hash=Digest(hashes[0]),
        timestamp=numbers[4],
        state_root=Digest(hashes[3]),
        receipts_root=Digest(hashes[5]),
        gas_used=numbers[3],
        raw=raw,
        tx_hashes=tuple(_tx_hash(item) for item in as_list(block.get("transactions"), method)),
    )


def _tx_hash(item: Json) -> Digest:
    named = item.get("hash") if isinstance(item, dict) else item
    return Digest(parse_bytes(named, "eth_getBlock", 32))


def parse_receipt(value: Json) -> Receipt:
    """Return one transaction receipt. Raises MalformedAnswer where a field is missing or of another form."""
    method = "eth_getTransactionReceipt"
    item = as_object(value, method)
    contract = item.get("contractAddress")
    return Receipt(
        tx_hash=Digest(parse_bytes(item.get("transactionHash"), method, 32)),
        tx_index=parse_number(item.get("transactionIndex"), method),
        block_number=BlockNumber(parse_number(item.get("blockNumber"), method)),
        block_hash=Digest(parse_bytes(item.get("blockHash"), method, 32)),
        tx_type=parse_number(item.get("type", "0x0"), method),
        succeeded=parse_number(item.get("status"), method) == 1,
        cumulative_gas=parse_number(item.get("cumulativeGasUsed"), method),
        gas_used=parse_number(item.get("gasUsed"), method),
        contract=None if contract is None else Address(parse_bytes(contract, method, 20)),
        bloom=parse_bytes(item.get("logsBloom"), method, 256),
        logs=tuple(parse_log(log) for log in as_list(item.get("logs"), method)),
    )


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the bytes of a receipt as in the block's receipt trie (EIP-2718 where it has a type)."""
    logs = [[log.address, list(log.topics), log.data] for log in receipt.logs]
    status, gas = format_number(int(receipt.succeeded)), format_number(receipt.cumulative_gas)
    body = format_rlp([status, gas, receipt.bloom, logs])
    return bytes((receipt.tx_type,)) + body if receipt.tx_type else body


def parse_account_proof(value: Json) -> AccountProof:
    """Return an ``eth_getProof`` answer. Raises MalformedAnswer. Does not check the proof."""
    method = "eth_getProof"
    item = as_object(value, method)
    storage = []
    for slot in as_list(item.get("storageProof"), method):
        entry = as_object(slot, method)
        # A node may write the key as 32 bytes or as a quantity; read as a number both are the same.
        key = parse_number(entry.get("key"), method).to_bytes(32, "big")
        nodes = tuple(parse_bytes(node, method) for node in as_list(entry.get("proof"), method))
        storage.append(StorageProof(Digest(key), parse_number(entry.get("value"), method), nodes))
    return AccountProof(
        address=Address(parse_bytes(item.get("address"), method, 20)),
        nonce=parse_number(item.get("nonce"), method),
        balance=parse_number(item.get("balance"), method),
        code_hash=Digest(parse_bytes(item.get("codeHash"), method, 32)),
        storage_root=Digest(parse_bytes(item.get("storageHash"), method, 32)),
        nodes=tuple(parse_bytes(node, method) for node in as_list(item.get("accountProof"), method)),
        storage=tuple(storage),
    )
