"""Signing against eth_account, reading back, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import FatalChainError, FormatError
from chain.evm import transactions
from chain.evm.errors import SignerRefused
from chain.evm.recursion import RECURSION_LIMIT, assert_recursion_limit, reset_recursion_limit
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields, check_signed, read_transaction, recover_address
from chain.hashing import keccak256
from chain.types import Address

reset_recursion_limit()
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECRET = keccak256(b"a test key")
KEY = LocalKey(SECRET)
FIELDS = st.builds(
    TransactionFields,
    chain_id=st.integers(1, 2**40),
    nonce=st.integers(0, 2**40),
    gas=st.integers(0, 2**40),
    to=st.none() | st.binary(min_size=20, max_size=20).map(Address),
    data=st.binary(max_size=300),
    gas_price=st.integers(0, 2**60),
    value=st.integers(0, 2**70),
)


def as_dictionary(tx: TransactionFields) -> dict[str, Any]:
    """Return the transaction as eth_account wants it."""
    named: dict[str, Any] = {"chainId": tx.chain_id, "nonce": tx.nonce, "gas": tx.gas, "value": tx.value}
    named |= {"data": tx.data, "to": tx.to or b""}
    if tx.max_fee_per_gas is None:
        return named | {"gasPrice": tx.gas_price}
    fees = {"maxFeePerGas": tx.max_fee_per_gas, "maxPriorityFeePerGas": tx.max_priority_fee_per_gas}
    return named | fees | {"type": 2}


def fee_market(tx: TransactionFields, fee: int, tip: int) -> TransactionFields:
    return dataclasses.replace(tx, gas_price=0, max_fee_per_gas=fee, max_priority_fee_per_gas=tip)


@settings(max_examples=60, deadline=None)
@given(FIELDS, st.booleans(), st.integers(0, 2**60), st.integers(0, 2**60))
def test_signed_bytes_are_those_of_eth_account(
    tx: TransactionFields, typed: bool, fee: int, tip: int
) -> None:
    asked = fee_market(tx, fee, min(fee, tip)) if typed else tx
    raw = KEY.sign_transaction(asked)
    signed = Account.sign_transaction(as_dictionary(asked), SECRET)
    assert raw == bytes(signed.raw_transaction)
    assert transactions.transaction_hash(raw) == bytes(signed.hash)
    back = read_transaction(raw)
    assert (back.fields, back.sender, back.hash) == (asked, KEY.address, bytes(signed.hash))
    check_signed(raw, asked, KEY.address)


def test_address_is_that_of_eth_account() -> None:
    assert "0x" + KEY.address.hex() == Account.from_key(SECRET).address.lower()
    # Known from outside: the contract that account 0 of the well-known test mnemonic creates first.
    sender = Address(bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"))
    assert transactions.contract_address(sender, 0).hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"


TX = TransactionFields(20261, 7, 100_000, Address(b"\x11" * 20), b"data", gas_price=5)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("chain_id", 1),
        ("nonce", 8),
        ("gas", 100_001),
        ("to", Address(b"\x12" * 20)),
        ("to", None),
        ("data", b"datb"),
        ("gas_price", 6),
        ("value", 1),
    ],
)
def test_signature_over_another_field_is_refused_by_its_name(field: str, other: Any) -> None:
    for asked in (TX, fee_market(TX, 9, 1)):
        if field == "gas_price" and asked is not TX:
            continue
        raw = KEY.sign_transaction(dataclasses.replace(asked, **{field: other}))
        with pytest.raises(SignerRefused) as error:
            check_signed(raw, asked, KEY.address)
        assert error.value.field == field


def test_signature_of_another_key_is_refused() -> None:
    raw = LocalKey(keccak256(b"another")).sign_transaction(TX)
    with pytest.raises(SignerRefused) as error:
        check_signed(raw, TX, KEY.address)
    assert error.value.field == "sender"


def test_bytes_that_are_no_transaction_are_refused() -> None:
    raw = KEY.sign_transaction(TX)
    typed = KEY.sign_transaction(fee_market(TX, 9, 1))
    unbound = Account.sign_transaction({k: v for k, v in as_dictionary(TX).items() if k != "chainId"}, SECRET)
    for bad in (b"", raw[:-1], raw + b"\0", typed[1:], b"\x01" + typed[1:], bytes(unbound.raw_transaction)):
        with pytest.raises(SignerRefused) as error:
            check_signed(bad, TX, KEY.address)
        assert error.value.field == "raw"


def test_access_list_is_refused() -> None:
    named = as_dictionary(fee_market(TX, 9, 1))
    named["accessList"] = [{"address": "0x" + "11" * 20, "storageKeys": []}]
    raw = bytes(Account.sign_transaction(named, SECRET).raw_transaction)
    with pytest.raises(FormatError, match="access list"):
        read_transaction(raw)


def test_high_s_and_other_v_and_sizes_are_refused() -> None:
    digest = keccak256(b"message")
    good = KEY.sign_digest(digest)
    assert recover_address(digest, good) == KEY.address
    high = good[:32] + (ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    twin = high + bytes([55 - good[64]])
    # The twin recovers to the same address in libraries that do not look; here it is refused.
    assert Account._recover_hash(digest, signature=twin).lower() == "0x" + KEY.address.hex()
    for bad, reason in (
        (twin, "lower half"),
        (good[:64] + b"\x00", "27 nor 28"),
        (good[:64] + b"\x1d", "27 nor 28"),
        (good[:64], "64 bytes"),
        (good + b"\0", "66 bytes"),
        (good[:32] + bytes(32) + good[64:], "lower half"),
        (b"\xff" * 32 + good[32:], "no key"),
    ):
        with pytest.raises(FormatError, match=reason):
            recover_address(digest, bad)


def test_coincurve_backend_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    transactions.assert_coincurve()
    reset_recursion_limit()
    monkeypatch.setenv("ECC_BACKEND_CLASS", "eth_keys.backends.NativeECCBackend")
    with pytest.raises(FatalChainError, match="NativeECCBackend"):
        transactions.assert_coincurve()


def test_recursion_limit_is_put_back() -> None:
    import sys

    sys.setrecursionlimit(100_000)
    with pytest.raises(FatalChainError, match="100000"):
        assert_recursion_limit()
    reset_recursion_limit()
    assert_recursion_limit()
    assert sys.getrecursionlimit() == RECURSION_LIMIT


def test_key_shows_its_address_and_never_its_secret() -> None:
    assert repr(KEY) == f"LocalKey(0x{KEY.address.hex()})"
    assert SECRET.hex() not in repr(KEY)
    with pytest.raises(TypeError):
        __import__("pickle").dumps(KEY)
    for bad in (b"", bytes(32), b"\xff" * 32, SECRET + b"\0"):
        with pytest.raises(FormatError) as error:
            LocalKey(bad)
        assert bad.hex() not in str(error.value) or not bad
