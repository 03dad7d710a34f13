"""A voucher as a case, and what refunds of the two sales it stands between do to it.

A voucher is a record of money, never coins: free to its holder, paid for by the shop that gave it (its one
named sponsor), which shares the cost by a split table. It stands open until it is used, over or void.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import cast

from chain.canonical import JsonValue
from gateway.cases.case import Case, changed
from gateway.cases.world import World
from gateway.commerce.sale_case import REFUNDED, items_of, money_back, money_of
from gateway.rules.calendar import day_start
from gateway.rules.vouchers import Voucher, VoucherState, return_issue

VOUCHER = "voucher"


def read_voucher(case: Case) -> Voucher:
    """Return the voucher of a case. Inverse: `write_voucher`."""
    return Voucher(
        holder=str(case.holder),
        sponsor=case.text("sponsor"),
        issuing_shop=case.text("issuing_shop"),
        order=case.text("order"),
        value=case.number("value"),
        threshold=case.number("threshold"),
        last_day=date.fromisoformat(case.text("last_day")),
        state=VoucherState(case.state),
        used_order=case.text("used_order"),
        discount=case.number("discount"),
        cost=tuple(sorted(items_of(case, "cost"))),
    )


def write_voucher(voucher: Voucher) -> dict[str, JsonValue]:
    """Return the members of a document that are the voucher's own. Inverse: `read_voucher`."""
    return {
        "sponsor": voucher.sponsor,
        "issuing_shop": voucher.issuing_shop,
        "order": voucher.order,
        "value": voucher.value,
        "threshold": voucher.threshold,
        "last_day": voucher.last_day.isoformat(),
        "used_order": voucher.used_order,
        "discount": voucher.discount,
        "cost": cast("JsonValue", dict(voucher.cost)),
    }


def keep_voucher(world: World, case: Case, voucher: Voucher) -> Case:
    """Put and return the case as the voucher now stands: an open one is due when its last day is over."""
    due = end_of(voucher.last_day) if voucher.state is VoucherState.OPEN else None
    after = replace(changed(case, **write_voucher(voucher)), state=voucher.state.value, due_at=due)
    world.put(after)
    return after


def end_of(last_day: date) -> int:
    """Return the Unix milliseconds at which a business date is over."""
    return day_start(last_day + timedelta(days=1))


def refund_granting(world: World, sale: Case) -> tuple[int, str | None]:
    """Void the voucher of a sale that a refund left below the threshold.

    Returns what its holder owes for having used it (fen) and its key; 0 and None where nothing happens.
    """
    case = world.find(VOUCHER, sale.text("voucher")) if sale.text("voucher") else None
    if case is None:
        return 0, None
    voucher = read_voucher(case)
    result = return_issue(voucher, money_of(sale), money_back(sale))
    if result.voucher == voucher:
        return 0, None
    due = case.due_at if voucher.state is VoucherState.USED else None
    world.put(replace(changed(case, owed=result.owed), state=result.voucher.state.value, due_at=due))
    return result.owed, case.key


def refund_using(world: World, sale: Case) -> None:
    """Make the return of a voucher due whose sale was refunded whole."""
    if sale.state != REFUNDED or not sale.text("voucher_used"):
        return
    case = world.find(VOUCHER, sale.text("voucher_used"))
    if case is None or case.text("used_order") != sale.key:
        return
    # A deadline of its own each time, since a due step is recorded once for each deadline.
    due = max(world.now, case.number("last_due") + 1)
    world.put(replace(changed(case, last_due=due), due_at=due))
