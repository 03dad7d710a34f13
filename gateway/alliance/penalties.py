"""Penalties for breaches: public notice, and coins burned by the table once nothing can stop it any more.

A burn cannot be undone, so it waits until the window for an appeal has passed or the appeal is dismissed.
"""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from chain.operation import OperationKind
from gateway.alliance.appeals import DISMISSED, UPHELD, close_appeal, is_upheld, open_appeal
from gateway.alliance.forms import (
    choice,
    complete,
    due_draft,
    in_force,
    officer,
    own_merchant,
    require_before,
    require_past,
)
from gateway.alliance.notices import ENDED, NOTICE, PUBLISHED, WITHDRAWN, close_notice, publish
from gateway.alliance.records import pack, unpack
from gateway.cases.book import DueRule, Rule
from gateway.cases.case import Case, changed, holder_of
from gateway.cases.filling import order, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Custody, Draft
from gateway.rules.alliance_terms import LISTINGS
from gateway.rules.calendar import day_start
from gateway.rules.listings import Penalty, burn_penalty, impose_penalty

PENALTY = "penalty"
ORDERED, APPEALED, EXECUTED, LIFTED = "ordered", "appealed", "executed", "lifted"


def order_penalty(world: World) -> Draft:
    """Order what the table gives for a breach: notice alone, or notice and a burn.

    Raises:
        Refusal: ``penalty.notice_only`` for a burn the table does not have; ``listing.unknown_reason``;
            ``penalty.own_decision``.
    """
    merchant = own_merchant(world).account
    decider = officer(world)
    if decider == merchant:
        raise Refusal("penalty.own_decision")
    reason = read_text(world.draft, "reason")
    penalty = impose_penalty(merchant, reason, world.today, in_force(world, LISTINGS))
    if choice(world, "measure", "notice", "burn") == "notice":
        penalty = replace(penalty, coins=0)
    elif penalty.coins == 0:
        raise Refusal("penalty.notice_only", reason=reason)
    until = day_start(penalty.appeal_by)
    document: dict[str, JsonValue] = {**pack(penalty), "decider": decider, "executable": until}
    world.open(PENALTY, world.entry_id, Case(PENALTY, "", world.chapter, ORDERED, merchant, until, document))
    publish(world, PENALTY, merchant, coins=penalty.coins, until=penalty.notice_until.isoformat())
    return complete(
        world,
        [merchant],
        coins=str(penalty.coins),
        until=penalty.notice_until.isoformat(),
        appeal_until=penalty.appeal_by.isoformat(),
    )


def appeal_penalty(world: World) -> Draft:
    """Stay the penalty until its appeal is decided. Raises ``penalty.appealed_already``."""
    case = world.about(PENALTY, ORDERED)
    if "appeal" in case.document:
        raise Refusal("penalty.appealed_already")
    require_before(world, case.number("executable"))
    draft = complete(world, [holder_of(case)], case, **open_appeal(world, case))
    stayed = replace(case, state=APPEALED, due_at=_notice_due(world, case))
    world.put(changed(stayed, appeal=world.entry_id))
    return draft


def decide_penalty(world: World) -> Draft:
    """Lift the penalty and its notice, or let the clock execute it now. Raises ``penalty.own_decision``."""
    case = world.about(PENALTY, APPEALED)
    if officer(world) in (case.text("decider"), holder_of(case)):
        raise Refusal("penalty.own_decision")
    if is_upheld(world):
        close_notice(world, case.key, WITHDRAWN)
        close_appeal(world, case, UPHELD)
        world.put(replace(case, state=LIFTED, due_at=None))
    else:
        close_appeal(world, case, DISMISSED)
        world.put(changed(replace(case, state=ORDERED, due_at=world.now), executable=world.now))
    return complete(world, [holder_of(case)], case)


def execute_penalty(world: World) -> Draft:
    """Burn what was ordered, at most what the merchant has; nothing of an account in self-custody.

    What could not be burned is recorded as owed.
    """
    case = world.about(PENALTY, ORDERED)
    require_past(world, case.number("executable"))
    merchant = holder_of(case)
    standing = world.own(merchant, "public.about")
    reachable = max(0, standing.available) if standing.custody == Custody.OPERATOR else 0
    burn = burn_penalty(unpack(Penalty, case), reachable)
    executed = replace(case, state=EXECUTED, due_at=_notice_due(world, case))
    world.put(changed(executed, burned=burn.burned, owed=burn.owed))
    draft = complete(world, [merchant], case, coins=str(burn.burned), owed=str(burn.owed))
    return order(draft, OperationKind.BURN, merchant, None, burn.burned)


def end_notice(world: World) -> Draft:
    """End a penalty's public notice when its time is over; what it costs goes its own way."""
    case = world.about(PENALTY, APPEALED, EXECUTED)
    require_past(world, day_start(unpack(Penalty, case).notice_until))
    world.require(NOTICE, case.key, "public.about", PUBLISHED)
    close_notice(world, case.key, ENDED)
    world.put(replace(case, due_at=None))
    return complete(world, [holder_of(case)], case)


def _notice_due(world: World, case: Case) -> int | None:
    """Return when a penalty's notice ends, Unix milliseconds; None where it has ended."""
    notice = world.find(NOTICE, case.key)
    is_shown = notice is not None and notice.state == PUBLISHED
    return day_start(unpack(Penalty, case).notice_until) if is_shown else None


def _due(case: Case) -> Draft:
    name = "penalty.executed" if case.state == ORDERED else "penalty.notice_ended"
    return due_draft(case, name, about=case.key)


PENALTY_RULES: dict[str, Rule] = {
    "penalty.ordered": order_penalty,
    "penalty.appealed": appeal_penalty,
    "penalty.appeal_decided": decide_penalty,
    "penalty.executed": execute_penalty,
    "penalty.notice_ended": end_notice,
}
PENALTY_DUE: dict[str, DueRule] = {PENALTY: _due}
