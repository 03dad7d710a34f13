"""Guardians act for their wards, wards pay little alone, and who may not send asks for nothing."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from gateway.ledger.drafts import SetRights
from gateway.rules.calendar import format_timestamp
from gateway.rules.payment_codes import digest_token
from tests.unit.gateway.ledger.worlds import address
from tests.unit.gateway.timebank.kit import ALWAYS, HOUR, START, Bank, account, step


@pytest.fixture
def guarded(bank: Bank) -> Bank:
    """The bank with q as the guardian of m, up to and with 2026-11-20."""
    bank.world.accept(replace(step("purchase.recorded", ("m", "q")), public={}))
    return bank


def test_a_guardian_acts_for_his_ward_and_nobody_else(guarded: Bank) -> None:
    booking = guarded.request()
    guarded.accepted(booking, guarded.offer())
    stranger = guarded.refused("service.booked", about=booking, side="member", actor="n")
    assert stranger == ("booking.wrong_actor", {"step": "book"})
    alone = guarded.refused("service.booked", about=booking, side="member", actor="m")
    assert alone == ("guardian.over_limit", {"limit": 1_500})
    assert guarded.case("booking", booking)["state"] == "accepted"
    guarded.take("service.booked", about=booking, side="member", actor="q")
    guarded.at(START)
    guarded.take("service.checked_in", about=booking, side="member", actor="q")
    for_provider = guarded.refused("service.checked_in", about=booking, side="provider", actor="q")
    assert for_provider == ("booking.wrong_actor", {"step": "check_in"})
    guarded.take("service.checked_in", about=booking, side="provider", actor="p")
    guarded.at(START + 25 * HOUR)
    ended = guarded.refused("service.checked_out", about=booking, side="member", actor="q")
    assert ended == ("booking.wrong_actor", {"step": "check_out"})


def test_a_guardian_who_serves_does_not_speak_for_his_ward(guarded: Bank) -> None:
    booking = guarded.request()
    guarded.accepted(booking, guarded.offer("q"))
    refused = guarded.refused("service.booked", about=booking, side="member", actor="q")
    assert refused == ("booking.wrong_actor", {"step": "book"})


def test_a_ward_pays_codes_within_the_limit_and_the_guardian_beyond(guarded: Bank) -> None:
    def scan(amount: int, actor: str | None) -> dict[str, object]:
        proof = hashlib.sha256(amount.to_bytes(4, "big")).digest()
        bound = {"payee": account("shop"), "amount": str(amount), "purpose": "lunch"}
        guarded.take("paycode.issued", **bound, code=digest_token(proof).hex())
        return {**bound, "proof": proof.hex(), "payer": account("m"), "actor": actor}

    guarded.take("paycode.used", **scan(1_500, "m"))
    more = scan(1_501, "m")
    assert guarded.refused("paycode.used", **more) == ("guardian.over_limit", {"limit": 1_500})
    assert guarded.refused("paycode.used", **{**more, "actor": "n"}) == ("payment_code.other_payer", {})
    guarded.take("paycode.used", **{**more, "actor": "q"})
    assert guarded.balance("shop") == 3_001


def test_who_may_not_send_neither_asks_nor_offers(bank: Bank) -> None:
    effect = SetRights(address("m"), False, True, b"\x0d" * 32)
    public = {"account": account("m"), "may_send": False, "may_receive": True, "order": "0d" * 32}
    bank.world.accept(replace(step("member.frozen", ("m",), **public), effects=(effect,)))
    at = format_timestamp(START * 1000)
    wish = {"service": "companionship", "compound": "c1", "minutes": 60, "starts_at": at}
    frozen = ("member.frozen", {"field": "subjects"})
    assert bank.refused("service.requested", ("m",), **wish) == frozen
    offer = {"skill": "companionship", "compound": "c1", "availability": ALWAYS, "capacity": 1}
    assert bank.refused("service.offered", ("m",), **offer) == frozen
