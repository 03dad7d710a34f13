"""Booking: the coins of a service are held before anybody comes, by a step of the member's own side.

Value-added services hold the member's coins, elders' services those of the subsidy pool, basic ones nothing.
Where a capacity warning has opened a merchant subsidy, its pool's part is held first and the member's coins
for the rest.
"""

from __future__ import annotations

from dataclasses import replace

from chain.operation import OperationKind
from gateway.alliance.standing import require_not_suspended
from gateway.cases.case import Case
from gateway.cases.filling import fill, order
from gateway.cases.pools import HOLDING, SUBSIDY, find_pool, pool_account
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members.family import check_ward
from gateway.rules.booking import Booking
from gateway.rules.booking_table import BookingState, Step
from gateway.rules.service import CapacityWarning, Funding, surge_subsidy
from gateway.timebank.capacity import open_subsidy
from gateway.timebank.parts import MEMBER, POOL, Part, read_parts, tell_parts, write_parts
from gateway.timebank.payout import hold
from gateway.timebank.records import advance, concerning, event_of, keep_booking, open_case
from gateway.timebank.suspension import require_providing


def subsidise(world: World) -> Draft:
    """Hold the pool's part of a value-added service while its subsidy stands.

    Raises:
        Refusal: ``case.*``; ``service.no_subsidy`` where none stands or its part is held already;
            ``booking.too_late`` after the time to book; ``pool.unknown``; ``merchant.suspended``,
            ``service.provider_suspended``.
    """
    case, booking = open_case(world, BookingState.ACCEPTED)
    if booking.due_at is None or world.now // 1000 >= booking.due_at:
        raise Refusal("booking.too_late", step="subsidise")
    subsidy = open_subsidy(world, booking.quote.code, booking.starts_at)
    amount = _subsidy_part(booking, subsidy)
    if subsidy is None or amount == 0 or read_parts(case):
        raise Refusal("service.no_subsidy")
    _check_provider(world, booking)
    pool = pool_account(world, subsidy.text("pool"))
    parts = [Part(POOL, pool, amount)]
    keep_booking(world, case, booking, parts=write_parts(parts))
    draft = fill(
        world.draft,
        pool=subsidy.text("pool"),
        basis_points=subsidy.number("basis_points"),
        coins=str(amount),
    )
    draft = order(draft, OperationKind.TRANSFER, pool, pool_account(world, HOLDING), amount)
    return concerning(draft, [booking.member, booking.provider])


def _subsidy_part(booking: Booking, subsidy: Case | None) -> int:
    """Return the pool's part in hundredths, rounded down; 0 without subsidy or where the member pays none."""
    if subsidy is None or booking.quote.funding is not Funding.MEMBER:
        return 0
    standing = CapacityWarning(booking.quote.code, 0, 0, None, subsidy.number("basis_points"))
    return surge_subsidy(booking.quote.coins.amount, standing).amount


def book(world: World) -> Draft:
    """Hold what the service costs, or the rest where a subsidy is held already.

    Raises:
        Refusal: ``case.*``, ``booking.*``, ``pool.unknown``; ``service.subsidy_first`` where a subsidy stands
            and its pool can pay its part; ``merchant.suspended``, ``service.provider_suspended``.
    """
    case, booking = open_case(world)
    _check_provider(world, booking)
    event = event_of(world, booking, Step.BOOK)
    parts = read_parts(case)
    payer, role = _payer(world, booking)
    if booking.state is BookingState.ACCEPTED and not parts:
        _check_subsidy(world, booking)
    subsidised = sum(part.amount for part in parts)
    standing = None if payer is None else world.standing(payer)
    available = subsidised + (0 if standing is None else standing.available)
    after, _ = advance(world, case, booking, replace(event, available=available))
    own = Part(role, payer or "", after.held - subsidised)
    held = [part for part in (own, *parts) if part.amount]
    keep_booking(world, case, after, parts=write_parts(held))
    draft = fill(world.draft, held=str(after.held), legs=tell_parts(held))
    if own.amount:
        if role == MEMBER:
            check_ward(world, own.account, own.amount)
        draft = hold(world, draft, own.account, own.amount)
    return concerning(draft, [booking.member, booking.provider])


def _check_provider(world: World, booking: Booking) -> None:
    if booking.provider is not None:
        require_providing(world, booking.provider)
        require_not_suspended(world, booking.provider)


def _payer(world: World, booking: Booking) -> tuple[str | None, str]:
    funding = booking.quote.funding
    if funding is Funding.MEMBER:
        return booking.member, MEMBER
    return (pool_account(world, SUBSIDY) if funding is Funding.POOL else None), POOL


def _check_subsidy(world: World, booking: Booking) -> None:
    subsidy = open_subsidy(world, booking.quote.code, booking.starts_at)
    amount = _subsidy_part(booking, subsidy)
    if subsidy is None or amount == 0:
        return
    pool = find_pool(world, subsidy.text("pool"))
    standing = None if pool is None else world.standing(pool)
    # A pool that cannot pay its part holds nobody up: the member books at the full price.
    if standing is not None and standing.may_send and standing.available >= amount:
        raise Refusal("service.subsidy_first", limit=amount)


HOLDING_RULES = {"service.subsidised": subsidise, "service.booked": book}
