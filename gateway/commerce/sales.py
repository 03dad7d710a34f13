"""Sales: a purchase with its split, coins paid towards it, its rebate, and refunds that reverse all of them.

The money itself moves outside; what is recorded is who is due which part, with the channel's receipt. Coins
move here: towards a sale from the buyer to the merchant, its rebate from the chapter's pool. A sale is one
case; every other step names it in ``about``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chain.canonical import JsonValue
from chain.operation import OperationKind
from gateway.alliance.standing import require_not_suspended
from gateway.cases.book import DueRule
from gateway.cases.case import Case, changed, holder_of
from gateway.cases.filling import concern, fill, only_subject, order, read_sum, read_text, show_legs
from gateway.cases.world import Standing, World
from gateway.commerce.receipts import take_receipt
from gateway.commerce.returns import DEBTS, REBATE, ask_for, return_coins, return_due, return_rebate
from gateway.commerce.rule_tables import table_in_force
from gateway.commerce.sale_case import (
    COMPLETED,
    PARTLY,
    REFUNDED,
    SALE,
    items_of,
    money_of,
    own_merchant,
)
from gateway.commerce.voucher_case import refund_granting, refund_using
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members.family import check_ward
from gateway.members.rewards import mark_refunded
from gateway.rules.pools import REBATE_TERMS
from gateway.rules.rebate import ROUNDING_RULE, compute_rebate
from gateway.rules.split_tables import REFERRING_SHOP, SERVING_SHOP
from gateway.rules.splits import claw_back, refund, split
from gateway.rules.versions import pick_table


def record_sale(world: World) -> Draft:
    """Split a purchase by the table in force: at the buyer's own shop, or across shops where one referred.

    Raises:
        Refusal: ``sale.own_purchase``; ``entry.bad_field`` for a buyer that is no person; see `take_receipt`.
    """
    draft = world.draft
    merchant = own_merchant(world, read_text(draft, "merchant"), "public.merchant")
    buyer = _buyer(world, merchant.account)
    amount = read_sum(draft, "amount", least=1)
    take_receipt(world, [merchant.account])
    shop = _referring_shop(world, buyer.account)
    is_cross = shop is not None and shop != merchant.account
    table = table_in_force(world, "cross_store_purchase" if is_cross else "own_store_purchase")
    legs = split(amount, table)
    accounts = {SERVING_SHOP: merchant.account, **({REFERRING_SHOP: shop} if is_cross and shop else {})}
    document: dict[str, JsonValue] = {
        "merchant": merchant.account,
        "referring_shop": shop if is_cross and shop else "",
        "amount": amount,
        # A refund goes by the table of the sale, whatever is in force by then.
        "table": table.id,
        "version": table.version,
        "legs": dict(legs),
        "refunded": 0,
        "refunded_legs": {},
        "paid": 0,
        "rebated": 0,
        "rebate_given": False,
        "coins_due": 0,
        "rebate_due": 0,
        "asked_at": 0,
        # The voucher this sale gave, and the one it was paid with.
        "voucher": "",
        "voucher_used": "",
        "discount": 0,
    }
    case = Case(SALE, "", world.chapter, COMPLETED, buyer.account, None, document)
    world.open(SALE, world.entry_id, case)
    completed = fill(
        draft,
        currency=draft.public.get("currency", "CNY"),
        referring_shop=shop if is_cross else None,
        table=table.id,
        version=table.version,
        legs=show_legs(legs, accounts),
    )
    completed = replace(completed, rule=f"{table.id}:{table.version}")
    return concern(completed, [merchant.account])


def _buyer(world: World, merchant: str) -> Standing:
    """Return who buys: a member, or another merchant. Pools buy nothing, and nobody buys from himself."""
    buyer = world.own(only_subject(world.draft), "subjects")
    if buyer.kind not in (AccountKind.MEMBER, AccountKind.MERCHANT):
        raise Refusal("entry.bad_field", field="subjects", reason="is neither member nor merchant")
    if buyer.account == merchant:
        raise Refusal("sale.own_purchase")
    return buyer


def _referring_shop(world: World, buyer: str) -> str | None:
    relation = world.find("referral", buyer)
    if relation is None or relation.chapter != world.chapter:
        return None
    referrer = relation.text("referrer")
    standing = world.standing(referrer)
    return referrer if standing is not None and standing.kind == AccountKind.MERCHANT else None


def _shops(case: Case) -> dict[str, str]:
    """Return the account of each role of a sale's legs that has one."""
    shop = case.text("referring_shop")
    return {SERVING_SHOP: case.text("merchant"), **({REFERRING_SHOP: shop} if shop else {})}


def pay_with_coins(world: World) -> Draft:
    """Redeem coins towards a sale, one to one, up to what is left of it."""
    case = world.about(SALE, COMPLETED)
    amount = read_sum(world.draft, "amount", least=1)
    left = money_of(case)
    if amount > left:
        raise Refusal("sale.paid_up", left=left)
    if case.document["rebate_given"]:
        raise Refusal("sale.rebated_already")
    if case.text("voucher"):
        raise Refusal("sale.voucher_given")
    require_not_suspended(world, case.text("merchant"))
    check_ward(world, holder_of(case), amount)
    world.put(changed(case, paid=case.number("paid") + amount))
    merchant = case.text("merchant")
    draft = order(world.draft, OperationKind.REDEEM, case.holder, merchant, amount)
    return concern(draft, [holder_of(case), merchant], [case.key])


def grant_rebate(world: World) -> Draft:
    """Pay the rebate on what was paid in money, once, from the chapter's pool (the one exception of C1).

    It is the member's: a merchant that buys gets none. Raises Refusal ``sale.rebate_for_members``.
    """
    case = world.about(SALE, COMPLETED)
    buyer = world.standing(holder_of(case))
    if buyer is None or buyer.kind != AccountKind.MEMBER:
        raise Refusal("sale.rebate_for_members")
    if case.document["rebate_given"]:
        raise Refusal("sale.rebated_already")
    base = money_of(case)
    terms = pick_table(REBATE_TERMS, "consumption_rebate", world.today)
    rebate = compute_rebate(base, terms.basis_points)
    world.put(changed(case, rebate_given=True, rebated=rebate.amount))
    draft = fill(
        world.draft,
        base=str(base),
        amount=str(rebate.amount),
        basis_points=terms.basis_points,
        remainder=rebate.remainder,
        rounding=ROUNDING_RULE,
    )
    draft = replace(draft, rule=f"{terms.id}:{terms.version}")
    draft = order(draft, OperationKind.TRANSFER, world.chapter_pool(), case.holder, rebate.amount)
    return concern(draft, [holder_of(case)], [case.key])


def refund_sale(world: World) -> Draft:
    """Reverse every leg in proportion; say what coins go back and what of the rebate is taken back.

    A voucher that the sale no longer reaches is void from here on; one that it was paid with comes back.
    """
    case = world.about(SALE, COMPLETED, PARTLY)
    amount = read_sum(world.draft, "amount", least=1)
    total, before = case.number("amount"), case.number("refunded")
    given_back = refund(amount, total, items_of(case, "legs"), items_of(case, "refunded_legs"))
    coins = claw_back(case.number("paid"), total, before, amount)
    rebate = claw_back(case.number("rebated"), total, before, amount)
    refunded_legs = dict(items_of(case, "refunded_legs"))
    for role, part in given_back:
        refunded_legs[role] = refunded_legs.get(role, 0) + part
    after = changed(
        case,
        refunded=before + amount,
        refunded_legs=cast("JsonValue", refunded_legs),
        coins_due=case.number("coins_due") + coins,
        rebate_due=case.number("rebate_due") + rebate,
    )
    after = ask_for(after, world.now, *DEBTS)
    after = replace(after, state=REFUNDED if before + amount == total else PARTLY)
    world.put(after)
    owed, voucher = refund_granting(world, after)
    refund_using(world, after)
    mark_refunded(world, case.key)
    draft = fill(
        world.draft,
        buyer=holder_of(case),
        merchant=case.text("merchant"),
        refunded_before=str(before),
        table=case.text("table"),
        version=case.number("version"),
        legs=show_legs(given_back, _shops(case)),
        coins=str(coins),
        rebate=str(rebate),
        voucher=voucher,
        voucher_owed=None if voucher is None else str(owed),
    )
    draft = replace(draft, rule=f"{case.text('table')}:{case.number('version')}")
    return concern(draft, [holder_of(case), case.text("merchant")], [case.key])


SALE_RULES = {
    "sale.recorded": record_sale,
    "sale.paid": pay_with_coins,
    "sale.rebated": grant_rebate,
    "sale.refunded": refund_sale,
    "sale.coins_returned": return_coins,
    "sale.rebate_returned": return_rebate,
}

SALE_DUE: dict[str, DueRule] = {SALE: return_due, REBATE: return_due}
