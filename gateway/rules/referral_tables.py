"""What referral rewards may do, as data: switches of the chain's rule book, caps, limits. Pure.

Requirements R1 to R7 (reference rules 4.5). The one constant is the cap of three levels; everything else is a
version of a table or a switch that headquarters and regulator throw together, after a delay and with a legal
opinion's hash, in the contract ``RuleBook``. What ships: one level, joining-fee, waiver and duty tables off
(the duty of a seat is in ``seat_scores``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.rules.refusals import RuleRefusal, check_amount

MAX_DEPTH = 3
"""Levels a reward may ever go up [D]: a constant on chain too, raised by nobody."""

SHIPPED_FROM = date(2025, 1, 1)


@dataclass(frozen=True, slots=True)
class Switches:
    """The four gates of the rule book: levels paid (0 to 3), and three kinds of tables on or off.

    Raises RuleRefusal ``referral.depth_over_cap``.
    """

    depth: int = 1
    joining_fee: bool = False
    waiver: bool = False
    duty: bool = False

    def __post_init__(self) -> None:
        if type(self.depth) is not int or not 0 <= self.depth <= MAX_DEPTH:
            raise RuleRefusal("referral.depth_over_cap", limit=MAX_DEPTH)

    @property
    def raised(self) -> bool:
        """Whether more than one level was enabled, which is whether requirement R1 was fulfilled."""
        return self.depth > 1


SHIPPED = Switches()
"""The gates as they ship."""


@dataclass(frozen=True, slots=True)
class RewardTerms:
    """Caps of rewards in fen: of all levels of one order, and of one receiver in a business month (R4).

    ``once``: paid for a referred person's first order only (a reward per person), else for each order.
    """

    id: str
    version: int
    effective_from: date
    once: bool
    order_cap: int
    month_cap: int
    source: str

    def __post_init__(self) -> None:
        check_amount(self.order_cap, "order_cap")
        check_amount(self.month_cap, "month_cap")


@dataclass(frozen=True, slots=True)
class MeterLimits:
    """Where paying stops (our margin) and where the criminal line runs (30 people and 3 levels), R6."""

    id: str
    version: int
    effective_from: date
    stop_levels: int
    stop_people: int
    line_levels: int
    line_people: int
    source: str


@dataclass(frozen=True, slots=True)
class WaiverTerms:
    """So many referrals within a year waive the next yearly fee [C]."""

    id: str
    version: int
    effective_from: date
    referrals: int
    source: str


REWARD_TERMS = (
    # No paper names caps; requirement R4 asks for them. They hold for both papers' rewards.
    RewardTerms("reward_per_person", 1, SHIPPED_FROM, True, 18_000, 180_000, "C+D, R4"),
    RewardTerms("reward_per_order", 1, SHIPPED_FROM, False, 18_000, 180_000, "C+D, R4"),
)
"""Caps that ship; a chapter publishes its own as later versions."""

METER_LIMITS = (MeterLimits("referral_meter", 1, SHIPPED_FROM, 2, 25, 3, 30, "R6"),)
WAIVER_TERMS = (WaiverTerms("referral_waiver", 1, SHIPPED_FROM, 3, "C"),)
