"""Members' standing: tiers, elders by birth month and allowed relations. Pure.

Papers [B, C]: silver; gold with a team of at least 30; diamond with two gold teams; over-60s as elders. A
tier is a title: nothing here pays by team size. Ages come from year and month of birth, on a business date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from chain.errors import FormatError
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


@dataclass(frozen=True, slots=True)
class KinTerms:
    """Relations to which a member may transfer, as codes; None: not set, so any member may receive [C]."""

    relations: tuple[str, ...] | None = None


def judge_tier(team: int, gold_teams: int, terms: TierTerms) -> Tier:
    """Return the tier of a member with a team of ``team`` and ``gold_teams`` gold members in it."""
    if team < 0 or not 0 <= gold_teams <= team:
        raise FormatError("team", "negative or smaller than its gold members")
    if gold_teams >= terms.diamond_teams:
        return Tier.DIAMOND
    return Tier.GOLD if team >= terms.gold_team else Tier.SILVER


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
