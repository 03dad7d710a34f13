"""Members' standing: tiers, elders by birth month and allowed relations. Pure.

Papers [B, C]: silver; gold with a team of at least 30; diamond with two gold teams; over-60s as elders. A
tier is a title: nothing here pays by team size. Ages come from year and month of birth, on a business date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.parameters import ship
from gateway.rules.refusals import RuleRefusal

MAX_AGE = 150
"""Years nobody reaches."""


class Tier(StrEnum):
    """Titles of members [C]."""

    SILVER = "silver"
    GOLD = "gold"
    DIAMOND = "diamond"


@dataclass(frozen=True, slots=True)
class TierTerms:
    """Least team of gold and least gold teams of diamond."""

    gold_team: int = 30
    diamond_teams: int = 2

    def __post_init__(self) -> None:
        if self.gold_team < 1 or self.diamond_teams < 1:
            raise FormatError("tier_terms", "not positive")


TIER_TERMS = ship("tier_terms", TierTerms(), "[C] gold: team of 30; diamond: two gold teams")


@dataclass(frozen=True, slots=True)
class Standing:
    """A member's tier and what it follows from."""

    member: str
    tier: Tier
    team: int
    gold_teams: int


@dataclass(frozen=True, slots=True)
class BirthMonth:
    """Year and month of birth: all that is known of an age here."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not 1900 <= self.year <= 2200 or not 1 <= self.month <= 12:
            raise FormatError("birth_month", "not a month from 1900 on")


@dataclass(frozen=True, slots=True)
class AgeTerms:
    """Ages in whole years.

    There is none below which a guardian is needed: how old somebody under age is would have to be told in
    public to be judged by all. A guardian for age is appointed by a decision.
    """

    elder: int = 60

    def __post_init__(self) -> None:
        if not 1 <= self.elder <= MAX_AGE:
            raise FormatError("elder_age", f"not 1 to {MAX_AGE}")


AGE_TERMS = ship("age_terms", AgeTerms(), "[C] over-60s")


@dataclass(frozen=True, slots=True)
class KinTerms:
    """Relations to which a member may transfer, as codes; None: not set, so any member may receive [C]."""

    relations: tuple[str, ...] | None = None


KIN_TERMS = ship("kin_transfer", KinTerms(), "[C] may be given to other members; kin rules not set")
BEIJING_KIN = KinTerms(("parent", "grandparent", "spouse", "child", "grandchild"))
"""Beijing: parents, grandparents and other direct kin."""


def judge_tier(team: int, gold_teams: int, terms: TierTerms) -> Tier:
    """Return the tier of a member with a team of ``team`` and ``gold_teams`` gold members in it."""
    if team < 0 or not 0 <= gold_teams <= team:
        raise FormatError("team", "negative or smaller than its gold members")
    if gold_teams >= terms.diamond_teams:
        return Tier.DIAMOND
    return Tier.GOLD if team >= terms.gold_team else Tier.SILVER


def compute_standings(referrers: Mapping[str, str | None], terms: TierTerms) -> tuple[Standing, ...]:
    """Return the standing of each member, by id.

    ``referrers``: active member -> who referred him, or None. A team is who was referred directly: deeper
    levels count for nobody. A referrer who is no active member has no standing.
    """
    teams: dict[str, list[str]] = {member: [] for member in referrers}
    for member, referrer in referrers.items():
        if referrer is not None and referrer in teams:
            teams[referrer].append(member)
    gold = {member for member, team in teams.items() if len(team) >= terms.gold_team}
    found = []
    for member in sorted(teams):
        golden = sum(other in gold for other in teams[member])
        tier = judge_tier(len(teams[member]), golden, terms)
        found.append(Standing(member, tier, len(teams[member]), golden))
    return tuple(found)


def age_on(born: BirthMonth, day: date) -> int:
    """Return the age in whole years on a business date.

    The day of birth is not kept, so a year is complete on the first day of the birth month: nobody is an
    elder too late. Raises FormatError before the birth month.
    """
    months = (day.year - born.year) * 12 + day.month - born.month
    if months < 0:
        raise FormatError("birth_month", "after the date")
    return months // 12


def is_elder(born: BirthMonth, day: date, terms: AgeTerms) -> bool:
    """Say whether the elders' age is reached on a business date."""
    return age_on(born, day) >= terms.elder


def check_relation(relation: str | None, terms: KinTerms) -> None:
    """Check that a transfer to ``relation`` (None: no kin) is allowed.

    Raises RuleRefusal ``member.kin_not_allowed``; nothing is refused where the rule is not set.
    """
    if terms.relations is not None and relation not in terms.relations:
        raise RuleRefusal("member.kin_not_allowed")
