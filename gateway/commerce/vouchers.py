"""Cross-store vouchers [C]: spend 50 CNY at one shop, pay 5 CNY less at another of the chapter.

What a voucher is worth, when it may be used and what refunds do is in `gateway.rules.vouchers`. Here are its
steps. It lowers no coin balance: it says who bears which part of a discount.
"""

from __future__ import annotations

from dataclasses import replace

from chain.canonical import JsonValue
from chain.operation import chapter_code
from gateway.alliance.standing import require_not_suspended
from gateway.cases.book import DueRule, Rule
from gateway.cases.case import Case, changed, holder_of
from gateway.cases.filling import concern, fill, read_text, show_legs
from gateway.cases.world import World
from gateway.commerce.rule_tables import table_in_force, table_version
from gateway.commerce.sale_case import (
    COMPLETED,
    SALE,
    money_of,
    own_merchant,
)
from gateway.commerce.voucher_case import VOUCHER, end_of, keep_voucher, read_voucher, write_voucher
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.rules.split_tables import HONOURING_SHOP, ISSUING_SHOP
from gateway.rules.splits import Legs, SplitTable, split
from gateway.rules.versions import pick_table
from gateway.rules.vouchers import (
    VOUCHER_TERMS,
    VoucherState,
    expire_voucher,
    issue_voucher,
    return_use,
    use_voucher,
)

TERMS = "cross_store_voucher"


def grant_voucher(world: World) -> Draft:
    """Give the buyer of a sale a voucher for another shop; the shop of the sale is its one sponsor.

    Raises:
        Refusal: ``sale.voucher_given``; ``voucher.same_shop``; ``voucher.below_threshold``;
            ``voucher.for_members`` for a merchant that buys; ``merchant.suspended`` for the other shop.
    """
    sale = world.about(SALE, COMPLETED)
    _require_member(world, holder_of(sale))
    if sale.text("voucher"):
        raise Refusal("sale.voucher_given")
    shop, issuing = (
        own_merchant(world, read_text(world.draft, "merchant"), "public.merchant"),
        sale.text("merchant"),
    )
    if shop.account == issuing:
        raise Refusal("voucher.same_shop")
    require_not_suspended(world, shop.account)
    day = world.today
    terms = pick_table(VOUCHER_TERMS, TERMS, day)
    table = table_in_force(world, terms.cost_table)
    voucher = issue_voucher(holder_of(sale), issuing, issuing, sale.key, money_of(sale), day, terms)
    if voucher is None:
        raise Refusal("voucher.below_threshold", threshold=terms.threshold)
    document: dict[str, JsonValue] = {
        **write_voucher(voucher),
        "shop": shop.account,
        "table": table.id,
        "version": table.version,
        "owed": 0,
        "last_due": 0,
    }
    due = end_of(voucher.last_day)
    case = Case(VOUCHER, "", world.chapter, voucher.state.value, holder_of(sale), due, document)
    world.open(VOUCHER, world.entry_id, case)
    world.put(changed(sale, voucher=world.entry_id))
    draft = fill(
        world.draft,
        sponsor=issuing,
        value=str(voucher.value),
        until=voucher.last_day.isoformat(),
        table=table.id,
        version=table.version,
        legs=_cost(split(voucher.value, table), issuing, shop.account),
    )
    draft = replace(draft, rule=f"{terms.id}:{terms.version}")
    return concern(draft, [holder_of(sale), issuing, shop.account], [sale.key])


def _require_member(world: World, buyer: str) -> None:
    """Pass for a member alone. Raises Refusal ``voucher.for_members``."""
    standing = world.standing(buyer)
    if standing is None or standing.kind != AccountKind.MEMBER:
        raise Refusal("voucher.for_members")


def spend_voucher(world: World) -> Draft:
    """Use a voucher on a later sale of its holder at its shop, once; say who bears which part of it.

    Raises:
        Refusal: ``voucher.*``; ``sale.rebated_already`` and ``sale.voucher_given``, since both were computed
            on what was paid in money before.
    """
    case = world.about(VOUCHER)
    sale = world.require(SALE, read_text(world.draft, "sale"), "public.sale", COMPLETED)
    _check_sale(case, sale)
    require_not_suspended(world, case.text("shop"))
    table = _given_table(world, case)
    used = use_voucher(
        read_voucher(case),
        holder_of(sale),
        sale.text("merchant"),
        sale.key,
        money_of(sale),
        world.today,
        table,
    )
    keep_voucher(world, case, used.voucher)
    world.put(changed(sale, voucher_used=case.key, discount=used.discount))
    draft = fill(
        world.draft,
        discount=str(used.discount),
        to_pay=str(used.to_pay),
        table=table.id,
        version=table.version,
        legs=_cost(used.voucher.cost, case.text("issuing_shop"), case.text("shop")),
    )
    draft = replace(draft, rule=f"{table.id}:{table.version}")
    return concern(draft, _parties(case), [case.key, sale.key])


def _check_sale(case: Case, sale: Case) -> None:
    """Check that a sale may be paid with this voucher at all. Raises Refusal."""
    if sale.text("merchant") not in (case.text("shop"), case.text("issuing_shop")):
        raise Refusal("voucher.other_shop")
    if sale.opened_index < case.opened_index:
        raise Refusal("voucher.sale_before")
    if sale.text("voucher_used"):
        raise Refusal("voucher.one_each_sale")
    if sale.document["rebate_given"]:
        raise Refusal("sale.rebated_already")
    if sale.text("voucher"):
        raise Refusal("sale.voucher_given")
    if money_of(sale) == 0:
        raise Refusal("sale.paid_up", left=0)


def return_voucher(world: World) -> Draft:
    """Give a voucher back whose sale was refunded whole, and every payer of the discount his part.

    It is open again, or over; where it was void meanwhile its holder gets back what he owed for it.
    Raises Refusal ``voucher.not_refunded``.
    """
    case = world.about(VOUCHER, VoucherState.USED.value, VoucherState.VOID.value)
    voucher = read_voucher(case)
    sale = world.find(SALE, voucher.used_order) if voucher.used_order else None
    if sale is None:
        raise Refusal("voucher.not_refunded")
    day = world.today
    result = return_use(voucher, sale.key, sale.number("amount"), sale.number("refunded"), day)
    if result.voucher == voucher:
        raise Refusal("voucher.not_refunded")
    keep_voucher(world, case, result.voucher)
    draft = fill(
        world.draft,
        state=result.voucher.state.value,
        returned=str(result.returned),
        table=case.text("table"),
        version=case.number("version"),
        legs=_cost(result.cost, case.text("issuing_shop"), case.text("shop")),
    )
    return concern(draft, _parties(case), [case.key, sale.key])


def lapse_voucher(world: World) -> Draft:
    """End an open voucher whose last day is over. Raises Refusal ``voucher.not_over``."""
    case = world.about(VOUCHER, VoucherState.OPEN.value)
    voucher = read_voucher(case)
    after = expire_voucher(voucher, world.today)
    if after == voucher:
        raise Refusal("voucher.not_over", day=voucher.last_day.isoformat())
    keep_voucher(world, case, after)
    return concern(world.draft, _parties(case), [case.key])


def follow_voucher(case: Case) -> Draft:
    """Return what the clock records about a voucher: it is over, or comes back after a refund."""
    name = "voucher.expired" if case.state == VoucherState.OPEN.value else "voucher.returned"
    return Draft(name, chapter_code(case.chapter), None, (), public={"about": case.key})


def _given_table(world: World, case: Case) -> SplitTable:
    """Return the table that was in force when the voucher was given: its cost stays that of that day."""
    return table_version(world, case.text("table"), case.number("version"))


def _cost(legs: Legs, issuing: str, honouring: str) -> JsonValue:
    return show_legs(legs, {ISSUING_SHOP: issuing, HONOURING_SHOP: honouring})


def _parties(case: Case) -> list[str]:
    return [holder_of(case), case.text("issuing_shop"), case.text("shop")]


VOUCHER_RULES: dict[str, Rule] = {
    "voucher.granted": grant_voucher,
    "voucher.used": spend_voucher,
    "voucher.returned": return_voucher,
    "voucher.expired": lapse_voucher,
}
VOUCHER_DUE: dict[str, DueRule] = {VOUCHER: follow_voucher}
