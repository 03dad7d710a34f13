"""A request until somebody has accepted it: asked for, dispatched to an offer, answered within the window."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chain.canonical import JsonValue
from gateway.alliance.standing import require_not_suspended
from gateway.cases.case import Case
from gateway.cases.filling import fill, only_subject, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.free_services import take_service
from gateway.rules.availability import free_spans, week_of
from gateway.rules.booking import Booking, open_booking
from gateway.rules.booking_table import Actor, BookingState, Step
from gateway.rules.calendar import business_date, format_timestamp, parse_timestamp
from gateway.rules.matching import HelpOffer, HelpRequest, Span, match_requests
from gateway.rules.parameters import value_on
from gateway.rules.service import SERVICE_TERMS, Funding, ServiceKind, quote_service
from gateway.timebank.agenda import Taken, agenda_of, bookings_in_week, free, take
from gateway.timebank.capacity import count_request
from gateway.timebank.earnings import admit_service
from gateway.timebank.elders import is_elder
from gateway.timebank.membership import check_asking, check_dispatched
from gateway.timebank.offers import OFFER, OPEN, find_item
from gateway.timebank.payout import settle
from gateway.timebank.records import (
    BOOKING,
    advance,
    concerning,
    event_of,
    keep_booking,
    open_case,
    write_booking,
)
from gateway.timebank.suspension import require_providing

LONGEST_AHEAD = 366 * 86_400
"""How far ahead a service may be wished for, in seconds."""


def request_service(world: World) -> Draft:
    """Ask for a service: what it is worth, and who pays, follow from the price list and the member's age.

    Raises:
        Refusal: ``member.unknown``, ``service.unknown``, ``service.members_only``,
            ``service.membership_required``, ``booking.too_late``;
            ``entry.bad_field`` for a time that is no whole minute or too far ahead;
            ``entry.not_as_computed`` for another kind or price.
    """
    draft = world.draft
    member = world.own(only_subject(draft), "subjects")
    if member.kind != AccountKind.MEMBER:
        raise Refusal("service.members_only", field="subjects")
    if not member.may_send:
        raise Refusal("member.frozen", field="subjects")
    item = find_item(world, read_text(draft, "service"), "public.service")
    check_asking(world, member.account, item)
    starts_at = _read_start(world)
    elder = is_elder(world, member.account)
    counted = item.kind is ServiceKind.BASIC and not elder
    granted = take_service(world, member.account) if counted else None
    quote = quote_service(
        item,
        cast("int", draft.public["minutes"]),
        elder=elder,
        terms=value_on(SERVICE_TERMS, world.today),
        free=granted is None or granted.free,
    )
    booking = open_booking(world.entry_id, member.account, quote, starts_at, world.now // 1000)
    document: dict[str, JsonValue] = {
        **write_booking(booking),
        "compound": read_text(draft, "compound"),
        "agreed": world.today.isoformat(),
        "offer": None,
        "parts": [],
        "legs": [],
        "admitted": None,
        "free_year": granted.since.isoformat() if granted is not None and granted.free else None,
    }
    case = Case(
        BOOKING, world.entry_id, world.chapter, "requested", member.account, starts_at * 1000, document
    )
    world.open(BOOKING, world.entry_id, case)
    count_request(world, quote.code, quote.kind, starts_at)
    return fill(
        draft,
        kind=quote.kind.value,
        coins=str(quote.coins.amount),
        remainder=quote.coins.remainder,
        funding=quote.funding.value,
        free_left=None if granted is None else granted.left,
    )


def _read_start(world: World) -> int:
    """Return the wished start in Unix seconds. Raises Refusal ``entry.bad_field``."""
    minutes, rest = divmod(parse_timestamp(read_text(world.draft, "starts_at")), 60_000)
    starts_at = minutes * 60
    if rest or starts_at > world.now // 1000 + LONGEST_AHEAD:
        reason = "not a whole minute" if rest else "more than a year ahead"
        raise Refusal("entry.bad_field", field="public.starts_at", reason=reason)
    return starts_at


def dispatch_request(world: World) -> Draft:
    """Hand a request to an offer that fits; its provider has half an hour to answer.

    Raises:
        Refusal: ``case.*``, ``booking.*``, ``service.not_matching`` saying what does not fit;
            ``merchant.suspended``, ``service.provider_suspended``.
        RuleRefusal: ``cap.daily`` where the provider would earn more in a day than the chapter lets him.
    """
    draft = world.draft
    case, booking = open_case(world)
    offer = world.require(OFFER, read_text(draft, "offer"), "public.offer", OPEN)
    provider = str(offer.holder)
    event = event_of(world, booking, Step.OFFER, Actor.CHAPTER)
    after, _ = advance(world, case, booking, replace(event, provider=provider))
    _check_match(world, case, booking, offer)
    admitted = admit_service(world, provider, booking)
    earns = booking.quote.coins.amount if admitted is None else admitted
    take(world, provider, Taken(case.key, offer.key, booking.starts_at, booking.ends_at, earns))
    keep_booking(world, case, after, offer=offer.key, admitted=admitted)
    completed = fill(draft, provider=provider, until=_until(after))
    return concerning(completed, [booking.member, provider])


def _check_match(world: World, case: Case, booking: Booking, offer: Case) -> None:
    provider = str(offer.holder)
    standing = world.own(provider, "public.offer")
    check_dispatched(world, provider)
    require_not_suspended(world, provider)
    if offer.text("compound") != case.text("compound"):
        raise Refusal("service.not_matching", what="compound")
    if offer.text("skill") != booking.quote.code:
        raise Refusal("service.not_matching", what="skill")
    if booking.quote.funding is not Funding.MEMBER and standing.kind != AccountKind.MEMBER:
        raise Refusal("service.not_matching", what="provider_kind")
    times = agenda_of(world, provider)
    week = week_of(booking.starts_at)
    if bookings_in_week(times, offer.key, week) >= offer.number("capacity"):
        raise Refusal("service.not_matching", what="capacity")
    request, offered = help_request(case), help_offer(offer, times, [booking.starts_at])
    (match,) = match_requests([request], [offered])
    if match.offer is None:
        raise Refusal("service.not_matching", what="time")


def help_request(case: Case) -> HelpRequest:
    """Return a request as the pure matching sees it."""
    starts = case.number("starts")
    span = Span(starts, starts + case.number("minutes") * 60)
    return HelpRequest(case.key, str(case.holder), case.text("compound"), case.text("service"), span)


def help_offer(case: Case, times: tuple[Taken, ...], moments: list[int]) -> HelpOffer:
    """Return an offer as the pure matching sees it, with its free times on the business days of ``moments``.

    A day on whose week the offer has all its bookings has no free time.
    """
    codes = cast("list[str]", case.document["availability"])
    capacity = case.number("capacity")
    spans: list[Span] = []
    for day in sorted({business_date(moment) for moment in moments}):
        found = free_spans(codes, day)
        if found and bookings_in_week(times, case.key, week_of(found[0].start)) < capacity:
            spans += found
    return HelpOffer(
        case.key,
        str(case.holder),
        case.text("compound"),
        case.text("skill"),
        tuple(spans),
        len(times),
        tuple(taken.span for taken in times),
    )


def accept_request(world: World) -> Draft:
    """The provider takes it; the member's side has as long to book it.

    Raises:
        Refusal: ``case.*``, ``booking.*``; ``service.provider_suspended``.
    """
    case, booking = open_case(world)
    after, _ = advance(world, case, booking, event_of(world, booking, Step.ACCEPT))
    require_providing(world, str(booking.provider))
    keep_booking(world, case, after)
    return concerning(fill(world.draft, until=_until(after)), [booking.member, booking.provider])


def decline_request(world: World) -> Draft:
    """The provider does not take it, or not after all; the next may be asked. Raises Refusal."""
    case, booking = open_case(world)
    after, _ = advance(world, case, booking, event_of(world, booking, Step.DECLINE))
    free(world, str(booking.provider), case.key)
    keep_booking(world, case, after, offer=None)
    return concerning(world.draft, [booking.member, booking.provider])


def lapse_request(world: World) -> Draft:
    """A time has passed without an answer: the provider's, the member's, or that of the whole request.

    Raises:
        Refusal: ``booking.too_early`` before.
    """
    case, booking = open_case(world, BookingState.REQUESTED, BookingState.OFFERED, BookingState.ACCEPTED)
    if booking.provider is not None:
        free(world, booking.provider, case.key)
    subjects = [booking.member, booking.provider]
    after = booking
    if booking.state is BookingState.OFFERED:
        after, _ = advance(world, case, booking, event_of(world, booking, Step.EXPIRE, Actor.CLOCK))
        if after.starts_at > world.now // 1000:
            keep_booking(world, case, after, offer=None)
            return concerning(fill(world.draft, state=after.state.value), subjects)
    after, _ = advance(world, case, after, event_of(world, after, Step.LAPSE, Actor.CLOCK))
    draft = fill(world.draft, state=after.state.value)
    return settle(world, draft, case, after, subjects, told=("legs",))


def _until(booking: Booking) -> str:
    return format_timestamp((booking.due_at or 0) * 1000)


REQUEST_RULES = {
    "service.requested": request_service,
    "service.dispatched": dispatch_request,
    "service.accepted": accept_request,
    "service.declined": decline_request,
    "service.lapsed": lapse_request,
}
