"""Expiry of coins by age band: what is due is computed from the account's movements, then burned (rule 31).

Off where the chapter's parameter is not set. A lot is what came in on one business date; the oldest are spent
first; what expired and is not burned yet is spent last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from chain.operation import OperationKind
from gateway.cases.filling import fill, only_subject, order
from gateway.cases.world import Movement, World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.parameters import expiry_on
from gateway.rules.calendar import business_date
from gateway.rules.expiry import ExpiryTerms, Lot, expiry_due, spend_lots, total_value

EXPIRED = "credits.expired"


def expire_credits(world: World) -> Draft:
    """Burn what of a member's coins has expired by the step's business date."""
    standing = world.own(only_subject(world.draft), "subjects")
    if standing.kind != AccountKind.MEMBER:
        raise Refusal("membership.wrong_account", wanted="member")
    day = world.today
    version, terms = expiry_on(world, day)
    if terms is None:
        raise Refusal("expiry.not_set")
    held = standing.available + standing.locked
    expired = sum_expired(
        world.movements(standing.account), held, day, lambda past: expiry_on(world, past)[1]
    )
    # What earlier steps of the same transaction moved is not among the movements yet.
    if expired is None:
        raise Refusal("expiry.unsettled")
    due = min(expired, standing.available)
    if due <= 0:
        raise Refusal("expiry.nothing_due")
    draft = fill(world.draft, amount=str(due), version=version)
    return order(draft, OperationKind.BURN, standing.account, None, due)


def sum_expired(
    movements: Sequence[Movement], held: int, day: date, terms_on: Callable[[date], ExpiryTerms | None]
) -> int | None:
    """Return what of ``held`` hundredths has expired by a date, None where the movements do not sum to it.

    Each spending takes lots by the terms of its own day.
    """
    if sum(one.change for one in movements) != held:
        return None
    lots: tuple[Lot, ...] = ()
    for one in movements:
        past = business_date(one.at // 1000)
        if one.change > 0:
            lots = (*lots, Lot(past, one.change))
        elif one.type != EXPIRED:
            terms = terms_on(past)
            lots = spend_lots(lots, min(-one.change, total_value(lots, past, terms)), past, terms)
    return expiry_due(held, lots, day, terms_on(day))


EXPIRY_RULES = {EXPIRED: expire_credits}
