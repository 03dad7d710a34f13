"""How a merchant stands in its chapter: its seat, and whether its deposit suspends it.

For other rooms: `seat_state` says whether a merchant may take redemptions and vouchers.
"""

from __future__ import annotations

from gateway.cases.case import Case
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind
from gateway.rules.deposits import DepositState
from gateway.rules.seat_life import SeatState

SEAT = "seat"
DEPOSIT = "deposit"
SUSPENDED = "suspended"


def seat_key(world: World, industry: str) -> str:
    """Return the key of a seat: there is one for each industry of a chapter."""
    return f"{world.chapter_text}:{industry}"


def seat_held(world: World, merchant: str, chapter: int | None = None) -> Case | None:
    """Return the seat that a merchant holds in the step's chapter or another, None where it holds none."""
    found = world.list(SEAT, holder=merchant, chapter=chapter)
    return next((case for case in found if case.state != SeatState.ENDED), None)


def seat_state(world: World, merchant: str, chapter: int | None = None) -> str | None:
    """Return the state of a merchant's seat, ``suspended`` while its deposit is below the floor.

    None where it holds no seat. A merchant that is suspended may not take redemptions.
    """
    seat = seat_held(world, merchant, chapter)
    if seat is None:
        return None
    deposit = world.find(DEPOSIT, merchant)
    if deposit is not None and deposit.state == DepositState.SUSPENDED:
        return SUSPENDED
    return seat.state


def require_not_suspended(world: World, merchant: str) -> None:
    """Pass unless the merchant's deposit suspends its seat: no coins, no vouchers until it is topped up.

    An account that is no merchant's passes. Raises Refusal ``merchant.suspended``.
    """
    found = world.standing(merchant)
    if found is None or found.kind != AccountKind.MERCHANT:
        return
    # A payer of another chapter pays it no more than one of its own.
    if seat_state(world, merchant, found.chapter) == SUSPENDED:
        raise Refusal("merchant.suspended")
