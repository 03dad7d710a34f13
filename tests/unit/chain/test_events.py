"""Event decoders against web3.py and eth_abi, and their strictness."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from web3 import Web3

from chain.errors import FormatError
from chain.events import EVENTS, TOPICS, EventRule, RawLog, decode, decode_event
from chain.evm.artifacts import load_artifact
from chain.hashing import keccak256
from chain.types import Address, BlockNumber, Digest

CONTRACTS = ("Membership", "TimeCredit", "LogAnchor", "CoSignature", "SeatRegistry", "RuleBook")
RENAMED = {"from": ("sender", "old"), "to": ("receiver", "new")}


def type_of(argument: dict[str, Any]) -> str:
    """Return the type of an argument as signatures write it: a struct by its members."""
    kind = str(argument["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(type_of(member) for member in argument['components'])}){kind[5:]}"


def compiled_events() -> dict[str, dict[str, Any]]:
    """Return every event of the compiled contracts by signature."""
    found = {}
    for name in CONTRACTS:
        for item in load_artifact(name).abi:
            if item["type"] == "event":
                entry: dict[str, Any] = dict(item)
                types = ",".join(type_of(argument) for argument in entry["inputs"])
                found[f"{entry['name']}({types})"] = entry
    return found


ABI = compiled_events()


def values(kind: str) -> st.SearchStrategy[Any]:
    """Return random values of a Solidity type."""
    if kind.endswith("[]"):
        return st.lists(values(kind[:-2]), max_size=5)
    if kind.startswith("("):
        return st.tuples(*(values(member) for member in kind[1:-1].split(",")))
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: Web3.to_checksum_address(raw))
    if kind == "bool":
        return st.booleans()
    if kind.startswith("bytes"):
        size = int(kind[5:])
        return st.binary(min_size=size, max_size=size)
    return st.integers(0, 2 ** int(kind[4:]) - 1)


def encode_log(entry: dict[str, Any], arguments: list[Any]) -> tuple[list[bytes], bytes]:
    """Return topics and data of the event with these arguments, by eth_abi."""
    topics, body = [], []
    for argument, value in zip(entry["inputs"], arguments, strict=True):
        if argument["indexed"]:
            topics.append(encode([type_of(argument)], [value]))
        else:
            body.append((type_of(argument), value))
    types = ",".join(type_of(argument) for argument in entry["inputs"])
    first = keccak256(f"{entry['name']}({types})".encode())
    return [first, *topics], encode([kind for kind, _ in body], [value for _, value in body])


def test_signatures_and_layout_are_those_of_the_compiled_contracts() -> None:
    for rule in EVENTS:
        entry = ABI[rule.signature]
        assert rule.topics == 1 + sum(argument["indexed"] for argument in entry["inputs"])
    own = {signature for signature in ABI if not signature.startswith("Approval(")}
    assert own == {rule.signature for rule in EVENTS}
    assert len(TOPICS) == len(EVENTS) == 26


@pytest.mark.parametrize("rule", EVENTS, ids=lambda rule: rule.signature.partition("(")[0])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_decoding_agrees_with_web3(rule: EventRule, data: st.DataObject) -> None:
    entry = ABI[rule.signature]
    arguments = [data.draw(values(type_of(argument))) for argument in entry["inputs"]]
    topics, body = encode_log(entry, arguments)
    event = decode(
        RawLog(
            BlockNumber(1),
            Digest(bytes(32)),
            Digest(bytes(32)),
            0,
            0,
            Address(bytes(20)),
            tuple(topics),
            body,
        )
    )
    contract = Web3().eth.contract(abi=[entry])
    log: Any = {
        "address": "0x" + "00" * 20,
        "topics": topics,
        "data": body,
        "blockNumber": 1,
        "blockHash": bytes(32),
        "transactionHash": bytes(32),
        "transactionIndex": 0,
        "logIndex": 0,
    }
    oracle = contract.events[entry["name"]]().process_log(log)["args"]
    got = dataclasses.asdict(event)
    assert len(got) == len(entry["inputs"])
    for (field, value), argument in zip(got.items(), entry["inputs"], strict=True):
        want: Any = oracle[argument["name"]]
        assert field in RENAMED.get(argument["name"], (snake(argument["name"]),))
        if argument["type"] == "address":
            want = bytes.fromhex(want[2:])
        elif argument["type"] == "address[]":
            want = tuple(bytes.fromhex(item[2:]) for item in want)
        elif argument["type"] == "tuple[]":
            want = tuple(dict(item) for item in want)
        elif argument["type"].endswith("[]"):
            want = tuple(want)
        assert value == want


def snake(name: str) -> str:
    """Return a Solidity name as Python writes it."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def sample(signature_start: str) -> tuple[list[bytes], bytes]:
    """Return a well-formed log of the event whose signature starts so, all arguments 1."""
    signature = next(rule.signature for rule in EVENTS if rule.signature.startswith(signature_start + "("))
    entry = ABI[signature]
    arguments: list[Any] = []
    for argument in entry["inputs"]:
        kind = type_of(argument)
        if kind.startswith("("):
            one: Any = tuple(one_of(member) for member in kind[1:-3].split(","))
        else:
            one = one_of(kind.removesuffix("[]"))
        arguments.append([one, one] if kind.endswith("[]") else one)
    return encode_log(entry, arguments)


def one_of(kind: str) -> Any:
    """Return a value of a plain type that is all ones."""
    ones: dict[str, Any] = {"address": "0x" + "11" * 20, "bool": True}
    return ones.get(kind, bytes([1]) * int(kind[5:]) if kind.startswith("bytes") else 1)


@pytest.mark.parametrize("name", [rule.signature.partition("(")[0] for rule in EVENTS])
def test_another_count_of_topics_or_bytes_is_refused(name: str) -> None:
    topics, data = sample(name)
    decode_event(topics, data)
    for bad in (topics[:-1], [*topics, bytes(32)], [*topics[:-1], topics[-1][:31]]):
        with pytest.raises(FormatError):
            decode_event(bad, data)
    shorter = [data[:-1], data[:-32]] if data else []
    for body in (data + b"\0", data + bytes(32), *shorter):
        with pytest.raises(FormatError):
            decode_event(topics, body)


def test_every_dirty_padding_byte_is_refused() -> None:
    refused = 0
    for rule in EVENTS:
        topics, data = sample(rule.signature.partition("(")[0])
        entry = ABI[rule.signature]
        slots = [
            (i, None) for i, a in enumerate((x for x in entry["inputs"] if x["indexed"]), 1) if padded(a)
        ]
        body = [a for a in entry["inputs"] if not a["indexed"]]
        places = [(None, 32 * i + at) for i, a in enumerate(body) if padded(a) for at in (pad_byte(a),)]
        for topic, offset in [*slots, *places]:
            dirty, bytes_ = list(topics), bytearray(data)
            if topic is not None:
                dirty[topic] = b"\xff" + topics[topic][1:]
            else:
                bytes_[offset or 0] ^= 0x80
            with pytest.raises(FormatError):
                decode_event(dirty, bytes(bytes_))
            refused += 1
    assert refused > 40


def padded(argument: dict[str, Any]) -> bool:
    return argument["type"] not in ("bytes32", "uint256")


def pad_byte(argument: dict[str, Any]) -> int:
    """Return a byte of the argument's word that must be zero (for an array: of its offset)."""
    return 31 if argument["type"] == "bytes16" else 0


def test_unknown_or_missing_first_topic_is_refused() -> None:
    for topics in ([], [bytes(32)]):
        with pytest.raises(FormatError) as error:
            decode_event(topics, b"")
        assert error.value.where == "topics[0]"


def test_array_at_another_offset_is_refused() -> None:
    topics, data = sample("SignersSet")
    shifted = (96).to_bytes(32, "big") + data[32:64] + bytes(32) + data[64:]
    with pytest.raises(FormatError) as error:
        decode_event(topics, shifted)
    assert error.value.where == "array"
    dirty = bytearray(data)
    dirty[96] = 1
    with pytest.raises(FormatError):
        decode_event(topics, bytes(dirty))


def test_lines_at_another_offset_or_with_dirty_words_are_refused() -> None:
    topics, data = sample("TablePublished")
    shifted = data[:128] + (192).to_bytes(32, "big") + bytes(32) + data[160:]
    with pytest.raises(FormatError) as error:
        decode_event(topics, shifted)
    assert error.value.where == "lines"
    # The second and third word of each line hold a kind and a value; all else of a line is the role.
    for at in (192 + 32, 192 + 64, 192 + 96 + 32, 192 + 96 + 64):
        dirty = bytearray(data)
        dirty[at] = 1
        with pytest.raises(FormatError) as error:
            decode_event(topics, bytes(dirty))
        assert error.value.where == "lines"
