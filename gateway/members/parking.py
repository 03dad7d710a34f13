"""Coins for a member whom a decision has suspended: they wait where his balance does, and come back whole."""

from __future__ import annotations

from gateway.cases.case import changed
from gateway.cases.world import World
from gateway.members.register import SUSPENDED, find_membership, text_or_none

DECISION = "decision"
"""Who suspended a membership: a decision, which parks the balance, as against a freeze."""


def park(world: World, account: str, amount: int) -> str | None:
    """Count coins that an account is owed as parked and return the account that keeps them.

    None where the account is not suspended by a decision: it is paid itself.
    """
    case = find_membership(world, account)
    if case is None or case.state != SUSPENDED or case.document.get("suspended_by") != DECISION:
        return None
    place = text_or_none(case, "parked_at")
    if place is not None:
        world.put(changed(case, parked=case.number("parked") + amount))
    return place
