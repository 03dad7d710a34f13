"""Memberships as cases: who is a member until when, and what every other step asks of them.

One case for each account, keyed by it. Dates are business dates of Asia/Shanghai; validity ends with the
last day named.
"""

from __future__ import annotations

from gateway.cases.case import Case
from gateway.cases.world import World
from gateway.errors import Refusal

MEMBERSHIP = "membership"
ACTIVE, SUSPENDED, LAPSED, REFUNDED = "active", "suspended", "lapsed", "refunded"
CLOSED = "closed"
MOVED = "moved"
"""State of a case whose account was recovered: it goes on under the key of the new one."""


def find_membership(world: World, account: str) -> Case | None:
    """Return an account's membership, None where it never had one in this chapter."""
    case = world.find(MEMBERSHIP, account)
    return case if case is not None and case.chapter == world.chapter else None


def is_active(world: World, account: str) -> bool:
    """Say whether the account has a membership in force."""
    case = find_membership(world, account)
    return case is not None and case.state == ACTIVE


def require_active(world: World, account: str, field: str) -> Case:
    """Return a membership in force. Raises Refusal ``member.unknown``, ``membership.required``."""
    world.own(account, field)
    case = find_membership(world, account)
    if case is None or case.state != ACTIVE:
        raise Refusal("membership.required", field=field)
    return case


def require_membership(world: World, account: str, *states: str) -> Case:
    """Return the account's membership in one of ``states``. Raises Refusal ``case.*``, ``member.unknown``."""
    world.own(account, "subjects")
    return world.require(MEMBERSHIP, account, "subjects", *states)


def text_or_none(case: Case, name: str) -> str | None:
    """Return a member of the document that is text, None where it is not there."""
    value = case.document.get(name)
    return value if isinstance(value, str) else None
