"""Due steps: recorded once, batch by batch, with refused ones named, passed over and tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from chain.operation import ZERO_REF, Operation, OperationKind, account_address
from gateway.cases import world as world_module
from gateway.cases.book import CaseBook
from gateway.cases.case import Case
from gateway.cases.due import Batch, DueFigures, DueLoop, DueRecorder
from gateway.cases.world import DuePlace
from gateway.cases.world import World as Rules
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import Accepted, Draft
from tests.unit.gateway.ledger.worlds import (
    NOON,
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
    """An errand of the first subject, due in an hour; one of the second subject is late and nobody's step."""
    holder = rules.draft.subjects[0]
    kind = "errand" if len(rules.draft.subjects) == 1 else "promise"
    rules.open(kind, rules.entry_id, Case(kind, "", rules.chapter, "open", holder, rules.now + HOUR, {}))
    return rules.draft


def end(rules: Rules) -> Draft:
    """Pay 500 of the holder to b."""
    case = rules.about("errand", "open")
    assert case.holder is not None
    rules.put(replace(case, state="ended", due_at=None))
    sender = account_address(case.holder)
    operation = Operation(OperationKind.TRANSFER, sender, address("b"), 500, 0, ZERO_REF)
    return replace(rules.draft, operation=operation)


def lapse(case: Case) -> Draft | None:
    assert case.holder is not None
    public = {"about": case.key}
    return replace(recorded(), type="gift.sent", subjects=(case.holder,), public=public)


def nobody(case: Case) -> Draft | None:
    return None


RULES = {"service.recorded": begin, "gift.sent": end}
BOOK = CaseBook(RULES, due={"errand": lapse, "promise": nobody})


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """a has 100.00 coins, b and poor none."""
    with running(database, tmp_path, rules=BOOK) as world:
        world.accept(opened())
        for name in ("a", "b", "poor"):
            world.accept(joined(name))
        world.accept(operated(OperationKind.ISSUE, receiver=address("a"), amount=10_000))
        yield world


def start(world: World, *names: str) -> str:
    draft = replace(recorded(*names), type="service.recorded", public={})
    return world.accept(draft).entry_id


def recorder(world: World, book: CaseBook = BOOK) -> DueRecorder:
    return DueRecorder(world.database, book, world.ledger, world.clock)


def states(world: World) -> dict[str, str]:
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT key, state FROM cases WHERE kind = 'errand'")
    return {str(key): str(state) for key, state in rows}


def steps(world: World) -> int:
    with world.database.reader() as connection:
        rows = fetch_all(connection, "SELECT 1 FROM entries WHERE type = 'gift.sent'")
    return len(rows)


def test_a_refused_step_is_named_once_and_holds_nobody_up(world: World) -> None:
    poor = start(world, "poor")
    world.clock.milliseconds += 1
    others = [start(world, "a") for _ in range(5)]
    loop, stop = DueLoop(recorder(world), 1, batch=2), threading.Event()
    loop.round(stop)
    assert set(states(world).values()) == {"open"} and loop.figures == DueFigures()
    world.clock.milliseconds += HOUR
    with capture_logs() as lines:
        loop.round(stop)
        loop.round(stop)
    assert states(world) == {poor: "open", **dict.fromkeys(others, "ended")}
    assert loop.figures == DueFigures(5, 1)
    assert [line for line in lines if line["event"] == "due step refused"] == [
        {
            "event": "due step refused", "log_level": "warning", "kind": "errand", "key": poor,
            "type": "gift.sent", "code": "balance.insufficient",
        }
    ]  # fmt: skip
    assert [line["number"] for line in lines if line["event"] == "due steps recorded"] == [1, 2, 2]
    world.accept(operated(OperationKind.ISSUE, receiver=address("poor"), amount=500))
    loop.round(stop)
    assert states(world)[poor] == "ended" and loop.figures == DueFigures(6, 0)


def test_what_others_record_at_the_same_time_is_one_entry_each(world: World) -> None:
    for _ in range(12):
        start(world, "a")
    world.clock.milliseconds += HOUR
    loops = [DueLoop(recorder(world), 1, batch=3) for _ in range(2)]
    with ThreadPoolExecutor(3) as pool:
        rounds = [pool.submit(loop.round, threading.Event()) for loop in loops]
        asked = pool.submit(recorder(world).record, 1_000).result()
        for one in rounds:
            one.result()
    assert steps(world) == 12 and set(states(world).values()) == {"ended"}
    new = sum(isinstance(answer, Accepted) and not answer.replayed for _, answer in asked.answers)
    assert new + sum(loop.figures.recorded for loop in loops) == 12


class Late:
    """What somebody read before another recorded it."""

    def __init__(self, batch: Batch, behind: DueRecorder) -> None:
        self._batches = [batch]
        self._behind = behind

    def record(self, limit: int, after: DuePlace | None = None) -> Batch:
        return self._batches.pop() if self._batches else self._behind.record(limit, after)


def test_a_replayed_step_is_not_counted(world: World) -> None:
    start(world, "a")
    world.clock.milliseconds += HOUR
    with world.database.reader() as connection:
        found = BOOK.find_due(connection, world.clock(), 10)
    recorder(world).record(10)
    group = [replace(world.submission(one.draft, one.key, "clock"), fingerprint=b"") for one in found]
    answers = world.ledger.submit_many(group)
    assert [isinstance(answer, Accepted) and answer.replayed for answer in answers] == [True]
    loop = DueLoop(Late(Batch(tuple(zip(found, answers, strict=True))), recorder(world)), 1)  # type: ignore[arg-type]
    loop.round(threading.Event())
    assert loop.figures == DueFigures(0, 0) and steps(world) == 1


def test_a_stopped_ledger_ends_the_round_and_refuses_no_case(world: World) -> None:
    for _ in range(3):
        start(world, "a")
    world.clock.milliseconds += HOUR
    loop = DueLoop(recorder(world), 1, batch=2)
    world.ledger.sequencer.hold("chain.unanswered")
    with capture_logs() as lines:
        loop.round(threading.Event())
    assert [(line["event"], line["code"]) for line in lines] == [("due steps wait", "ledger.read_only")]
    assert loop.figures == DueFigures(0, 0)
    world.ledger.sequencer.hold(None)
    loop.round(threading.Event())
    assert loop.figures == DueFigures(3, 0)


def test_a_case_whose_rule_fails_is_named_and_passed_over(world: World) -> None:
    broken = start(world, "a")
    start(world, "a")
    world.clock.milliseconds += HOUR

    def fails(case: Case) -> Draft | None:
        return lapse(case) if case.key != broken else lapse(replace(case, holder=None))

    book = CaseBook(RULES, due={"errand": fails})
    with capture_logs() as lines:
        batch = recorder(world, book).record(10)
    assert [step.case.key == broken for step, _ in batch.answers] == [False]
    (line,) = lines
    assert (line["event"], line["kind"], line["key"]) == ("due step fails", "errand", broken)
    assert line["error"] == "AssertionError" and str(line["place"]).startswith("lapse:")
    with world.database.reader() as connection, pytest.raises(AssertionError):
        book.find_due(connection, world.clock(), 10)


def test_pages_give_each_case_once_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "_DUE_PAGE", 2)
    keys = []
    for number in range(7):
        # Late cases that no step follows stand between the others.
        keys.append(start(world, "a"))
        start(world, "a", "b")
        world.clock.milliseconds += number % 2
    world.clock.milliseconds += HOUR
    with world.database.reader() as connection:
        found = BOOK.find_due(connection, world.clock(), 100)
        first = BOOK.find_due(connection, world.clock(), 3)
        rest = BOOK.find_due(connection, world.clock(), 100, first[-1].place)
    assert sorted(step.case.key for step in found) == sorted(keys)
    assert found == sorted(found, key=lambda step: step.place)
    assert [*first, *rest] == found and len(first) == 3


def test_how_long_the_oldest_has_been_due(world: World) -> None:
    start(world, "a", "b")
    world.clock.milliseconds += HOUR
    start(world, "poor")
    assert recorder(world).oldest_seconds() == 0.0
    world.clock.milliseconds = NOON + 2 * HOUR + 90_500
    assert recorder(world).oldest_seconds() == 90.5
    recorder(world).record(10)
    assert recorder(world).oldest_seconds() == 90.5
    world.accept(operated(OperationKind.ISSUE, receiver=address("poor"), amount=500))
    recorder(world).record(10)
    assert recorder(world).oldest_seconds() == 0.0


class Failing:
    """A recorder whose database is away for the first two times."""

    def __init__(self, behind: DueRecorder, stop: threading.Event) -> None:
        self.asked = 0
        self._behind = behind
        self._stop = stop

    def record(self, limit: int, after: DuePlace | None = None) -> Batch:
        self.asked += 1
        if self.asked < 3:
            raise OperationalError("SELECT", {}, Exception("gone"))
        self._stop.set()
        return self._behind.record(limit, after)


def test_the_loop_waits_a_database_out_and_ends_when_told(world: World) -> None:
    start(world, "a")
    world.clock.milliseconds += HOUR
    stop = threading.Event()
    source = Failing(recorder(world), stop)
    loop = DueLoop(source, 0.001)  # type: ignore[arg-type]
    with capture_logs() as lines:
        loop.run(stop)
    assert [line["event"] for line in lines].count("due steps wait for the database") == 2
    assert (source.asked, loop.figures) == (3, DueFigures(1, 0))


def test_a_loop_of_no_seconds_never_begins(world: World) -> None:
    start(world, "a")
    world.clock.milliseconds += HOUR
    loop = DueLoop(recorder(world), 0)
    loop.run(threading.Event())
    assert steps(world) == 0
