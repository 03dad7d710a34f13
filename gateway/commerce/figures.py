"""A chapter's figures of a month, added up from its entries alone: anybody who holds them gets the same.

Money is fen of records, coins hundredths. What stands at the end of the month (funds, pools, coins held) is
of all entries until then. Nothing here is kept: it is computed when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import OperationKind, chapter_code
from gateway.cases.history import Past, find_index, log_size, read_history
from gateway.commerce.holdings import read_coins, read_pools
from gateway.commerce.months import month_span
from gateway.db import Database
from gateway.rules.calendar import format_month
from gateway.rules.honour import gini_bp
from gateway.rules.split_tables import CHAPTER_FUND, PUBLIC_BENEFIT

SALE, REFUND, FEE, FUND_USE = "sale.recorded", "sale.refunded", "membership.fee_split", "fund.used"
LEG_TYPES = frozenset({SALE, REFUND, FEE, FUND_USE})
"""What brings the funds their legs, and uses them."""
VOUCHERS = ("voucher.granted", "voucher.used", "voucher.returned", "voucher.expired")
REDEEMED = frozenset({"sale.paid", "redemption.recorded", "credit.redeemed", "paycode.used"})
MONTH_TYPES = REDEEMED | {
    *VOUCHERS,
    "sale.rebated",
    "sale.rebate_returned",
    "sale.coins_returned",
    "grant.booked",
    "merchant.surplus_burned",
    "merchant.fee_paid",
    "advert.bought",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A month's entries: ``past`` are all legs since the beginning, ``legs`` and ``rest`` those of the month.

    ``end`` is the index after the month's last entry.
    """

    past: Sequence[Past]
    legs: Sequence[Past]
    rest: Sequence[Past]
    end: int


def read_figures(database: Database, chapter: int, period: int) -> dict[str, JsonValue]:
    """Return the figures of a month (yyyymm) of a chapter."""
    with database.reader() as connection:
        span = _read_span(connection, chapter, period)
        pools = read_pools(connection, chapter, span.end)
        coins = read_coins(connection, chapter, span.end)
    return {
        "chapter": chapter_code(chapter),
        "month": format_month(period),
        "size": span.end,
        **_sales(span),
        **_coins_moved(span.rest),
        "vouchers": _vouchers(span.rest),
        "grants": _grants(span.rest),
        "funds": [_fund(name, span) for name in (CHAPTER_FUND, PUBLIC_BENEFIT)],
        "pools": pools,
        "coins": coins,
        "concentration": _concentration(span),
    }


def _read_span(connection: Connection, chapter: int, period: int) -> Span:
    first, end = (find_index(connection, at) for at in month_span(period))
    end = min(end, log_size(connection))
    past = read_history(connection, chapter, LEG_TYPES, 0, end)
    rest = read_history(connection, chapter, MONTH_TYPES, first, end)
    return Span(past, [entry for entry in past if entry.index >= first], rest, end)


def _sales(span: Span) -> dict[str, JsonValue]:
    sales = _of(span.legs, SALE)
    refunds = _of(span.legs, REFUND)
    fees = _of(span.legs, FEE)
    return {
        "sales": {"count": len(sales), "amount": _total(sales, "amount")},
        "refunds": {
            "count": len(refunds),
            "amount": _total(refunds, "amount"),
            "coins": _total(refunds, "coins"),
            "rebate": _total(refunds, "rebate"),
        },
        "splits": _roles(sales, refunds),
        "fees": {"count": len(fees), "amount": _total(fees, "fee"), "splits": _roles(fees, ())},
    }


def _coins_moved(rest: Sequence[Past]) -> dict[str, JsonValue]:
    rebates, redeemed = _of(rest, "sale.rebated"), _redeemed(rest)
    return {
        "rebates": {
            "count": len(rebates),
            "amount": _moved(rebates),
            "returned": _moved(_of(rest, "sale.rebate_returned")),
        },
        "redemptions": {
            "count": len(redeemed),
            "amount": _moved(redeemed),
            "returned": _moved(_of(rest, "sale.coins_returned")),
        },
        "exits": {
            "burned": _moved(_of(rest, "merchant.surplus_burned")),
            "fees": _moved(_of(rest, "merchant.fee_paid")),
            "adverts": _moved(_of(rest, "advert.bought")),
        },
    }


def _vouchers(rest: Sequence[Past]) -> JsonValue:
    counts: dict[str, JsonValue] = {name.partition(".")[2]: len(_of(rest, name)) for name in VOUCHERS}
    used = _of(rest, "voucher.used")
    return {**counts, "discount": _total(used, "discount"), "cost": _roles(used, _of(rest, VOUCHERS[2]))}


def _grants(rest: Sequence[Past]) -> JsonValue:
    grants = _of(rest, "grant.booked")
    return {"count": len(grants), "amount": _total(grants, "amount"), "coins": _moved(grants)}


def _fund(name: str, span: Span) -> JsonValue:
    """Return what a fund got and used in the month and what it has by all entries until its end.

    The balance may be below nothing: more was used than legs ever gave it.
    """
    accrued, used = _accrued(name, span.legs), _used(name, span.legs)
    balance = _accrued(name, span.past) - _used(name, span.past)
    return {"fund": name, "accrued": str(accrued), "used": str(used), "balance": str(balance)}


def _accrued(name: str, entries: Iterable[Past]) -> int:
    signs = {SALE: 1, FEE: 1, REFUND: -1}
    return sum(
        signs[entry.type] * amount
        for entry in entries
        if entry.type in signs
        for role, _, amount in entry.legs()
        if role == name
    )


def _used(name: str, entries: Iterable[Past]) -> int:
    return sum(entry.sum("amount") for entry in _of(entries, FUND_USE) if entry.text("fund") == name)


def _concentration(span: Span) -> JsonValue:
    """Return how unequally merchants that received anything received it (rule 39)."""
    money: dict[str, int] = {}
    for sale in _of(span.legs, SALE):
        money[sale.text("merchant")] = money.get(sale.text("merchant"), 0) + sale.sum("amount")
    coins: dict[str, int] = {}
    for entry in _redeemed(span.rest):
        if entry.coins is not None and entry.coins.receiver is not None:
            coins[entry.coins.receiver] = coins.get(entry.coins.receiver, 0) + entry.coins.amount
    return {
        "money_gini_bp": gini_bp(money.values()),
        "money_receivers": len(money),
        "coins_gini_bp": gini_bp(coins.values()),
        "coins_receivers": len(coins),
    }


def _of(entries: Iterable[Past], name: str) -> list[Past]:
    return [entry for entry in entries if entry.type == name]


def _redeemed(entries: Iterable[Past]) -> list[Past]:
    return [
        entry
        for entry in entries
        if entry.type in REDEEMED and entry.coins is not None and entry.coins.kind is OperationKind.REDEEM
    ]


def _total(entries: Iterable[Past], name: str) -> str:
    return str(sum(entry.sum(name) for entry in entries))


def _moved(entries: Iterable[Past]) -> str:
    return str(sum(entry.coins.amount for entry in entries if entry.coins is not None))


def _roles(given: Iterable[Past], taken: Iterable[Past]) -> list[JsonValue]:
    """Return what each role got, gave back and keeps, in the order of role codes."""
    got: dict[str, list[int]] = {}
    for place, entries in enumerate((given, taken)):
        for entry in entries:
            for role, _, amount in entry.legs():
                got.setdefault(role, [0, 0])[place] += amount
    return [
        {"role": role, "amount": str(gross), "returned": str(back), "net": str(gross - back)}
        for role, (gross, back) in sorted(got.items())
    ]
