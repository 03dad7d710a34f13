"""Matching in one compound: by example, and the same for any order of requests and offers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.matching import HelpOffer, HelpRequest, Match, Span, match_requests


def offer(
    name: str, *, start: int = 0, end: int = 100, compound: str = "A", skill: str = "tea", load: int = 0
) -> HelpOffer:
    return HelpOffer(f"o-{name}", name, compound, skill, (Span(start, end),), load)


def ask(
    name: str = "r", start: int = 10, end: int = 20, compound: str = "A", skill: str = "tea"
) -> HelpRequest:
    return HelpRequest(name, "asker", compound, skill, Span(start, end))


@pytest.mark.parametrize(
    "other",
    [
        offer("p", compound="B"),
        offer("p", skill="cook"),
        offer("p", end=19),
        offer("p", start=11),
        offer("asker"),
        HelpOffer("o", "p", "A", "tea", (Span(0, 100),), 0, (Span(19, 30),)),
        HelpOffer("o", "p", "A", "tea", ()),
    ],
)
def test_an_offer_that_does_not_fit_is_no_match(other: HelpOffer) -> None:
    assert match_requests([ask()], [other]) == (Match("r", None, None),)


def test_the_tightest_time_then_the_least_load_then_the_id_wins() -> None:
    wide, tight = offer("a"), offer("z", end=50, load=9)
    assert match_requests([ask()], [wide, tight])[0].provider == "z"
    assert match_requests([ask()], [offer("a", load=2), offer("b", load=1)])[0].provider == "b"
    assert match_requests([ask()], [offer("b"), offer("a")])[0] == Match("r", "o-a", "a")


def test_providers_who_declined_are_not_asked_again() -> None:
    offers = [offer("a"), offer("b")]
    assert match_requests([ask()], offers, {"r": frozenset({"a"})})[0].provider == "b"
    assert match_requests([ask()], offers, {"r": frozenset({"a", "b"})})[0].provider is None


def test_one_provider_is_at_one_place_at_a_time() -> None:
    requests = [ask("r1", 10, 20), ask("r2", 15, 25), ask("r3", 20, 30)]
    assert match_requests(requests, [offer("a")]) == (
        Match("r1", "o-a", "a"),
        Match("r2", None, None),
        Match("r3", "o-a", "a"),
    )


def test_load_grows_with_what_is_given() -> None:
    requests = [ask("r1", 10, 20), ask("r2", 30, 40)]
    assert [m.provider for m in match_requests(requests, [offer("a"), offer("b")])] == ["a", "b"]


def test_a_span_has_a_length() -> None:
    with pytest.raises(FormatError) as caught:
        Span(5, 5)
    assert caught.value.where == "span"


SPANS = st.builds(lambda start, length: Span(start, start + length), st.integers(0, 40), st.integers(1, 20))
PLACES = st.sampled_from("AB")
SKILLS = st.sampled_from(["tea", "cook"])


@given(
    st.lists(st.tuples(PLACES, SKILLS, SPANS, st.integers(0, 4)), max_size=8),
    st.lists(st.tuples(PLACES, SKILLS, SPANS, st.integers(0, 4), st.integers(0, 3)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_order_of_the_input_does_not_matter_and_matches_fit(
    asks: list[tuple[str, str, Span, int]],
    helps: list[tuple[str, str, Span, int, int]],
    chance: random.Random,
) -> None:
    requests = [HelpRequest(f"r{n}", f"m{who}", c, s, t) for n, (c, s, t, who) in enumerate(asks)]
    offers = [HelpOffer(f"o{n}", f"m{who}", c, s, (t,), load) for n, (c, s, t, who, load) in enumerate(helps)]
    found = match_requests(requests, offers)
    mixed_requests, mixed_offers = requests[:], offers[:]
    chance.shuffle(mixed_requests)
    chance.shuffle(mixed_offers)
    assert match_requests(mixed_requests, mixed_offers) == found
    assert sorted(m.request for m in found) == sorted(r.id for r in requests)
    by_request, by_offer = {r.id: r for r in requests}, {o.id: o for o in offers}
    busy: dict[str, list[Span]] = {}
    for match in found:
        if match.offer is None or match.provider is None:
            continue
        request, chosen = by_request[match.request], by_offer[match.offer]
        assert (request.compound, request.skill) == (chosen.compound, chosen.skill)
        assert match.provider == chosen.provider != request.member
        assert chosen.free[0].covers(request.span)
        assert not any(other.touches(request.span) for other in busy.get(match.provider, ()))
        busy.setdefault(match.provider, []).append(request.span)
