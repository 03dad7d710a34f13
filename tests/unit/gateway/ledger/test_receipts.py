"""Receipts: the same bytes from the signing process and from here, also after the process is gone."""

from __future__ import annotations

import io
import json
import os
import struct

from chain.canonical import canonicalize
from chain.receipt import format_receipt, parse_receipt, receipt_text, sign_receipt
from gateway.ledger.receipt_process import serve
from gateway.ledger.receipts import WORTHWHILE, ReceiptSigner
from tests.unit.gateway.ledger.worlds import IDENTITY

AT = "2026-11-18T11:06:40.000Z"
PROMISES = [(index, os.urandom(32), AT) for index in range(WORTHWHILE + 3)]


def expected() -> list[bytes]:
    """Return the receipts as the pure room makes them."""
    made = [sign_receipt(IDENTITY.origin, *promise, IDENTITY.key) for promise in PROMISES]
    return [canonicalize(format_receipt(receipt)) for receipt in made]


def test_receipts_equal_those_of_the_pure_room() -> None:
    signer = ReceiptSigner(IDENTITY)
    assert signer.receipts(PROMISES) == expected()
    signer.start()
    assert signer._child is not None
    assert signer.receipts(PROMISES) == expected()
    assert signer.receipts(PROMISES[:1]) == expected()[:1]
    assert signer._child is not None
    signer.stop()
    assert parse_receipt(json.loads(expected()[2])).index == 2


def test_signing_goes_on_when_the_process_is_killed() -> None:
    signer = ReceiptSigner(IDENTITY)
    signer.start()
    child = signer._child
    assert child is not None
    child.kill()
    child.wait()
    assert signer.receipts(PROMISES) == expected()
    assert signer._child is None
    assert signer.receipts(PROMISES) == expected()
    signer.stop()


def test_process_signs_receipts_and_nothing_else() -> None:
    texts = [receipt_text(IDENTITY.origin, 1, bytes(32), AT).encode(), b"log.example/test\n5\nroot\n"]
    framed = struct.pack(">I", 2) + b"".join(struct.pack(">H", len(text)) + text for text in texts)
    answers = io.BytesIO()
    serve(io.BytesIO(IDENTITY.key.private_bytes_raw() + framed), answers)
    assert answers.getvalue() == b""
    one = struct.pack(">I", 1) + struct.pack(">H", len(texts[0])) + texts[0]
    serve(io.BytesIO(IDENTITY.key.private_bytes_raw() + one), answers)
    assert answers.getvalue() == IDENTITY.key.sign(texts[0])
