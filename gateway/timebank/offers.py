"""What a chapter's members offer: the price list, offers with their hours and capacity, their end."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chain.canonical import JsonValue
from gateway.cases.case import Case
from gateway.cases.filling import fill, only_subject, read_sum, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.stewards import check_chapter_side
from gateway.rules.availability import parse_availability
from gateway.rules.parameters import value_on
from gateway.rules.service import PRICE_LIST, ServiceItem, ServiceKind
from gateway.timebank.capacity import change_supply
from gateway.timebank.membership import check_offering
from gateway.timebank.records import concerning

OFFER = "offer"
ITEM = "service_item"
OPEN, WITHDRAWN = "open", "withdrawn"
MOST_A_WEEK = 100
"""Bookings a week that one offer may promise."""
LONGEST_UNIT = 1_440


def item_key(chapter: str, service: str) -> str:
    """Return the key of a service in a chapter's own price list."""
    return f"{chapter}:{service}"


def find_item(world: World, service: str, field: str) -> ServiceItem:
    """Return a service of the chapter's own price list, else of the shipped one.

    Raises:
        Refusal: ``service.unknown``.
    """
    case = world.find(ITEM, item_key(world.chapter_text, service))
    if case is not None:
        price = cast("int | None", case.document["price"])
        return ServiceItem(service, ServiceKind(case.text("kind")), case.number("minutes"), price)
    for item in value_on(PRICE_LIST, world.today):
        if item.code == service:
            return item
    raise Refusal("service.unknown", field=field)


def list_service(world: World) -> Draft:
    """Put a service on the chapter's price list, or give it another price from now on.

    What was requested before keeps the price it was requested at.
    """
    draft = world.draft
    service, kind = read_text(draft, "service"), read_text(draft, "kind")
    if kind not in [known.value for known in ServiceKind]:
        raise Refusal("entry.bad_field", field="public.kind", reason=f"not {' or '.join(ServiceKind)}")
    minutes = cast("int", draft.public["minutes"])
    if not 1 <= minutes <= LONGEST_UNIT:
        raise Refusal("entry.bad_field", field="public.minutes", reason=f"not 1 to {LONGEST_UNIT}")
    price = read_sum(draft, "price") if "price" in draft.public else None
    if kind != ServiceKind.VALUE_ADDED and price is not None:
        # What all pay for is paid by the hour, for everybody alike.
        raise Refusal("entry.bad_field", field="public.price", reason="only value_added has a price")
    key = item_key(world.chapter_text, service)
    before = world.find(ITEM, key)
    version = 1 if before is None else before.number("version") + 1
    document: dict[str, JsonValue] = {"kind": kind, "minutes": minutes, "price": price, "version": version}
    case = before or Case(ITEM, key, world.chapter, "listed")
    world.put(replace(case, document=document))
    return concerning(fill(draft, version=version), [])


def offer_service(world: World) -> Draft:
    """Offer a skill in one compound at given hours, up to a number of bookings a week.

    Raises:
        Refusal: ``member.unknown``, ``service.unknown``, ``service.members_only``,
            ``service.membership_required``, ``service.offered_already``; ``entry.bad_field`` for hours that
            are none, or a capacity out of range.
    """
    draft = world.draft
    provider = world.own(only_subject(draft), "subjects")
    skill, compound = read_text(draft, "skill"), read_text(draft, "compound")
    item = find_item(world, skill, "public.skill")
    allowed = [AccountKind.MEMBER]
    if item.kind is ServiceKind.VALUE_ADDED:
        allowed.append(AccountKind.MERCHANT)
    if provider.kind not in allowed:
        raise Refusal("service.members_only", field="subjects")
    if not provider.may_send:
        raise Refusal("member.frozen", field="subjects")
    check_offering(world, provider.account)
    codes = cast("list[str]", draft.public["availability"])
    if not codes:
        raise Refusal("entry.bad_field", field="public.availability", reason="names no hours")
    for code in codes:
        parse_availability(code, "public.availability")
    capacity = cast("int", draft.public["capacity"])
    if not 1 <= capacity <= MOST_A_WEEK:
        raise Refusal("entry.bad_field", field="public.capacity", reason=f"not 1 to {MOST_A_WEEK}")
    for other in world.list(OFFER, state=OPEN, holder=provider.account):
        if (other.text("skill"), other.text("compound")) == (skill, compound):
            raise Refusal("service.offered_already")
    change_supply(world, skill, capacity)
    document: dict[str, JsonValue] = {
        "skill": skill,
        "compound": compound,
        "availability": list(codes),
        "capacity": capacity,
    }
    key = world.entry_id
    world.open(OFFER, key, Case(OFFER, key, world.chapter, OPEN, provider.account, None, document))
    return draft


def withdraw_offer(world: World) -> Draft:
    """End an offer; what is dispatched or booked on it goes on.

    Raises:
        Refusal: ``case.*``; ``booking.wrong_actor`` for another side or actor than provider and chapter.
    """
    draft = world.draft
    case = world.about(OFFER, OPEN)
    side = read_text(draft, "side")
    if side not in ("provider", "chapter") or (side == "provider" and draft.actor not in (None, case.holder)):
        raise Refusal("booking.wrong_actor", step="withdraw")
    if side == "chapter":
        check_chapter_side(world, str(case.holder), "withdraw")
    change_supply(world, case.text("skill"), -case.number("capacity"))
    world.put(replace(case, state=WITHDRAWN))
    return concerning(draft, [case.holder])


def withdraw_offers(world: World, account: str) -> None:
    """End all offers of an account that is closed: nobody counts on them any more."""
    for case in world.list(OFFER, state=OPEN, holder=account):
        change_supply(world, case.text("skill"), -case.number("capacity"))
        world.put(replace(case, state=WITHDRAWN))


OFFER_RULES = {
    "service.listed": list_service,
    "service.offered": offer_service,
    "service.offer_withdrawn": withdraw_offer,
}
OFFER_DECISIONS = frozenset({"service.listed"})
