"""What a booking comes to: who is paid what is held, in how many transfers, and each of them once.

One entry moves coins once. So the first leg goes with the step that ended the booking, and every further one
is a ``service.settled`` of its own; until the last, the booking is ``settling`` and takes no other step.
Legs sum to what was held, exactly: what a part is short of is rounded to the member, never lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chain.canonical import JsonValue
from chain.operation import OperationKind
from gateway.cases.case import Case
from gateway.cases.filling import fill, order
from gateway.cases.pools import HOLDING, pool_account
from gateway.cases.world import World
from gateway.ledger.drafts import Draft
from gateway.members.free_services import give_back
from gateway.members.parking import park
from gateway.rules.booking import Booking, Outcome
from gateway.timebank.earnings import share_excess
from gateway.timebank.parts import MEMBER, PROVIDER, Part, read_parts, tell_parts, write_parts
from gateway.timebank.records import BOOKING, SETTLING, concerning, read_booking, write_booking

FEES = (Outcome.CANCELLED, Outcome.MEMBER_ABSENT)
"""Outcomes in which what is paid is a fee, which the member's own coins alone bear."""
ALL_TOLD = ("coins", "legs", "outcome")


def pay_out(parts: Sequence[Part], paid: int) -> tuple[Part, ...]:
    """Return what goes back of each part when ``paid`` of all of them goes to the provider.

    Every part but the first bears ``floor(paid * part / all)``, the first the rest; so returns and ``paid``
    sum to the parts exactly. Requires 0 <= paid <= the sum of the parts.
    """
    whole = sum(part.amount for part in parts)
    borne = [0 if whole == 0 else paid * part.amount // whole for part in parts]
    if parts:
        borne[0] = paid - sum(borne[1:])
    return tuple(replace(part, amount=part.amount - share) for part, share in zip(parts, borne, strict=True))


def legs_of(booking: Booking, parts: Sequence[Part]) -> tuple[Booking, tuple[Part, ...]]:
    """Return an ended booking and all its legs, provider first, without empty ones.

    A fee is borne by the member's own part alone, in proportion to it: no pool pays for who cancels.
    """
    own = sorted(parts, key=lambda part: part.role != MEMBER)
    paid = booking.paid
    if booking.outcome in FEES and paid:
        first = own[0]
        paid = paid * first.amount // sum(part.amount for part in own)
        back = (replace(first, amount=first.amount - paid), *own[1:])
    else:
        back = pay_out(own, paid)
    ended = replace(booking, paid=paid, returned=sum(part.amount for part in back))
    provider = Part(PROVIDER, booking.provider or "", paid or booking.issued)
    return ended, tuple(leg for leg in (provider, *back) if leg.amount)


def settle(
    world: World,
    draft: Draft,
    case: Case,
    booking: Booking,
    subjects: Sequence[str | None],
    told: Sequence[str] = ALL_TOLD,
) -> Draft:
    """Put an ended booking and return the draft with its first leg as operation, and all legs told.

    Raises:
        Refusal: ``entry.not_as_computed``, ``pool.unknown``.
    """
    ended, legs = legs_of(booking, read_parts(case))
    legs = share_excess(world, case, legs)
    year = case.document["free_year"]
    if isinstance(year, str) and not ended.issued:
        give_back(world, ended.member, year)
    fields: dict[str, JsonValue] = {
        "coins": str(ended.paid or ended.issued),
        "legs": tell_parts(legs),
        "outcome": None if ended.outcome is None else ended.outcome.value,
    }
    completed = fill(draft, **{name: fields[name] for name in told})
    if legs:
        completed = _leg(world, completed, legs[0], issued=ended.issued > 0)
    _keep(world, case, ended, legs[1:])
    return concerning(completed, subjects)


def settle_next(world: World) -> Draft:
    """Pay out the next leg of an ended booking.

    Raises:
        Refusal: ``case.*``, ``entry.not_as_computed``.
    """
    case = world.about(BOOKING, SETTLING)
    booking = read_booking(case)
    leg, *rest = read_parts(case, "legs")
    draft = fill(world.draft, legs=tell_parts([leg]), left=len(rest))
    # Where new coins are issued nothing is held: then all legs are issued.
    draft = _leg(world, draft, leg, issued=booking.issued > 0)
    _keep(world, case, booking, rest)
    return concerning(draft, [booking.member, booking.provider])


def _leg(world: World, draft: Draft, leg: Part, *, issued: bool) -> Draft:
    """Return the draft that pays a leg; a suspended member's is kept for him where his balance is."""
    place = park(world, leg.account, leg.amount)
    draft = fill(draft, parked=None if place is None else str(leg.amount))
    receiver = leg.account if place is None else place
    if issued:
        return order(draft, OperationKind.ISSUE, None, receiver, leg.amount)
    holding = pool_account(world, HOLDING)
    moved = 0 if receiver == holding else leg.amount
    return order(draft, OperationKind.TRANSFER, holding, receiver, moved)


def _keep(world: World, case: Case, booking: Booking, legs: Sequence[Part]) -> None:
    document = {**case.document, **write_booking(booking), "parts": [], "legs": write_parts(legs)}
    state = SETTLING if legs else booking.state.value
    # Later than every deadline that has passed: the clock's key is case and time, and each counts once.
    due = world.now + 1 if legs else None
    world.put(replace(case, state=state, due_at=due, document=document))


def hold(world: World, draft: Draft, payer: str, amount: int) -> Draft:
    """Return the draft that moves coins to the chapter's holding account.

    Raises:
        Refusal: ``entry.not_as_computed``, ``pool.unknown``.
    """
    return order(draft, OperationKind.TRANSFER, payer, pool_account(world, HOLDING), amount)


PAYOUT_RULES = {"service.settled": settle_next}
