"""Promises, penalties, lists and claims: what is completed, refused, appealed and ended by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.operation import OperationKind, account_id
from chain.types import AccountId
from gateway.db import Database
from gateway.ledger.drafts import AccountKind, Custody, Draft
from tests.unit.gateway.alliance.kit import (
    EVIDENCE,
    RECEIPT,
    account,
    alliance,
    balance,
    carry_out,
    case,
    date_in,
    document,
    entry,
    refused,
    stamp,
    step,
    taken,
    wait,
)
from tests.unit.gateway.ledger.worlds import OTHER_CHAPTER, World, address, joined, operated

PRICE, STANDARD = "aa" * 32, "bb" * 32


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with alliance(database, tmp_path) as world:
        yield world


def promised(merchant: str = "m", price: str = PRICE) -> Draft:
    return step("promise.declared", merchant=merchant, cost_price=price, service_standard=STANDARD)


def profit(quarter: str, fen: str, merchant: str = "m") -> Draft:
    return step("profit.declared", merchant=merchant, quarter=quarter, profit=fen)


def penalty(measure: str, reason: str = "complaint_verified", merchant: str = "m") -> Draft:
    return step(
        "penalty.ordered",
        by="committee",
        merchant=merchant,
        reason=reason,
        measure=measure,
        evidence=EVIDENCE,
    )


def listed(reason: str = "exclusivity_breach", merchant: str = "m", by: str = "committee") -> Draft:
    return step("list.entered", by=by, merchant=merchant, reason=reason, evidence=EVIDENCE)


def decided(name: str, about: object, result: str, by: str = "president") -> Draft:
    return step(name, by=by, about=str(about), result=result, evidence=EVIDENCE)


# --- promises ----------------------------------------------------------------------------------------------


def test_promises_pledge_one_percent_and_may_be_made_anew(world: World) -> None:
    first = taken(world, promised())
    assert first["pledge"] == 100
    second = taken(world, promised(price="cc" * 32))
    assert document(world, "promise", account("m")) == {
        "cost_price": "cc" * 32,
        "service_standard": STANDARD,
        "pledge": 100,
        "entry": second["id"],
    }


def test_a_profit_is_declared_once_for_a_quarter_that_is_over(world: World) -> None:
    assert refused(world, profit("2026-Q3", "123456")) == (
        "case.unknown",
        {"field": "public.merchant", "kind": "promise"},
    )
    world.accept(promised())
    assert taken(world, profit("2026-Q3", "123456"))["pledged"] == "1234"
    key = f"{account('m')}:2026-Q3"
    assert case(world, "profit", key)["state"] == "declared"
    assert refused(world, profit("2026-Q3", "99")) == ("case.exists", {"kind": "profit"})
    assert refused(world, profit("2026-Q4", "99")) == (
        "profit.quarter_open",
        {"quarter": "2026-Q4", "day": "2027-01-01"},
    )
    assert refused(world, profit("2026-9", "99"))[1]["field"] == "quarter"
    paid = step("profit.paid", merchant="m", quarter="2026-Q3", receipt=RECEIPT)
    assert taken(world, paid)["pledged"] == "1234"
    assert case(world, "profit", key)["state"] == "paid"
    assert refused(world, paid)[1] == {"field": "public.quarter", "state": "paid", "wanted": "declared"}


@pytest.mark.parametrize("draft", [promised("a"), penalty("notice", merchant="a"), listed(merchant="a")])
def test_members_are_no_merchants(world: World, draft: Draft) -> None:
    assert refused(world, draft) == ("alliance.not_a_merchant", {"field": "public.merchant"})


def test_a_merchant_of_another_chapter_promises_nothing(world: World) -> None:
    assert refused(world, promised("elsewhere")) == ("chapter.wrong", {"field": "public.merchant"})


def test_what_the_rules_compute_cannot_be_filled_in_otherwise(world: World) -> None:
    wrong = step("promise.declared", merchant="m", cost_price=PRICE, service_standard=STANDARD, pledge=50)
    assert refused(world, wrong) == ("entry.not_as_computed", {"field": "public.pledge"})


def test_nobody_else_can_be_made_a_subject(world: World) -> None:
    draft = promised()
    other = Draft(draft.type, draft.chapter, None, (account_id(address("n")),), public=draft.public)
    assert refused(world, other) == ("entry.not_as_computed", {"field": "subjects"})


# --- penalties ---------------------------------------------------------------------------------------------


def test_a_burn_waits_for_the_window_of_its_appeal(world: World) -> None:
    ordered = taken(world, penalty("burn"))
    assert (ordered["coins"], ordered["appeal_until"], ordered["until"]) == (
        "10000",
        date_in(15),
        date_in(30),
    )
    notice = case(world, "notice", ordered["id"])
    assert (notice["state"], notice["holder"]) == ("published", account("m"))
    early = step("penalty.executed", about=ordered["id"])
    until = f"{date_in(14)}T16:00:00.000Z"  # where the business day begins
    assert refused(world, early) == ("alliance.too_early", {"step": "penalty.executed", "until": until})
    assert wait(world, 14) == []
    assert balance(world, "m") == 30_000
    assert wait(world, 1) == ["penalty.executed"]
    assert balance(world, "m") == 20_000
    assert carry_out(world) == []
    assert case(world, "penalty", ordered["id"])["state"] == "executed"
    late = step("penalty.appealed", about=ordered["id"], reason="mistaken")
    assert refused(world, late)[1] == {"field": "public.about", "state": "executed", "wanted": "ordered"}


def test_the_notice_of_a_penalty_ends_on_its_day_and_once(world: World) -> None:
    ordered = taken(world, penalty("notice"))
    ended = step("penalty.notice_ended", about=ordered["id"])
    assert refused(world, ended)[1]["state"] == "ordered"
    assert wait(world, 15) == ["penalty.executed"]
    until = f"{date_in(29)}T16:00:00.000Z"  # where the business day begins
    assert refused(world, ended) == ("alliance.too_early", {"step": "penalty.notice_ended", "until": until})
    assert wait(world, 14) == []
    assert case(world, "notice", ordered["id"])["state"] == "published"
    assert wait(world, 1) == ["penalty.notice_ended"]
    assert case(world, "notice", ordered["id"])["state"] == "ended"
    assert (case(world, "penalty", ordered["id"])["state"], wait(world, 30)) == ("executed", [])
    assert refused(world, ended)[1] == {"field": "public.about", "state": "ended", "wanted": "published"}


@pytest.mark.parametrize(
    ("result", "state", "left"), [("upheld", "lifted", 30_000), ("dismissed", "executed", 20_000)]
)
def test_a_notice_ends_while_an_appeal_waits(world: World, result: str, state: str, left: int) -> None:
    ordered = taken(world, penalty("burn"))
    taken(world, step("penalty.appealed", about=ordered["id"], reason="mistaken"))
    assert wait(world, 30) == ["penalty.notice_ended"]
    taken(world, decided("penalty.appeal_decided", ordered["id"], result))
    assert carry_out(world) == (["penalty.executed"] if result == "dismissed" else [])
    assert case(world, "penalty", ordered["id"])["state"] == state
    assert (case(world, "notice", ordered["id"])["state"], balance(world, "m")) == ("ended", left)
    assert wait(world, 60) == []


def test_an_appeal_against_a_penalty_comes_too_late(world: World) -> None:
    ordered = taken(world, penalty("burn"))
    world.clock.milliseconds += 15 * 86_400_000
    late = step("penalty.appealed", about=ordered["id"], reason="mistaken")
    until = f"{date_in(14)}T16:00:00.000Z"
    assert refused(world, late) == ("alliance.too_late", {"step": "penalty.appealed", "until": until})


def test_an_appeal_stays_the_burn_and_lifts_it_when_upheld(world: World) -> None:
    ordered = taken(world, penalty("burn"))
    appeal = taken(world, step("penalty.appealed", about=ordered["id"], reason="mistaken"))
    assert (appeal["owner"], appeal["deadline"]) == ("president", stamp(15))
    assert wait(world, 20) == []
    assert balance(world, "m") == 30_000
    taken(world, decided("penalty.appeal_decided", ordered["id"], "upheld"))
    assert wait(world, 60) == []
    assert balance(world, "m") == 30_000
    assert case(world, "penalty", ordered["id"])["state"] == "lifted"
    assert case(world, "notice", ordered["id"])["state"] == "withdrawn"
    assert case(world, "appeal", appeal["id"])["state"] == "upheld"


def test_a_dismissed_appeal_lets_the_clock_go_on_and_there_is_no_second(world: World) -> None:
    ordered = taken(world, penalty("burn"))
    taken(world, step("penalty.appealed", about=ordered["id"], reason="mistaken"))
    again = step("penalty.appealed", about=ordered["id"], reason="mistaken")
    assert refused(world, again)[1] == {"field": "public.about", "state": "appealed", "wanted": "ordered"}
    verdict = decided("penalty.appeal_decided", ordered["id"], "maybe")
    assert refused(world, verdict) == (
        "entry.bad_field",
        {"field": "public.result", "reason": "not upheld or dismissed"},
    )
    for person in ("committee", "m"):
        own = decided("penalty.appeal_decided", ordered["id"], "dismissed", by=person)
        assert refused(world, own) == ("penalty.own_decision", {})
    taken(world, decided("penalty.appeal_decided", ordered["id"], "dismissed"))
    assert refused(world, again) == ("penalty.appealed_already", {})
    assert carry_out(world) == ["penalty.executed"]
    assert balance(world, "m") == 20_000
    assert case(world, "notice", ordered["id"])["state"] == "published"


def test_a_penalty_burns_at_most_what_is_there_and_records_the_rest(world: World) -> None:
    spend = operated(OperationKind.TRANSFER, address("m"), address("a"), 25_000)
    world.accept(spend)
    ordered = taken(world, penalty("burn", "promise_broken"))
    assert ordered["coins"] == "20000"
    assert wait(world, 15) == ["penalty.executed"]
    assert balance(world, "m") == 0
    found = document(world, "penalty", ordered["id"])
    assert (found["burned"], found["owed"]) == (5_000, 15_000)


def test_coins_in_self_custody_are_not_burned(world: World) -> None:
    world.accept(joined("own", kind=AccountKind.MERCHANT, custody=Custody.SELF))
    ordered = taken(world, penalty("burn", merchant="own"))
    assert wait(world, 15) == ["penalty.executed"]
    found = document(world, "penalty", ordered["id"])
    assert (found["burned"], found["owed"]) == (0, 10_000)


def test_a_notice_burns_nothing_and_the_table_decides(world: World) -> None:
    ordered = taken(world, penalty("notice"))
    assert ordered["coins"] == "0"
    assert wait(world, 15) == ["penalty.executed"]
    assert balance(world, "m") == 30_000
    assert refused(world, penalty("burn", "exclusivity_breach")) == (
        "penalty.notice_only",
        {"reason": "exclusivity_breach"},
    )
    assert refused(world, penalty("burn", "laughing")) == ("listing.unknown_reason", {})
    assert refused(world, penalty("jail"))[1]["reason"] == "not notice or burn"
    nobody = replace(penalty("notice"), actor=None)
    assert refused(world, nobody) == (
        "entry.bad_field",
        {"field": "actor", "reason": "penalty.ordered names who decides"},
    )
    own = replace(penalty("notice"), actor=AccountId(account("m")))
    assert refused(world, own) == ("penalty.own_decision", {})


# --- lists -------------------------------------------------------------------------------------------------


def test_a_listing_ends_with_its_notice(world: World) -> None:
    found = taken(world, listed())
    assert (found["list"], found["until"], found["appeal_until"]) == ("black", date_in(365), date_in(15))
    assert refused(world, listed()) == ("list.already", {"list": "black", "reason": "exclusivity_breach"})
    assert taken(world, listed("promise_broken"))["until"] == date_in(92)
    assert taken(world, listed("top_score"))["list"] == "red"
    early = step("list.expired", about=found["id"])
    assert refused(world, early) == ("listing.too_early", {"day": date_in(365)})
    assert wait(world, 91) == []
    assert wait(world, 1) == ["list.expired"] * 2
    assert wait(world, 273) == ["list.expired"]
    assert case(world, "listing", found["id"])["state"] == "expired"
    assert case(world, "notice", found["id"])["state"] == "ended"
    taken(world, listed())


def test_who_may_list_for_what(world: World) -> None:
    assert refused(world, listed("service_refused")) == ("listing.no_list", {})
    assert refused(world, listed("laughing")) == ("listing.unknown_reason", {})
    assert refused(world, listed(by="m")) == ("listing.own_decision", {})


def test_an_upheld_appeal_takes_the_listing_back(world: World) -> None:
    found = taken(world, listed())
    appeal = taken(world, step("list.appealed", about=found["id"], reason="mistaken"))
    assert (appeal["owner"], appeal["deadline"]) == ("president", stamp(15))
    own = decided("list.decided", found["id"], "upheld", by="committee")
    assert refused(world, own) == ("listing.own_decision", {})
    taken(world, decided("list.decided", found["id"], "upheld"))
    assert case(world, "listing", found["id"])["state"] == "lifted"
    assert case(world, "notice", found["id"])["state"] == "withdrawn"
    assert case(world, "appeal", appeal["id"])["state"] == "upheld"
    assert wait(world, 400) == []


def test_a_dismissed_appeal_leaves_the_listing(world: World) -> None:
    found = taken(world, listed())
    taken(world, step("list.appealed", about=found["id"], reason="mistaken"))
    accepted = world.accept(decided("list.decided", found["id"], "dismissed"))
    assert entry(world, accepted)["refs"] == [found["id"]]
    assert case(world, "listing", found["id"])["state"] == "listed"
    again = step("list.appealed", about=found["id"], reason="mistaken")
    assert refused(world, again) == ("listing.too_late", {"day": date_in(15)})
    taken(world, step("list.lifted", by="committee", about=found["id"], reason="paid"))
    assert case(world, "listing", found["id"])["state"] == "lifted"


def test_an_appeal_comes_too_late_or_from_elsewhere(world: World) -> None:
    found = taken(world, listed())
    other = step("list.appealed", by="n", about=found["id"], reason="mistaken")
    assert refused(world, other) == ("listing.wrong_actor", {"step": "appeal"})
    foreign = step("list.appealed", about=found["id"], reason="mistaken", chapter=OTHER_CHAPTER)
    assert refused(world, foreign) == ("case.unknown", {"field": "public.about", "kind": "listing"})
    world.clock.milliseconds += 15 * 86_400_000
    late = step("list.appealed", about=found["id"], reason="mistaken")
    assert refused(world, late) == ("listing.too_late", {"day": date_in(15)})


def test_an_appeal_nobody_decided_lapses_with_the_listing(world: World) -> None:
    found = taken(world, listed())
    appeal = taken(world, step("list.appealed", about=found["id"], reason="mistaken"))
    assert wait(world, 365) == ["list.expired"]
    assert case(world, "appeal", appeal["id"])["state"] == "lapsed"
