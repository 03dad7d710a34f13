"""Hours recorded without a booking: what they bring follows from the minutes and the rate, exactly.

Who served is held to what a booking's provider is held to: a membership in force where the chapter asks for
one, and what may be earned in a day, with all that is booked and recorded for it. One entry moves coins once,
so what a chapter donates of hours over a limit is recorded by itself: to the pool ``public_benefit``, as soon
as not one more minute has room with the member who served.
"""

from __future__ import annotations

from chain.operation import ZERO_ADDRESS, Operation, OperationKind, account_id
from chain.types import AccountId, Address
from gateway.cases.filling import concern, fill, order, read_text
from gateway.cases.pools import PUBLIC_BENEFIT, find_pool
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.family import judge_gift
from gateway.rules.parameters import value_on
from gateway.rules.service import SERVICE_TERMS, ServiceTerms, hours_to_coins
from gateway.timebank.earnings import admit_hours, has_room
from gateway.timebank.membership import check_dispatched


def record_service(world: World) -> Draft:
    """Record certified hours; where coins move for them, they are what the minutes come to.

    New ones, or those of a pool, of the member or of the merchant that was served; to the member who served.

    Raises:
        Refusal: ``entry.bad_field`` for minutes outside one service's length or another receiver than the
            provider; ``entry.not_as_computed`` for other coins; ``member.unknown``, ``chapter.wrong``,
            ``booking.self_service``, ``service.membership_required``, ``service.provider_suspended``; see
            `judge_gift`.
        RuleRefusal: ``cap.daily`` for more than may be earned in a day.
    """
    draft = world.draft
    terms = value_on(SERVICE_TERMS, world.today)
    operation = draft.operation
    if operation is None:
        if "provider" in draft.public:
            # They count for awards, though nobody is paid for them.
            _check_provider(world, read_text(draft, "provider"), "public.provider")
            _read_minutes(draft, terms)
        return draft
    coins = hours_to_coins(_read_minutes(draft, terms), terms).amount
    receiver = account_id(Address(operation.receiver))
    provider = _provider(world, receiver)
    _check_provider(world, provider, "op.to" if provider == receiver else "public.provider")
    check_dispatched(world, provider, "op.to")
    _check_earning(world, provider, receiver, coins, terms)
    draft = _order(fill(draft, provider=provider, coins=str(coins)), operation, receiver, coins)
    if operation.sender != ZERO_ADDRESS:
        judge_gift(world)
    return concern(draft, [provider])


def _read_minutes(draft: Draft, terms: ServiceTerms) -> int:
    minutes = draft.public.get("minutes")
    if not isinstance(minutes, int) or not 1 <= minutes <= terms.longest_minutes:
        reason = f"not 1 to {terms.longest_minutes}"
        raise Refusal("entry.bad_field", field="public.minutes", reason=reason)
    return minutes


def _provider(world: World, receiver: AccountId) -> AccountId:
    """Return who served: the receiver of the coins, whom else the entry names where the pool is paid."""
    named = world.draft.public.get("provider", receiver)
    if named != receiver and receiver != find_pool(world, PUBLIC_BENEFIT):
        raise Refusal("entry.bad_field", field="op.to", reason="is not the member who served")
    return AccountId(str(named))


def _check_provider(world: World, provider: str, field: str) -> None:
    """Check that who served is a member of the chapter, and another one than who was served."""
    if world.own(provider, field).kind != AccountKind.MEMBER:
        raise Refusal("entry.bad_field", field=field, reason="is not the member who served")
    if world.draft.public.get("recipient") == provider:
        raise Refusal("booking.self_service")


def _check_earning(world: World, provider: str, receiver: str, coins: int, terms: ServiceTerms) -> None:
    if receiver == provider:
        admit_hours(world, provider, coins)
    elif has_room(world, provider, hours_to_coins(1, terms).amount):
        raise Refusal("entry.bad_field", field="op.to", reason="is not the member who served")


def _order(draft: Draft, given: Operation, receiver: str, coins: int) -> Draft:
    if given.sender == ZERO_ADDRESS:
        return order(draft, OperationKind.ISSUE, None, receiver, coins)
    return order(draft, OperationKind.TRANSFER, account_id(Address(given.sender)), receiver, coins)


CERTIFIED_RULES = {"service.recorded": record_service}
