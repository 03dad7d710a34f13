"""The consumer's check: each way in which a stream of events can be wrong is told by its name."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import VerificationError
from chain.event_chain import EventChainError, Reached, follow, hash_event, stream_start, verify_events

STREAM = "log.example/test#3101-0001"


def make(count: int, stream: str = STREAM) -> list[dict[str, Any]]:
    """Return the first events of a stream, written with nothing of the code under test."""
    prev = hashlib.sha256(b"tongyi events v1\n" + stream.encode()).hexdigest()
    events = []
    for seq in range(1, count + 1):
        event = {"entry": f"entry-{seq}", "prev": prev, "seq": seq, "stream": stream}
        prev = hashlib.sha256(json.dumps(event, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
        events.append(event)
    return events


def test_a_whole_stream_holds_and_says_how_far_it_is() -> None:
    events = make(5)
    reached = verify_events(stream_start(STREAM), events)
    assert (reached.seq, reached.hash) == (5, hash_event(events[-1]))


@given(st.integers(0, 6), st.integers(0, 6))
def test_it_holds_in_any_two_parts(one: int, two: int) -> None:
    events, cut = make(6), min(one, two)
    first = verify_events(stream_start(STREAM), events[:cut])
    assert verify_events(first, events[cut:]) == verify_events(stream_start(STREAM), events)


def test_one_may_begin_in_the_middle() -> None:
    events = make(4)
    before = Reached(STREAM, 2, hash_event(events[1]))
    assert verify_events(before, events[2:]).seq == 4


@pytest.mark.parametrize(
    ("order", "link", "got", "want"),
    [((0, 2), "gap", 3, 2), ((0, 1, 1), "repeat", 2, 3), ((0, 1, 0), "repeat", 1, 3), ((1,), "gap", 2, 1)],
)
def test_a_gap_and_a_repeat_are_told_with_both_numbers(
    order: tuple[int, ...], link: str, got: int, want: int
) -> None:
    events = make(3)
    with pytest.raises(EventChainError) as caught:
        verify_events(stream_start(STREAM), [events[place] for place in order])
    assert (caught.value.link, caught.value.got, caught.value.want) == (link, got, want)


def test_an_event_that_was_changed_breaks_the_next_one() -> None:
    events = make(3)
    want = hash_event({**events[1], "entry": "other"}).hex()
    events[1] = {**events[1], "entry": "other"}
    with pytest.raises(EventChainError) as caught:
        verify_events(stream_start(STREAM), events)
    assert (caught.value.link, caught.value.got, caught.value.want) == ("fork", events[2]["prev"], want)


def test_another_streams_event_is_none_of_this_one() -> None:
    with pytest.raises(VerificationError) as caught:
        follow(stream_start(STREAM), make(1, "log.example/test#all")[0])
    assert (caught.value.reason, caught.value.want) == ("of another stream", STREAM)


@pytest.mark.parametrize("number", [None, "1", True, 1.0])
def test_what_is_no_number_is_refused(number: object) -> None:
    with pytest.raises(VerificationError, match="has no number"):
        follow(stream_start(STREAM), {**make(1)[0], "seq": number})
