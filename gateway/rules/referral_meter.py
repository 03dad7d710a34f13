"""The referral meter (R6): how deep and wide rewards have gone, and how far it is to where they stop. Pure.

A LINK joins a member to the referrer above once an order below it has carried a reward across it. Linked
people form chains. ``levels`` are the links from a chain's top to its lowest member, whoever was paid for
whom: counted over links and not per order, since one-level rewards in a row make a chain of levels too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from chain.errors import FormatError
from gateway.rules.referral_tables import MeterLimits, Switches
from gateway.rules.refusals import check_amount
from gateway.rules.splits import WHOLE


@dataclass(frozen=True, slots=True)
class ChainFigures:
    """One chain: its ``levels`` (links from top to bottom) and its ``people``, the top included."""

    levels: int
    people: int


ALONE = ChainFigures(0, 1)
"""The figures of somebody who is in no chain."""


@dataclass(frozen=True, slots=True)
class PaidChains:
    """All chains: ``links`` (member -> referrer, where a reward was paid) and ``figures`` by top member.

    ``figures`` follow from ``links`` (:func:`build_chains`).
    """

    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    figures: Mapping[str, ChainFigures] = field(default_factory=lambda: MappingProxyType({}))

    def find_top(self, member: str) -> tuple[str, int]:
        """Return the top of a member's chain and the links up to it."""
        links, steps = self.links, 0
        while (above := links.get(member)) is not None:
            member, steps = above, steps + 1
        return member, steps

    def figures_of(self, member: str) -> ChainFigures:
        """Return the figures of the chain a member is in."""
        return self.figures.get(self.find_top(member)[0], ALONE)


@dataclass(frozen=True, slots=True)
class Meter:
    """What everybody may read: the deepest and the largest chain, referral's share of income, distances.

    ``share`` in basis points, rounded up; ``levels_left`` and ``people_left`` until paying stops,
    ``line_levels_left`` and ``line_people_left`` until the criminal line; never below 0.
    """

    deepest: int
    largest: int
    share: int
    levels_left: int
    people_left: int
    line_levels_left: int
    line_people_left: int
    stopped: bool


def build_chains(links: Mapping[str, str]) -> PaidChains:
    """Return the chains of these links, from nothing. Raises FormatError when they hold a cycle."""
    below: dict[str, list[str]] = {}
    for member, referrer in links.items():
        below.setdefault(referrer, []).append(member)
    figures, reached = {}, 0
    for top in below.keys() - links.keys():
        levels, people, row = -1, 0, [top]
        while row:
            levels, people = levels + 1, people + len(row)
            row = [member for above in row for member in below.get(above, ())]
        figures[top] = ChainFigures(levels, people)
        reached += people - 1
    if reached != len(links):
        raise FormatError("links", "a chain without top")
    return PaidChains(dict(links), figures)


def join_chains(chains: PaidChains, member: str, referrer: str) -> PaidChains:
    """Return the chains with one more link; the same object when the link is there already.

    The same as :func:`build_chains` over all links. Raises FormatError when the member has another link or
    the new one closes a cycle.
    """
    have = chains.links.get(member)
    if have == referrer:
        return chains
    top, steps = chains.find_top(referrer)
    if have is not None or top == member:
        raise FormatError("link", "another referrer" if have is not None else "closes a cycle")
    above, under = chains.figures.get(top, ALONE), chains.figures.get(member, ALONE)
    joined = ChainFigures(max(above.levels, steps + 1 + under.levels), above.people + under.people)
    figures = {name: one for name, one in chains.figures.items() if name != member}
    figures[top] = joined
    return PaidChains({**chains.links, member: referrer}, figures)


def is_stopped(figures: ChainFigures, limits: MeterLimits, switches: Switches) -> bool:
    """Say whether a chain of these figures is one that is not paid (R6), unless R1 holds.

    A reward that would make a chain reach 2 levels or 25 people is not paid; with more levels enabled under
    R1, one that would make it deeper than those.
    """
    if switches.raised:
        return figures.levels > switches.depth
    return figures.levels >= limits.stop_levels or figures.people >= limits.stop_people


def read_meter(
    chains: PaidChains, referral_income: int, income: int, limits: MeterLimits, switches: Switches
) -> Meter:
    """Return the meter over all chains; ``referral_income`` is part of ``income`` (fen, same period).

    Raises FormatError when it is more.
    """
    check_amount(income, "income")
    check_amount(referral_income, "referral_income")
    if referral_income > income:
        raise FormatError("referral_income", "more than all income")
    deepest = max((one.levels for one in chains.figures.values()), default=0)
    largest = max((one.people for one in chains.figures.values()), default=0)
    return Meter(
        deepest=deepest,
        largest=largest,
        share=-(-referral_income * WHOLE // income) if income else 0,
        levels_left=max(0, limits.stop_levels - deepest),
        people_left=max(0, limits.stop_people - largest),
        line_levels_left=max(0, limits.line_levels - deepest),
        line_people_left=max(0, limits.line_people - largest),
        stopped=any(is_stopped(one, limits, switches) for one in chains.figures.values()),
    )
