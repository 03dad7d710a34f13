"""For what a member must be one: offering, asking for and being sent to a service take a membership in force.

Papers B and C write of members doing these; a chapter's parameter ``members_only`` names the acts, and "not
set" asks nobody. Over-60s use basic services free [C]: whom the chapter has recorded as an elder may ask for
those when the membership has lapsed, too.
"""

from __future__ import annotations

from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.members.parameters import ACT_DISPATCH, ACT_OFFER, ACT_REQUEST, acts_of_members
from gateway.members.register import is_active
from gateway.rules.service import ServiceItem, ServiceKind
from gateway.timebank.elders import is_elder
from gateway.timebank.suspension import require_providing


def check_offering(world: World, provider: str) -> None:
    """Check that an account may offer. Raises Refusal ``service.membership_required``."""
    _check(world, provider, ACT_OFFER, "subjects")


def check_asking(world: World, member: str, item: ServiceItem) -> None:
    """Check that an account may ask for a service. Raises Refusal ``service.membership_required``."""
    if item.kind is ServiceKind.VALUE_ADDED or not is_elder(world, member):
        _check(world, member, ACT_REQUEST, "subjects")


def check_dispatched(world: World, provider: str, field: str = "public.offer") -> None:
    """Check that an offer's provider may be sent, or be paid for hours that he served without a booking.

    Raises:
        Refusal: ``service.membership_required``; ``service.provider_suspended``, whatever the chapter asks.
    """
    _check(world, provider, ACT_DISPATCH, field)
    require_providing(world, provider)


def _check(world: World, account: str, act: str, field: str) -> None:
    if act in acts_of_members(world) and not is_active(world, account):
        raise Refusal("service.membership_required", field=field, act=act)
