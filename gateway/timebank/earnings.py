"""What a member may earn by services: the day's limit when he is sent, the holding limit when he is paid.

The business day of a service is that of its agreed start. What is promised counts as earned (rule 4), and is
judged when the provider is bound (rule 7), so that a service once done is always paid. Where the chapter
donates the excess, it goes to the pool ``public_benefit``: of the day's limit what was over it at the
dispatch, of the holding limit what is over it at the payment.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cases.case import Case
from gateway.cases.pools import PUBLIC_BENEFIT, pool_account
from gateway.cases.world import World
from gateway.ledger.drafts import AccountKind
from gateway.members.parameters import caps_in_force
from gateway.rules.booking import Booking
from gateway.rules.caps import Caps, admit_daily, admit_earning, check_daily, sum_business_day
from gateway.timebank.agenda import Taken, agenda_of, take
from gateway.timebank.parts import PROVIDER, Part


def admit_service(world: World, provider: str, booking: Booking) -> int | None:
    """Return what the provider may be credited with for a service, None without a limit.

    Raises:
        RuleRefusal: ``cap.daily`` where it is over the day's limit and no excess is donated.
    """
    caps = caps_in_force(world)
    standing = world.own(provider, "public.offer")
    if caps.earned_daily is None or standing.kind != AccountKind.MEMBER:
        return None
    return admit_daily(_earned(world, provider), booking.quote.coins.amount, booking.starts_at, caps).credited


def admit_hours(world: World, provider: str, coins: int) -> None:
    """Count hours that are recorded without a booking for what the provider earns today.

    They stand in his agenda as the second of their entry, which no service to come can touch.

    Raises:
        RuleRefusal: ``cap.daily`` where they are over the day's limit, donated or not.
    """
    at = world.now // 1000
    check_daily(_earned(world, provider), 0, coins, at, caps_in_force(world).earned_daily)
    take(world, provider, Taken(world.entry_id, "", at, at + 1, coins))


def has_room(world: World, provider: str, coins: int) -> bool:
    """Say whether the provider may be credited with coins today, or nothing over the limits is donated."""
    caps = caps_in_force(world)
    if not caps.donate_excess:
        return True
    earned = sum_business_day(_earned(world, provider), world.now // 1000)
    left = [] if caps.earned_daily is None else [caps.earned_daily - earned]
    return min([*left, _held_room(world, provider, coins, caps)]) >= coins


def _earned(world: World, provider: str) -> list[tuple[int, int]]:
    return [(taken.start, taken.earns) for taken in agenda_of(world, provider)]


def share_excess(world: World, case: Case, legs: Sequence[Part]) -> tuple[Part, ...]:
    """Return the legs with what the provider must not be credited with as the pool's own leg after his."""
    if not legs or legs[0].role != PROVIDER:
        return tuple(legs)
    provider, *rest = legs
    credited = _credited(world, case, provider)
    if credited == provider.amount:
        return tuple(legs)
    donated = Part(PUBLIC_BENEFIT, pool_account(world, PUBLIC_BENEFIT), provider.amount - credited)
    own = [Part(PROVIDER, provider.account, credited)] if credited else []
    return (*own, donated, *rest)


def _credited(world: World, case: Case, leg: Part) -> int:
    admitted = case.document["admitted"]
    amount = min(leg.amount, admitted) if isinstance(admitted, int) else leg.amount
    caps = caps_in_force(world)
    return _held_room(world, leg.account, amount, caps) if caps.donate_excess else amount


def _held_room(world: World, account: str, amount: int, caps: Caps) -> int:
    """Return how much of an amount a member may still hold."""
    standing = world.standing(account)
    if standing is None or standing.kind != AccountKind.MEMBER:
        return amount
    return admit_earning(standing.available + standing.locked, 0, amount, caps).credited
