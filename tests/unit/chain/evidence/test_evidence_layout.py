"""Storage layout: the numbers here are the compiler's, and words are packed as the contract packs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.evidence.layout import (
    ACCOUNT_MEMBERS,
    SLOTS,
    AccountSlot,
    LockSlot,
    account_key,
    cursor_key,
    format_account_slot,
    lock_key,
    parse_account_slot,
    parse_lock_slot,
    refused_key,
)
from chain.types import Address, Digest

CONTRACTS = Path(__file__).parents[4] / "contracts"


def test_slots_and_types_are_the_compilers() -> None:
    artifact = json.loads((CONTRACTS / "artifacts" / "TimeCredit.json").read_text())
    layout = {item["label"]: item for item in artifact["storageLayout"]["storage"]}
    assert {name: int(layout[name]["slot"]) for name in SLOTS} == SLOTS
    assert {name: layout[name]["offset"] for name in SLOTS} == dict.fromkeys(SLOTS, 0)
    assert layout["_cursor"]["type"] == "t_mapping(t_bytes32,t_uint64)"
    assert layout["_refused"]["type"] == "t_mapping(t_bytes32,t_mapping(t_uint64,t_uint8))"
    assert layout["_locks"]["type"] == "t_mapping(t_bytes32,t_struct(Lock)_storage)"
    lock = artifact["storageLayout"]["types"]["t_struct(Lock)_storage"]["members"]
    assert [(item["label"], item["slot"], item["offset"], item["type"]) for item in lock] == [
        ("holder", "0", 0, "t_address"),
        ("amount", "0", 20, "t_uint64"),
    ]
    assert layout["_accounts"]["type"] == "t_mapping(t_address,t_userDefinedValueType(PackedAccount))"


def test_the_account_word_is_packed_as_the_contract_says() -> None:
    source = (CONTRACTS / "src" / "libraries" / "PackedAccount.sol").read_text()
    stated = re.search(r"@dev slot, from the lowest bit: (.*)\.$", source, re.MULTILINE)
    assert stated is not None
    assert stated[1] == " | ".join(f"{name} {bits}" for name, bits in ACCOUNT_MEMBERS)
    shifts, at = {}, 0
    for name, bits in ACCOUNT_MEMBERS:
        shifts[name.upper()] = at
        at += bits
    assert at == 256
    for name in ("LOCKED", "SEQUENCE", "DAY", "SPENT", "FLAGS", "PLACE"):
        assert f"uint256 private constant {name} = {shifts[name]};" in source


def test_lock_word_fields() -> None:
    holder = Address(bytes(range(20)))
    word = int.from_bytes(holder, "big") | 12_345 << 160
    assert parse_lock_slot(word) == LockSlot(holder, 12_345)
    assert parse_lock_slot(0) == LockSlot(Address(bytes(20)), 0)
    assert parse_lock_slot((1 << 224) - 1) == LockSlot(Address(b"\xff" * 20), 2**64 - 1)
    for bad in (1 << 224, -1):
        with pytest.raises(FormatError) as error:
            parse_lock_slot(bad)
        assert (error.value.where, error.value.reason) == ("lock slot", "not 224 bits")


def test_lock_key_is_solidity_s() -> None:
    assert lock_key(b"\x07" * 32) == keccak(b"\x07" * 32 + (8).to_bytes(32, "big"))
    with pytest.raises(FormatError):
        lock_key(bytes(31))


@given(st.integers(0, 2**256 - 1))
def test_account_word_round_trip(word: int) -> None:
    assert format_account_slot(parse_account_slot(word)) == word


def test_account_word_fields() -> None:
    word = 5 | 3 << 64 | 9 << 128 | 20_000 << 168 | 77 << 184 | 0x31 << 224 | 12 << 232
    assert parse_account_slot(word) == AccountSlot(5, 3, 9, 20_000, 77, 0x31, 12)
    for bad in (-1, 1 << 256):
        with pytest.raises(FormatError):
            parse_account_slot(bad)
    with pytest.raises(FormatError) as caught:
        format_account_slot(AccountSlot(1 << 64, 0, 0, 0, 0, 0, 0))
    assert caught.value.where == "account slot.balance"


def test_keys_follow_soliditys_rule_for_mappings() -> None:
    log_id, address = Digest(bytes(range(32))), Address(b"\xaa" * 20)
    assert cursor_key(log_id) == keccak(log_id + (4).to_bytes(32, "big"))
    inner = keccak(log_id + (5).to_bytes(32, "big"))
    assert refused_key(log_id, 7) == keccak((7).to_bytes(32, "big") + inner)
    assert account_key(address) == keccak(bytes(12) + address + bytes(32))
    for call in (
        lambda: cursor_key(Digest(b"short")),
        lambda: refused_key(log_id, 2**64),
        lambda: refused_key(log_id, -1),
        lambda: account_key(Address(b"short")),
    ):
        with pytest.raises(FormatError):
            call()
