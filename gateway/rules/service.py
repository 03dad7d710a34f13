"""Services and what they are worth: hours to coins, the three kinds, the price list, capacity. Pure.

ROUNDING RULE. Coins of a service are ``floor(minutes * coins_per_hour / 60)`` hundredths; the rest is given
in sixtieths of a hundredth, so ``amount * 60 + remainder == minutes * coins_per_hour`` holds exactly.
Paper [C]: 1 hour = 10 coins; basic services are free to the member, value-added ones are paid in coins, and
those of over-60s are paid to the volunteer from the subsidy pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from chain.errors import FormatError
from gateway.rules.parameters import check_share, ship
from gateway.rules.refusals import RuleRefusal, check_amount

MINUTES_PER_HOUR = 60
WHOLE = 10_000
"""Basis points of the whole."""


class ServiceKind(StrEnum):
    """Who bears a service [C]."""

    BASIC = "basic"
    ELDER = "elder"
    VALUE_ADDED = "value_added"


class Funding(StrEnum):
    """Where the provider's coins come from."""

    ISSUE = "issue"
    """New coins for certified hours, within the chapter's issuance quota."""
    POOL = "pool"
    """The chapter's subsidy pool."""
    MEMBER = "member"
    """Coins the member holds."""


FUNDING: Mapping[ServiceKind, Funding] = MappingProxyType(
    {
        ServiceKind.BASIC: Funding.ISSUE,
        ServiceKind.ELDER: Funding.POOL,
        ServiceKind.VALUE_ADDED: Funding.MEMBER,
    }
)
"""Funding of each kind: fixed by what the kind means, hence no parameter. Beyond the free ones of a
membership the member pays for a basic service, too."""


@dataclass(frozen=True, slots=True)
class ServiceTerms:
    """Parameters of all services of a chapter.

    ``coins_per_hour`` in hundredths; ``excess_bp`` how far bookings go over capacity before the warning and
    ``surge_bp`` the merchants' subsidy it opens, in basis points; ``longest_minutes`` of one booking.
    """

    coins_per_hour: int = 1_000
    excess_bp: int = 3_000
    surge_bp: int = 5_000
    longest_minutes: int = 1_440

    def __post_init__(self) -> None:
        check_amount(self.coins_per_hour, "coins_per_hour")
        check_share(self.surge_bp, "surge_bp")
        if self.excess_bp < 0 or self.longest_minutes < 1:
            raise FormatError("service_terms", "excess or longest service out of range")


SERVICE_TERMS = ship("service_terms", ServiceTerms(), "[C] 1 h = 10 coins; 30% over capacity; 50% subsidy")


@dataclass(frozen=True, slots=True)
class ServiceItem:
    """One line of the price list.

    ``price`` in hundredths for exactly ``minutes``; None: by the hour, at ``coins_per_hour``.
    """

    code: str
    kind: ServiceKind
    minutes: int
    price: int | None = None

    def __post_init__(self) -> None:
        if self.minutes < 1:
            raise FormatError("minutes", "not positive")
        if self.price is not None:
            check_amount(self.price, "price")


PRICE_LIST = ship(
    "price_list",
    (
        ServiceItem("companionship", ServiceKind.BASIC, 60),
        ServiceItem("elder_care", ServiceKind.ELDER, 60),
        ServiceItem("appliance_cleaning", ServiceKind.VALUE_ADDED, 120, 2_000),
    ),
    "[C] appliance cleaning 2 h = 20 coins",
)
"""Price list a chapter starts with."""


@dataclass(frozen=True, slots=True)
class ServiceCoins:
    """``amount`` in hundredths of a coin, ``remainder`` in sixtieths of one hundredth (0 to 59)."""

    amount: int
    remainder: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What one booking is worth to the provider, and who pays: the other sources pay nothing."""

    code: str
    kind: ServiceKind
    minutes: int
    coins: ServiceCoins
    funding: Funding

    @property
    def member_pays(self) -> int:
        """Hundredths the member holds ready: nothing but for value-added services."""
        return self.coins.amount if self.funding is Funding.MEMBER else 0

    @property
    def pool_pays(self) -> int:
        """Hundredths the subsidy pool holds ready."""
        return self.coins.amount if self.funding is Funding.POOL else 0


@dataclass(frozen=True, slots=True)
class CapacityWarning:
    """Bookings of ``service`` are ``excess_bp`` basis points over its capacity (None: capacity is zero)."""

    service: str
    bookings: int
    capacity: int
    excess_bp: int | None
    subsidy_bp: int


@dataclass(frozen=True, slots=True)
class Subsidy:
    """``amount`` in hundredths, ``remainder`` in ten-thousandths of one hundredth."""

    amount: int
    remainder: int


def hours_to_coins(minutes: int, terms: ServiceTerms) -> ServiceCoins:
    """Return the coins of ``minutes`` of service (rounding rule above). Raises FormatError when negative."""
    if minutes < 0:
        raise FormatError("minutes", "negative")
    return ServiceCoins(*divmod(minutes * terms.coins_per_hour, MINUTES_PER_HOUR))


def quote_service(
    item: ServiceItem, minutes: int, *, elder: bool, terms: ServiceTerms, free: bool = True
) -> Quote:
    """Return what ``minutes`` of ``item`` cost and who pays.

    ``elder`` says whether the member has reached the elders' age, ``free`` whether the membership has a free
    service left: without one, a basic service has the price of its hours and the member pays. A listed price
    covers multiples of the item's own minutes, each at the price. Raises RuleRefusal ``service.elders_only``
    and ``service.not_a_multiple``, FormatError for minutes outside 1 to ``longest_minutes``.
    """
    if not 1 <= minutes <= terms.longest_minutes:
        raise FormatError("minutes", f"not 1 to {terms.longest_minutes}")
    kind = item.kind
    if kind is ServiceKind.ELDER and not elder:
        raise RuleRefusal("service.elders_only")
    if kind is ServiceKind.BASIC and elder:
        # Over-60s use basic services free as everybody does, and the pool pays the volunteer [C].
        kind = ServiceKind.ELDER
    coins = hours_to_coins(minutes, terms)
    if item.price is not None:
        units, rest = divmod(minutes, item.minutes)
        if rest:
            raise RuleRefusal("service.not_a_multiple", minutes=item.minutes)
        coins = ServiceCoins(units * item.price, 0)
    charged = kind is ServiceKind.BASIC and not free
    return Quote(item.code, kind, minutes, coins, Funding.MEMBER if charged else FUNDING[kind])


def judge_capacity(service: str, bookings: int, capacity: int, terms: ServiceTerms) -> CapacityWarning | None:
    """Return the warning when bookings have reached capacity plus ``excess_bp``, else None [C].

    Both in the same unit (bookings or minutes) over the same days. Any booking without capacity warns.
    """
    if bookings < 0 or capacity < 0:
        raise FormatError("capacity", "negative")
    if bookings == 0 or bookings * WHOLE < capacity * (WHOLE + terms.excess_bp):
        return None
    excess = (bookings - capacity) * WHOLE // capacity if capacity else None
    return CapacityWarning(service, bookings, capacity, excess, terms.surge_bp)


def surge_subsidy(coins: int, warning: CapacityWarning | None) -> Subsidy:
    """Return what the subsidy pool adds for a merchant who serves while the warning stands.

    It comes on top of the service's own coins, rounded down: ``amount * 10,000 + remainder`` is exact.
    """
    check_amount(coins, "coins")
    return Subsidy(0, 0) if warning is None else Subsidy(*divmod(coins * warning.subsidy_bp, WHOLE))
