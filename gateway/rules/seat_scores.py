"""Quarterly scores of seats, the bottom fifth, the share of profit, the referral duty. Pure.

Papers [C, D]: residents' scoring and the chapter's re-check; the bottom 20% are released, with appeal. Scores
are exact fractions, so no rounding decides who leaves.
Must not switch anything on: the referral duty is judged only where its switch on chain is on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from chain.errors import FormatError
from gateway.rules.parameters import check_share, ship

WHOLE = 10_000
TOP_SCORE = 100
"""Residents and the chapter each score 0 to 100."""


@dataclass(frozen=True, slots=True)
class ScoreTerms:
    """Weights of residents and re-check, which sum to 10,000; ``release_bp`` of the scored seats leave.

    A seat with fewer than ``least_raters`` residents' scores is not ranked.
    """

    residents_bp: int = 7_000
    recheck_bp: int = 3_000
    release_bp: int = 2_000
    least_raters: int = 5

    def __post_init__(self) -> None:
        check_share(self.release_bp, "release_bp")
        if min(self.residents_bp, self.recheck_bp) < 0 or self.residents_bp + self.recheck_bp != WHOLE:
            raise FormatError("weights", "do not sum to 10000")
        if self.least_raters < 1:
            raise FormatError("least_raters", "not positive")


SCORE_TERMS = ship("score_terms", ScoreTerms(), "[C] bottom 20%; the weights are set by no paper")


@dataclass(frozen=True, slots=True)
class SeatRatings:
    """What one seat got in a quarter: residents' scores (one a resident) and the chapter's re-check."""

    seat: str
    granted_on: date
    residents: tuple[int, ...]
    recheck: int

    def __post_init__(self) -> None:
        for score in (*self.residents, self.recheck):
            if type(score) is not int or not 0 <= score <= TOP_SCORE:
                raise FormatError("score", f"not 0 to {TOP_SCORE}")


@dataclass(frozen=True, slots=True)
class SeatScore:
    """A seat's exact score (0 to 100), its rank from the best, and whether it is in the bottom part."""

    seat: str
    score: Fraction
    rank: int
    bottom: bool

    @property
    def score_bp(self) -> int:
        """The score in hundredths of a point, rounded down, for display."""
        return int(self.score * 100)


@dataclass(frozen=True, slots=True)
class Quarter:
    """All seats of a chapter in one quarter: those ranked, best first, and those with too few raters."""

    ranked: tuple[SeatScore, ...]
    unranked: tuple[str, ...]


def score_quarter(ratings: Iterable[SeatRatings], terms: ScoreTerms) -> Quarter:
    """Return all seats ranked; the last ``floor(ranked * release_bp / 10,000)`` are the bottom.

    Equal scores: the seat held for longer ranks higher, then the smaller id. Requires one row a seat; the
    order of rows does not matter.
    """
    rows = list(ratings)
    if len({row.seat for row in rows}) != len(rows):
        raise FormatError("ratings", "a seat has two rows")
    enough = [row for row in rows if len(row.residents) >= terms.least_raters]
    scored = [(_score(row, terms), row) for row in enough]
    scored.sort(key=lambda pair: (-pair[0], pair[1].granted_on, pair[1].seat))
    kept = len(scored) - len(scored) * terms.release_bp // WHOLE
    ranked = tuple(
        SeatScore(row.seat, score, rank, rank > kept) for rank, (score, row) in enumerate(scored, start=1)
    )
    few = {row.seat for row in rows} - {row.seat for row in enough}
    return Quarter(ranked, tuple(sorted(few)))


def _score(row: SeatRatings, terms: ScoreTerms) -> Fraction:
    residents = Fraction(sum(row.residents), len(row.residents))
    return (residents * terms.residents_bp + row.recheck * terms.recheck_bp) / WHOLE


@dataclass(frozen=True, slots=True)
class PromiseTerms:
    """``profit_bp`` of a quarter's profit goes to the community."""

    profit_bp: int = 100

    def __post_init__(self) -> None:
        check_share(self.profit_bp, "profit_bp")


PROMISE_TERMS = ship("promise_terms", PromiseTerms(), "[C] 1% of profit to the community")


@dataclass(frozen=True, slots=True)
class DutyTerms:
    """``monthly`` referred members [C]; ``months`` in a row under it disqualify, ``forfeit_bp`` lost [D]."""

    monthly: int = 2
    months: int = 3
    forfeit_bp: int = 2_000

    def __post_init__(self) -> None:
        check_share(self.forfeit_bp, "forfeit_bp")
        if self.monthly < 0 or self.months < 1:
            raise FormatError("duty_terms", "out of range")


DUTY_TERMS = ship("duty_terms", DutyTerms(), "[C] two a month; [D] three months, 20% of the deposit")


@dataclass(frozen=True, slots=True)
class Duty:
    """``short_months`` in a row up to the month judged; ``forfeit_bp`` of the deposit when disqualified."""

    short_months: int
    disqualified: bool
    forfeit_bp: int


def judge_duty(
    referred: Mapping[int, int], months: Iterable[int], terms: DutyTerms, *, switched_on: bool
) -> Duty:
    """Return how a merchant stands with the duty to refer.

    ``months`` (yyyymm) are those he held the seat for, in full, under the switch; ``referred`` counts members
    with a completed, unrefunded order. A month that is not among them ends the row. Switched off, as shipped,
    nobody is ever short.
    """
    if not switched_on:
        return Duty(0, False, 0)
    short = 0
    after = None
    for month in sorted(months, reverse=True):
        if referred.get(month, 0) >= terms.monthly or after not in (None, _next_month(month)):
            break
        short += 1
        after = month
    out = short >= terms.months
    return Duty(short, out, terms.forfeit_bp if out else 0)


def _next_month(month: int) -> int:
    return month + 1 if month % 100 < 12 else month + 89
