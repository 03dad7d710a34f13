"""Members who hold their own key: what is held of theirs, and what a code pays, carries their signature."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import coincurve
import pytest

from chain.hashing import keccak256
from chain.operation import ZERO_REF, Operation, OperationKind, account_id
from chain.typed_data import authorization_digest
from chain.types import Address
from gateway.ledger.drafts import Authorization, Custody, Draft
from gateway.rules.payment_codes import digest_token
from tests.unit.gateway.ledger.worlds import PLACE, address, joined, operated
from tests.unit.gateway.timebank.kit import MORNING, Bank, account, step

KEY = coincurve.PrivateKey(b"\x0c" * 32)
SELF = Address(keccak256(KEY.public_key.format(compressed=False)[1:])[12:])
UNTIL = MORNING + 3_600
K = OperationKind


def signed(draft: Draft, kind: OperationKind, receiver: str, amount: int) -> Draft:
    """Return the draft with the holder's operation and signature, good for an hour."""
    nonce = b"\x0a" * 32
    digest = authorization_digest(
        PLACE, kind=kind, sender=SELF, receiver=address(receiver), amount=amount,
        nonce=nonce, valid_before=UNTIL,
    )  # fmt: skip
    raw = KEY.sign_recoverable(digest, hasher=None)
    signature = raw[:64] + bytes((raw[64] + 27,))
    operation = Operation(kind, SELF, address(receiver), amount, UNTIL, ZERO_REF)
    return replace(draft, operation=operation, authorization=Authorization(nonce, signature))


@pytest.fixture
def own(bank: Bank) -> Bank:
    """The bank with a member in self-custody, who has 100.00 coins."""
    bank.world.accept(joined("self", custody=Custody.SELF, at=SELF))
    bank.world.accept(operated(K.ISSUE, receiver=SELF, amount=10_000))
    bank.world.accept(replace(step("service.recorded"), subjects=(account_id(SELF),)))
    return bank


def test_the_holder_signs_what_his_booking_holds(own: Bank) -> None:
    fields = {"service": "appliance_cleaning", "compound": "c1", "minutes": 120}
    draft = step("service.requested", **fields, starts_at="2026-11-20T01:00:00.000Z")
    booking = own.world.accept(replace(draft, subjects=(account_id(SELF),))).entry_id
    own.accepted(booking, own.offer())
    book = step("service.booked", about=booking, side="member")
    assert own.world.refuse(book).code == "signature.missing"
    more = own.world.refuse(signed(book, K.TRANSFER, "holding", 2_001))
    assert (more.code, more.fields) == ("entry.not_as_computed", {"field": "op"})
    elsewhere = own.world.refuse(signed(book, K.TRANSFER, "p", 2_000))
    assert elsewhere.code == "entry.not_as_computed"
    booked = own.world.accept(signed(book, K.TRANSFER, "holding", 2_000))
    assert own.moved(booked) == ("transfer", "", "holding", 2_000)
    own.served(booking)
    confirmed = own.take("service.confirmed", about=booking, side="member")
    assert own.moved(confirmed) == ("transfer", "holding", "p", 2_000)


def test_the_holder_signs_what_a_code_pays(own: Bank) -> None:
    proof = hashlib.sha256(b"secret").digest()
    bound = {"payee": account("shop"), "amount": "250", "purpose": "lunch"}
    own.take("paycode.issued", **bound, code=digest_token(proof).hex())
    use = step("paycode.used", **bound, proof=proof.hex(), payer=account_id(SELF))
    assert own.world.refuse(use).code == "signature.missing"
    used = own.world.accept(signed(use, K.REDEEM, "shop", 250))
    assert own.moved(used) == ("redeem", "", "shop", 250)
