"""The life of a seat: renewal, expiry, 90 days' notice, proposed release with appeal, scores, deposit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from chain.rule_kinds import Gate
from gateway.cases.reading import CaseReader
from gateway.db import Database
from gateway.ledger.drafts import AccountKind, Draft
from gateway.mirror.rule_tables import mirror_referral
from gateway.mirror.tables import mirror_blocks, mirror_cursor
from tests.unit.gateway.alliance.kit import (
    EVIDENCE,
    RECEIPT,
    account,
    alliance,
    case,
    date_in,
    document,
    hold_seat,
    member,
    refused,
    stamp,
    step,
    taken,
    wait,
)
from tests.unit.gateway.ledger.worlds import World, joined

SEAT = "3101-0007:bakery"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with alliance(database, tmp_path) as world:
        hold_seat(world, "m", "bakery")
        yield world


def proposed(reason: str) -> Draft:
    return step("seat.release_proposed", by="chair", industry="bakery", reason=reason, evidence=EVIDENCE)


def test_a_seat_expires_after_a_year_unless_renewed(world: World) -> None:
    assert refused(world, step("seat.expired", industry="bakery")) == (
        "seat.too_early",
        {"day": date_in(365)},
    )
    assert taken(world, step("seat.renewed", by="president", industry="bakery", certificate="cf" * 32))[
        "until"
    ] == date_in(730)
    assert wait(world, 729) == []
    assert wait(world, 1) == ["seat.expired"]
    assert case(world, "seat", SEAT)["state"] == "ended"
    assert document(world, "deposit", account("m"))["left_on"] == date_in(730)
    taken(world, step("seat.applied", merchant="n", industry="bakery"))


def test_who_leaves_gives_ninety_days_notice_and_gets_the_deposit_back(world: World) -> None:
    other = step("exit.noticed", by="n", industry="bakery")
    assert refused(world, other) == ("seat.wrong_actor", {"step": "give_notice"})
    assert taken(world, step("exit.noticed", industry="bakery"))["until"] == date_in(90)
    early = step("exit.completed", industry="bakery")
    assert refused(world, early) == ("seat.too_early", {"day": date_in(90)})
    refund = step("deposit.refunded", merchant="m", receipt=RECEIPT)
    assert refused(world, refund) == ("deposit.not_left", {})
    assert wait(world, 89) == []
    assert wait(world, 1) == ["exit.completed"]
    deposit = case(world, "deposit", account("m"))
    assert (deposit["state"], deposit["due_at"]) == ("active", stamp(105))
    assert taken(world, refund)["amount"] == "500000"
    assert case(world, "deposit", account("m"))["state"] == "closed"
    assert refused(world, refund) == ("deposit.wrong_state", {"state": "closed", "step": "refund"})
    hold_seat(world, "m", "bakery")
    assert document(world, "deposit", account("m"))["left_on"] is None


def test_notice_can_be_withdrawn(world: World) -> None:
    taken(world, step("exit.noticed", industry="bakery"))
    taken(world, step("exit.withdrawn", industry="bakery"))
    assert wait(world, 90) == []
    assert case(world, "seat", SEAT)["state"] == "held"


def test_an_unappealed_release_forfeits_a_fifth_of_the_deposit(world: World) -> None:
    draft = proposed("promises")
    assert taken(world, draft)["appeal_until"] == date_in(15)
    early = step("seat.released", industry="bakery")
    assert refused(world, early) == ("seat.too_early", {"day": date_in(15)})
    assert case(world, "seat", SEAT)["state"] == "release_proposed"
    assert refused(world, step("seat.applied", merchant="n", industry="bakery"))[0] == "seat.taken"
    assert wait(world, 15) == ["seat.released"]
    assert case(world, "seat", SEAT)["state"] == "ended"
    assert document(world, "deposit", account("m"))["balance"] == 400_000
    notices = [one for one in _cases(world, "notice") if one["document"]["matter"] == "seat_released"]
    assert [one["document"]["why"] for one in notices] == ["promises"]
    refund = taken(world, step("deposit.refunded", merchant="m", receipt=RECEIPT))
    assert refund["amount"] == "400000"


def test_an_upheld_appeal_keeps_the_seat(world: World) -> None:
    draft = proposed("promises")
    taken(world, draft)
    appeal = taken(world, step("seat.release_appealed", industry="bakery", reason="kept"))
    assert (appeal["owner"], appeal["deadline"]) == ("president", stamp(15))
    assert wait(world, 30) == []
    public = {"industry": "bakery", "result": "upheld", "evidence": EVIDENCE}
    own = step("seat.release_decided", by="chair", **public)
    assert refused(world, own) == ("seat.own_decision", {})
    taken(world, step("seat.release_decided", by="president", **public))
    assert case(world, "seat", SEAT)["state"] == "held"
    assert case(world, "appeal", appeal["id"])["state"] == "upheld"
    assert document(world, "deposit", account("m"))["balance"] == 500_000


def test_a_dismissed_appeal_releases_now(world: World) -> None:
    draft = step(
        "seat.release_proposed", by="chair", industry="bakery", reason="complaints", evidence=EVIDENCE
    )
    taken(world, draft)
    taken(world, step("seat.release_appealed", industry="bakery", reason="kept"))
    public = {"industry": "bakery", "result": "dismissed", "evidence": EVIDENCE}
    decided = taken(world, step("seat.release_decided", by="president", **public))
    assert (decided["cause"], decided["forfeited"], decided["refund"]) == ("complaints", "100000", "400000")
    assert case(world, "seat", SEAT)["state"] == "ended"


def test_a_late_appeal_and_figures_are_not_made_by_hand(world: World) -> None:
    for reason in ("bottom_score", "referral_duty"):
        draft = proposed(reason)
        assert refused(world, draft) == ("seat.not_by_hand", {"reason": reason})
    good = proposed("promises")
    taken(world, good)
    world.clock.milliseconds += 15 * 86_400_000
    late = step("seat.release_appealed", industry="bakery", reason="kept")
    assert refused(world, late) == ("seat.too_late", {"day": date_in(15)})
    vacant = step("seat.renewed", by="president", industry="barber", certificate="cf" * 32)
    assert refused(world, vacant) == ("case.unknown", {"field": "public.industry", "kind": "seat"})


def test_a_breach_of_exclusivity_is_a_claim_of_100_000_yuan(world: World) -> None:
    draft = step("claim.recorded", by="chair", industry="bakery", evidence=EVIDENCE)
    own = step("claim.recorded", by="m", industry="bakery", evidence=EVIDENCE)
    assert refused(world, own) == ("claim.own_decision", {})
    claim = taken(world, draft)
    assert (claim["amount"], claim["owner"], claim["deadline"]) == ("10000000", "platform", stamp(60))
    assert (claim["reason"], claim["merchant"]) == ("exclusivity", account("m"))
    taken(world, step("claim.settled", about=claim["id"], receipt=RECEIPT))
    assert case(world, "claim", claim["id"])["state"] == "settled"
    withdrawn = step("claim.withdrawn", about=claim["id"], reason="paid")
    assert refused(world, withdrawn)[1] == {"field": "public.about", "state": "settled", "wanted": "recorded"}
    other = taken(world, draft)
    taken(world, step("claim.withdrawn", about=other["id"], reason="mistaken"))
    assert case(world, "claim", other["id"])["state"] == "withdrawn"


# --- scores ------------------------------------------------------------------------------------------------


def _rated(world: World, industry: str, scores: list[int]) -> None:
    for number, score in enumerate(scores):
        name = f"resident-{number}"
        if number >= len(_residents(world)):
            world.accept(joined(name))
            world.accept(member(name))
            _residents(world).append(name)
        taken(world, step("seat.rated", resident=name, industry=industry, score=score))


def _residents(world: World) -> list[str]:
    known: list[str] = world.__dict__.setdefault("residents", [])
    return known


def _cases(world: World, kind: str) -> list[dict[str, object]]:
    return CaseReader(world.database).list(kind, None, limit=200)  # type: ignore[return-value]


def _recheck(world: World, industry: str, score: int) -> None:
    draft = step(
        "seat.scored", by="chair", industry=industry, quarter="2026-Q4", recheck=score, evidence=EVIDENCE
    )
    taken(world, draft)


def test_the_bottom_fifth_of_a_quarter_is_proposed_for_release(world: World) -> None:
    hold_seat(world, "n", "barber")
    hold_seat(world, "o", "florist")
    for name, industry in (("p", "grocer"), ("q", "tailor")):
        world.accept(joined(name, kind=AccountKind.MERCHANT))
        hold_seat(world, name, industry)
    for industry, score in (("bakery", 80), ("barber", 70), ("florist", 60), ("grocer", 90), ("tailor", 50)):
        _rated(world, industry, [score] * 5)
        _recheck(world, industry, score)
    closed = step("seat.quarter_closed", by="chair", quarter="2026-Q4")
    assert refused(world, closed) == ("quarter.not_over", {"quarter": "2026-Q4", "day": "2027-01-01"})
    assert set(wait(world, 50)) == {"membership.fee_split"}
    result = taken(world, closed)
    assert (result["seats"], result["scored"], result["out"], result["released"]) == (5, 5, 1, ["tailor"])
    assert case(world, "seat", "3101-0007:tailor")["state"] == "release_proposed"
    assert case(world, "seat", "3101-0007:florist")["state"] == "held"
    assert document(world, "seat_score", "2026-Q4:3101-0007:florist")["score"] == 6_000
    assert refused(world, closed) == ("case.exists", {"kind": "seat_quarter"})
    assert wait(world, 15) == ["seat.released"]
    assert document(world, "deposit", account("q"))["balance"] == 500_000


def test_seats_with_few_ratings_or_no_recheck_are_not_ranked(world: World) -> None:
    hold_seat(world, "n", "barber")
    _rated(world, "bakery", [10] * 4)
    _recheck(world, "bakery", 10)
    _rated(world, "barber", [10] * 5)
    wait(world, 50)
    result = taken(world, step("seat.quarter_closed", by="chair", quarter="2026-Q4"))
    assert (result["seats"], result["scored"], result["out"], result["released"]) == (2, 0, 0, [])


def test_who_may_rate_and_when(world: World) -> None:
    rating = step("seat.rated", resident="a", industry="bakery", score=80)
    assert refused(world, rating) == ("membership.required", {"field": "public.resident"})
    assert CaseReader(world.database).list("seat_rating", None, limit=10) == []
    world.accept(member("a"))
    world.accept(member("b"))
    assert taken(world, rating)["quarter"] == "2026-Q4"
    assert refused(world, rating) == ("case.exists", {"kind": "seat_rating"})
    assert refused(world, step("seat.rated", resident="n", industry="bakery", score=80)) == (
        "rating.not_a_resident",
        {"field": "public.resident"},
    )
    above = step("seat.rated", resident="b", industry="bakery", score=101)
    assert refused(world, above)[1]["reason"] == "not an integer from 0 to 100"
    public = {"industry": "bakery", "recheck": 50, "evidence": EVIDENCE}
    assert refused(world, step("seat.scored", by="m", quarter="2026-Q4", **public)) == ("rating.own_seat", {})
    assert refused(world, step("seat.scored", by="chair", quarter="2026-Q2", **public)) == (
        "quarter.not_open",
        {"quarter": "2026-Q2"},
    )
    _recheck(world, "bakery", 50)
    again = step("seat.scored", by="chair", quarter="2026-Q4", **public)
    assert refused(world, again) == ("case.exists", {"kind": "seat_score"})
    world.clock.milliseconds += 50 * 86_400_000
    taken(world, step("seat.quarter_closed", by="chair", quarter="2026-Q4"))
    hold_seat(world, "n", "barber")
    late = step("seat.scored", by="chair", quarter="2026-Q4", **{**public, "industry": "barber"})
    assert refused(world, late) == ("quarter.not_open", {"quarter": "2026-Q4"})


# --- the duty to refer -------------------------------------------------------------------------------------


def test_the_duty_ships_switched_off(world: World) -> None:
    checked = step("seat.duty_checked", by="chair", industry="bakery", month="2026-12")
    assert refused(world, checked) == ("duty.switched_off", {})


def mirrored(world: World, block: int, at: int, event: str, value: int) -> None:
    """Have the mirror follow one chain to a change of the duty's gate, in a block of that time (seconds)."""
    with world.database.writer() as connection:
        if block == 1:
            connection.execute(
                insert(mirror_cursor).values(
                    chain_id=31_337, genesis_hash=b"\x02" * 32, block_number=1, block_hash=b"\x01" * 32
                )
            )
        connection.execute(
            insert(mirror_blocks).values(
                chain_id=31_337, number=block, hash=bytes([block]) * 32, parent_hash=bytes(32),
                timestamp=at, log_count=1,
            )
        )  # fmt: skip
        connection.execute(
            insert(mirror_referral).values(
                chain_id=31_337, block_number=block, log_index=0, event=event, gate=int(Gate.REFERRAL_DUTY),
                value=value, opinion=b"", ready_at=0,
            )
        )  # fmt: skip


def checked(month: str) -> Draft:
    return step("seat.duty_checked", by="chair", industry="bakery", month=month)


def test_the_duty_is_on_from_its_activation_on_chain_until_it_is_lowered(world: World) -> None:
    """An announcement switches nothing on; months that had begun before are nobody's duty."""
    begun = world.clock() // 1000 + 30 * 86_400
    mirrored(world, 1, begun - 5, "announced", 1)
    wait(world, 140)
    assert refused(world, checked("2027-01")) == ("duty.switched_off", {})
    mirrored(world, 2, begun, "activated", 1)
    assert refused(world, checked("2026-12")) == (
        "duty.month_before", {"month": "2026-12", "day": date_in(30)},
    )  # fmt: skip
    assert taken(world, checked("2027-01"))["misses"] == 1
    assert refused(world, checked("2027-01")) == ("case.exists", {"kind": "referral_duty"})
    mirrored(world, 3, world.clock() // 1000, "lowered", 0)
    assert refused(world, checked("2027-02")) == ("duty.switched_off", {})
    # On again: what was before has no duty any more.
    mirrored(world, 4, world.clock() // 1000, "activated", 1)
    assert refused(world, checked("2027-02"))[0] == "duty.month_before"


def test_three_short_months_propose_a_release_where_it_is_switched_on(world: World) -> None:
    mirrored(world, 1, world.clock() // 1000, "activated", 1)
    early = checked("2026-11")
    assert refused(world, early) == ("duty.month_not_held", {"month": "2026-11"})
    wait(world, 140)
    results = [taken(world, checked(month)) for month in ("2026-12", "2027-01", "2027-02")]
    assert [(one["referred"], one["wanted"], one["misses"]) for one in results] == [
        (0, 2, 1),
        (0, 2, 2),
        (0, 2, 3),
    ]
    assert results[-1]["appeal_until"] == date_in(155)
    assert wait(world, 15) == ["seat.released"]
    assert document(world, "deposit", account("m"))["balance"] == 400_000
