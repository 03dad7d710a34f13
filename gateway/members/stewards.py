"""Stewards of buildings: who holds the title, what it lets one do, and what it earns.

Paper B: a member with a title, points and management rights in one building. The rights: in bookings and
offers of those who live there a steward takes the chapter's side, but decides nothing. The points are coins
of the chapter's pool for each whole month of office, as many as the parameter ``steward_coins`` says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from chain.operation import OperationKind
from gateway.cases.case import Case, changed
from gateway.cases.filling import fill, only_subject, order, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.parameters import PARAMETER, parameter_key, pick_version
from gateway.members.register import find_membership, is_active, require_active, text_or_none
from gateway.rules.calendar import business_month, format_month

STEWARD = "steward"
APPOINTED, ENDED = "appointed", "ended"
COINS = "steward_coins"


def appoint_steward(world: World) -> Draft:
    """Give a member the title of steward of one building, which has one at a time."""
    member = require_active(world, only_subject(world.draft), "subjects")
    key = _building(world)
    before = world.find(STEWARD, key)
    if before is not None and before.state == APPOINTED:
        raise Refusal("case.exists", kind=STEWARD)
    document = {
        "compound": read_text(world.draft, "compound"),
        "building": read_text(world.draft, "building"),
        "since": world.today.isoformat(),
        "rewarded": "",
    }
    case = Case(STEWARD, key, world.chapter, APPOINTED, member.holder, None, document)
    world.put(
        case if before is None else replace(before, state=APPOINTED, holder=member.holder, document=document)
    )
    return world.draft


def end_steward(world: World) -> Draft:
    """Take the title back; the building has no steward then."""
    world.put(replace(_office(world), state=ENDED))
    return world.draft


def reward_steward(world: World) -> Draft:
    """Pay a steward the coins of one whole month of office that is over: each once, in order.

    Raises:
        Refusal: ``case.*``, ``membership.required``; ``steward.no_coins`` where the chapter has set none,
            ``steward.not_whole_month``, ``steward.rewarded_already``.
    """
    case = _office(world)
    account = require_active(world, str(case.holder), "subjects").key
    month = read_text(world.draft, "period")
    last = _last_day(month)
    found = pick_version(world.find(PARAMETER, parameter_key(world.chapter, COINS)), COINS, last)
    if not isinstance(found.value, int) or not found.value:
        raise Refusal("steward.no_coins")
    if month >= format_month(business_month(world.now // 1000)) or case.text("since") > f"{month}-01":
        raise Refusal("steward.not_whole_month", period=month)
    if case.text("rewarded") >= month:
        raise Refusal("steward.rewarded_already", period=case.text("rewarded"))
    world.put(changed(case, rewarded=month))
    draft = fill(world.draft, amount=str(found.value), version=found.version)
    return order(draft, OperationKind.TRANSFER, world.chapter_pool(), account, found.value)


def _last_day(month: str) -> date:
    """Return the last date of a month YYYY-MM, whose version of the parameter counts."""
    year, number = (int(part) for part in month.split("-"))
    first = date(year + number // 12, number % 12 + 1, 1)
    return date.fromordinal(first.toordinal() - 1)


def _office(world: World) -> Case:
    """Return the office of the building named, held by the step's subject. Raises Refusal."""
    case = world.require(STEWARD, _building(world), "public.building", APPOINTED)
    if case.holder != only_subject(world.draft):
        raise Refusal("entry.not_as_computed", field="subjects")
    return case


def _building(world: World) -> str:
    return building_key(world, read_text(world.draft, "compound"), read_text(world.draft, "building"))


def building_key(world: World, compound: str, building: str) -> str:
    """Return the key of a building's steward."""
    return f"{world.chapter_text}:{compound}:{building}"


def is_steward_of(world: World, actor: str, resident: str) -> bool:
    """Say whether the actor, a member in force, is the steward of the building a resident has named."""
    membership = find_membership(world, resident)
    if membership is None or not is_active(world, actor):
        return False
    compound, building = (text_or_none(membership, name) for name in ("compound", "building"))
    if compound is None or building is None:
        return False
    office = world.find(STEWARD, building_key(world, compound, building))
    return office is not None and (office.state, office.holder) == (APPOINTED, actor)


def check_chapter_side(world: World, resident: str, step: str) -> None:
    """Check that who takes the chapter's side for a resident may: nobody named, an office, or his steward.

    Raises:
        Refusal: ``steward.required`` for any other member or merchant.
    """
    actor = world.draft.actor
    standing = None if actor is None else world.standing(actor)
    if standing is None or standing.kind not in (AccountKind.MEMBER, AccountKind.MERCHANT):
        return
    if not is_steward_of(world, standing.account, resident):
        raise Refusal("steward.required", step=step)


STEWARD_RULES = {
    "steward.appointed": appoint_steward,
    "steward.ended": end_steward,
    "steward.rewarded": reward_steward,
}
