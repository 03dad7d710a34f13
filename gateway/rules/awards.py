"""Monthly awards, computed from facts of the ledger, so that anybody gets the same winners. Pure.

Papers [B, D]: star of mutual help 互助之星 by minutes of confirmed service, savings master 省钱达人 by fen
saved, referral king 推荐王 (1000, 500, 300 CNY) by referred members with a completed, unrefunded order:
never by who merely joined. Prizes are records; the bank pays them. Months are those of Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chain.errors import FormatError
from gateway.rules.calendar import business_month
from gateway.rules.parameters import ship
from gateway.rules.refusals import check_amount

NONE_VOID: frozenset[str] = frozenset()


class AwardKind(StrEnum):
    """The monthly awards."""

    MUTUAL_HELP = "mutual_help_star"
    SAVINGS = "savings_master"
    REFERRAL = "referral_king"


@dataclass(frozen=True, slots=True)
class Prize:
    """Places of one award: ``fen`` by rank (its length is the number of places), ``coins`` for each place.

    ``coins`` in hundredths, None where not set; a tally under ``least`` wins nothing.
    """

    kind: AwardKind
    fen: tuple[int, ...]
    coins: int | None = None
    least: int = 1

    def __post_init__(self) -> None:
        for amount in (*self.fen, self.coins or 0):
            check_amount(amount, "prize")
        if not self.fen or list(self.fen) != sorted(self.fen, reverse=True) or self.least < 1:
            raise FormatError("prize", "has no places, or a later place gets more")


@dataclass(frozen=True, slots=True)
class AwardTerms:
    """One prize an award. Raises FormatError when an award has two."""

    prizes: tuple[Prize, ...]

    def __post_init__(self) -> None:
        if len({prize.kind for prize in self.prizes}) != len(self.prizes):
            raise FormatError("prizes", "an award has two")


AWARD_TERMS = ship(
    "award_terms",
    AwardTerms(
        (
            Prize(AwardKind.MUTUAL_HELP, (0, 0, 0)),
            Prize(AwardKind.SAVINGS, (0, 0, 0)),
            Prize(AwardKind.REFERRAL, (100_000, 50_000, 30_000)),
        )
    ),
    "[B] certificates and coins, no figure; [D] referral king 1000/500/300 CNY",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """What one ledger entry adds to a tally: minutes, fen, or 1 for a referred member's order.

    ``about`` names the referred member: each counts once a month for the referral king. ``at`` in Unix
    seconds.
    """

    entry: str
    kind: AwardKind
    account: str
    at: int
    value: int
    about: str | None = None

    def __post_init__(self) -> None:
        check_amount(self.value, "value")
        if (self.about is None) != (self.kind is not AwardKind.REFERRAL):
            raise FormatError("about", "names the referred member of referrals, and of nothing else")


@dataclass(frozen=True, slots=True)
class Tally:
    """An account's sum in one month and when it was reached."""

    account: str
    value: int
    reached_at: int


@dataclass(frozen=True, slots=True)
class Award:
    """One place of one month's award (month as yyyymm, rank from 1)."""

    kind: AwardKind
    month: int
    rank: int
    account: str
    tally: int
    prize_fen: int
    coins: int


def tally_month(
    facts: Iterable[Fact], kind: AwardKind, month: int, void: frozenset[str] = NONE_VOID
) -> tuple[Tally, ...]:
    """Return the tallies of a month, best first.

    An entry counts once however often it is handed in, two alike entries count twice. ``void`` are entries
    taken back since (refunds, reversals). Equal sums: who reached his first, then the smaller account id.
    """
    entries: dict[str, Fact] = {}
    for fact in facts:
        if fact.kind is kind and fact.entry not in void and business_month(fact.at) == month:
            if entries.setdefault(fact.entry, fact) != fact:
                raise FormatError("facts", "one entry says two things")
    counted: dict[tuple[str, str], Fact] = {}
    for fact in entries.values():
        # A referred member counts with his first order of the month, anything else entry by entry.
        key = (fact.account, fact.entry if fact.about is None else fact.about)
        before = counted.get(key)
        if before is None or (fact.at, fact.entry) < (before.at, before.entry):
            counted[key] = fact
    sums: dict[str, tuple[int, int]] = {}
    for fact in counted.values():
        value, reached = sums.get(fact.account, (0, 0))
        sums[fact.account] = (value + fact.value, max(reached, fact.at) if fact.value else reached)
    rows = [Tally(account, value, reached) for account, (value, reached) in sums.items()]
    return tuple(sorted(rows, key=lambda row: (-row.value, row.reached_at, row.account)))


def compute_awards(
    facts: Iterable[Fact], month: int, terms: AwardTerms, void: frozenset[str] = NONE_VOID
) -> tuple[Award, ...]:
    """Return a month's awards in the order of the terms; the order of facts does not matter."""
    given = list(facts)
    awards = []
    for prize in terms.prizes:
        ranked = [row for row in tally_month(given, prize.kind, month, void) if row.value >= prize.least]
        for rank, (row, fen) in enumerate(zip(ranked, prize.fen, strict=False), start=1):
            awards.append(Award(prize.kind, month, rank, row.account, row.value, fen, prize.coins or 0))
    return tuple(awards)
