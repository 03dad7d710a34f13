"""The red list and the black list: a reason, an evidence hash, an end, and an appeal.

An entry counts from the moment it is made; an upheld appeal takes it and its notice back. A merchant on the
black list is granted no seat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.appeals import DISMISSED, LAPSED, UPHELD, close_appeal, is_upheld, open_appeal
from gateway.alliance.forms import acting, complete, due_draft, in_force, officer, own_merchant
from gateway.alliance.notices import ENDED, WITHDRAWN, close_notice, publish
from gateway.alliance.records import pack, unpack
from gateway.cases.book import DueRule, Rule
from gateway.cases.case import Case, holder_of
from gateway.cases.filling import read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.alliance_terms import LISTINGS
from gateway.rules.calendar import business_date, day_start, parse_timestamp
from gateway.rules.listings import (
    Colour,
    Listing,
    ListingActor,
    ListingEvent,
    ListingState,
    ListingStep,
    advance_listing,
    list_subject,
)

LISTING = "listing"
EVIDENCE, BREACH_ON = "evidence", "breach_on"
"""Members of a listing's document that say which breach it is for: a hash, and a business date."""
STANDING = (ListingState.LISTED, ListingState.APPEALED)
_NOTICE_STATES = {ListingState.LIFTED: WITHDRAWN, ListingState.EXPIRED: ENDED}


def enter_list(world: World) -> Draft:
    """Put a merchant on the list of the reason. Raises ``list.already`` while it stands there for it."""
    merchant = own_merchant(world).account
    reason = read_text(world.draft, "reason")
    entry = list_subject(
        world.entry_id, merchant, reason, officer(world), world.today, in_force(world, LISTINGS)
    )
    if any(other.reason == reason for other in standing_entries(world, merchant, entry.colour)):
        raise Refusal("list.already", list=entry.colour.value, reason=reason)
    breach: dict[str, JsonValue] = {
        EVIDENCE: read_text(world.draft, "evidence"), BREACH_ON: _breach_on(world).isoformat()
    }  # fmt: skip
    world.open(LISTING, world.entry_id, _case(world.chapter, entry, breach))
    publish(world, f"{entry.colour.value}_list", merchant, until=entry.expires_on.isoformat())
    return complete(
        world,
        [merchant],
        list=entry.colour.value,
        until=entry.expires_on.isoformat(),
        appeal_until=entry.appeal_by.isoformat(),
    )


def _breach_on(world: World) -> date:
    """Return the business date of what a merchant is listed for: today, or an earlier one it names."""
    told = world.draft.public.get("occurred_at")
    if not isinstance(told, str):
        return world.today
    return min(world.today, business_date(parse_timestamp(told) // 1000))


def standing_entries(world: World, merchant: str, colour: Colour) -> list[Listing]:
    """Return the entries of a list that still count for a merchant, appealed ones too."""
    found = [unpack(Listing, case) for case in world.list(LISTING, holder=merchant)]
    return [entry for entry in found if entry.colour is colour and entry.state in STANDING]


def final_entry(world: World, merchant: str, reason: str) -> Listing | None:
    """Return the black-list entry for a reason that no appeal can take back any more, None without one.

    Raises RuleRefusal ``listing.unknown_reason``.
    """
    in_force(world, LISTINGS).find(reason)
    for entry in standing_entries(world, merchant, Colour.BLACK):
        if entry.reason == reason and entry.state is ListingState.LISTED:
            return entry if entry.appealed or world.today >= entry.appeal_by else None
    return None


def appeal_listing(world: World) -> Draft:
    """Open the appeal; the entry counts meanwhile, and says that it is appealed."""
    case = world.about(LISTING)
    _advance(world, case, ListingStep.APPEAL, ListingActor.SUBJECT, acting(world, holder_of(case)))
    return complete(world, [holder_of(case)], case, **open_appeal(world, case))


def decide_listing(world: World) -> Draft:
    """Take the entry and its notice back, or leave them until their end."""
    case = world.about(LISTING, ListingState.APPEALED)
    upheld = is_upheld(world)
    step = ListingStep.LIFT if upheld else ListingStep.UPHOLD
    _advance(world, case, step, ListingActor.CHAPTER, officer(world))
    close_appeal(world, case, UPHELD if upheld else DISMISSED)
    return complete(world, [holder_of(case)], case)


def lift_listing(world: World) -> Draft:
    """Take an entry back that nobody appealed against, with a reason."""
    case = world.about(LISTING, ListingState.LISTED)
    _advance(world, case, ListingStep.LIFT, ListingActor.CHAPTER, officer(world))
    return complete(world, [holder_of(case)], case)


def expire_listing(world: World) -> Draft:
    """End an entry whose time is over, and an appeal still open against it."""
    case = world.about(LISTING)
    _advance(world, case, ListingStep.EXPIRE, ListingActor.CLOCK, "")
    close_appeal(world, case, LAPSED)
    return complete(world, [holder_of(case)], case)


def _advance(world: World, case: Case, step: ListingStep, actor: ListingActor, person: str) -> None:
    after = advance_listing(unpack(Listing, case), ListingEvent(step, actor, person, world.today))
    appeal: JsonValue = world.entry_id if step is ListingStep.APPEAL else case.document.get("appeal")
    world.put(replace(_case(world.chapter, after, case.document, appeal), opened_index=case.opened_index))
    if after.state in _NOTICE_STATES:
        close_notice(world, case.key, _NOTICE_STATES[after.state])


def _case(chapter: int, entry: Listing, known: Mapping[str, JsonValue], appeal: JsonValue = None) -> Case:
    due = day_start(entry.expires_on) if entry.state in STANDING else None
    document = {**known, **pack(entry), "appeal": appeal}
    return Case(LISTING, entry.id, chapter, entry.state, AccountId(entry.subject), due, document)


def _expire(case: Case) -> Draft:
    return due_draft(case, "list.expired", about=case.key)


LIST_RULES: dict[str, Rule] = {
    "list.entered": enter_list,
    "list.appealed": appeal_listing,
    "list.decided": decide_listing,
    "list.lifted": lift_listing,
    "list.expired": expire_listing,
}
LIST_DUE: dict[str, DueRule] = {LISTING: _expire}
