"""The register of a chapter's committee: who is put into it and out of it, by whose decision.

One case for each account, keyed by it. The office counts in the equity figure's core pool from the month it
begins until the month it ends, and gives no coins, units or money (requirement T2).
"""

from __future__ import annotations

from dataclasses import replace

from gateway.cases.book import CLOSING, Rule
from gateway.cases.case import Case, changed
from gateway.cases.filling import only_subject
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.members.register import require_active

COMMITTEE = "committee"
SERVING, LEFT = "serving", "left"


def join_committee(world: World) -> Draft:
    """Put a member or merchant with a membership in force into the committee, by the minutes' hash.

    Raises:
        Refusal: ``committee.himself``; ``committee.closing`` for an account that is being closed;
            ``case.exists`` for who serves already; ``membership.required``; ``member.unknown``.
    """
    account = only_subject(world.draft)
    member = require_active(world, account, "subjects")
    _by_another(world, account)
    if world.find(CLOSING, account) is not None:
        raise Refusal("committee.closing")
    before = world.find(COMMITTEE, account)
    if before is not None and before.state == SERVING:
        raise Refusal("case.exists", kind=COMMITTEE)
    case = before or Case(COMMITTEE, account, world.chapter, SERVING, member.holder)
    world.put(changed(replace(case, state=SERVING), since=world.today.isoformat(), until=None))
    return world.draft


def leave_committee(world: World) -> Draft:
    """Take who serves out of the committee, with the reason's code.

    Raises Refusal ``case.unknown`` and ``case.wrong_state`` for who does not serve.
    """
    account = only_subject(world.draft)
    world.own(account, "subjects")
    case = world.require(COMMITTEE, account, "subjects", SERVING)
    world.put(changed(replace(case, state=LEFT), until=world.today.isoformat()))
    return world.draft


def is_serving(world: World, account: str) -> bool:
    """Say whether an account is in its chapter's committee."""
    case = world.find(COMMITTEE, account)
    return case is not None and case.state == SERVING


def _by_another(world: World, account: str) -> None:
    """Refuse who puts himself into office, or an entry that does not say who decided."""
    if world.draft.actor is None:
        raise Refusal("entry.bad_field", field="actor", reason=f"{world.draft.type} names who decides")
    if world.draft.actor == account:
        raise Refusal("committee.himself")


COMMITTEE_RULES: dict[str, Rule] = {
    "committee.joined": join_committee,
    "committee.left": leave_committee,
}
COMMITTEE_DECISIONS = frozenset(COMMITTEE_RULES)
