"""Receipts from their consensus bytes, typed and legacy."""

from __future__ import annotations

import pytest
import rlp

from chain.errors import FormatError
from chain.evidence.receipts import Receipt, ReceiptLog, parse_receipt
from tests.reference import chain_maker

LOG = chain_maker.log(b"a" * 20, [b"t" * 32, b"u" * 32], b"data")


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("status", [0, 1])
def test_reads_status_and_logs(typed: bool, status: int) -> None:
    want = Receipt(status == 1, (ReceiptLog(b"a" * 20, (b"t" * 32, b"u" * 32), b"data"),))  # type: ignore[arg-type]
    assert parse_receipt(chain_maker.receipt([LOG], status=status, typed=typed)) == want


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ([b"\x01", b"\x01", bytes(256)], "receipt"),
        ([b"s" * 32, b"\x01", bytes(256), []], "receipt.status"),
        ([b"\x02", b"\x01", bytes(256), []], "receipt.status"),
        ([b"\x01", b"\x00\x01", bytes(256), []], "receipt.gas"),
        ([b"\x01", b"\x01", bytes(255), []], "receipt.bloom"),
        ([b"\x01", b"\x01", bytes(256), b"logs"], "receipt.logs"),
        ([b"\x01", b"\x01", bytes(256), [LOG[:2]]], "receipt.log"),
        ([b"\x01", b"\x01", bytes(256), [[b"a" * 20, [b"t" * 32] * 5, b""]]], "receipt.log"),
        ([b"\x01", b"\x01", bytes(256), [[b"a" * 19, [], b""]]], "receipt.log.address"),
        ([b"\x01", b"\x01", bytes(256), [[b"a" * 20, [b"t"], b""]]], "receipt.log.topic"),
        ([b"\x01", b"\x01", bytes(256), [[b"a" * 20, [], [b""]]]], "receipt.log"),
    ],
)
def test_refuses_other_forms(fields: list[object], where: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_receipt(rlp.encode(fields))
    assert caught.value.where == where


def test_refuses_nothing() -> None:
    with pytest.raises(FormatError):
        parse_receipt(b"")
