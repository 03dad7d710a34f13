"""Hours recorded without a booking: what they bring follows from the minutes and the rate, exactly."""

from __future__ import annotations

from chain.operation import ZERO_ADDRESS, OperationKind, account_id
from chain.types import Address
from gateway.cases.filling import fill, order
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.family import judge_gift
from gateway.rules.parameters import value_on
from gateway.rules.service import SERVICE_TERMS, hours_to_coins


def record_service(world: World) -> Draft:
    """Record certified hours; where coins move for them, they are what the minutes come to.

    New ones, or those of a pool, of the member or of the merchant that was served; to the member who served.

    Raises:
        Refusal: ``entry.bad_field`` for minutes outside one service's length or another receiver than the
            provider; ``entry.not_as_computed`` for other coins; see `judge_gift`.
    """
    draft = world.draft
    operation = draft.operation
    if operation is None:
        return draft
    terms = value_on(SERVICE_TERMS, world.today)
    minutes = draft.public.get("minutes")
    if not isinstance(minutes, int) or not 1 <= minutes <= terms.longest_minutes:
        reason = f"not 1 to {terms.longest_minutes}"
        raise Refusal("entry.bad_field", field="public.minutes", reason=reason)
    receiver = account_id(Address(operation.receiver))
    provider = draft.public.get("provider", receiver)
    standing = world.standing(receiver)
    if provider != receiver or (standing is not None and standing.kind != AccountKind.MEMBER):
        raise Refusal("entry.bad_field", field="op.to", reason="is not the member who served")
    coins = hours_to_coins(minutes, terms).amount
    draft = fill(draft, provider=receiver, coins=str(coins))
    payer = account_id(Address(operation.sender)) if operation.sender != ZERO_ADDRESS else None
    kind = OperationKind.ISSUE if payer is None else OperationKind.TRANSFER
    draft = order(draft, kind, payer, receiver, coins)
    if payer is not None:
        judge_gift(world)
    return draft


CERTIFIED_RULES = {"service.recorded": record_service}
