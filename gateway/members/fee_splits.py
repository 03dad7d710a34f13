"""What becomes of a fee: its legs by the table of the first year or of a renewal.

Every fee paid is a case of its own, keyed by the entry that paid it, and split by one step. A referring shop
has a leg only while joining-fee tables are switched on; else its part goes to the table's residual.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from chain.canonical import JsonValue
from chain.operation import chapter_code
from chain.types import EntryId
from gateway.cases.case import Case
from gateway.cases.filling import concern, fill, show_legs
from gateway.cases.world import World
from gateway.commerce.rule_tables import table_in_force
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members import switches
from gateway.rules.fees import FeeTerms
from gateway.rules.referral import split_fee
from gateway.rules.split_tables import REFERRING_SHOP

FEE = "fee"
PAID, SPLIT, HELD = "paid", "split", "held"
FIRST_YEAR, RENEWAL = "first_year_fee", "renewal_fee"


def open_fee(world: World, membership: Case, terms: FeeTerms, table: str) -> None:
    """Keep the fee that this step pays; it is due to be split at once, unless a custodian holds it."""
    document: dict[str, JsonValue] = {
        "account": membership.key,
        "kind": terms.id,
        "amount": terms.amount,
        "table": table,
        "paid_on": world.today.isoformat(),
    }
    state, due = (HELD, None) if terms.held else (PAID, world.now)
    world.open(FEE, world.entry_id, Case(FEE, "", world.chapter, state, membership.holder, due, document))


def split_paid_fee(world: World) -> Draft:
    """Say who is due which part of a fee, by the table in force on the day it was paid."""
    case = world.about(FEE)
    if case.state == HELD:
        raise Refusal("membership.fee_held")
    case = world.about(FEE, PAID)
    amount, account = case.number("amount"), case.text("account")
    table = table_in_force(world, case.text("table"), date.fromisoformat(case.text("paid_on")))
    shop = _referring_shop(world, account)
    gates = switches.read_switches(world)
    legs = split_fee(amount, table, shop is not None, gates)
    accounts = {REFERRING_SHOP: shop} if shop is not None and gates.joining_fee else {}
    world.put(replace(case, state=SPLIT, due_at=None))
    draft = fill(
        world.draft,
        fee=str(amount),
        table=table.id,
        version=table.version,
        referring_shop=accounts.get(REFERRING_SHOP),
        legs=show_legs(legs, accounts),
    )
    draft = replace(draft, rule=f"{table.id}:{table.version}")
    return concern(draft, [account, *accounts.values()], [case.key])


def _referring_shop(world: World, account: str) -> str | None:
    relation = world.find("referral", account)
    if relation is None or relation.chapter != world.chapter:
        return None
    standing = world.standing(relation.text("referrer"))
    return standing.account if standing is not None and standing.kind == AccountKind.MERCHANT else None


def split_due(case: Case) -> Draft:
    """Return the step that splits a fee."""
    return Draft(
        "membership.fee_split", chapter_code(case.chapter), None, (), public={"about": case.key},
        refs=(EntryId(case.key),),
    )  # fmt: skip


FEE_RULES = {"membership.fee_split": split_paid_fee}
