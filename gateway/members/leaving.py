"""Suspending, closing and recovering an account: no coins are ever left behind.

A suspended balance may be parked with the chapter and comes back whole. An account is closed in two steps:
its balance goes to a named place, then nobody may pay into or out of it any more; in between nothing is lost
that came in meanwhile. What an account was part of follows it when it is recovered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chain.canonical import JsonValue
from chain.operation import OperationKind, account_address, chapter_code
from chain.types import AccountId
from gateway.alliance.standing import DEPOSIT
from gateway.cases.book import CLOSED as ACCOUNT_CLOSED
from gateway.cases.book import CLOSING
from gateway.cases.case import Case, changed
from gateway.cases.filling import concern, fill, only_subject, order, read_text
from gateway.cases.pools import HOLDING, find_pool
from gateway.cases.world import World
from gateway.commerce.committee import is_serving
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft, SetRights
from gateway.members.family import relation_of
from gateway.members.parameters import closing_terms, kin_terms
from gateway.members.parking import DECISION
from gateway.members.register import (
    ACTIVE,
    CLOSED,
    LAPSED,
    MEMBERSHIP,
    MOVED,
    REFUNDED,
    SUSPENDED,
    find_membership,
    require_membership,
    text_or_none,
)
from gateway.members.stewards import APPOINTED, ENDED, STEWARD
from gateway.rules.closing import (
    AccountState,
    ClosingActor,
    ClosingEvent,
    ClosingStep,
    Destination,
    Holding,
    advance_account,
)
from gateway.timebank.offers import withdraw_offers
from gateway.timebank.suspension import stop_services

EMPTYING = "emptying"
FREEZE = "freeze"
"""What suspended a membership, where no decision did."""
_PRIVATE_MATTERS = frozenset(
    {
        *(MEMBERSHIP, "referral", "tier", "kin", "guardian", STEWARD, CLOSING),
        *("fee", "voucher", "sale", "rebate"),
    }
)
"""Kinds of cases that do not hold an account open."""


# --- suspension ------------------------------------------------------------------------------------------


def suspend_membership(world: World) -> Draft:
    """Suspend a member and park the balance with the chapter, before the account is frozen."""
    case = require_membership(world, only_subject(world.draft), ACTIVE)
    standing = world.own(case.key, "subjects")
    holding = Holding(max(0, standing.available), locked=standing.locked)
    _, move = advance_account(
        holding,
        ClosingEvent(ClosingStep.SUSPEND, ClosingActor.CHAPTER),
        closing_terms(world),
        kin_terms(world),
    )
    amount = 0 if move is None else move.amount
    kept = case.number("parked")
    place = (text_or_none(case, "parked_at") if kept else find_pool(world, HOLDING)) or world.chapter_pool()
    stop_services(world, case.key)
    after = changed(case, parked=kept + amount, parked_at=place, suspended_by=DECISION)
    world.put(replace(after, state=SUSPENDED))
    draft = fill(world.draft, amount=str(amount))
    return order(draft, OperationKind.TRANSFER, case.key, place, amount)


def restore_membership(world: World) -> Draft:
    """Give a member back what was parked, once the account may receive again.

    What was kept of a membership that was refunded meanwhile comes back, too.
    """
    case = require_membership(world, only_subject(world.draft), SUSPENDED, ACTIVE, LAPSED, REFUNDED)
    if case.state != SUSPENDED and not case.number("parked"):
        raise Refusal("case.wrong_state", field="subjects", state=case.state, wanted=SUSPENDED)
    standing = world.own(case.key, "subjects")
    if not standing.may_receive:
        raise Refusal("member.frozen", field="subjects")
    amount, place = case.number("parked"), text_or_none(case, "parked_at")
    state = _resumed(world, case) if case.state == SUSPENDED else case.state
    world.put(replace(changed(case, parked=0, suspended_by=None), state=state))
    draft = fill(world.draft, amount=str(amount))
    return order(draft, OperationKind.TRANSFER, place, case.key, amount)


def _resumed(world: World, case: Case) -> str:
    return ACTIVE if case.due_at is not None and world.now < case.due_at else LAPSED


def follow_freeze(world: World) -> Draft:
    """Suspend the membership of an account that may not send; pools and system accounts are never frozen."""
    account = read_text(world.draft, "account")
    standing = world.own(account, "account")
    if standing.kind in (AccountKind.POOL, AccountKind.SYSTEM):
        raise Refusal("member.protected")
    _refuse_closed(world, account)
    if world.draft.public.get("may_send") is False:
        stop_services(world, account)
    case = find_membership(world, account)
    if case is None:
        return world.draft
    if world.draft.public.get("may_send") is False and case.state == ACTIVE:
        world.put(replace(changed(case, suspended_by=FREEZE), state=SUSPENDED))
    return world.draft


def follow_release(world: World) -> Draft:
    """A membership goes on when its account is released, where the freeze was what had suspended it.

    What a decision has suspended, another one restores.
    """
    account = read_text(world.draft, "account")
    world.own(account, "account")
    _refuse_closed(world, account)
    case = find_membership(world, account)
    if case is not None and case.state == SUSPENDED and case.document.get("suspended_by") == FREEZE:
        world.put(replace(case, state=_resumed(world, case)))
    return world.draft


def _refuse_closed(world: World, account: str) -> None:
    case = world.find(CLOSING, account)
    if case is not None and case.state == ACCOUNT_CLOSED:
        raise Refusal("member.closed", field="account")


# --- closing ---------------------------------------------------------------------------------------------


def begin_closing(world: World) -> Draft:
    """Send all an account holds to the place named: kin, the chapter's pool, or nowhere (burned)."""
    standing = world.own(only_subject(world.draft), "subjects")
    account = standing.account
    _refuse_closed(world, account)
    if is_serving(world, account):
        raise Refusal("committee.in_office")
    destination, receiver, relation = _destination(world, account)
    parked = find_membership(world, account)
    holding = Holding(
        max(0, standing.available),
        parked=parked.number("parked") if parked is not None else 0,
        locked=standing.locked,
        pending=_pending(world, account),
    )
    terms, kin = closing_terms(world), kin_terms(world)
    if holding.parked:
        raise Refusal("closing.not_empty", what="parked")
    begun, _ = advance_account(
        holding,
        ClosingEvent(ClosingStep.BEGIN, ClosingActor.HOLDER, destination, receiver, relation),
        terms,
        kin,
    )
    _, move = advance_account(begun, ClosingEvent(ClosingStep.PAY_OUT, ClosingActor.CHAPTER), terms, kin)
    amount = 0 if move is None else move.amount
    document: dict[str, JsonValue] = {
        "destination": destination.value, "to": receiver, "order": read_text(world.draft, "order")
    }  # fmt: skip
    world.put(Case(CLOSING, account, world.chapter, EMPTYING, account, world.now, document))
    draft = fill(world.draft, to=receiver, relation=relation, amount=str(amount))
    kind = OperationKind.BURN if destination is Destination.BURN else OperationKind.TRANSFER
    draft = order(draft, kind, account, receiver, amount)
    return concern(draft, [] if receiver is None else [receiver])


def _destination(world: World, account: str) -> tuple[Destination, str | None, str | None]:
    """Return where the balance goes: destination, receiver and what the receiver is to the holder."""
    try:
        destination = Destination(read_text(world.draft, "destination"))
    except ValueError:
        raise Refusal("closing.no_destination") from None
    if destination is Destination.BURN:
        return destination, None, None
    if destination is Destination.POOL:
        return destination, world.chapter_pool(), None
    receiver = world.own(read_text(world.draft, "to"), "public.to").account
    relation = relation_of(world, account, receiver)
    if relation is None:
        raise Refusal("kin.not_declared")
    return destination, receiver, relation


def _pending(world: World, account: str) -> int:
    """Say whether a matter of the account is still open: it has a clock, is disputed, or is a deposit."""
    open_ones = [
        case
        for case in world.naming(account)
        if account in (case.holder, case.document.get("provider"))
        and (case.due_at is not None or case.state == "disputed" or _is_kept(case))
        and case.kind not in _PRIVATE_MATTERS
    ]
    return len(open_ones)


def _is_kept(case: Case) -> bool:
    """Say whether a case is a deposit with money at the bank or claims on it: it has no clock of its own."""
    return case.kind == DEPOSIT and bool(case.number("balance") or case.document["claims"])


def close_account(world: World) -> Draft:
    """Take both rights from an emptied account, for ever; membership and titles end with it."""
    standing = world.own(only_subject(world.draft), "subjects")
    account = standing.account
    case = world.require(CLOSING, account, "subjects", EMPTYING)
    membership = find_membership(world, account)
    if membership is not None and membership.number("parked"):
        raise Refusal("closing.not_empty", what="parked")
    holding = Holding(
        max(0, standing.available),
        AccountState.CLOSING,
        locked=standing.locked,
        pending=_pending(world, account),
    )
    close = ClosingEvent(ClosingStep.CLOSE, ClosingActor.CHAPTER)
    advance_account(holding, close, closing_terms(world), kin_terms(world))
    world.put(replace(case, state=ACCOUNT_CLOSED, due_at=None))
    if membership is not None:
        world.put(replace(membership, state=CLOSED, due_at=None))
    withdraw_offers(world, account)
    for office in world.list(STEWARD, state=APPOINTED, holder=account):
        world.put(replace(office, state=ENDED))
    decided = case.text("order")
    draft = fill(world.draft, order=decided)
    effect = SetRights(account_address(account), False, False, bytes.fromhex(decided))
    return replace(draft, effects=(effect,))


def close_due(case: Case) -> Draft:
    """Return the step that closes an emptied account."""
    return Draft("account.closed", chapter_code(case.chapter), None, (AccountId(case.key),))


# --- recovery --------------------------------------------------------------------------------------------


def follow_recovery(world: World) -> Draft:
    """Everything the lost account was part of goes on with the new one, in the same step (rule 27).

    What it holds in another chapter does, too: the rebate of a purchase there.
    """
    old, new = AccountId(read_text(world.draft, "from")), AccountId(read_text(world.draft, "to"))
    _refuse_closed(world, old)
    for case in world.naming(old):
        if case.state == MOVED:
            continue
        document = cast("dict[str, JsonValue]", _renamed(dict(case.document), old, new))
        holder = new if case.holder == old else case.holder
        key = case.key.replace(old, new)
        moved = replace(case, key=key, holder=holder, document=document)
        world.put(moved if key == case.key else replace(moved, opened_index=0))
        if key != case.key:
            kept = {**case.document, "moved_to": new}
            world.put(replace(case, state=MOVED, holder=None, due_at=None, document=kept))
    return world.draft


def _renamed(value: JsonValue, old: str, new: str) -> JsonValue:
    if isinstance(value, dict):
        return {(new if name == old else name): _renamed(member, old, new) for name, member in value.items()}
    if isinstance(value, list):
        return [_renamed(item, old, new) for item in value]
    return new if value == old else value


LEAVING_RULES = {
    "membership.suspended": suspend_membership,
    "membership.restored": restore_membership,
    "member.frozen": follow_freeze,
    "member.unfrozen": follow_release,
    "account.closing": begin_closing,
    "account.closed": close_account,
    "account.recovered": follow_recovery,
}
