"""Random walks over suspending, freezing, giving, closing and recovering: no coin is made or lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.operation import OperationKind
from gateway.db import Database, fetch_all, migrate, sqlite_url
from gateway.ledger.drafts import Accepted, Draft
from tests.unit.gateway.ledger.worlds import World, address, operated
from tests.unit.gateway.members.chapter import (
    ORDER,
    acct,
    case,
    chapter,
    gift,
    issued,
    opening,
    operation,
    recovery,
    rights,
    run_due,
    step,
)

NAMES = ("a", "b")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("gift", "issue", "suspend", "restore", "freeze", "free", "pool", "burn", "recover", "due")
        ),
        st.integers(0, 1),
        st.integers(1, 400),
    ),
    min_size=4,
    max_size=24,
)


def draft_of(kind: str, who: str, other: str, amount: int, fresh: str) -> Draft:
    match kind:
        case "gift":
            return gift(who, other, amount)
        case "issue":
            return issued(who, amount)
        case "suspend":
            return step("membership.suspended", who, order=ORDER, reason="inquiry")
        case "restore":
            return step("membership.restored", who, order=ORDER)
        case "freeze" | "free":
            return rights(who, kind == "free", True)
        case "pool" | "burn":
            return step("account.closing", who, destination=kind, order=ORDER)
        case _:
            return recovery(who, fresh)


def supply(world: World) -> int:
    with world.database.reader() as connection:
        ((total,),) = fetch_all(connection, "SELECT sum(available + locked) FROM balances")
        ((least,),) = fetch_all(connection, "SELECT min(available) FROM balances")
    assert int(str(least)) >= 0
    return int(str(total))


def walk(world: World, steps: list[tuple[str, int, int]]) -> None:
    names, number = list(NAMES), 0
    for name in NAMES:
        world.accept(opening(name))
        world.accept(issued(name, 500))
    expected = supply(world)
    for kind, at, amount in steps:
        who, other = names[at], names[1 - at]
        if kind == "due":
            run_due(world)
            continue
        number += 1
        answer = world.answer(draft_of(kind, who, other, amount, f"new{number}"))
        if not isinstance(answer, Accepted):
            continue
        moved = operation(world, answer)
        expected += amount if kind == "issue" else 0
        expected -= int(str(moved[3])) if kind == "burn" and moved is not None else 0
        if kind == "recover":
            # The route moves the credits by a second entry.
            names[at] = f"new{number}"
            world.accept(recovered(who, names[at]))
        assert supply(world) == expected
        check(world, names)


def recovered(old: str, new: str) -> Draft:
    return operated(OperationKind.RECOVER, address(old), address(new))


def check(world: World, names: list[str]) -> None:
    """A closed account is empty; what is parked is as much as the case says; one membership per person."""
    for name in names:
        membership = case(world, "membership", acct(name))
        assert membership is not None
        closing = case(world, "closing", acct(name))
        if closing is not None and closing["state"] == "closed":
            assert (membership["state"], membership["document"]["parked"]) == ("closed", 0)
            assert world.refuse(issued(name, 1)).code == "member.closed"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_rule_13_coins_are_conserved_whatever_happens_to_their_holders(
    steps: list[tuple[str, int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "walk.sqlite3"))
        migrate(database)
        try:
            with chapter(database, Path(folder)) as world:
                walk(world, steps)
        finally:
            database.close()
