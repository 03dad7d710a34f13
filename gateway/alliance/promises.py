"""The three public promises of a merchant [C]: cost price, service standard, 1% of profit to the community.

Documents stand by their hashes. A merchant may promise anew; what was promised before stays in its entries.
"""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from gateway.alliance.forms import complete, in_force, own_merchant
from gateway.cases.book import Rule
from gateway.cases.case import Case
from gateway.cases.filling import read_sum, read_text
from gateway.cases.world import World
from gateway.errors import Refusal
from gateway.ledger.drafts import Draft
from gateway.rules.quarters import quarter_end
from gateway.rules.seat_scores import PROMISE_TERMS

PROMISE = "promise"
PROFIT = "profit"


def declare_promise(world: World) -> Draft:
    """Keep the newest promises of a merchant; the pledged share is the rule's."""
    merchant = own_merchant(world).account
    pledge = in_force(world, PROMISE_TERMS).profit_bp
    document: dict[str, JsonValue] = {
        "cost_price": read_text(world.draft, "cost_price"),
        "service_standard": read_text(world.draft, "service_standard"),
        "pledge": pledge,
        "entry": world.entry_id,
    }
    known = world.find(PROMISE, merchant)
    world.put(
        Case(PROMISE, merchant, world.chapter, "declared", merchant, None, document)
        if known is None
        else replace(known, document=document)
    )
    return complete(world, [merchant], pledge=pledge)


def declare_profit(world: World) -> Draft:
    """Compute what a merchant pledged of a past quarter's profit, rounded down; once for each quarter.

    Raises:
        Refusal: ``profit.quarter_open``; ``case.exists``; ``case.unknown`` for a merchant without promises.
    """
    merchant = own_merchant(world).account
    promise = world.require(PROMISE, merchant, "public.merchant")
    quarter = read_text(world.draft, "quarter")
    ends = quarter_end(quarter)
    if world.today < ends:
        raise Refusal("profit.quarter_open", quarter=quarter, day=ends.isoformat())
    profit = read_sum(world.draft, "profit")
    pledged = profit * promise.number("pledge") // 10_000
    document: dict[str, JsonValue] = {"quarter": quarter, "profit": profit, "pledged": pledged}
    paid = "receipt" in world.draft.public
    state = "paid" if paid or pledged == 0 else "declared"
    world.open(
        PROFIT, f"{merchant}:{quarter}", Case(PROFIT, "", world.chapter, state, merchant, None, document)
    )
    return complete(world, [merchant], pledged=str(pledged))


def pay_pledge(world: World) -> Draft:
    """Record the receipt of a pledge that was declared."""
    merchant = own_merchant(world).account
    case = world.require(
        PROFIT, f"{merchant}:{read_text(world.draft, 'quarter')}", "public.quarter", "declared"
    )
    world.put(replace(case, state="paid"))
    return complete(world, [merchant], pledged=str(case.number("pledged")))


PROMISE_RULES: dict[str, Rule] = {
    "promise.declared": declare_promise,
    "profit.declared": declare_profit,
    "profit.paid": pay_pledge,
}
