"""How coins pile up. Pure.

Rule 39: receipts of a real community currency had a Gini coefficient of 0.90, so concentration is shown next
to the totals.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.rules.refusals import check_amount

WHOLE = 10_000


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
