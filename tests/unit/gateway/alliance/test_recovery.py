"""Rule 27 in the alliance: complaints, appeals, deposits and seats go on with the recovered account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.canonical import JsonValue
from chain.operation import chapter_code
from gateway.db import Database
from gateway.ledger.drafts import Draft, RecoverAccount
from tests.unit.gateway.alliance.kit import (
    EVIDENCE,
    RECEIPT,
    account,
    alliance,
    case,
    document,
    hold_seat,
    lodged,
    refused,
    step,
    taken,
    wait,
)
from tests.unit.gateway.ledger.worlds import CHAPTER, World, address

ORDER = "0d" * 32


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """Merchant m holds the bakery's seat with 5,000.00 CNY of deposit; a has complained for 1,000.00."""
    with alliance(database, tmp_path) as world:
        hold_seat(world, "m", "bakery")
        yield world


def recover(world: World, old: str, new: str) -> None:
    effect = RecoverAccount(address(old), address(new), bytes.fromhex(ORDER))
    public: dict[str, JsonValue] = {"from": account(old), "to": account(new), "order": ORDER}
    world.accept(
        Draft("account.recovered", chapter_code(CHAPTER), None, (), public=public, effects=(effect,))
    )


def filed(merchant: str = "m", complainant: str = "a") -> Draft:
    public = {"merchant": merchant, "complainant": complainant, "amount": "100000", "reason": "spoiled"}
    return step("complaint.filed", **public)


def verified(about: JsonValue) -> Draft:
    return step("complaint.verified", by="committee", about=about, amount="100000", evidence=EVIDENCE)


def rejected(about: JsonValue) -> Draft:
    return step("complaint.rejected", by="committee", about=about, reason="unfounded", evidence=EVIDENCE)


def test_rule_27_a_complaint_against_a_lost_account_is_paid_from_the_new_one_s_deposit(world: World) -> None:
    key = taken(world, filed())["id"]
    recover(world, "m", "m2")
    found = document(world, "deposit", account("m2"))
    assert (found["balance"], found["held"]) == (500_000, 100_000)
    assert case(world, "complaint", key)["holder"] == account("m2")
    assert case(world, "seat", f"{chapter_code(CHAPTER)}:bakery")["holder"] == account("m2")
    taken(world, step("complaint.assigned", by="chair", about=key, owner="committee"))
    taken(world, verified(key))
    paid = taken(world, step("deposit.compensated", by="treasurer", about=key, receipt=RECEIPT))
    assert (paid["legs"], paid["balance"]) == ([{"role": "bond", "amount": "100000"}], "400000")
    assert document(world, "deposit", account("m2"))["held"] == 0
    moved = case(world, "deposit", account("m"))
    assert (moved["state"], moved["due_at"]) == ("moved", None)


def test_rule_27_the_complainant_s_new_account_appeals_and_the_old_one_does_not(world: World) -> None:
    key = taken(world, filed())["id"]
    taken(world, step("complaint.assigned", by="chair", about=key, owner="committee"))
    taken(world, rejected(key))
    recover(world, "a", "a2")
    lost = refused(world, step("complaint.appealed", by="a", about=key, reason="mistaken"))
    assert lost == ("complaint.wrong_actor", {"step": "appeal"})
    taken(world, step("complaint.appealed", by="a2", about=key, reason="mistaken"))
    public = {"about": key, "result": "upheld", "evidence": EVIDENCE, "amount": "5000"}
    assert taken(world, step("complaint.decided", by="president", **public))["state"] == "verified"


def test_rule_27_who_decided_does_not_decide_the_appeal_under_a_new_account(world: World) -> None:
    key = taken(world, filed())["id"]
    taken(world, step("complaint.assigned", by="chair", about=key, owner="committee"))
    taken(world, rejected(key))
    taken(world, step("complaint.appealed", by="a", about=key, reason="mistaken"))
    recover(world, "m", "m2")
    recover(world, "committee", "committee2")
    public = {"about": key, "result": "dismissed", "evidence": EVIDENCE}
    for own in ("committee2", "m2"):
        assert refused(world, step("complaint.decided", by=own, **public))[0] == "complaint.own_decision"
    taken(world, step("complaint.decided", by="president", **public))


def test_rule_27_an_open_complaint_keeps_its_clock(world: World) -> None:
    key = taken(world, filed())["id"]
    due = case(world, "complaint", key)["due_at"]
    recover(world, "m", "m2")
    recover(world, "a", "a2")
    assert case(world, "complaint", key)["due_at"] == due
    taken(world, step("complaint.withdrawn", by="a2", about=key, reason="settled"))
    assert document(world, "deposit", account("m2"))["held"] == 0


def test_nothing_new_is_opened_for_or_against_a_lost_account(world: World) -> None:
    recover(world, "m", "m2")
    recover(world, "a", "a2")
    gone = ("member.recovered", {"field": "public.merchant"})
    assert refused(world, filed(complainant="b")) == gone
    assert refused(world, lodged("m", 1)) == gone
    assert refused(world, filed("n", "a")) == ("member.recovered", {"field": "public.complainant"})
    assert refused(world, step("seat.applied", merchant="m", industry="florist")) == gone
    taken(world, filed("m2", "a2"))
    assert document(world, "deposit", account("m"))["held"] == 0
    assert wait(world, 1) == []
