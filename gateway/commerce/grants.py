"""Money given to a chapter, and what its funds are used for: records of the bank's money, by receipt.

Requirement C1: money fills the subsidy pool and never an account of a person. A grant issues coins to that
pool alone, at the price of the terms in force, within the issuer's quota. Out of pools coins move by the
published rules of other steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chain.canonical import JsonValue
from chain.operation import OperationKind
from gateway.cases.book import Rule
from gateway.cases.case import Case
from gateway.cases.filling import concern, fill, only_subject, order, read_sum, read_text
from gateway.cases.pools import (
    HOLDING,
    MERCHANT_SUBSIDY,
    POOL_NAMES,
    pool_account,
)
from gateway.cases.world import World
from gateway.commerce.tallied import ACCRUED, FUNDS, USED
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind, Draft
from gateway.rules.pools import GRANT_TERMS, Place, find_move, grant_coins
from gateway.rules.versions import pick_table

GRANT, CAPITAL, FUND_USE = "grant", "capital", "fund_use"
GRANT_KINDS = ("sponsorship", "grant", "donation")
CHAPTER_POOL = "chapter"
"""The chapter's main pool, as a place that coins move from and to."""
BOOKED = "booked"


def book_grant(world: World) -> Draft:
    """Issue what a sponsor's or donor's money gives the subsidy pool, rounded down; once for each receipt.

    Raises:
        Refusal: ``grant.never_to_a_person`` where an account of a person is named; ``pool.unknown``.
    """
    draft = world.draft
    kind, amount = _choice(draft, "kind", GRANT_KINDS), read_sum(draft, "amount", least=1)
    terms = pick_table(GRANT_TERMS, "sponsorship", world.today)
    find_move(Place.CASH, Place(terms.pool), kind)
    pool = pool_account(world, terms.pool)
    _check_receiver(world)
    grant = grant_coins(amount, terms)
    if grant.coins == 0:
        raise Refusal("entry.bad_field", field="public.amount", reason="gives no coin")
    donor = world.own(read_text(draft, "donor"), "public.donor") if "donor" in draft.public else None
    document: dict[str, JsonValue] = {
        "kind": kind,
        "amount": amount,
        "coins": grant.coins,
        "remainder": grant.remainder,
        "entry": world.entry_id,
    }
    receipt = read_text(draft, "receipt")
    holder = None if donor is None else donor.account
    world.open(GRANT, receipt, Case(GRANT, "", world.chapter, BOOKED, holder, None, document))
    draft = fill(
        draft,
        to=pool,
        pool=terms.pool,
        coins=str(grant.coins),
        remainder=grant.remainder,
        price=str(terms.price),
        currency=draft.public.get("currency", "CNY"),
    )
    draft = replace(draft, rule=f"{terms.id}:{terms.version}")
    draft = order(draft, OperationKind.ISSUE, None, pool, grant.coins)
    return concern(draft, [pool] if holder is None else [holder, pool])


def _check_receiver(world: World) -> None:
    """Refuse a grant that names a person as its receiver, whatever else is wrong with it."""
    named = [world.draft.public.get("to"), *world.draft.subjects]
    for account in named:
        found = world.standing(account) if isinstance(account, str) else None
        is_donor = account == world.draft.public.get("donor")
        if found is not None and found.kind != AccountKind.POOL and not is_donor:
            raise Refusal("grant.never_to_a_person")


def use_fund(world: World) -> Draft:
    """Record what a fund's money was used for: legs that sum to the amount, and the evidence's hash.

    What there is to use are the legs of sales and fees the fund got, less refunds of these and earlier uses.

    Raises:
        Refusal: ``fund.legs_differ``; ``fund.short`` for more than the fund has.
    """
    draft = world.draft
    fund, amount = _choice(draft, "fund", FUNDS), read_sum(draft, "amount", least=1)
    legs = cast("list[dict[str, str]]", draft.public["legs"])
    if sum(int(leg["amount"]) for leg in legs) != amount:
        raise Refusal("fund.legs_differ", amount=amount)
    balance = world.total(ACCRUED, fund)[1] - world.total(USED, fund)[1]
    if amount > balance:
        raise Refusal("fund.short", fund=fund, amount=amount, balance=balance)
    named = [leg["account"] for leg in legs if "account" in leg]
    for account in named:
        world.own(account, "public.legs")
    document: dict[str, JsonValue] = {
        "fund": fund,
        "amount": amount,
        "evidence": read_text(draft, "evidence"),
    }
    world.open(FUND_USE, world.entry_id, Case(FUND_USE, "", world.chapter, BOOKED, None, None, document))
    draft = fill(draft, currency=draft.public.get("currency", "CNY"), left=str(balance - amount))
    return concern(draft, named)


def record_capital(world: World) -> Draft:
    """Record what an account brought to the chapter's company at its beginning, once for each receipt.

    A term of the equity contribution and nothing else: never coins, units or a certificate.
    """
    draft = world.draft
    holder = world.own(only_subject(draft), "subjects")
    amount = read_sum(draft, "amount", least=1)
    document: dict[str, JsonValue] = {"amount": amount, "entry": world.entry_id}
    case = Case(CAPITAL, "", world.chapter, BOOKED, holder.account, None, document)
    world.open(CAPITAL, read_text(draft, "receipt"), case)
    return fill(draft, currency=draft.public.get("currency", "CNY"))


def move_pool(world: World) -> Draft:
    """Move coins from one pool of the chapter to another, by its published decision."""
    draft = world.draft
    source, target = (_choice(draft, name, MOVABLE) for name in ("from", "to"))
    if source == target:
        raise Refusal("entry.bad_field", field="public.to", reason="is the same pool")
    if _place(source) is not _place(target):
        find_move(_place(source), _place(target), "pool_transfer")
    amount = read_sum(draft, "amount", least=1)
    paid, filled = _account(world, source), _account(world, target)
    return concern(order(draft, OperationKind.TRANSFER, paid, filled, amount), [paid, filled])


MOVABLE = (CHAPTER_POOL, *(name for name in POOL_NAMES if name != HOLDING))
"""Pools whose coins are the chapter's own: what is held belongs to those who booked."""


def _place(pool: str) -> Place:
    return Place.SUBSIDY if pool == MERCHANT_SUBSIDY else Place(pool)


def _account(world: World, pool: str) -> str:
    return world.chapter_pool() if pool == CHAPTER_POOL else pool_account(world, pool)


def _choice(draft: Draft, name: str, allowed: tuple[str, ...]) -> str:
    value = read_text(draft, name)
    if value not in allowed:
        raise Refusal("entry.bad_field", field=f"public.{name}", reason=f"not one of {', '.join(allowed)}")
    return value


GRANT_RULES: dict[str, Rule] = {
    "grant.booked": book_grant,
    "fund.used": use_fund,
    "capital.recorded": record_capital,
    "pool.moved": move_pool,
}
GRANT_DECISIONS = frozenset(GRANT_RULES)
