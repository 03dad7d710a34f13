"""Calls to seats and rules against eth_abi, and their selectors against the compiled contracts."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.evm import rule_calls
from chain.evm.artifacts import load_artifact
from chain.hashing import keccak256
from chain.rule_kinds import RuleLine
from chain.types import Address, Digest

HASH = st.binary(min_size=32, max_size=32).map(Digest)
ADDRESS = st.binary(min_size=20, max_size=20).map(Address)
U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
U8 = st.integers(0, 255)
LINES = st.lists(st.builds(RuleLine, HASH, U8, U64), max_size=6)
LINE_TYPE = "(bytes32,uint8,uint64)[]"
TYPES = {
    "grant": ["uint32", "bytes32", "address", "bytes32", "uint64"],
    "renew": ["uint32", "bytes32", "bytes32", "uint64"],
    "release": ["uint32", "bytes32", "bytes32", "bytes32"],
    "publish": ["bytes32", "uint32", "uint8", "uint64", LINE_TYPE, "bytes32", "bytes32"],
    "announce": ["uint8", "uint8", "bytes32"],
    "activate": ["uint8"],
    "lower": ["uint8", "uint8"],
    "withdraw": ["uint8"],
}


def type_of(argument: dict[str, Any]) -> str:
    if not argument["type"].startswith("tuple"):
        return str(argument["type"])
    members = ",".join(type_of(component) for component in argument["components"])
    return f"({members}){argument['type'][5:]}"


def test_every_signature_is_of_a_compiled_contract() -> None:
    compiled = set()
    for name in ("SeatRegistry", "RuleBook"):
        for item in load_artifact(name).abi:
            if item["type"] == "function" and item["stateMutability"] == "nonpayable":
                entry: dict[str, Any] = dict(item)
                compiled.add(f"{entry['name']}({','.join(type_of(a) for a in entry['inputs'])})")
    assert set(rule_calls.SIGNATURES) == compiled, "every call that changes something is encoded here"
    assert {f"{name}({','.join(types)})" for name, types in TYPES.items()} == compiled


@settings(max_examples=60, deadline=None)
@given(U32, HASH, ADDRESS, HASH, HASH, U64, U8, U8, LINES)
def test_calls_are_as_eth_abi_encodes_them(
    chapter: int,
    h: Digest,
    merchant: Address,
    g: Digest,
    f: Digest,
    time: int,
    gate: int,
    value: int,
    lines: list[RuleLine],
) -> None:
    name = "0x" + merchant.hex()
    rows = [(line.role, line.kind, line.value) for line in lines]
    calls: list[tuple[str, bytes, list[Any]]] = [
        (
            "grant",
            rule_calls.encode_grant_seat(chapter, h, merchant, g, time),
            [chapter, h, name, g, time],
        ),
        ("renew", rule_calls.encode_renew_seat(chapter, h, g, time), [chapter, h, g, time]),
        ("release", rule_calls.encode_release_seat(chapter, h, g, f), [chapter, h, g, f]),
        (
            "publish",
            rule_calls.encode_publish_table(h, chapter, gate, time, lines, g, f),
            [h, chapter, gate, time, rows, g, f],
        ),
        ("announce", rule_calls.encode_announce_raise(gate, value, h), [gate, value, h]),
        ("activate", rule_calls.encode_activate_raise(gate), [gate]),
        ("lower", rule_calls.encode_lower_gate(gate, value), [gate, value]),
        ("withdraw", rule_calls.encode_withdraw_raise(gate), [gate]),
    ]
    assert {called for called, _, _ in calls} == TYPES.keys()
    for called, got, arguments in calls:
        selector = keccak256(f"{called}({','.join(TYPES[called])})".encode())[:4]
        assert got == selector + encode(TYPES[called], arguments), called


WORD = Digest(bytes(32))
NOBODY = Address(bytes(20))


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda: rule_calls.encode_grant_seat(2**32, WORD, NOBODY, WORD, 1), "chapter"),
        (lambda: rule_calls.encode_grant_seat(1, b"x", NOBODY, WORD, 1), "industry"),
        (lambda: rule_calls.encode_grant_seat(1, WORD, Address(b"x"), WORD, 1), "merchant"),
        (lambda: rule_calls.encode_renew_seat(1, WORD, b"", 1), "certificate"),
        (lambda: rule_calls.encode_renew_seat(1, WORD, WORD, 2**64), "until"),
        (lambda: rule_calls.encode_release_seat(1, WORD, b"", WORD), "reasonCode"),
        (lambda: rule_calls.encode_release_seat(1, WORD, WORD, b""), "order"),
        (lambda: rule_calls.encode_publish_table(WORD, 1, 256, 1, [], WORD, WORD), "kind"),
        (lambda: rule_calls.encode_publish_table(WORD, 1, 1, -1, [], WORD, WORD), "effectiveFrom"),
        (
            lambda: rule_calls.encode_publish_table(WORD, 1, 1, 1, [RuleLine(WORD, 1, -1)], WORD, WORD),
            "lines",
        ),
        (lambda: rule_calls.encode_announce_raise(1, 256, WORD), "value"),
        (lambda: rule_calls.encode_announce_raise(1, 1, b""), "opinion"),
        (lambda: rule_calls.encode_activate_raise(-1), "gate"),
        (lambda: rule_calls.encode_lower_gate(1, 300), "value"),
        (lambda: rule_calls.encode_withdraw_raise(256), "gate"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(call: Any, where: str) -> None:
    with pytest.raises(FormatError) as error:
        call()
    assert error.value.where == where
