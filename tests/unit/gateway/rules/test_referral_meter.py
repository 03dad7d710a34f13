"""The referral meter: chains joined link by link are those built from nothing, figures are right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from gateway.rules.referral_meter import (
    ChainFigures,
    Meter,
    PaidChains,
    build_chains,
    is_stopped,
    join_chains,
    read_meter,
)
from gateway.rules.referral_tables import METER_LIMITS, SHIPPED, Switches

LIMITS = METER_LIMITS[0]


def naive_figures(links: dict[str, str]) -> dict[str, ChainFigures]:
    def path(member: str) -> list[str]:
        return [member, *(path(links[member]) if member in links else [])]

    people = set(links) | set(links.values())
    tops: dict[str, list[list[str]]] = {}
    for member in people:
        tops.setdefault(path(member)[-1], []).append(path(member))
    return {top: ChainFigures(max(map(len, ps)) - 1, len(ps)) for top, ps in tops.items()}


@given(st.lists(st.integers(0, 30), max_size=30), st.randoms(use_true_random=False))
def test_joining_link_by_link_equals_building_from_nothing(parents: list[int], chance: object) -> None:
    # Member n + 1 has a referrer among 0..n, so there is no cycle; links come in any order.
    links = {f"m{n + 1}": f"m{parent % (n + 1)}" for n, parent in enumerate(parents)}
    order = list(links)
    chance.shuffle(order)  # type: ignore[attr-defined]
    chains = PaidChains()
    for member in order:
        chains = join_chains(chains, member, links[member])
        assert join_chains(chains, member, links[member]) is chains
    assert chains == build_chains(links)
    assert chains.figures == naive_figures(links)


def test_links_that_make_no_chain_are_refused() -> None:
    chains = build_chains({"b": "a", "c": "b"})
    assert chains.figures == {"a": ChainFigures(2, 3)}
    for member, referrer, reason in [("a", "c", "closes a cycle"), ("c", "a", "another referrer")]:
        with pytest.raises(FormatError) as caught:
            join_chains(chains, member, referrer)
        assert caught.value.reason == reason
    with pytest.raises(FormatError) as caught:
        build_chains({"a": "b", "b": "a", "d": "c"})
    assert caught.value.where == "links"


def test_the_meter_says_how_far_it_is() -> None:
    chains = build_chains({"b": "a", **{f"m{n}": "c" for n in range(9)}})
    assert read_meter(chains, 1, 30_000, LIMITS, SHIPPED) == Meter(
        deepest=1,
        largest=10,
        share=1,
        levels_left=1,
        people_left=15,
        line_levels_left=2,
        line_people_left=20,
        stopped=False,
    )
    deep = read_meter(build_chains({"b": "a", "c": "b"}), 0, 0, LIMITS, SHIPPED)
    assert (deep.deepest, deep.levels_left, deep.share, deep.stopped) == (2, 0, 0, True)
    assert read_meter(PaidChains(), 0, 5, LIMITS, SHIPPED).people_left == 25
    with pytest.raises(FormatError):
        read_meter(chains, 6, 5, LIMITS, SHIPPED)


@pytest.mark.parametrize(
    ("levels", "people", "depth", "stopped"),
    [
        (1, 24, 1, False),
        (2, 3, 1, True),
        (1, 25, 1, True),
        (2, 40, 2, False),
        (3, 4, 2, True),
        (3, 40, 3, False),
        (4, 5, 3, True),
    ],
)
def test_where_paying_stops(levels: int, people: int, depth: int, stopped: bool) -> None:
    assert is_stopped(ChainFigures(levels, people), LIMITS, Switches(depth=depth)) is stopped
