"""The purchase rebate: a share of a sum, in basis points, rounded down. Pure.

ROUNDING RULE. The rebate is ``floor(amount * basis_points / 10,000)`` hundredths of a coin. The pool never
pays a fraction it does not owe; the part not paid is returned as ``remainder`` in ten-thousandths of the
smallest unit, so that ``rebate * 10,000 + remainder == amount * basis_points`` holds exactly and anyone can
recompute it.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.errors import FormatError

WHOLE = 10_000
"""Basis points of the whole."""

ROUNDING_RULE = "floor"
"""Code of the rounding rule, as written in entries."""


@dataclass(frozen=True, slots=True)
class Rebate:
    """``amount`` in hundredths of a coin, ``remainder`` in ten-thousandths of one hundredth (0 to 9,999)."""

    amount: int
    remainder: int


def compute_rebate(amount: int, basis_points: int) -> Rebate:
    """Return the rebate on ``amount`` (fen; one coin offsets one yuan, so a fen gives a hundredth of a coin).

    Requires ``amount`` >= 0 and 0 <= ``basis_points`` <= 10,000; raises FormatError otherwise.
    """
    if amount < 0:
        raise FormatError("amount", "negative")
    if not 0 <= basis_points <= WHOLE:
        raise FormatError("basis_points", f"not 0 to {WHOLE}")
    return Rebate(*divmod(amount * basis_points, WHOLE))
