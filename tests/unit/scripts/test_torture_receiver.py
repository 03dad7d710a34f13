"""What the campaign's receiver of webhooks takes for a gap, a repeat, or another message."""

from __future__ import annotations

from scripts.faults.receiver import Message, find_unsent


def message(seq: int, body: bytes = b"", taken: bool = True) -> Message:
    return Message(f"id-{seq}", seq, body or str(seq).encode(), taken)


def test_each_event_once_in_order_or_again_as_the_same_is_whole() -> None:
    sent = [message(1), message(2, taken=False), message(2), message(2), message(3), message(1), message(2)]
    assert list(find_unsent(sent, 1, 3)) == []


def test_what_was_not_sent_or_not_taken_is_named() -> None:
    assert list(find_unsent([message(1), message(3)], 1, 3)) == [
        "events 1 to 3 were to be taken, were [1, 3]",
        "event 3 was sent before 2 was taken",
    ]
    assert list(find_unsent([message(1), message(2, taken=False)], 1, 2)) == [
        "events 1 to 2 were to be taken, were [1, 2]"
    ]


def test_the_cursor_waits_for_who_refuses() -> None:
    sent = [message(1, taken=False), message(2), message(1)]
    assert list(find_unsent(sent, 1, 2)) == ["event 2 was sent before 1 was taken"]


def test_another_message_under_one_number_is_named() -> None:
    assert list(find_unsent([message(1, b"a"), message(1, b"b")], 1, 1)) == [
        "event 1 was sent again as another message"
    ]
