"""Recorded claims of money against merchants: 100,000 CNY for a breach of exclusivity [D].

The product records the claim and the receipt of its payment; it collects nothing.
"""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.forms import complete, deadline, in_force, officer, show_clock, terms
from gateway.alliance.records import unpack
from gateway.alliance.standing import SEAT, seat_key
from gateway.cases.book import Rule
from gateway.cases.case import Case, holder_of
from gateway.cases.filling import read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.seat_life import Seat, SeatState, claim_exclusivity
from gateway.rules.seats import SEAT_TERMS

CLAIM = "claim"
RECORDED, SETTLED, WITHDRAWN = "recorded", "settled", "withdrawn"


def record_claim(world: World) -> Draft:
    """Record what a breach of exclusivity costs a seat's holder, in fen. Raises ``claim.own_decision``."""
    industry = read_text(world.draft, "industry")
    states = [state for state in SeatState if state is not SeatState.ENDED]
    seat = unpack(Seat, world.require(SEAT, seat_key(world, industry), "public.industry", *states))
    decider = officer(world)
    if decider == seat.merchant:
        raise Refusal("claim.own_decision")
    claim = claim_exclusivity(seat, world.today, in_force(world, SEAT_TERMS))
    clock = terms(world).claim
    due = deadline(world, clock)
    document: dict[str, JsonValue] = {
        "reason": claim.reason.value,
        "amount": claim.amount_fen,
        "owner": clock.owner,
        "industry": industry,
    }
    merchant = seat.merchant
    world.open(
        CLAIM, world.entry_id, Case(CLAIM, "", world.chapter, RECORDED, AccountId(merchant), due, document)
    )
    return complete(
        world,
        [merchant],
        merchant=merchant,
        reason=claim.reason.value,
        amount=str(claim.amount_fen),
        **show_clock(clock, due),
    )


def settle_claim(world: World) -> Draft:
    """Record that a claim was paid, by the receipt's hash."""
    case = world.about(CLAIM, RECORDED)
    world.put(replace(case, state=SETTLED, due_at=None))
    return complete(world, [holder_of(case)], case, amount=str(case.number("amount")))


def withdraw_claim(world: World) -> Draft:
    """Withdraw a claim, with a reason."""
    case = world.about(CLAIM, RECORDED)
    world.put(replace(case, state=WITHDRAWN, due_at=None))
    return complete(world, [holder_of(case)], case)


CLAIM_RULES: dict[str, Rule] = {
    "claim.recorded": record_claim,
    "claim.settled": settle_claim,
    "claim.withdrawn": withdraw_claim,
}
