"""The list of matches: the same for everybody, by compound, free hours and load, and binding nobody."""

from __future__ import annotations

from typing import Any

from gateway.rules.calendar import format_timestamp
from gateway.timebank.matches import list_matches
from tests.unit.gateway.ledger.worlds import CHAPTER, OTHER_CHAPTER
from tests.unit.gateway.timebank.kit import HOUR, MINUTE, START, Bank, account


def matches(bank: Bank, **more: Any) -> list[tuple[object, object, object]]:
    found = list_matches(bank.world.database, CHAPTER, bank.world.clock.milliseconds, **more)
    return [(row["request"], row["offer"], row["provider"]) for row in found]


def test_requests_meet_the_offers_of_their_own_compound(bank: Bank) -> None:
    near, far = bank.offer("p"), bank.offer("q", compound="c2")
    here, there = bank.request(start=START - HOUR), bank.request("n", compound="c2")
    nobody = bank.request("n", compound="c3")
    assert matches(bank) == [
        (here, near, account("p")),
        (there, far, account("q")),
        (nobody, None, None),
    ]
    assert matches(bank, compound="c2") == [(there, far, account("q"))]
    assert matches(bank, limit=1) == [(here, near, account("p"))]
    (row,) = list_matches(bank.world.database, CHAPTER, 0, compound="c2")
    assert row == {
        "request": there,
        "service": "appliance_cleaning",
        "compound": "c2",
        "starts_at": format_timestamp(START * 1000),
        "minutes": 120,
        "offer": far,
        "provider": account("q"),
    }
    assert list_matches(bank.world.database, OTHER_CHAPTER, 0) == []


def test_who_is_taken_passed_over_or_full_is_not_proposed(bank: Bank) -> None:
    first, second = bank.offer("p", capacity=1), bank.offer("q")
    booking, other = bank.request(), bank.request("n", start=START + 3 * HOUR)
    bank.take("service.dispatched", about=booking, offer=first)
    assert matches(bank) == [(other, second, account("q"))]
    bank.take("service.declined", about=booking, side="provider")
    assert matches(bank) == [(booking, second, account("q")), (other, first, account("p"))]


def test_long_free_times_stay_whole(bank: Bank) -> None:
    bank.offer("p")
    tight = bank.offer("q", availability=["fri.09:00-11:00"])
    assert matches(bank) == []
    booking = bank.request()
    assert matches(bank) == [(booking, tight, account("q"))]


def test_what_should_have_begun_is_left_out(bank: Bank) -> None:
    bank.offer()
    booking = bank.request()
    bank.at(START - MINUTE)
    assert [row[0] for row in matches(bank)] == [booking]
    bank.at(START)
    assert matches(bank) == []


def test_every_proposal_can_be_dispatched(bank: Bank) -> None:
    for name in ("p", "q"):
        bank.offer(name)
    for number in range(4):
        bank.request("n", start=START + 30 * MINUTE * number)
    proposed = matches(bank)
    assert [provider for _, _, provider in proposed].count(None) == 2
    for request, offer, _ in proposed:
        if offer is not None:
            bank.take("service.dispatched", about=request, offer=offer)
    assert [offer for _, offer, _ in matches(bank)] == [None, None]
