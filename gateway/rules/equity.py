"""The equity contribution of a chapter company, as a figure of a statement. Pure.

Paper [D]: pools of 25% (committee and core merchants), 60% (members), 15% (platform and development fund);
contribution = initial capital x 25% + referred members x 60% + cross-store split share x 15%. The units
differ, so each term is first divided by its chapter total; a pool is divided by its accounts' contributions.
Never a token, unit or certificate: nothing here can be transferred, and a share is a number in a document.

1. A term whose total is zero falls away and the others' weights count in their own proportion.
2. Shares are exact fractions; parts are rounded down and what is left goes, one each, to the largest rests,
   equal rests by the smaller account id. All parts sum to the whole exactly.
3. A pool in which nobody has contributed stays whole, unallocated, as a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from chain.errors import FormatError
from gateway.rules.parameters import check_share, ship
from gateway.rules.refusals import RuleRefusal, check_amount

WHOLE = 10_000
"""Parts of the whole: basis points, unless a statement names finer ones."""


class EquityPool(StrEnum):
    """The three pools [D]."""

    CORE = "committee_and_core_merchants"
    MEMBERS = "members"
    DEVELOPMENT = "platform_and_development"


@dataclass(frozen=True, slots=True)
class EquityTerms:
    """Weights of the terms and sizes of the pools in basis points; both sum to 10,000."""

    capital_bp: int = 2_500
    referred_bp: int = 6_000
    split_bp: int = 1_500
    core_bp: int = 2_500
    members_bp: int = 6_000
    development_bp: int = 1_500

    def __post_init__(self) -> None:
        weights = (self.capital_bp, self.referred_bp, self.split_bp)
        pools = (self.core_bp, self.members_bp, self.development_bp)
        for share in (*weights, *pools):
            check_share(share, "equity_terms")
        if sum(weights) != WHOLE or sum(pools) != WHOLE:
            raise FormatError("equity_terms", "do not sum to 10000")

    def pool_sizes(self) -> Mapping[str, Fraction]:
        """Return each pool's part of the whole."""
        sizes = (self.core_bp, self.members_bp, self.development_bp)
        return {pool: Fraction(size, WHOLE) for pool, size in zip(EquityPool, sizes, strict=True)}


EQUITY_TERMS = ship("equity_terms", EquityTerms(), "[D] pools 25/60/15, weights 25/60/15")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one account brought: capital and cross-store split share in fen, and referred members."""

    account: str
    capital_fen: int
    referred: int
    split_fen: int

    def __post_init__(self) -> None:
        for value in (self.capital_fen, self.referred, self.split_fen):
            check_amount(value, "contribution")


@dataclass(frozen=True, slots=True)
class EquityRow:
    """``parts`` of the whole that a pool's account has; ``account`` None: unallocated."""

    pool: EquityPool
    account: str | None
    parts: int


@dataclass(frozen=True, slots=True)
class EquityFigures:
    """All rows, pool by pool, accounts in order; their parts sum to ``whole``."""

    whole: int
    rows: tuple[EquityRow, ...]


def divide_parts(shares: Mapping[str, Fraction], whole: int) -> dict[str, int]:
    """Return ``whole`` integer parts divided by exact shares (rule 2 above), in the order of keys.

    Requires shares of 0 or more that sum to 1; raises FormatError otherwise.
    """
    if sum(shares.values()) != 1 or min(shares.values()) < 0:
        raise FormatError("shares", "do not sum to 1")
    check_amount(whole, "whole")
    exact = {name: shares[name] * whole for name in sorted(shares)}
    parts = {name: int(value) for name, value in exact.items()}
    order = sorted(parts, key=lambda name: (parts[name] - exact[name], name))
    for name in order[: whole - sum(parts.values())]:
        parts[name] += 1
    return parts


def weigh_contributions(contributions: Iterable[Contribution], terms: EquityTerms) -> dict[str, Fraction]:
    """Return each account's exact contribution, as a part of the chapter's; they sum to 1.

    Raises FormatError when an account has two rows, RuleRefusal ``equity.nothing`` when no term with a
    weight has a total.
    """
    rows = list(contributions)
    if len({row.account for row in rows}) != len(rows):
        raise FormatError("contributions", "an account has two rows")
    weighted = (
        (terms.capital_bp, [row.capital_fen for row in rows]),
        (terms.referred_bp, [row.referred for row in rows]),
        (terms.split_bp, [row.split_fen for row in rows]),
    )
    counted = [(weight, values, sum(values)) for weight, values in weighted if weight and sum(values)]
    weights = sum(weight for weight, _, _ in counted)
    if weights == 0:
        raise RuleRefusal("equity.nothing")
    return {
        row.account: sum(
            (Fraction(weight * values[at], total * weights) for weight, values, total in counted),
            Fraction(0),
        )
        for at, row in enumerate(rows)
    }


def compute_equity(
    contributions: Iterable[Contribution],
    pools: Mapping[EquityPool, Sequence[str]],
    terms: EquityTerms,
    whole: int = WHOLE,
) -> EquityFigures:
    """Return the parts of every account of every pool; all of them and the unallocated sum to ``whole``.

    ``contributions`` are those of the whole chapter, ``pools`` the accounts of each pool (one may be in
    several; without a contribution it has no part). Raises as :func:`weigh_contributions`, and FormatError
    when a pool names an account twice.
    """
    weights = weigh_contributions(contributions, terms)
    sizes = divide_parts(terms.pool_sizes(), whole)
    rows = []
    for pool in EquityPool:
        accounts = pools.get(pool, ())
        if len(set(accounts)) != len(accounts):
            raise FormatError("pools", "an account is in a pool twice")
        counted = {account: weights.get(account, Fraction(0)) for account in accounts}
        total = sum(counted.values())
        if total == 0:
            rows.append(EquityRow(pool, None, sizes[pool]))
            continue
        shares = {account: weight / total for account, weight in counted.items()}
        rows += [EquityRow(pool, *pair) for pair in divide_parts(shares, sizes[pool]).items()]
    return EquityFigures(whole, tuple(rows))
