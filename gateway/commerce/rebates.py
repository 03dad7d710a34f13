"""Purchases that are recorded as they are, their rebates and their refunds: what a pool pays for an order.

A purchase here is one entry, without splits or coupons (those are sales, `gateway.commerce.sales`). The one
thing a pool may pay for it is the consumption rebate: exactly the share in force of what the purchase says,
once, to a member it concerns, and never after any of it was refunded (requirement C1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import OperationKind, account_id, parse_amount
from chain.types import AccountId, Address
from gateway.alliance.standing import require_not_suspended
from gateway.cases.case import Case, changed
from gateway.cases.filling import concern, fill, order, read_sum
from gateway.cases.world import World
from gateway.commerce.receipts import take_receipt
from gateway.commerce.returns import REBATE, REBATE_BACK, ask_for
from gateway.commerce.successors import last_of, load_recoveries
from gateway.db import fetch_all
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.rules.pools import REBATE_TERMS
from gateway.rules.rebate import ROUNDING_RULE, compute_rebate
from gateway.rules.refusals import RuleRefusal
from gateway.rules.splits import claw_back
from gateway.rules.versions import pick_table

PAID, REFUNDED = "paid", "refunded"
PURCHASE = "purchase.recorded"
MONEY = "CNY"
_UNPAID: Mapping[str, JsonValue] = {"amount": 0, "refunded": 0, "rebate_due": 0, "asked_at": 0}
"""Document of a purchase without a rebate: what was paid of it, refunded, is owed, and was asked for last."""
_SELECT = "SELECT body FROM entries WHERE entry_id = ? AND chapter = ? AND type = ?"


@dataclass(frozen=True, slots=True)
class Order:
    """A recorded purchase: its entry, its public fields and the accounts it concerns."""

    entry: str
    public: Mapping[str, JsonValue]
    subjects: Sequence[str]


def record_purchase(world: World) -> Draft:
    """Record a purchase; the one thing it may order is its own rebate, from the chapter's pool.

    Raises:
        Refusal: see `take_receipt`, `_pay`.
    """
    draft = world.draft
    named = draft.public.get("merchant")
    take_receipt(world, [named] if isinstance(named, str) else draft.subjects)
    # Nearly every purchase orders nothing: nothing more is looked up for it.
    if draft.operation is None:
        return draft
    return _pay(world, Order(world.entry_id, draft.public, draft.subjects))


def grant_rebate(world: World) -> Draft:
    """Pay the rebate of the purchase that the entry names, exactly and once, from the chapter's pool.

    Raises:
        Refusal: ``rebate.no_order``; see `_pay`.
    """
    bought = _named(world)
    return concern(_pay(world, bought), [], [bought.entry])


def refund_purchase(world: World) -> Draft:
    """Record the refund of a purchase or a part of it: from then on no rebate is paid for it.

    Of a rebate that was paid the clock takes the refunded part back, by `gateway.commerce.returns`;
    so the refund itself orders nothing.

    Raises:
        Refusal: ``rebate.no_order`` where it names no purchase of the chapter; ``entry.bad_field`` without a
            sum; ``entry.not_as_computed`` for another currency or an operation.
        RuleRefusal: ``refund.exceeds_original`` with what is ``left`` of the purchase.
    """
    bought = _named(world)
    amount = read_sum(world.draft, "amount", least=1)
    total = parse_amount(bought.public.get("amount", "0"), "public.amount", zero_allowed=True)
    case = world.find(REBATE, bought.entry) or Case(REBATE, bought.entry, world.chapter, REFUNDED)
    case = replace(case, document={**_UNPAID, **_places(world, case), **case.document})
    before = case.number("refunded")
    if before + amount > total:
        raise RuleRefusal("refund.exceeds_original", left=total - before)
    back = claw_back(case.number("amount"), total, before, amount)
    case = changed(case, refunded=before + amount, rebate_due=case.number("rebate_due") + back)
    world.put(replace(ask_for(case, world.now, REBATE_BACK), state=REFUNDED))
    draft = fill(world.draft, purchase=bought.entry, currency=bought.public.get("currency", MONEY))
    if draft.operation is not None:
        raise Refusal("entry.not_as_computed", field="op")
    return concern(draft, [], [bought.entry])


def _places(world: World, case: Case) -> dict[str, JsonValue]:
    """Return where a rebate came from, and the chapter of who got it; the first cases did not say so."""
    holder = None if case.holder is None else world.standing(case.holder)
    # The buyer may be of another chapter: what goes back leaves an account there.
    return {"pool": world.chapter_pool(), "home": world.chapter if holder is None else holder.chapter}


def _name(draft: Draft) -> str:
    """Return the purchase an entry names: by its field, or as the only entry it points at."""
    named = draft.public.get("purchase")
    if isinstance(named, str):
        return named
    return draft.refs[0] if len(draft.refs) == 1 else ""


def name_rebate(draft: Draft) -> tuple[str, str]:
    """Return the case that keeps whether the rebate which a draft grants was paid."""
    return REBATE, _name(draft)


def _named(world: World) -> Order:
    name = _name(world.draft)

    def read(connection: Connection) -> object:
        rows = fetch_all(connection, _SELECT, name, world.chapter, PURCHASE)
        return rows[0][0] if rows else None

    # Only who has an entry's answer knows its id: it is committed, never one of the same transaction.
    body = world.ask(read)
    if body is None:
        raise Refusal("rebate.no_order")
    document = json.loads(bytes(cast("bytes", body)))
    return Order(name, document["public"], document["subjects"])


def _pay(world: World, bought: Order) -> Draft:
    """Return the draft with the rebate of a purchase as its operation.

    Raises:
        Refusal: ``rebate.no_order`` for a purchase without a sum of money or a merchant of the chapter, or of
            nobody it may be paid to; ``merchant.suspended``; ``rebate.refunded``;
            ``sale.rebated_already``; ``entry.not_as_computed`` for another operation.
    """
    amount = bought.public.get("amount")
    if amount is None or bought.public.get("currency", MONEY) != MONEY:
        raise Refusal("rebate.no_order")
    case = world.find(REBATE, bought.entry)
    if case is not None:
        raise Refusal("sale.rebated_already" if case.state == PAID else "rebate.refunded")
    terms = pick_table(REBATE_TERMS, "consumption_rebate", world.today)
    rebate = compute_rebate(parse_amount(amount, "public.amount", zero_allowed=True), terms.basis_points)
    if rebate.amount == 0:
        raise Refusal("sale.nothing_due")
    buyer = _buyer(world, bought)
    _check_merchant(world, bought)
    case = Case(REBATE, bought.entry, world.chapter, PAID, buyer)
    document = {**_UNPAID, **_places(world, case), "amount": rebate.amount}
    world.open(REBATE, bought.entry, replace(case, document=document))
    draft = world.draft
    if bought.entry != world.entry_id:
        draft = fill(draft, purchase=bought.entry)
    draft = fill(
        draft,
        rebate_basis_points=terms.basis_points,
        rounding=ROUNDING_RULE,
        remainder=rebate.remainder,
    )
    return order(draft, OperationKind.TRANSFER, world.chapter_pool(), buyer, rebate.amount)


def _check_merchant(world: World, bought: Order) -> None:
    """Check that the purchase was made at a merchant of the chapter that may take coins.

    Raises:
        Refusal: ``rebate.no_order``, ``merchant.suspended``.
    """
    named = bought.public.get("merchant")
    sellers = [named] if isinstance(named, str) else bought.subjects
    found = [
        account
        for account in sellers
        if (standing := world.standing(account)) is not None
        and (standing.kind, standing.chapter) == (AccountKind.MERCHANT, world.chapter)
    ]
    if not found:
        raise Refusal("rebate.no_order")
    for account in found:
        require_not_suspended(world, account)


def _buyer(world: World, bought: Order) -> AccountId:
    """Return whom the rebate goes to: of the members the purchase concerns the one named, or the only one.

    Who has lost his account since gets it with the one that took its place.
    """
    merchant = bought.public.get("merchant")
    members = {
        AccountId(account): standing
        for account in bought.subjects
        if account != merchant
        and (standing := world.standing(account)) is not None
        and standing.kind == AccountKind.MEMBER
    }
    buyers = list(members)
    operation = world.draft.operation
    named = None if operation is None else account_id(Address(operation.receiver))
    is_lost = named not in members if named else any(one.recovered for one in members.values())
    if is_lost:
        recoveries = world.ask(load_recoveries)
        buyers = [AccountId(last_of(account, recoveries)) for account in buyers]
    if named is not None:
        buyers = [account for account in buyers if account == named]
    if len(buyers) != 1:
        raise Refusal("rebate.no_order")
    return buyers[0]


REBATE_RULES = {
    PURCHASE: record_purchase,
    "purchase.refunded": refund_purchase,
    "rebate.granted": grant_rebate,
}
