"""How many requests a caller may make in a second."""

from __future__ import annotations

from gateway.rates import Rate


def test_a_second_is_used_up_and_the_next_begins_anew() -> None:
    now = [10.0]
    rate = Rate(2, lambda: now[0])
    assert [rate.hit("a") for _ in range(4)] == [True, True, False, False]
    assert rate.hit("b")
    now[0] = 10.99
    assert not rate.hit("a")
    now[0] = 11.0
    assert [rate.hit("a") for _ in range(3)] == [True, True, False]


def test_looking_does_not_count() -> None:
    rate = Rate(1, lambda: 5.0)
    assert rate.has_room("a") and rate.has_room("a")
    assert rate.hit("a")
    assert not rate.has_room("a")


def test_a_limit_of_none_lets_nobody_in() -> None:
    assert not Rate(0, lambda: 1.0).hit("a")
