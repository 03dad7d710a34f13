"""Deposits and complaints: held at once, paid first within a clock, one appeal, suspension, refund."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.reading import read_overdue
from gateway.alliance.standing import seat_state
from gateway.cases.book import CaseBook
from gateway.cases.world import World as Rules
from gateway.db import Database
from gateway.ledger.drafts import Draft
from gateway.ledger.registers import Registers
from gateway.ledger.steps import Step
from tests.unit.gateway.alliance.kit import (
    DAY,
    EVIDENCE,
    RECEIPT,
    account,
    alliance,
    case,
    document,
    entry,
    hold_seat,
    lodged,
    refused,
    step,
    taken,
    wait,
)
from tests.unit.gateway.ledger.worlds import CHAPTER, World


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """Merchant m holds the bakery's seat with 5,000.00 CNY of deposit."""
    with alliance(database, tmp_path) as world:
        hold_seat(world, "m", "bakery")
        yield world


def filed(amount: int = 100_000, merchant: str = "m", complainant: str = "a") -> Draft:
    return step(
        "complaint.filed", merchant=merchant, complainant=complainant, amount=str(amount), reason="spoiled"
    )


def assigned(about: JsonValue, owner: str = "committee", by: str = "chair") -> Draft:
    return step("complaint.assigned", by=by, about=about, owner=owner)


def verified(about: JsonValue, amount: int, by: str = "committee") -> Draft:
    return step("complaint.verified", by=by, about=about, amount=str(amount), evidence=EVIDENCE)


def compensated(about: JsonValue, **more: JsonValue) -> Draft:
    return step("deposit.compensated", by="treasurer", about=about, receipt=RECEIPT, **more)


def restored(about: JsonValue, by: str = "treasurer") -> Draft:
    return step("deposit.restored", by=by, about=about, receipt=RECEIPT)


def rejected(about: JsonValue, by: str = "committee") -> Draft:
    return step("complaint.rejected", by=by, about=about, reason="unfounded", evidence=EVIDENCE)


def decided(about: JsonValue, result: str, by: str = "president", **more: JsonValue) -> Draft:
    return step("complaint.decided", by=by, about=about, result=result, evidence=EVIDENCE, **more)


def bond(world: World, merchant: str = "m") -> tuple[object, object, object]:
    found = document(world, "deposit", account(merchant))
    return found["state"], found["balance"], found["held"]


def verify(world: World, amount: int, asked: int | None = None) -> JsonValue:
    key = taken(world, filed(asked or amount))["id"]
    taken(world, assigned(key))
    taken(world, verified(key, amount))
    return key


def state_of(world: World, merchant: str) -> str | None:
    """Return what other rooms are told of a merchant's seat."""
    found: list[str | None] = []

    def ask(rules: Rules) -> Draft:
        found.append(seat_state(rules, account(merchant)))
        return rules.draft

    draft = step("promise.declared", merchant=merchant)
    with world.database.reader() as connection:
        CaseBook({draft.type: ask}).open(connection, Registers()).complete(Step("E", world.clock(), draft))
    return found[0]


def test_a_complaint_is_held_verified_and_paid_from_the_deposit_first(world: World) -> None:
    opened = taken(world, filed())
    assert (opened["held"], opened["owner"]) == ("100000", "chapter")
    assert bond(world) == ("active", 500_000, 100_000)
    key = opened["id"]
    owned = taken(world, assigned(key))
    assert (owned["state"], owned["owner"]) == ("assigned", account("committee"))
    right = taken(world, verified(key, 80_000))
    assert (right["state"], right["held"]) == ("verified", "80000")
    paid = taken(world, compensated(key))
    assert (paid["amount"], paid["balance"], paid["suspended"], paid["late"]) == (
        "80000",
        "420000",
        False,
        False,
    )
    assert paid["legs"] == [{"role": "bond", "amount": "80000"}]
    assert bond(world) == ("active", 420_000, 0)
    assert case(world, "complaint", key)["state"] == "compensated"
    days = 0
    while not wait(world, 1):
        days += 1
    assert 14 <= days <= 25
    assert case(world, "complaint", key)["state"] == "closed"


def test_the_waterfall_is_deposit_reserve_platform(world: World) -> None:
    key = verify(world, 650_000)
    # What the reserve has is counted of the ledger, and nobody's word.
    assert refused(world, compensated(key, reserve="100000")) == (
        "entry.not_as_computed",
        {"field": "public.reserve"},
    )
    paid = taken(world, compensated(key))
    assert paid["reserve"] == "0"
    assert paid["legs"] == [
        {"role": "bond", "amount": "500000"},
        {"role": "platform", "amount": "150000"},
    ]
    assert (paid["balance"], paid["suspended"]) == ("0", True)


def test_a_deposit_below_its_floor_suspends_until_topped_up(world: World) -> None:
    assert state_of(world, "m") == "held"
    assert state_of(world, "n") is None
    taken(world, compensated(verify(world, 260_000)))
    assert bond(world)[0] == "suspended"
    assert state_of(world, "m") == "suspended"
    top = step("deposit.topped_up", merchant="m", amount="300000", receipt=RECEIPT)
    assert refused(world, top) == ("deposit.above_required", {"left": 260_000})
    topped = step("deposit.topped_up", merchant="m", amount="10000", receipt=RECEIPT)
    assert taken(world, topped)["suspended"] is False
    assert state_of(world, "m") == "held"


def test_words_are_sealed_for_the_complainant(world: World) -> None:
    parties = (AccountId(account("a")), AccountId(account("m")))
    turned = replace(filed(), subjects=parties[::-1])
    assert refused(world, turned) == ("entry.not_as_computed", {"field": "subjects"})
    private: dict[str, JsonValue] = {"words": "the milk was sour"}
    recorded = entry(world, world.accept(replace(filed(), subjects=parties, private=private)))
    assert set(recorded["subjects"]) == set(parties)  # type: ignore[arg-type]
    assert "sour" not in str(recorded)


def test_only_the_owner_decides_and_nobody_on_himself(world: World) -> None:
    assert refused(world, filed(complainant="m")) == ("complaint.self", {})
    assert refused(world, filed(0))[1] == {"field": "public.amount", "reason": "less than 1"}
    key = taken(world, filed())["id"]
    assert refused(world, verified(key, 1)) == ("complaint.wrong_state", {"state": "filed", "step": "verify"})
    assert refused(world, assigned(key, owner="m")) == ("complaint.own_decision", {})
    assert refused(world, assigned(key, by="a")) == ("complaint.own_decision", {})
    taken(world, assigned(key))
    assert refused(world, verified(key, 1, by="chair")) == ("complaint.wrong_actor", {"step": "verify"})
    assert refused(world, verified(key, 100_001)) == ("deposit.above_claim", {"left": 100_000})
    assert refused(world, compensated(key)) == ("deposit.claim_state", {"state": "held"})
    stranger = step("complaint.withdrawn", by="b", about=key)
    assert refused(world, stranger) == ("complaint.wrong_actor", {"step": "withdraw"})
    taken(world, step("complaint.withdrawn", about=key))
    assert bond(world) == ("active", 500_000, 0)


def test_a_rejected_complaint_frees_the_deposit_and_can_be_won_on_appeal(world: World) -> None:
    key = taken(world, filed())["id"]
    taken(world, assigned(key))
    assert taken(world, rejected(key))["held"] == "0"
    assert bond(world) == ("active", 500_000, 0)
    merchant = step("complaint.appealed", by="m", about=key, reason="mistaken")
    assert refused(world, merchant) == ("complaint.wrong_actor", {"step": "appeal"})
    taken(world, step("complaint.appealed", about=key, reason="mistaken"))
    assert refused(world, decided(key, "upheld", by="committee", amount="5000")) == (
        "complaint.own_decision",
        {},
    )
    won = taken(world, decided(key, "upheld", amount="5000"))
    assert (won["state"], won["held"]) == ("verified", "5000")
    assert taken(world, compensated(key))["balance"] == "495000"
    again = step("complaint.appealed", about=key, reason="mistaken")
    assert refused(world, again) == ("complaint.too_late", {})


def test_a_payment_overturned_is_owed_back(world: World) -> None:
    key = verify(world, 100_000)
    taken(world, compensated(key))
    taken(world, step("complaint.appealed", about=key, reason="mistaken"))
    over = taken(world, decided(key, "upheld"))
    assert (over["state"], over["owed_back"], over["owner"]) == ("owed_back", "100000", "chapter")
    assert bond(world) == ("active", 400_000, 0)
    # Nobody brings it back in time: it is listed with its owner, and nothing else ends it.
    assert wait(world, 40) == []
    late = read_overdue(world.database, CHAPTER, world.clock(), 10)
    assert [(row["key"], row["state"], row["owner"]) for row in late] == [(key, "owed_back", "chapter")]
    assert late[0]["deadline"] == over["deadline"]
    assert refused(world, restored(key, by="m")) == ("complaint.own_decision", {})
    back = taken(world, restored(key))
    assert (back["amount"], back["balance"], back["late"]) == ("100000", "500000", True)
    assert back["legs"] == [{"role": "bond", "amount": "100000"}]
    assert bond(world) == ("active", 500_000, 0)
    assert case(world, "complaint", key)["state"] == "closed"
    again = refused(world, restored(key))
    assert again == ("complaint.wrong_state", {"state": "closed", "step": "bring_back"})
    other = verify(world, 100_000)
    taken(world, compensated(other))
    taken(world, step("complaint.appealed", about=other, reason="mistaken"))
    assert taken(world, decided(other, "dismissed"))["state"] == "closed"


def test_a_merchant_that_left_gets_an_overturned_payment_itself(world: World) -> None:
    key = verify(world, 100_000)
    taken(world, step("exit.noticed", industry="bakery"))
    assert "exit.completed" in wait(world, 90)
    taken(world, compensated(key))
    taken(world, step("deposit.refunded", merchant="m", receipt=RECEIPT))
    taken(world, step("complaint.appealed", about=key, reason="mistaken"))
    assert taken(world, decided(key, "upheld"))["state"] == "owed_back"
    back = taken(world, restored(key))
    assert back["legs"] == [{"role": "merchant", "amount": "100000"}]
    assert bond(world) == ("closed", 0, 0)


def test_a_missed_clock_refuses_nothing_and_is_marked_late(world: World) -> None:
    key = verify(world, 100_000)
    assert wait(world, 10) == []
    assert taken(world, compensated(key))["late"] is True


def test_a_late_appeal_and_an_early_closing(world: World) -> None:
    key = verify(world, 100_000)
    taken(world, compensated(key))
    assert refused(world, step("complaint.closed", about=key)) == ("complaint.too_early", {})
    world.clock.milliseconds += 40 * DAY
    late = step("complaint.appealed", about=key, reason="mistaken")
    assert refused(world, late) == ("complaint.too_late", {})


def test_a_merchant_without_a_deposit_is_answered_for_by_the_platform(world: World) -> None:
    opened = taken(world, filed(merchant="n"))
    assert opened["held"] == "0"
    taken(world, assigned(opened["id"]))
    taken(world, verified(opened["id"], 70_000))
    paid = taken(world, compensated(opened["id"]))
    assert paid["legs"] == [{"role": "platform", "amount": "70000"}]
    assert bond(world, "n") == ("awaited", 0, 0)


# --- deposits ----------------------------------------------------------------------------------------------


def test_both_versions_and_parts(world: World) -> None:
    first = taken(world, lodged("n", 20_000, version=1))
    assert (first["required"], first["balance"], first["state"]) == ("50000", "20000", "awaited")
    assert refused(world, lodged("n", 30_000, version=2)) == ("deposit.other_version", {"version": 1})
    assert refused(world, lodged("n", 30_001)) == ("deposit.above_required", {"left": 30_000})
    assert taken(world, lodged("n", 30_000))["state"] == "active"
    assert refused(world, lodged("n", 1)) == ("deposit.wrong_state", {"state": "active", "step": "lodge"})
    assert taken(world, lodged("o"))["required"] == "500000"
    unknown = lodged("a", 1)
    assert refused(world, unknown) == ("alliance.not_a_merchant", {"field": "public.merchant"})


def _forfeited(reason: str = "promise_broken", by: str = "president", merchant: str = "m") -> Draft:
    return step("deposit.forfeited", by=by, merchant=merchant, reason=reason, evidence=EVIDENCE)


def _listed(world: World, reason: str, merchant: str = "m") -> JsonValue:
    listed = step("list.entered", by="committee", merchant=merchant, reason=reason, evidence=EVIDENCE)
    return taken(world, listed)["id"]


def test_a_fifth_is_forfeited_once_for_a_breach_that_is_final(world: World) -> None:
    assert refused(world, _forfeited(by="m")) == ("deposit.own_decision", {})
    assert refused(world, _forfeited("smell")) == ("listing.unknown_reason", {})
    assert refused(world, _forfeited()) == ("deposit.breach_not_final", {})
    _listed(world, "promise_broken")
    _listed(world, "top_score")
    wait(world, 14)
    assert refused(world, _forfeited()) == ("deposit.breach_not_final", {})
    wait(world, 1)
    assert refused(world, _forfeited("complaint_verified")) == ("deposit.breach_not_final", {})
    assert refused(world, _forfeited("top_score")) == ("deposit.breach_not_final", {})
    lost = taken(world, _forfeited())
    assert (lost["amount"], lost["balance"], lost["suspended"]) == ("100000", "400000", False)
    assert refused(world, _forfeited()) == ("case.exists", {"kind": "forfeiture"})
    assert bond(world) == ("active", 400_000, 0)
    _listed(world, "promise_broken", "n")
    wait(world, 15)
    other = _forfeited(merchant="n")
    assert refused(world, other) == ("deposit.wrong_state", {"state": "awaited", "step": "forfeit"})


def test_an_appeal_against_the_breach_stays_what_is_forfeited_for_it(world: World) -> None:
    key = _listed(world, "promise_broken")
    taken(world, step("list.appealed", about=key, reason="kept"))
    wait(world, 15)
    assert refused(world, _forfeited()) == ("deposit.breach_not_final", {})
    public = {"about": key, "result": "upheld", "evidence": EVIDENCE}
    taken(world, step("list.decided", by="president", **public))
    assert refused(world, _forfeited()) == ("deposit.breach_not_final", {})
    again = _listed(world, "promise_broken")
    taken(world, step("list.appealed", about=again, reason="kept"))
    public = {"about": again, "result": "dismissed", "evidence": EVIDENCE}
    taken(world, step("list.decided", by="president", **public))
    assert taken(world, _forfeited())["amount"] == "100000"


def test_the_end_of_a_seat_settles_what_is_forfeited(world: World) -> None:
    _listed(world, "promise_broken")
    public = {"industry": "bakery", "reason": "promises", "evidence": EVIDENCE}
    taken(world, step("seat.release_proposed", by="committee", **public))
    assert wait(world, 15) == ["seat.released"]
    assert bond(world) == ("active", 400_000, 0)
    assert refused(world, _forfeited()) == ("deposit.seat_ended", {})


def test_no_refund_while_a_claim_is_open(world: World) -> None:
    taken(world, step("exit.noticed", industry="bakery"))
    key = taken(world, filed(100_000))["id"]
    assert wait(world, 90) == ["exit.completed"]
    refund = step("deposit.refunded", merchant="m", receipt=RECEIPT)
    assert refused(world, refund) == ("deposit.claims_open", {"count": 1})
    taken(world, assigned(key))
    taken(world, verified(key, 100_000))
    taken(world, compensated(key))
    assert taken(world, refund)["amount"] == "400000"
    after = taken(world, filed(10_000))
    assert after["held"] == "0"
