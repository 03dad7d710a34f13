"""What becomes of a fee: its legs by the table of the first year or of a renewal, and what comes back of it.

Every fee paid is a case of its own, keyed by the entry that paid it, and split by one step, whatever the kind
of membership: the papers name one table for first years and one for renewals. A referring shop has a leg only
while joining-fee tables are switched on; else its part goes to the table's residual. A refund reverses every
leg in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from chain.canonical import JsonValue
from chain.operation import chapter_code
from chain.types import EntryId
from gateway.cases.case import Case, changed
from gateway.cases.filling import concern, fill, show_legs
from gateway.cases.world import World
from gateway.commerce.rule_tables import table_in_force
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.members import switches
from gateway.rules.fee_dues import FEE_REFUND_TERMS, RefundBasis, Validity, refund_fee
from gateway.rules.fees import FeeTerms
from gateway.rules.referral import split_fee
from gateway.rules.split_tables import REFERRING_SHOP
from gateway.rules.splits import refund
from gateway.rules.versions import pick_table

FEE = "fee"
PAID, SPLIT, HELD, REFUNDED = "paid", "split", "held", "refunded"
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
    # What was given to whom is what a refund takes back.
    world.put(
        replace(changed(case, legs=dict(legs), shop=accounts.get(REFERRING_SHOP)), state=SPLIT, due_at=None)
    )
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


def fees_of(world: World, membership: Case) -> list[Case]:
    """Return the fees paid for a membership's year: its own and those of upgrades, in order."""
    keys = cast("list[str]", membership.document["fees"])
    return [case for key in keys if (case := world.find(FEE, key)) is not None]


@dataclass(frozen=True, slots=True)
class Returned:
    """What a refund gives back: the sum, by which rule, and the part of each role, with its account."""

    amount: int
    basis: RefundBasis
    legs: list[tuple[str, int]]
    accounts: dict[str, str]


def return_fees(world: World, fees: Iterable[Case], validity: Validity, used: int) -> Returned:
    """Give back what is due of each fee of a year, and every leg of its split in proportion.

    ``used`` are the free services taken in the year.

    Raises:
        Refusal: ``membership.nothing_left``; ``case.wrong_state`` for part of a fee that waits for its split.
    """
    rules = pick_table(FEE_REFUND_TERMS, "fee_refund", world.today)
    total, basis = 0, RefundBasis.COOLING_OFF
    legs: dict[str, int] = {}
    accounts: dict[str, str] = {}
    for fee in fees:
        paid = fee.number("amount")
        due = refund_fee(paid, date.fromisoformat(fee.text("paid_on")), validity, world.today, used, rules)
        if due.basis is not RefundBasis.COOLING_OFF:
            basis = due.basis
        if due.amount == 0:
            continue
        if fee.state == PAID and due.amount < paid:
            raise Refusal("case.wrong_state", field="subjects", state=PAID, wanted=SPLIT)
        total += due.amount
        if fee.state == SPLIT:
            split_into = cast("dict[str, int]", fee.document["legs"])
            for role, part in refund(due.amount, paid, split_into.items()):
                legs[role] = legs.get(role, 0) + part
            shop = fee.document["shop"]
            accounts |= {REFERRING_SHOP: shop} if isinstance(shop, str) else {}
        world.put(replace(changed(fee, refunded=due.amount), state=REFUNDED, due_at=None))
    if total == 0:
        raise Refusal("membership.nothing_left")
    return Returned(total, basis, sorted(legs.items()), accounts)


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
