"""Outcomes are numbered once, without a gap, from final blocks alone, also where blocks were taken back."""

from __future__ import annotations

import threading

import pytest

from chain.event_chain import stream_start, verify_events
from gateway.db import Database
from gateway.delivery import teller
from tests.unit.gateway.delivery.mirrored import FIRST, ORIGIN, SECOND, SUBJECT, Mirrored


@pytest.fixture
def mirrored(database: Database) -> Mirrored:
    return Mirrored(database)


def told(mirrored: Mirrored, chapter: int | None = None) -> list[object]:
    return [event["entry"] for event in mirrored.events.events((0, 0), 200, chapter)]


def test_a_block_is_told_once_it_is_final(mirrored: Mirrored) -> None:
    assert mirrored.teller.tell() == 0
    mirrored.mine(1, 1, 2)
    mirrored.mine(2, 3)
    assert (mirrored.teller.tell(), mirrored.events.is_current()) == (0, True)
    mirrored.mine(3)
    assert not mirrored.events.is_current()
    assert (mirrored.teller.tell(), mirrored.teller.tell()) == (2, 0)
    assert mirrored.events.is_current()
    assert told(mirrored) == ["entry-1", "entry-2"]
    mirrored.mine(4)
    assert mirrored.teller.tell() == 1
    assert told(mirrored) == ["entry-1", "entry-2", "entry-3"]


def test_an_event_says_this_and_nothing_else(mirrored: Mirrored) -> None:
    mirrored.tell(1, 1)
    assert mirrored.events.events((0, 0), 9, None) == [
        {
            "cursor": "1:0", "type": "operation.refused", "entry": "entry-1", "index": 1, "kind": "transfer",
            "outcome": {"status": "refused", "reason": "unknown_kind", "moved": "5", "block": 1},
            "stream": f"{ORIGIN}#all", "seq": 1, "prev": stream_start(f"{ORIGIN}#all").hash.hex(),
        }
    ]  # fmt: skip


def test_every_stream_is_dense_and_chained_over_batches_and_pages(
    mirrored: Mirrored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "BATCH", 3)
    for block in range(1, 8):
        mirrored.tell(10 * block, *range(4 * block, 4 * block + 4), chapter=FIRST if block % 2 else SECOND)
    for chapter, count in ((None, 28), (FIRST, 16), (SECOND, 12)):
        reached = stream_start(mirrored.events.stream(chapter))
        cursor, seen = (0, 0), 0
        while page := mirrored.events.events(cursor, 5, chapter):
            reached = verify_events(reached, page)
            block, _, index = str(page[-1]["cursor"]).partition(":")
            cursor, seen = (int(block), int(index)), seen + len(page)
        assert (reached.seq, seen, mirrored.events.last(chapter)) == (count, count, count)
        assert [one.seq for one in mirrored.events.since(3, 4, chapter)] == [3, 4, 5, 6]


def test_blocks_taken_back_below_finality_tell_nothing_twice_and_cursors_go_on(mirrored: Mirrored) -> None:
    mirrored.tell(100, 1, 2, 3)
    before = mirrored.events.events((0, 0), 9, FIRST)
    last = (100, 2)
    mirrored.rewind(99)
    # The chain that came after settles the same leaves in lower blocks, and two more.
    mirrored.mine(50, 1, 2, 3, entries=False)
    mirrored.tell(60, 4, 6)
    assert mirrored.events.events((0, 0), 3, FIRST) == before
    behind = mirrored.events.events(last, 9, FIRST)
    assert [(event["entry"], event["seq"], event["cursor"]) for event in behind] == [
        ("entry-4", 4, "100:3"),
        ("entry-6", 5, "100:4"),
    ]
    verify_events(stream_start(mirrored.events.stream(FIRST)), [*before, *behind])


def test_an_outcome_without_its_entry_is_waited_for(mirrored: Mirrored) -> None:
    mirrored.mine(1, 1, 2, 3, entries=False)
    mirrored.record(1, 3)
    mirrored.mine(5)
    mirrored.teller.tell()
    assert told(mirrored) == ["entry-1"]
    mirrored.record(2)
    mirrored.teller.tell()
    assert told(mirrored) == ["entry-1", "entry-2", "entry-3"]


def test_many_tellers_at_once_number_once(mirrored: Mirrored) -> None:
    mirrored.mine(1, *range(1, 101))
    mirrored.mine(9)
    faults: list[BaseException] = []

    def tell() -> None:
        try:
            teller.Teller(mirrored.database, SUBJECT, lambda: "2026-11-22T08:00:00.000Z").tell()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=tell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    events = mirrored.events.events((0, 0), 200, None)
    assert verify_events(stream_start(mirrored.events.stream(None)), events).seq == 100


def test_the_loop_tells_until_it_is_stopped(mirrored: Mirrored) -> None:
    mirrored.mine(1, 1)
    mirrored.mine(9)
    stop = threading.Event()
    loop = threading.Thread(target=mirrored.teller.run, args=(stop,))
    loop.start()
    mirrored.events.wait_current(10)
    stop.set()
    loop.join(5)
    assert not loop.is_alive() and told(mirrored) == ["entry-1"]
