"""Who counts as an elder, who acts for whom: what the members' room has recorded, never what a step says."""

from __future__ import annotations

from gateway.cases.world import World
from gateway.members.family import APPOINTED, GUARDIAN
from gateway.members.register import ACTIVE, LAPSED, find_membership


def is_elder(world: World, account: str) -> bool:
    """Say whether the chapter has recorded that a member has reached the elders' age, and not suspended him.

    Over-60s use basic services free [C], whether this year is paid or not.
    """
    case = find_membership(world, account)
    return case is not None and case.state in (ACTIVE, LAPSED) and case.document.get("elder") is True


def is_guardian(world: World, actor: str, ward: str) -> bool:
    """Say whether the actor is the ward's guardian on the step's business day."""
    case = world.find(GUARDIAN, ward)
    if case is None or case.state != APPOINTED or case.text("guardian") != actor:
        return False
    until = case.document.get("until")
    return not isinstance(until, str) or world.today.isoformat() <= until
