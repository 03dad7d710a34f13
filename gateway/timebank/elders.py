"""Who counts as an elder: what the members' room has recorded, never what a request says of itself."""

from __future__ import annotations

from gateway.cases.world import World

MEMBERSHIP = "membership"
"""Kind of the members' case that says so, keyed by the account."""


def is_elder(world: World, account: str) -> bool:
    """Say whether the chapter has recorded that a member, in good standing, has reached the elders' age."""
    case = world.find(MEMBERSHIP, account)
    if case is None or case.chapter != world.chapter or case.state != "active":
        return False
    return case.document.get("elder") is True
