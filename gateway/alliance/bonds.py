"""Deposits as cases: one for each merchant, with its claims, as the rules of bonds see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import cast

from chain.canonical import JsonValue
from chain.types import AccountId
from gateway.alliance.forms import after_days, show_clock, terms
from gateway.alliance.standing import DEPOSIT
from gateway.cases.case import Case
from gateway.cases.world import World
from gateway.rules.deposits import (
    DEPOSIT_TERMS,
    Claim,
    ClaimState,
    Deposit,
    DepositState,
    DepositTerms,
    forfeit,
)
from gateway.rules.versions import pick_table

_TERMS_ID = "merchant_deposit"


def terms_on(day: date, version: int | None = None) -> DepositTerms:
    """Return a version of the deposit's terms that is in force. Raises RuleRefusal ``rule.not_in_force``."""
    return pick_table(DEPOSIT_TERMS, _TERMS_ID, day, version)


def load_bond(world: World, merchant: str) -> Deposit:
    """Return a merchant's bond; one of the terms in force that nothing was lodged for, where it has none."""
    case = world.find(DEPOSIT, merchant)
    return Deposit(terms_on(world.today)) if case is None else read_bond(case)


def read_bond(case: Case) -> Deposit:
    """Return the bond of a case."""
    version = case.number("version")
    found = next(one for one in DEPOSIT_TERMS if one.version == version)
    rows = cast("list[Mapping[str, JsonValue]]", case.document["claims"])
    claims = [_claim(row) for row in rows]
    by_id = MappingProxyType({claim.id: claim for claim in claims})
    return Deposit(found, DepositState(case.text("state")), case.number("balance"), by_id)


def _claim(row: Mapping[str, JsonValue]) -> Claim:
    amount, held = (cast("int", row[name]) for name in ("amount", "held"))
    return Claim(str(row["id"]), amount, held, ClaimState(str(row["state"])))


def store_bond(world: World, merchant: str, bond: Deposit, *, is_left: bool = True) -> None:
    """Keep a merchant's bond; ``is_left`` False forgets that it left, where it lodges anew."""
    before = world.find(DEPOSIT, merchant)
    left_on = before.document.get("left_on") if before is not None and is_left else None
    put_bond(world, merchant, bond, left_on if isinstance(left_on, str) else None)


def put_bond(world: World, merchant: str, bond: Deposit, left_on: str | None) -> None:
    """Keep a merchant's bond with the date on which it left the alliance."""
    before = world.find(DEPOSIT, merchant)
    claims: list[JsonValue] = [
        {"id": one.id, "amount": one.amount, "held": one.held, "state": one.state.value}
        for one in sorted(bond.claims.values(), key=lambda one: one.id)
    ]
    clock = terms(world).refund
    document: dict[str, JsonValue] = {
        "version": bond.terms.version,
        "required": bond.terms.required,
        "floor": bond.terms.floor,
        "state": bond.state.value,
        "balance": bond.balance,
        "held": bond.held,
        "claims": claims,
        "left_on": left_on,
        "owner": clock.owner,
    }
    is_due = left_on is not None and not claims and bond.balance > 0
    due = after_days(world, clock.days) if is_due else None
    opened = before.opened_index if before is not None else 0
    world.put(Case(DEPOSIT, merchant, world.chapter, bond.state, AccountId(merchant), due, document, opened))


def show_bond(bond: Deposit) -> dict[str, JsonValue]:
    """Return what an entry says of a bond after it."""
    return {"balance": str(bond.balance), "suspended": bond.state is DepositState.SUSPENDED}


def leave_bond(world: World, merchant: str, *, is_forfeited: bool) -> dict[str, JsonValue]:
    """Let a merchant's bond go with its seat: the forfeited part is gone, the rest is to be refunded.

    Returns the public fields of the entry: what was forfeited, what is left and who refunds it by when.
    """
    bond = load_bond(world, merchant)
    lost = 0
    if is_forfeited and bond.state in (DepositState.ACTIVE, DepositState.SUSPENDED):
        bond, record = forfeit(bond, world.entry_id)
        lost = record.amount
    put_bond(world, merchant, bond, world.today.isoformat())
    clock = terms(world).refund
    shown: dict[str, JsonValue] = {"forfeited": str(lost), "refund": str(bond.balance)}
    return shown | show_clock(clock, after_days(world, clock.days))
