"""Applications for seats: three reviews in order, certificate, rejection, appeal, one holder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.types import AccountId
from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted
from tests.unit.gateway.alliance.kit import (
    EVIDENCE,
    RECEIPT,
    REVIEWERS,
    account,
    alliance,
    carry_out,
    case,
    date_in,
    document,
    entry,
    granted,
    hold_seat,
    lodged,
    pass_reviews,
    refused,
    reviewed,
    stamp,
    step,
    taken,
    wait,
)
from tests.unit.gateway.ledger.worlds import World


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with alliance(database, tmp_path) as world:
        yield world


def test_a_seat_is_granted_after_three_reviews_for_a_year(world: World) -> None:
    application = taken(world, step("seat.applied", merchant="m", industry="bakery"))
    assert (application["owner"], application["deadline"]) == ("committee", stamp(30))
    states = [taken(world, reviewed(application["id"], stage, by))["state"] for stage, by in REVIEWERS]
    assert states == ["credentials_reviewed", "reputation_reviewed", "referral_reviewed"]
    taken(world, lodged("m"))
    accepted = world.accept(granted(application["id"]))
    recorded = entry(world, accepted)
    assert list(recorded["subjects"]) == [account("m")]  # type: ignore[arg-type]
    assert recorded["refs"] == [application["id"]]
    seat = case(world, "seat", "3101-0007:bakery")
    assert (seat["state"], seat["holder"]) == ("held", account("m"))
    assert document(world, "seat", "3101-0007:bakery")["certified_until"] == date_in(365)
    assert document(world, "seat", "3101-0007:bakery")["certificate"] == "ce" * 32
    assert case(world, "seat_application", application["id"])["state"] == "granted"


def test_stages_come_in_order_each_by_its_office(world: World) -> None:
    key = taken(world, step("seat.applied", merchant="m", industry="bakery"))["id"]
    assert refused(world, reviewed(key, "reputation", "chair")) == (
        "seat.wrong_stage",
        {"stage": "reputation", "state": "applied"},
    )
    assert refused(world, reviewed(key, "smell", "chair"))[0] == "entry.bad_field"
    assert refused(world, granted(key)) == (
        "seat_application.wrong_state",
        {"state": "applied", "step": "grant"},
    )
    assert refused(world, reviewed(key, "credentials", "m")) == (
        "seat_application.wrong_actor",
        {"step": "pass"},
    )
    nobody = step("seat.reviewed", about=key, stage="credentials", result="passed", evidence=EVIDENCE)
    assert refused(world, nobody)[1]["field"] == "actor"
    assert refused(world, reviewed(key, "credentials", "secretary", "failed")) == (
        "seat_application.no_reason",
        {},
    )


def test_a_seat_needs_a_deposit_in_full(world: World) -> None:
    key = pass_reviews(world, "m", "bakery")
    assert refused(world, granted(key)) == ("seat.no_deposit", {})
    taken(world, lodged("m", 499_999))
    assert refused(world, granted(key)) == ("seat.no_deposit", {})
    taken(world, lodged("m", 1))
    taken(world, granted(key))


def test_a_deposit_without_a_seat_is_refunded_and_holds_the_account_open(world: World) -> None:
    taken(world, lodged("m"))
    key = taken(world, step("seat.applied", merchant="m", industry="bakery"))["id"]
    refund = step("deposit.refunded", merchant="m", receipt=RECEIPT)
    assert refused(world, refund) == ("deposit.not_left", {})
    taken(world, step("seat.application_withdrawn", about=key))
    closing = replace(
        step("account.closing", destination="pool", order="0d" * 32), subjects=(AccountId(account("m")),)
    )
    assert refused(world, closing) == ("closing.not_empty", {"what": "pending"})
    refunded = taken(world, refund)
    assert (refunded["amount"], refunded["balance"]) == ("500000", "0")
    assert case(world, "deposit", account("m"))["state"] == "closed"
    assert taken(world, closing)["amount"] == "30000"
    assert carry_out(world) == ["account.closed"]


def test_one_merchant_an_industry_and_one_seat_a_merchant(world: World) -> None:
    hold_seat(world, "m", "bakery")
    assert refused(world, step("seat.applied", merchant="n", industry="bakery")) == (
        "seat.taken",
        {"industry": "bakery"},
    )
    assert refused(world, step("seat.applied", merchant="m", industry="barber")) == (
        "seat.merchant_has_one",
        {"industry": "bakery"},
    )
    taken(world, step("seat.applied", merchant="n", industry="barber"))
    assert refused(world, step("seat.applied", merchant="n", industry="florist")) == (
        "seat.applied_already",
        {},
    )
    assert refused(world, step("seat.applied", merchant="o", industry="Bäckerei"))[0] == "entry.bad_field"
    assert refused(world, step("seat.applied", merchant="o", industry="Bakery"))[1]["field"] == (
        "public.industry"
    )


def test_of_two_grants_of_one_seat_at_once_one_wins(world: World) -> None:
    keys = []
    for merchant in ("m", "n"):
        taken(world, lodged(merchant))
        keys.append(pass_reviews(world, merchant, "bakery"))
    first, second = world.ledger.submit_many([world.submission(granted(key)) for key in keys])
    assert isinstance(first, Accepted)
    assert isinstance(second, Refusal)
    assert (second.code, second.fields) == ("seat.taken", {"industry": "bakery"})
    assert case(world, "seat", "3101-0007:bakery")["holder"] == account("m")
    assert case(world, "seat_application", keys[1])["state"] == "referral_reviewed"


def test_a_rejection_names_its_reason_and_is_appealed_once(world: World) -> None:
    key = taken(world, step("seat.applied", merchant="m", industry="bakery"))["id"]
    rejected = taken(world, reviewed(key, "credentials", "secretary", "failed", reason="no_licence"))
    assert (rejected["state"], rejected["appeal_until"]) == ("rejected", date_in(15))
    appeal = taken(world, step("seat.rejection_appealed", about=key, reason="licence_found"))
    assert (appeal["owner"], appeal["deadline"]) == ("president", stamp(15))
    verdict = {"about": key, "result": "upheld", "evidence": EVIDENCE}
    own = step("seat.rejection_decided", by="secretary", **verdict)
    assert refused(world, own) == ("seat_application.own_decision", {})
    assert taken(world, step("seat.rejection_decided", by="president", **verdict))["state"] == "applied"
    assert case(world, "appeal", appeal["id"])["state"] == "upheld"
    taken(world, reviewed(key, "credentials", "secretary", "failed", reason="no_licence"))
    again = step("seat.rejection_appealed", about=key, reason="licence_found")
    assert refused(world, again) == ("seat_application.too_late", {"day": date_in(15)})
    assert wait(world, 15) == ["seat.application_lapsed"]
    assert case(world, "seat_application", key)["state"] == "refused"


def test_a_rejection_nobody_appealed_lapses_and_the_merchant_may_apply_again(world: World) -> None:
    key = taken(world, step("seat.applied", merchant="m", industry="bakery"))["id"]
    taken(world, reviewed(key, "credentials", "secretary", "failed", reason="no_licence"))
    early = step("seat.application_lapsed", about=key)
    assert refused(world, early) == ("seat_application.too_early", {"day": date_in(15)})
    assert wait(world, 15) == ["seat.application_lapsed"]
    late = step("seat.rejection_appealed", about=key, reason="licence_found")
    assert refused(world, late)[0] == "seat_application.wrong_state"
    taken(world, step("seat.applied", merchant="m", industry="bakery"))


def test_a_dismissed_appeal_refuses_for_good(world: World) -> None:
    key = taken(world, step("seat.applied", merchant="m", industry="bakery"))["id"]
    taken(world, reviewed(key, "credentials", "secretary", "failed", reason="no_licence"))
    taken(world, step("seat.rejection_appealed", about=key, reason="licence_found"))
    verdict = {"about": key, "result": "dismissed", "evidence": EVIDENCE}
    assert taken(world, step("seat.rejection_decided", by="president", **verdict))["state"] == "refused"
    assert carry_out(world) == []


def test_the_president_may_refuse_the_grant_and_a_merchant_withdraw(world: World) -> None:
    key = pass_reviews(world, "m", "bakery")
    assert refused(world, reviewed(key, "grant", "president", "passed"))[1]["reason"] == "not failed"
    taken(world, reviewed(key, "grant", "president", "failed", reason="no_need"))
    other = taken(world, step("seat.applied", merchant="n", industry="bakery"))["id"]
    stranger = step("seat.application_withdrawn", by="a", about=other)
    assert refused(world, stranger) == ("seat_application.wrong_actor", {"step": "withdraw"})
    taken(world, step("seat.application_withdrawn", about=other))
    assert case(world, "seat_application", other)["state"] == "withdrawn"


def test_a_merchant_on_the_black_list_gets_no_seat(world: World) -> None:
    key = pass_reviews(world, "m", "bakery")
    taken(world, lodged("m"))
    black = step("list.entered", by="chair", merchant="m", reason="promise_broken", evidence=EVIDENCE)
    listing = taken(world, black)["id"]
    assert refused(world, granted(key)) == ("seat.blacklisted", {})
    taken(world, step("list.lifted", by="chair", about=listing, reason="paid"))
    taken(world, granted(key))


def test_a_late_review_is_seen_and_carried_out_by_nobody(world: World) -> None:
    key = taken(world, step("seat.applied", merchant="m", industry="bakery"))["id"]
    assert wait(world, 40) == []
    assert case(world, "seat_application", key)["due_at"] == stamp(30)
