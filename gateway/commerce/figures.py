"""A chapter's figures of a month: what its entries add up to, so that anybody who holds them gets the same.

Money is fen of records, coins hundredths. What stands at the end of the month (funds, pools, coins held) is
of all entries until then. They are read from running sums kept with the entries (`tallied`), never from
anything that is edited.
"""

from __future__ import annotations

from typing import cast

from chain.canonical import JsonValue
from chain.operation import chapter_code
from gateway.cases.history import find_index, log_size
from gateway.cases.tallies import Parts, read_month, read_until
from gateway.commerce import tallied as names
from gateway.commerce.holdings import COIN_SUMS, read_pools, show_coins
from gateway.commerce.months import month_span
from gateway.db import Database
from gateway.rules.calendar import format_month
from gateway.rules.honour import gini_bp

_MONTH = (
    names.SALES, names.REFUNDS, names.REFUND_COINS, names.REFUND_REBATE, names.GIVEN, names.TAKEN,
    names.FEES, names.FEE_LEGS, names.FEE_TAKEN, names.MONEY_RECEIVED, names.COINS_RECEIVED, names.ACCRUED,
    names.USED,
    "sale.rebated", names.REDEEMED, *map(names.moved_name, sorted(names.MOVING)), *names.VOUCHER_STEPS,
    names.DISCOUNT, names.COST_GIVEN, names.COST_TAKEN, names.GRANTS,
)  # fmt: skip
_OWED = (names.REFUND_COINS, names.moved_name("sale.coins_returned"))
"""Coins that go back by refunds, and those that went."""


def read_figures(database: Database, chapter: int, period: int) -> dict[str, JsonValue]:
    """Return the figures of a month (yyyymm) of a chapter."""
    with database.reader() as connection:
        end = min(find_index(connection, month_span(period)[1]), log_size(connection))
        month = read_month(connection, chapter, period, _MONTH)
        until = read_until(connection, chapter, period, (names.ACCRUED, names.USED, *_OWED, *COIN_SUMS))
        pools = read_pools(connection, chapter, end, until)
    return {
        "chapter": chapter_code(chapter),
        "month": format_month(period),
        "size": end,
        **_sales(month, until),
        **_coins_moved(month),
        "vouchers": _vouchers(month),
        "grants": _grants(month),
        "funds": [_fund(name, month, until) for name in names.FUNDS],
        "pools": pools,
        "coins": show_coins(until),
        "concentration": _concentration(month),
    }


def _sales(month: Parts, until: Parts) -> dict[str, JsonValue]:
    return {
        "sales": {"count": _count(month, names.SALES), "amount": _sum(month, names.SALES)},
        "refunds": {
            "count": _count(month, names.REFUNDS),
            "amount": _sum(month, names.REFUNDS),
            "coins": _sum(month, names.REFUND_COINS),
            "rebate": _sum(month, names.REFUND_REBATE),
            # What merchants still have to give back of all refunds until the month's end.
            "coins_owed": str(_part(until, _OWED[0], "") - _part(until, _OWED[1], "")),
        },
        "splits": _roles(month, names.GIVEN, names.TAKEN),
        "fees": {
            "count": _count(month, names.FEES),
            "amount": _sum(month, names.FEES),
            "splits": _roles(month, names.FEE_LEGS, names.FEE_TAKEN),
        },
    }


def _coins_moved(month: Parts) -> dict[str, JsonValue]:
    return {
        "rebates": {
            "count": _count(month, "sale.rebated"),
            "amount": _moved(month, "sale.rebated"),
            "returned": _moved(month, "sale.rebate_returned"),
        },
        "redemptions": {
            "count": _count(month, names.REDEEMED),
            "amount": _sum(month, names.REDEEMED),
            "returned": _moved(month, "sale.coins_returned"),
        },
        "exits": {
            "burned": _moved(month, "merchant.surplus_burned"),
            "fees": _moved(month, "merchant.fee_paid"),
            "adverts": _moved(month, "advert.bought"),
        },
    }


def _vouchers(month: Parts) -> JsonValue:
    counts: dict[str, JsonValue] = {
        name.partition(".")[2]: _count(month, name) for name in names.VOUCHER_STEPS
    }
    cost = _roles(month, names.COST_GIVEN, names.COST_TAKEN)
    return {**counts, "discount": _sum(month, names.DISCOUNT), "cost": cost}


def _grants(month: Parts) -> JsonValue:
    return {
        "count": _count(month, names.GRANTS),
        "amount": _sum(month, names.GRANTS),
        "coins": _moved(month, "grant.booked"),
    }


def _fund(name: str, month: Parts, until: Parts) -> JsonValue:
    """Return what a fund got and used in the month and what it has by all entries until its end.

    A balance below nothing: a refund took back what had been used already.
    """
    balance = _part(until, names.ACCRUED, name) - _part(until, names.USED, name)
    return {
        "fund": name,
        "accrued": str(_part(month, names.ACCRUED, name)),
        "used": str(_part(month, names.USED, name)),
        "balance": str(balance),
    }


def _concentration(month: Parts) -> JsonValue:
    """Return how unequally merchants that received anything received it (rule 39)."""
    money, coins = (
        [amount for count, amount in month[name].values() if count]
        for name in (names.MONEY_RECEIVED, names.COINS_RECEIVED)
    )
    return {
        "money_gini_bp": gini_bp(money),
        "money_receivers": len(money),
        "coins_gini_bp": gini_bp(coins),
        "coins_receivers": len(coins),
    }


def _part(sums: Parts, name: str, part: str) -> int:
    return sums[name].get(part, (0, 0))[1]


def _sum(sums: Parts, name: str) -> str:
    return str(_part(sums, name, ""))


def _moved(sums: Parts, type_name: str) -> str:
    return _sum(sums, names.moved_name(type_name))


def _count(sums: Parts, name: str) -> int:
    return sums[name].get("", (0, 0))[0]


def _roles(sums: Parts, given: str, taken: str | None = None) -> list[JsonValue]:
    """Return what each role got, gave back and keeps, in the order of role codes."""
    back = sums[taken] if taken is not None else {}
    found = []
    for role in sorted(sums[given].keys() | back.keys()):
        gross, returned = (side.get(role, (0, 0))[1] for side in (sums[given], back))
        row = {"role": role, "amount": str(gross), "returned": str(returned), "net": str(gross - returned)}
        found.append(cast("JsonValue", row))
    return found
