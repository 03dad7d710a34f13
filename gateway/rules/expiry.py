"""Expiry of coins by age, always computed from stored principal and date. Pure.

Rule 31: the same number for everybody, in day steps, rounded down; nothing is compounded, so it does not
matter how often or when it is computed. No paper sets an expiry: "not set" ships, and nothing expires then.
A lot is a sum that came in on one business date; the oldest are spent first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from chain.errors import FormatError
from gateway.rules.parameters import check_share
from gateway.rules.refusals import RuleRefusal, check_amount

WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class AgeBand:
    """From ``from_days`` days of age on, ``left_bp`` basis points of a lot's principal are left."""

    from_days: int
    left_bp: int


@dataclass(frozen=True, slots=True)
class ExpiryTerms:
    """Bands by rising age and falling rest; younger lots are whole. Raises FormatError out of order."""

    bands: tuple[AgeBand, ...]

    def __post_init__(self) -> None:
        ages = [band.from_days for band in self.bands]
        rests = [band.left_bp for band in self.bands]
        for rest in rests:
            check_share(rest, "left_bp")
        if ages != sorted(set(ages)) or (ages and ages[0] < 1):
            raise FormatError("bands", "ages do not rise from 1")
        if rests != sorted(rests, reverse=True):
            raise FormatError("bands", "an older lot has more left")

    def left_bp(self, age_days: int) -> int:
        """Return what is left of a lot of that age, in basis points."""
        left = WHOLE
        for band in self.bands:
            if age_days >= band.from_days:
                left = band.left_bp
        return left


@dataclass(frozen=True, slots=True)
class Lot:
    """``principal`` hundredths that came in on the business date ``acquired``, less what was spent of it."""

    acquired: date
    principal: int

    def __post_init__(self) -> None:
        check_amount(self.principal, "principal")


def lot_value(lot: Lot, day: date, terms: ExpiryTerms | None) -> int:
    """Return what a lot is worth on a business date: ``floor(principal * left / 10,000)``.

    Raises FormatError for a date before the lot came in.
    """
    age = (day - lot.acquired).days
    if age < 0:
        raise FormatError("day", "before the lot came in")
    return lot.principal if terms is None else lot.principal * terms.left_bp(age) // WHOLE


def total_value(lots: Iterable[Lot], day: date, terms: ExpiryTerms | None) -> int:
    """Return what all lots are worth on a business date."""
    return sum(lot_value(lot, day, terms) for lot in lots)


def expiry_due(balance: int, lots: Iterable[Lot], day: date, terms: ExpiryTerms | None) -> int:
    """Return what is to be burned on a business date so that the balance is what its lots are worth.

    Raises FormatError when the lots are worth more than the balance: then they are not this account's.
    """
    due = balance - total_value(lots, day, terms)
    if due < 0:
        raise FormatError("lots", "worth more than the balance")
    return due


def spend_lots(lots: Sequence[Lot], amount: int, day: date, terms: ExpiryTerms | None) -> tuple[Lot, ...]:
    """Return the lots after ``amount`` was spent, oldest first; worth exactly ``amount`` less that day.

    Lots worth nothing are dropped. Raises RuleRefusal ``cap.below_zero`` when they are worth less.
    """
    check_amount(amount, "amount")
    ordered = sorted(lots, key=lambda lot: lot.acquired)
    if amount > total_value(ordered, day, terms):
        raise RuleRefusal("cap.below_zero", room=total_value(ordered, day, terms))
    rest, left = [], amount
    for lot in ordered:
        value = lot_value(lot, day, terms)
        taken = min(value, left)
        left -= taken
        if value > taken:
            rest.append(lot if taken == 0 else _with_value(lot, value - taken, day, terms))
    return tuple(rest)


def _with_value(lot: Lot, value: int, day: date, terms: ExpiryTerms | None) -> Lot:
    """The lot with the least principal that is worth ``value`` on that day; ``value`` is above 0."""
    left = WHOLE if terms is None else terms.left_bp((day - lot.acquired).days)
    # ceil(v * 10,000 / left) * left / 10,000 is at least v and below v + 1, so rounding down gives v.
    return replace(lot, principal=-(-value * WHOLE // left))
