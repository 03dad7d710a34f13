"""Ability to honour: what is outstanding, by age, against what can be redeemed; and how coins pile up. Pure.

Answers "easy to store, hard to redeem". Rule 39: receipts of a real community currency had a Gini coefficient
of 0.90, so concentration is shown next to the totals. Figures are exact or rounded down; none is a promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.rules.expiry import AgeSum
from gateway.rules.refusals import check_amount
from gateway.rules.service import ServiceTerms, hours_to_coins

WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Capacity:
    """What can be redeemed in one month, and the subsidy pool.

    ``pool_coins`` and ``merchant_coins`` (offsets merchants have committed to) in hundredths,
    ``volunteer_minutes`` of offered service.
    """

    pool_coins: int
    merchant_coins: int
    volunteer_minutes: int

    def __post_init__(self) -> None:
        for amount in (self.pool_coins, self.merchant_coins, self.volunteer_minutes):
            check_amount(amount, "capacity")


@dataclass(frozen=True, slots=True)
class Honour:
    """``monthly`` coins that can be redeemed; ``cover_bp`` of all outstanding, ``months`` to redeem them all.

    ``cover_bp`` is None when nothing is outstanding, ``months`` when nothing can be redeemed.
    """

    outstanding: int
    by_age: tuple[AgeSum, ...]
    pool_coins: int
    monthly: int
    cover_bp: int | None
    months: int | None


def compute_honour(by_age: Iterable[AgeSum], capacity: Capacity, terms: ServiceTerms) -> Honour:
    """Return the ability to honour; months are rounded up. The pool is shown apart, not counted."""
    bands = tuple(by_age)
    outstanding = sum(band.amount for band in bands)
    monthly = capacity.merchant_coins + hours_to_coins(capacity.volunteer_minutes, terms).amount
    cover = monthly * WHOLE // outstanding if outstanding else None
    months = -(-outstanding // monthly) if monthly else (0 if outstanding == 0 else None)
    return Honour(outstanding, bands, capacity.pool_coins, monthly, cover, months)


def gini_bp(amounts: Iterable[int]) -> int:
    """Return the Gini coefficient of what each receiver got, in basis points rounded down.

    0: all got the same (or nobody anything); near 10,000: one got all.
    """
    ordered = sorted(amounts)
    for amount in ordered:
        check_amount(amount, "amounts")
    total, count = sum(ordered), len(ordered)
    if total == 0:
        return 0
    weighted = sum((2 * rank - count - 1) * amount for rank, amount in enumerate(ordered, start=1))
    return weighted * WHOLE // (count * total)
