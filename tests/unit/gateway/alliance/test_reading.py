"""The seat map, public notices and overdue clocks as their readers see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.alliance.reading import read_notices, read_overdue, read_seats
from gateway.db import Database
from tests.unit.gateway.alliance.kit import (
    DAY,
    EVIDENCE,
    account,
    alliance,
    date_in,
    hold_seat,
    stamp,
    step,
    taken,
    wait,
)
from tests.unit.gateway.ledger.worlds import CHAPTER, OTHER_CHAPTER, World

CHAIN = 31_337


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with alliance(database, tmp_path) as world:
        yield world


def test_the_seat_map_shows_holders_until_they_leave(world: World) -> None:
    hold_seat(world, "n", "florist")
    hold_seat(world, "m", "bakery")
    seats = read_seats(world.database, CHAIN, CHAPTER, world.clock())
    assert [(seat["industry"], seat["merchant"], seat["state"]) for seat in seats] == [
        ("bakery", account("m"), "held"),
        ("florist", account("n"), "held"),
    ]
    assert seats[0] == {
        "chapter": "3101-0007",
        "industry": "bakery",
        "merchant": account("m"),
        "state": "held",
        "granted_on": date_in(0),
        "until": date_in(365),
        "leaves_on": None,
        "certificate": "ce" * 32,
        "on_chain": None,
    }
    assert read_seats(world.database, CHAIN, OTHER_CHAPTER, world.clock()) == []
    taken(world, step("exit.noticed", industry="bakery"))
    leaving = read_seats(world.database, CHAIN, CHAPTER, world.clock())[0]
    assert (leaving["state"], leaving["leaves_on"]) == ("leaving", date_in(90))
    wait(world, 90)
    assert [one["industry"] for one in read_seats(world.database, CHAIN, CHAPTER, world.clock())] == [
        "florist"
    ]


def test_notices_come_in_order_with_what_became_of_them(world: World) -> None:
    listed = {"reason": "promise_broken", "evidence": EVIDENCE}
    first = taken(world, step("list.entered", by="chair", merchant="m", **listed))["id"]
    ordered = {"reason": "complaint_verified", "measure": "burn", "evidence": EVIDENCE}
    second = taken(world, step("penalty.ordered", by="chair", merchant="n", **ordered))["id"]
    taken(world, step("list.lifted", by="chair", about=first, reason="paid"))
    found = read_notices(world.database, CHAPTER, "", 10)
    assert found == [
        {
            "entry": first,
            "matter": "black_list",
            "merchant": account("m"),
            "state": "withdrawn",
            "at": stamp(0),
            "reason": "promise_broken",
            "until": date_in(92),
            "coins": "0",
        },
        {
            "entry": second,
            "matter": "penalty",
            "merchant": account("n"),
            "state": "published",
            "at": stamp(0),
            "reason": "complaint_verified",
            "until": date_in(30),
            "coins": "10000",
        },
    ]
    assert read_notices(world.database, CHAPTER, str(first), 10) == found[1:]
    assert read_notices(world.database, CHAPTER, "", 1) == found[:1]
    assert read_notices(world.database, OTHER_CHAPTER, "", 10) == []


def test_what_is_late_is_listed_with_its_owner(world: World) -> None:
    applied = taken(world, step("seat.applied", merchant="n", industry="florist"))["id"]
    public = {"merchant": "m", "complainant": "a", "amount": "100", "reason": "spoiled"}
    filed = taken(world, step("complaint.filed", **public))
    owned = taken(world, step("complaint.filed", **public))
    assigned = taken(world, step("complaint.assigned", by="chair", about=owned["id"], owner="committee"))
    assert read_overdue(world.database, CHAPTER, world.clock(), 10) == []
    found = read_overdue(world.database, CHAPTER, world.clock() + 60 * DAY, 10)
    assert [(one["kind"], one["key"], one["state"], one["owner"], one["deadline"]) for one in found] == [
        ("complaint", filed["id"], "filed", "chapter", filed["deadline"]),
        ("complaint", owned["id"], "assigned", account("committee"), assigned["deadline"]),
        ("seat_application", applied, "applied", "committee", stamp(30)),
    ]
    assert found[0]["merchant"] == account("m")
    assert read_overdue(world.database, CHAPTER, world.clock() + 60 * DAY, 1) == found[:1]
    assert read_overdue(world.database, OTHER_CHAPTER, world.clock() + 60 * DAY, 10) == []
    verdict = {"reason": "unfounded", "evidence": EVIDENCE}
    taken(world, step("complaint.rejected", by="committee", about=owned["id"], **verdict))
    late = read_overdue(world.database, CHAPTER, world.clock() + 60 * DAY, 10)
    assert owned["id"] not in [one["key"] for one in late]
