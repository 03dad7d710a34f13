"""The rules of cases inside the sequencer: completed entries, one winner, no trace of refusals, deadlines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.operation import ZERO_REF, Operation, OperationKind, account_address, account_id
from chain.types import AccountId
from gateway.cases.book import CaseBook
from gateway.cases.case import Case
from gateway.cases.reading import CaseReader
from gateway.cases.world import World as Rules
from gateway.db import Database, fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, Draft
from tests.unit.gateway.ledger.worlds import (
    CHAPTER,
    NOON,
    OTHER_CHAPTER,
    World,
    address,
    joined,
    opened,
    operated,
    recorded,
    running,
)

HOUR = 3_600_000


def begin(rules: Rules) -> Draft:
    """Open a case held by the first subject, due in an hour."""
    draft = rules.draft
    rules.own(draft.subjects[0], "subjects")
    case = Case("errand", "", rules.chapter, "open", draft.subjects[0], rules.now + HOUR, {"coins": 500})
    rules.open("errand", rules.entry_id, case)
    return replace(draft, public={**draft.public, "coins": "500"})


def end(rules: Rules) -> Draft:
    """Pay the holder's 500 to the second account; only an open errand can be ended."""
    case = rules.about("errand", "open")
    rules.put(replace(case, state="ended", due_at=None))
    assert case.holder is not None
    operation = Operation(
        OperationKind.TRANSFER, account_address(case.holder), address("b"), case.number("coins"), 0, ZERO_REF
    )
    return replace(rules.draft, subjects=(case.holder,), operation=operation)


def lapse(case: Case) -> Draft:
    assert case.holder is not None
    return Draft(
        "gift.sent",
        recorded("a").chapter,
        None,
        (case.holder,),
        public={"reason": "lapsed", "about": case.key},
    )


BOOK = CaseBook({"service.recorded": begin, "gift.sent": end}, due={"errand": lapse})


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """Two members with 10.00 coins each, judged by ``BOOK``."""
    with running(database, tmp_path, rules=BOOK) as world:
        world.accept(opened())
        world.accept(opened(OTHER_CHAPTER))
        for name in ("a", "b"):
            world.accept(joined(name))
            world.accept(operated(OperationKind.ISSUE, receiver=address(name), amount=1_000))
        yield world


def started(name: str = "a", chapter: int = CHAPTER) -> Draft:
    return replace(recorded(name, chapter=chapter), type="service.recorded", public={})


def ended(about: str | None, chapter: int = CHAPTER) -> Draft:
    public = {} if about is None else {"about": about}
    return replace(recorded("a", chapter=chapter), type="gift.sent", public=public)


def cases(world: World) -> list[tuple[object, ...]]:
    with world.database.reader() as connection:
        sql = "SELECT kind, key, state, holder, due_at, opened_index, changed_index FROM cases ORDER BY key"
        return fetch_all(connection, sql)


def test_the_entry_says_what_the_rules_completed(world: World) -> None:
    accepted = world.accept(started())
    with world.database.reader() as connection:
        ((body,),) = fetch_all(connection, "SELECT body FROM entries WHERE log_index = ?", accepted.index)
    assert json.loads(bytes(body))["public"] == {"coins": "500"}  # type: ignore[arg-type]
    holder = account_id(address("a"))
    due = NOON + HOUR
    assert cases(world) == [
        ("errand", accepted.entry_id, "open", holder, due, accepted.index, accepted.index)
    ]
    paid = world.accept(ended(accepted.entry_id))
    with world.database.reader() as connection:
        moved = fetch_all(
            connection, "SELECT sender, receiver, amount FROM operations WHERE log_index = ?", paid.index
        )
    assert [tuple(row) for row in moved] == [(address("a"), address("b"), 500)]
    assert cases(world) == [("errand", accepted.entry_id, "ended", holder, None, accepted.index, paid.index)]


def test_of_two_in_one_group_one_wins_and_the_other_changes_nothing(world: World) -> None:
    errand = world.accept(started()).entry_id
    pair = [world.submission(ended(errand), key) for key in ("one", "two")]
    first, second = world.ledger.submit_many(pair)
    assert isinstance(first, Accepted)
    assert isinstance(second, Refusal)
    assert (second.code, second.fields) == (
        "case.wrong_state",
        {"field": "public.about", "state": "ended", "wanted": "open"},
    )


def test_a_refused_operation_takes_the_case_back(world: World) -> None:
    first, second, third = (world.accept(started()).entry_id for _ in range(3))
    world.accept(ended(first))
    world.accept(ended(second))
    assert world.refuse(ended(third)).code == "balance.insufficient"
    assert [(row[1], row[2]) for row in cases(world)] == sorted(
        [(first, "ended"), (second, "ended"), (third, "open")]
    )


@pytest.mark.parametrize("about", ["01J00000000000000000000000", None])
def test_a_case_that_is_not_there(world: World, about: str | None) -> None:
    refusal = world.refuse(ended(about))
    if about is None:
        assert (refusal.code, refusal.fields["field"]) == ("entry.bad_field", "public.about")
    else:
        assert (refusal.code, refusal.fields) == ("case.unknown", {"field": "public.about", "kind": "errand"})
    assert cases(world) == []


def test_a_case_of_another_chapter_is_not_there(world: World) -> None:
    errand = world.accept(started()).entry_id
    refusal = world.refuse(ended(errand, OTHER_CHAPTER))
    assert (refusal.code, refusal.fields) == ("case.unknown", {"field": "public.about", "kind": "errand"})
    reader = CaseReader(world.database)
    assert reader.find("errand", errand, "3101-0008") is None
    found = reader.find("errand", errand, "3101-0007")
    assert found is not None
    assert [step["type"] for step in found["entries"]] == ["service.recorded"]  # type: ignore[index,union-attr,call-overload]
    assert reader.list("errand", "3101-0008") == []
    assert [case["key"] for case in reader.list("errand", None, state="open")] == [errand]


def test_what_is_due_is_recorded_once(world: World) -> None:
    errand = world.accept(started()).entry_id
    with world.database.reader() as connection:
        assert BOOK.due_steps(connection, NOON + HOUR - 1, 10) == []
        ((key, draft),) = BOOK.due_steps(connection, NOON + HOUR, 10)
    assert key == f"due:errand:{errand}:{NOON + HOUR}"
    recorded_once = world.accept(draft, key)
    assert world.accept(draft, key).entry_id == recorded_once.entry_id
    assert cases(world)[0][2] == "ended"


def test_a_receiver_nobody_named_is_loaded(world: World) -> None:
    """The parties a rule brings in are judged like those a caller names."""
    errand = world.accept(started()).entry_id
    draft = replace(ended(errand), subjects=())
    accepted = world.accept(draft)
    with world.database.reader() as connection:
        rows = fetch_all(
            connection, "SELECT account FROM account_entries WHERE log_index = ?", accepted.index
        )
    assert sorted(bytes(row[0]) for row in rows) == sorted([address("a"), address("b")])  # type: ignore[arg-type]
    assert AccountId("acct_" + address("b").hex()) == account_id(address("b"))
