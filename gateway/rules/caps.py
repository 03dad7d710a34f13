"""Bounds of an account: never below zero, a visible holding limit, limits per business day. Pure.

Rules 3 to 7 and 39: a limit refuses instead of flagging, counts what is pending, is checked when the work is
accepted, and its day is a business date of Asia/Shanghai. The papers set no figures, a chapter's parameters
do (`gateway.members.parameters`). That nobody falls below zero is the ledger's. Must be called in the atomic
step that writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from chain.errors import FormatError
from gateway.rules.calendar import business_date
from gateway.rules.refusals import RuleRefusal, check_amount


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits in hundredths of a coin, None where not set.

    ``donate_excess``: earnings above ``holding`` or ``earned_daily`` go to the public-benefit pool instead of
    being refused.
    """

    holding: int | None = None
    spent_daily: int | None = None
    earned_daily: int | None = None
    donate_excess: bool = False

    def __post_init__(self) -> None:
        for limit in (self.holding, self.spent_daily, self.earned_daily):
            if limit is not None:
                check_amount(limit, "caps")


MERCHANT_EXITS = ("service", "fee", "advert", "burn")
"""What a merchant's coins are for: there is no other way out, and none to money."""


@dataclass(frozen=True, slots=True)
class Admission:
    """An earning in two parts that sum to it: ``credited`` to the account, ``donated`` to the pool."""

    credited: int
    donated: int


@dataclass(frozen=True, slots=True)
class HoldingView:
    """What a holder sees: ``room`` under the limit (None: no limit) and what is ``over`` it."""

    balance: int
    limit: int | None
    room: int | None
    over: int


@dataclass(frozen=True, slots=True)
class MerchantTerms:
    """``holding`` a merchant may keep and ``clear_days`` to spend or burn what is over; None: not set."""

    holding: int | None = None
    clear_days: int = 30

    def __post_init__(self) -> None:
        if self.holding is not None:
            check_amount(self.holding, "holding")
        if self.clear_days < 0:
            raise FormatError("clear_days", "negative")


@dataclass(frozen=True, slots=True)
class Surplus:
    """Coins over a merchant's limit; burned if they are still there on ``due``."""

    over: int
    due: date
    overdue: bool


def check_receive(balance: int, pending_in: int, amount: int, caps: Caps) -> None:
    """Check the upper bound with what is pending. Raises RuleRefusal ``cap.holding``."""
    check_amount(amount, "amount")
    if caps.holding is None:
        return
    room = caps.holding - balance - pending_in
    if amount > room:
        raise RuleRefusal("cap.holding", limit=caps.holding, room=max(0, room))


def admit_earning(balance: int, pending_in: int, amount: int, caps: Caps) -> Admission:
    """Return how an earning is credited; raises as :func:`check_receive` unless the excess is donated."""
    if not caps.donate_excess or caps.holding is None:
        check_receive(balance, pending_in, amount, caps)
        return Admission(amount, 0)
    check_amount(amount, "amount")
    credited = min(amount, max(0, caps.holding - balance - pending_in))
    return Admission(credited, amount - credited)


def sum_business_day(movements: Iterable[tuple[int, int]], at: int) -> int:
    """Return the sum of those (Unix seconds, amount) that lie on the business date of ``at``."""
    day = business_date(at)
    return sum(amount for when, amount in movements if business_date(when) == day)


def check_daily(
    movements: Iterable[tuple[int, int]], pending: int, amount: int, at: int, limit: int | None
) -> None:
    """Check a daily limit: what moved on the business date of ``at``, what is pending, and ``amount``.

    Raises RuleRefusal ``cap.daily`` with the date and what is left.
    """
    check_amount(amount, "amount")
    if limit is None:
        return
    room = limit - sum_business_day(movements, at) - pending
    if amount > room:
        day = business_date(at).isoformat()
        raise RuleRefusal("cap.daily", limit=limit, day=day, room=max(0, room))


def admit_daily(movements: Iterable[tuple[int, int]], amount: int, at: int, caps: Caps) -> Admission:
    """Return how an earning on the business date of ``at`` counts: what is over the day's limit is donated.

    ``movements`` are (Unix seconds, amount) of what is earned or promised already. Raises as
    :func:`check_daily` unless the excess is donated.
    """
    earned = list(movements)
    if not caps.donate_excess or caps.earned_daily is None:
        check_daily(earned, 0, amount, at, caps.earned_daily)
        return Admission(amount, 0)
    check_amount(amount, "amount")
    credited = min(amount, max(0, caps.earned_daily - sum_business_day(earned, at)))
    return Admission(credited, amount - credited)


def over_since(changes: Iterable[tuple[date, int]], limit: int) -> date | None:
    """Return the business date on which a balance rose over the limit and stayed there, None where it is not.

    ``changes``: what came in or, negative, went out, with its date, in order.
    """
    balance, since = 0, None
    for day, change in changes:
        balance += change
        since = None if balance <= limit else since or day
    return since


def view_holding(balance: int, limit: int | None) -> HoldingView:
    """Return balance, limit, room and excess as shown to the holder (rule 39)."""
    if limit is None:
        return HoldingView(balance, None, None, 0)
    return HoldingView(balance, limit, max(0, limit - balance), max(0, balance - limit))


def judge_surplus(balance: int, over_since: date | None, day: date, terms: MerchantTerms) -> Surplus | None:
    """Return a merchant's surplus, None under the limit.

    ``over_since`` is the business date on which the balance rose over the limit (None: today). The merchant
    spends it by one of :data:`MERCHANT_EXITS`; what is left from ``due`` on is burned.
    """
    over = view_holding(balance, terms.holding).over
    if over == 0:
        return None
    due = (over_since or day) + timedelta(days=terms.clear_days)
    return Surplus(over, due, day >= due)
