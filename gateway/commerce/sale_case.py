"""A sale as a case: its names, what of it was paid in money, its legs as an entry says them."""

from __future__ import annotations

from typing import cast

from gateway.cases.case import Case
from gateway.cases.world import Standing, World
from gateway.errors import Refusal
from gateway.ledger.drafts import AccountKind
from gateway.rules.splits import Leg, claw_back

SALE = "sale"
COMPLETED, PARTLY, REFUNDED = "completed", "partly_refunded", "refunded"


def items_of(case: Case, name: str) -> list[Leg]:
    """Return the legs a document keeps under ``name``."""
    return list(cast("dict[str, int]", case.document[name]).items())


def money_of(sale: Case) -> int:
    """Return the fen of a sale that its buyer pays in money: without coins and without a voucher."""
    return sale.number("amount") - sale.number("paid") - sale.number("discount")


def money_back(sale: Case) -> int:
    """Return the fen of that money given back so far; a voucher covers what is left of the bill last."""
    total, refunded = sale.number("amount"), sale.number("refunded")
    return min(refunded - claw_back(sale.number("paid"), total, 0, refunded), money_of(sale))


def own_merchant(world: World, account: str, field: str) -> Standing:
    """Return the standing of a merchant of the step's chapter. Raises Refusal."""
    found = world.own(account, field)
    if found.kind != AccountKind.MERCHANT:
        raise Refusal("entry.bad_field", field=field, reason="is not a merchant")
    return found
