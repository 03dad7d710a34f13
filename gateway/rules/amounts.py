"""Amounts from outside: decimal text to hundredths, with an explicit rounding rule and a dust total. Pure.

ROUNDING RULE. Text with at most two decimals is exact. With more, the amount is rounded down towards zero
and what was cut is returned as ``dust`` in units of 10^-18, so that the sum of amounts and dust over an
import equals what came in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chain.errors import FormatError

DECIMALS = 2
"""Decimals of a coin and of a yuan."""

DUST_DECIMALS = 18
"""Decimals in which dust is counted; text with more of them is refused."""

MAX_AMOUNT = 2**63 - 1
"""Largest amount in hundredths."""

_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,18}))?\Z")


@dataclass(frozen=True, slots=True)
class ImportedAmount:
    """``amount`` in hundredths (may be negative), ``dust`` in 10^-18 with the sign of the amount."""

    amount: int
    dust: int

    @property
    def exact(self) -> bool:
        """Whether nothing was cut."""
        return self.dust == 0


def parse_decimal(text: str, where: str = "amount") -> ImportedAmount:
    """Return the amount written as a plain decimal, such as ``12.3`` or ``-0.125``.

    Raises FormatError naming ``where`` for anything else: exponents, separators, signs other than one minus,
    more than 18 decimals, or a value above 2^63 - 1 hundredths.
    """
    match = _DECIMAL.match(text)
    if match is None:
        raise FormatError(where, "not a plain decimal of at most 18 decimals")
    digits = (match[3] or "").ljust(DUST_DECIMALS, "0")
    amount = int(match[2]) * 10**DECIMALS + int(digits[:DECIMALS])
    dust = int(digits[DECIMALS:])
    if amount > MAX_AMOUNT:
        raise FormatError(where, "above 2^63 - 1 hundredths")
    return ImportedAmount(-amount, -dust) if match[1] else ImportedAmount(amount, dust)


def format_hundredths(amount: int) -> str:
    """Return an amount in hundredths as decimal text with two decimals."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"
