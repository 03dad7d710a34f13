"""Headers, receipts and logs from a node's JSON, honest and not."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
import rlp

from chain.errors import FatalChainError, TransientChainError
from chain.evm.blocks import encode_receipt, parse_account_proof, parse_header, parse_log, parse_receipt
from chain.evm.client import EvmClient
from chain.evm.errors import MalformedAnswer, NodeRefused, WrongChain
from chain.evm.transport import Json
from chain.hashing import keccak256
from chain.types import Address

FIELDS: list[tuple[str, bytes]] = [
    ("parentHash", b"\x01" * 32),
    ("sha3Uncles", b"\x02" * 32),
    ("miner", b"\x03" * 20),
    ("stateRoot", b"\x04" * 32),
    ("transactionsRoot", b"\x05" * 32),
    ("receiptsRoot", b"\x06" * 32),
    ("logsBloom", bytes(256)),
    ("difficulty", b"\x02"),
    ("number", b"\x10"),
    ("gasLimit", b"\x3b\x9a\xca\x00"),
    ("gasUsed", b""),
    ("timestamp", b"\x65\x00\x00\x00"),
    ("extraData", b"vanity" * 20),
    ("mixHash", bytes(32)),
    ("nonce", bytes(8)),
    ("baseFeePerGas", b""),
    ("withdrawalsRoot", b"\x07" * 32),
    ("blobGasUsed", b""),
    ("excessBlobGas", b"\x01"),
    ("parentBeaconBlockRoot", b"\x08" * 32),
    ("requestsHash", b"\x09" * 32),
]
NUMBERS = {
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "baseFeePerGas",
    "blobGasUsed",
    "excessBlobGas",
}


def block(fields: int) -> dict[str, Any]:
    """Return a block answer with the first ``fields`` header fields, hashed by the rlp package."""
    named = dict(FIELDS[:fields])
    answer: dict[str, Any] = {
        name: hex(int.from_bytes(value, "big")) if name in NUMBERS else "0x" + value.hex()
        for name, value in named.items()
    }
    raw = rlp.encode(list(named.values()))
    return answer | {"hash": "0x" + keccak256(raw).hex(), "transactions": ["0x" + "aa" * 32]}


@pytest.mark.parametrize(
    "fields", [15, 16, 17, 20, 21], ids=["berlin", "london", "shanghai", "cancun", "prague"]
)
def test_header_of_every_fork_is_encoded_to_its_hash(fields: int) -> None:
    header = parse_header(block(fields))
    assert header.raw == rlp.encode([value for _, value in FIELDS[:fields]])
    assert keccak256(header.raw) == header.hash
    assert (header.number, header.timestamp, header.gas_used) == (16, 0x65000000, 0)
    assert (header.parent_hash, header.state_root, header.receipts_root) == (
        b"\1" * 32,
        b"\4" * 32,
        b"\6" * 32,
    )
    assert header.tx_hashes == (b"\xaa" * 32,)


@pytest.mark.parametrize("field", [name for name, _ in FIELDS])
def test_header_whose_field_is_changed_contradicts_its_hash(field: str) -> None:
    answer = block(21)
    text = answer[field]
    answer[field] = text[:-1] + ("1" if text[-1] != "1" else "2")
    with pytest.raises(FatalChainError, match="do not hash"):
        parse_header(answer)


@pytest.mark.parametrize("field", [*[name for name, _ in FIELDS[:15]], "hash", "transactions"])
def test_header_without_a_field_is_malformed(field: str) -> None:
    answer = block(16)
    del answer[field]
    with pytest.raises(MalformedAnswer):
        parse_header(answer)


LOG: dict[str, Any] = {
    "address": "0x" + "11" * 20,
    "topics": ["0x" + "22" * 32, "0x" + "33" * 32],
    "data": "0x" + "44" * 64,
    "blockHash": "0x" + "55" * 32,
    "blockNumber": "0x7",
    "transactionHash": "0x" + "66" * 32,
    "transactionIndex": "0x1",
    "logIndex": "0x2",
    "removed": False,
}
RECEIPT: dict[str, Any] = {
    "type": "0x0",
    "status": "0x1",
    "cumulativeGasUsed": "0x5208",
    "gasUsed": "0x5208",
    "logsBloom": "0x" + "00" * 256,
    "logs": [LOG, LOG],
    "transactionHash": "0x" + "66" * 32,
    "transactionIndex": "0x1",
    "blockHash": "0x" + "55" * 32,
    "blockNumber": "0x7",
    "contractAddress": None,
}


def test_log_and_receipt_are_read_and_encoded_as_rlp_does() -> None:
    log = parse_log(LOG)
    assert (log.block_number, log.tx_index, log.log_index) == (7, 1, 2)
    assert (log.address, log.topics) == (b"\x11" * 20, (b"\x22" * 32, b"\x33" * 32))
    body = [b"\1", b"\x52\x08", bytes(256), [[log.address, list(log.topics), log.data]] * 2]
    assert encode_receipt(parse_receipt(RECEIPT)) == rlp.encode(body)
    assert encode_receipt(parse_receipt({**RECEIPT, "type": "0x2"})) == b"\2" + rlp.encode(body)
    body[0] = b""
    failed = parse_receipt({**RECEIPT, "status": "0x0"})
    assert not failed.succeeded and encode_receipt(failed) == rlp.encode(body)


@pytest.mark.parametrize("field", sorted(LOG.keys() - {"removed"}))
@pytest.mark.parametrize("bad", [None, 1, "", "0x1g", [], {}, "0x" + "11" * 33])
def test_log_with_a_bad_field_is_malformed(field: str, bad: Json) -> None:
    numbers = ("blockNumber", "transactionIndex", "logIndex")
    if (field in (*numbers, "data") and bad == "0x" + "11" * 33) or (field, bad) in (
        ("topics", []),
        ("data", ""),
    ):
        assert parse_log({**LOG, field: bad})
        return
    with pytest.raises(MalformedAnswer):
        parse_log({**LOG, field: bad})


def test_removed_log_and_no_object_are_malformed() -> None:
    for bad in ({**LOG, "removed": True}, None, 1, "text", [LOG]):
        with pytest.raises(MalformedAnswer):
            parse_log(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", sorted(RECEIPT.keys() - {"type", "contractAddress"}))
def test_receipt_without_a_field_is_malformed(field: str) -> None:
    answer = copy.deepcopy(RECEIPT)
    del answer[field]
    with pytest.raises(MalformedAnswer):
        parse_receipt(answer)


def test_reading_logs_is_fast_enough_for_the_mirror() -> None:
    logs = [copy.deepcopy(LOG) for _ in range(5_000)]
    begun = time.perf_counter()
    for log in logs:
        parse_log(log)
    assert len(logs) / (time.perf_counter() - begun) > 60_000


class Scripted(EvmClient):
    """A client whose node answers from a table; what is not in it is refused as unknown."""

    def __init__(self, answers: dict[str, Json]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        super().__init__("http://127.0.0.1:1")

    def call(self, method: str, *params: Json) -> Json:
        self.asked.append(method)
        if method not in self.answers:
            raise NodeRefused(method, -32601, "the method does not exist")
        return self.answers[method]

    def batch(self, calls: Any) -> list[Json | NodeRefused]:
        return [self.call(method, *params) for method, params in calls]


def test_missing_or_other_block_is_not_taken() -> None:
    client = Scripted({"eth_getBlockByNumber": None, "eth_getBlockByHash": block(16)})
    with pytest.raises(TransientChainError):
        client.header(5)
    with pytest.raises(TransientChainError):
        client.headers(5, 7)
    with pytest.raises(MalformedAnswer, match="another block"):
        client.header(b"\x01" * 32)
    client.answers["eth_getBlockByNumber"] = block(16)
    assert client.header(16).number == client.header("latest").number == 16
    with pytest.raises(MalformedAnswer, match="another block"):
        client.header(17)
    with pytest.raises(MalformedAnswer, match="another block"):
        client.headers(15, 17)


def test_logs_outside_the_question_are_not_taken() -> None:
    client = Scripted({"eth_getLogs": [LOG, {**LOG, "logIndex": "0x1"}]})
    assert [log.log_index for log in client.logs(7, 7, [b"\x11" * 20])] == [1, 2]
    for first, last, address in ((8, 9, b"\x11" * 20), (0, 6, b"\x11" * 20), (7, 7, b"\x12" * 20)):
        with pytest.raises(MalformedAnswer, match="not of the range"):
            client.logs(first, last, [address])


def test_node_without_block_receipts_is_asked_one_by_one() -> None:
    answer = {**RECEIPT, "transactionHash": "0x" + "aa" * 32, "logs": []}
    client = Scripted({"eth_getBlockByNumber": block(16), "eth_getTransactionReceipt": answer})
    for _ in range(2):
        assert [receipt.tx_hash for receipt in client.block_receipts(16)] == [b"\xaa" * 32]
    assert client.asked.count("eth_getBlockReceipts") == 1
    client.answers["eth_getTransactionReceipt"] = None
    with pytest.raises(TransientChainError, match="lacks one"):
        client.block_receipts(16)
    client.answers["eth_getTransactionReceipt"] = RECEIPT
    with pytest.raises(MalformedAnswer, match="another transaction"):
        client.block_receipts(16)


def test_hash_of_other_bytes_than_those_sent_is_not_taken() -> None:
    client = Scripted({"eth_sendRawTransaction": "0x" + keccak256(b"raw").hex()})
    assert client.send_raw(b"raw") == keccak256(b"raw")
    with pytest.raises(MalformedAnswer, match="not that of the bytes"):
        client.send_raw(b"other")


def test_proof_of_another_account_or_slot_is_fatal() -> None:
    proof: dict[str, Json] = {
        "address": "0x" + "11" * 20,
        "nonce": "0x1",
        "balance": "0x0",
        "codeHash": "0x" + "22" * 32,
        "storageHash": "0x" + "33" * 32,
        "accountProof": ["0x01"],
        "storageProof": [{"key": "0x5", "value": "0x6", "proof": ["0x02"]}],
    }
    key = (5).to_bytes(32, "big")
    client = Scripted({"eth_getProof": proof})
    got = client.storage_proof(Address(b"\x11" * 20), [key], 1)
    assert (got.storage[0].key, got.storage[0].value, got.nodes) == (key, 6, (b"\1",))
    for address, keys in ((b"\x12" * 20, [key]), (b"\x11" * 20, []), (b"\x11" * 20, [bytes(32)])):
        with pytest.raises(FatalChainError):
            client.storage_proof(Address(address), keys, 1)
    for field in proof:
        with pytest.raises(MalformedAnswer):
            parse_account_proof({name: value for name, value in proof.items() if name != field})


def test_other_chain_than_expected_is_refused_at_each_check() -> None:
    client = Scripted({"eth_chainId": "0x4f25", "eth_getBlockByNumber": {**block(16)}})
    client._expected_chain_id = 1
    with pytest.raises(WrongChain) as error:
        client.check_chain()
    assert (error.value.what, error.value.got, error.value.want) == ("chain id", 0x4F25, 1)
