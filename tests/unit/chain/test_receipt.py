"""Receipts of FORMATS.md section 7."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, format_vkey
from chain.errors import FormatError, VerificationError
from chain.receipt import (
    format_receipt,
    parse_receipt,
    receipt_text,
    sign_receipt,
    verify_receipt,
    verify_receipt_by_any,
)
from chain.trust_root import LogKey, Requirements, TrustRoot

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
ORIGIN, AT = "log.example/3101", "2026-11-22T05:58:57.123Z"
VKEY = format_vkey(ORIGIN, KEY.public_key())
RECEIPT = sign_receipt(ORIGIN, 7, b"\xab" * 32, AT, KEY)


def test_text_is_the_format_s() -> None:
    want = f"tongyi receipt v1\n{ORIGIN}\n7\n{'ab' * 32}\n{AT}\n"
    assert receipt_text(ORIGIN, 7, b"\xab" * 32, AT) == want
    KEY.public_key().verify(RECEIPT.signature, want.encode())


def test_round_trip() -> None:
    value = format_receipt(RECEIPT)
    assert list(value) == ["v", "origin", "index", "leaf_hash", "at", "signature"]
    assert (value["v"], value["index"], value["leaf_hash"]) == (1, 7, "ab" * 32)
    assert parse_receipt(value) == RECEIPT
    verify_receipt(RECEIPT, VKEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 8},
        {"leaf_hash": b"\xac" * 32},
        {"at": AT.replace("3Z", "4Z")},
        {"signature": bytes(64)},
        {"signature": b""},
    ],
)
def test_every_member_is_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(VerificationError) as caught:
        verify_receipt(dataclasses.replace(RECEIPT, **changes), VKEY)
    assert (caught.value.step, caught.value.reason) == ("receipt", "signature does not hold")


def test_only_its_log_s_key_speaks_for_it() -> None:
    other = format_vkey("log.example/3102", KEY.public_key())
    for vkey in (other, format_vkey(ORIGIN, KEY.public_key(), KeyKind.COSIGNER)):
        with pytest.raises(VerificationError) as caught:
            verify_receipt(RECEIPT, vkey)
        assert (caught.value.reason, caught.value.want) == ("not a key of its origin", ORIGIN)
    stranger = format_vkey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\2" * 32).public_key())
    with pytest.raises(VerificationError, match="signature does not hold"):
        verify_receipt(RECEIPT, stranger)


NEW_KEY = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
NEW_VKEY = format_vkey(ORIGIN, NEW_KEY.public_key())


def rotated(start: int) -> TrustRoot:
    """A trust root whose log has the old key below the size ``start``, and the new one from there on."""
    keys = (LogKey(ORIGIN, VKEY, 0, start), LogKey(ORIGIN, NEW_VKEY, start, None))
    required = Requirements(anchor=False, outcome=False, seals="none", depth=0, witness_quorum=0)
    return TrustRoot("test", (), keys, (), (), required)


def test_after_a_rotation_the_key_in_force_and_the_later_one_speak_for_a_leaf() -> None:
    # Leaf 7 came at size 8: with ranges that meet at 9 it is the old key's, at 8 the new one's alone.
    again = sign_receipt(ORIGIN, 7, b"\xab" * 32, AT, NEW_KEY)
    root = rotated(9)
    assert root.receipt_keys(ORIGIN, 7) == [VKEY, NEW_VKEY]
    assert verify_receipt_by_any(RECEIPT, root.receipt_keys(ORIGIN, 7)) == VKEY
    assert verify_receipt_by_any(again, root.receipt_keys(ORIGIN, 7)) == NEW_VKEY
    root = rotated(8)
    assert root.receipt_keys(ORIGIN, 7) == [NEW_VKEY] and root.receipt_keys("log.example/3102", 7) == []
    assert verify_receipt_by_any(again, root.receipt_keys(ORIGIN, 7)) == NEW_VKEY
    for receipt, keys in ((RECEIPT, root.receipt_keys(ORIGIN, 7)), (again, [VKEY]), (RECEIPT, [])):
        with pytest.raises(VerificationError) as caught:
            verify_receipt_by_any(receipt, keys)
        assert (caught.value.reason, caught.value.got) == ("no key that counts for its index gave it", 7)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"v": 2}, "receipt.v"),
        ({"v": True}, "receipt.v"),
        ({"origin": "two words"}, "receipt.origin"),
        ({"index": -1}, "receipt.index"),
        ({"index": 1.0}, "receipt.index"),
        ({"index": 2**53}, "receipt.index"),
        ({"leaf_hash": "AB" * 32}, "receipt.leaf_hash"),
        ({"at": "2026-11-22"}, "receipt.at"),
        ({"signature": None}, "receipt.signature"),
        ({"signature": "AAAA"}, "receipt.signature"),
        ({"signature": "!" * 88}, "receipt.signature"),
        ({"more": 1}, "receipt"),
    ],
)
def test_malformed_receipts(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_receipt({**format_receipt(RECEIPT), **changes})
    assert caught.value.where == where
    with pytest.raises(FormatError):
        parse_receipt(None)
