"""The slow reading of figures and contributions: every entry is read and added up. Reference of the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from chain.canonical import JsonValue
from chain.operation import OperationKind, account_address, account_id, chapter_code
from chain.types import AccountId, Address
from gateway.cases.book import POOL
from gateway.cases.history import Past, find_index, log_size, read_history
from gateway.cases.world import SELECT_CASES, read_case
from gateway.commerce.facts import buyer_of, void_of
from gateway.commerce.months import month_span
from gateway.db import Database, fetch_all
from gateway.ledger.drafts import AccountKind
from gateway.rules.calendar import format_month
from gateway.rules.equity import Contribution
from gateway.rules.honour import gini_bp
from gateway.rules.split_tables import CHAPTER_FUND, PUBLIC_BENEFIT, REFERRING_SHOP

CAPITAL = "capital.recorded"
SALE, REFUND, FEE, FUND_USE = "sale.recorded", "sale.refunded", "membership.fee_split", "fund.used"
FEE_BACK = "membership.refunded"
LEG_TYPES = frozenset({SALE, REFUND, FEE, FEE_BACK, FUND_USE})
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

    ``end`` is the index after the month's last entry, ``coins_owed`` what merchants still owe of all refunds.
    """

    past: Sequence[Past]
    legs: Sequence[Past]
    rest: Sequence[Past]
    end: int
    coins_owed: int


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
        "funds": [_fund(name, span) for name in (CHAPTER_FUND, PUBLIC_BENEFIT, "reserve")],
        "pools": pools,
        "coins": coins,
        "concentration": _concentration(span),
    }


def _read_span(connection: Connection, chapter: int, period: int) -> Span:
    first, end = (find_index(connection, at) for at in month_span(period))
    end = min(end, log_size(connection))
    past = read_history(connection, chapter, LEG_TYPES, 0, end)
    rest = read_history(connection, chapter, MONTH_TYPES, first, end)
    back = read_history(connection, chapter, {"sale.coins_returned"}, 0, end)
    owed = int(_total(_of(past, REFUND), "coins")) - int(_moved(back))
    return Span(past, [entry for entry in past if entry.index >= first], rest, end, owed)


def _sales(span: Span) -> dict[str, JsonValue]:
    sales = _of(span.legs, SALE)
    refunds = _of(span.legs, REFUND)
    fees, back = _of(span.legs, FEE), _of(span.legs, FEE_BACK)
    kept = sum(entry.sum("fee") for entry in fees)
    kept -= sum(amount for entry in back for _, _, amount in entry.legs())
    return {
        "sales": {"count": len(sales), "amount": _total(sales, "amount")},
        "refunds": {
            "count": len(refunds),
            "amount": _total(refunds, "amount"),
            "coins": _total(refunds, "coins"),
            "rebate": _total(refunds, "rebate"),
            "coins_owed": str(span.coins_owed),
        },
        "splits": _roles(sales, refunds),
        "fees": {"count": len(fees), "amount": str(kept), "splits": _roles(fees, back)},
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
    signs = {SALE: 1, FEE: 1, REFUND: -1, FEE_BACK: -1}
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


# --- holdings ---

CHAPTER_POOL = "chapter"
_K = OperationKind
_OWN = (int(_K.LOCK), int(_K.RELEASE))
"""Operations after which an account still holds what it held, free or locked."""
_CAME = (*_OWN, int(_K.CANCEL))
"""Operations by which nothing comes in: their receiver is the sender itself."""
_PARTY = """
SELECT a.account, a.kind, sum(o.moved) FROM operations o JOIN accounts a ON a.account = o.{party}
WHERE a.chapter = ? AND o.log_index < ? AND o.outcome = 0 AND o.kind NOT IN ({kinds})
GROUP BY a.account, a.kind"""
_OUTER = """
SELECT coalesce(sum(o.moved), 0) FROM operations o JOIN accounts a ON a.account = o.{own}
JOIN accounts b ON b.account = o.{other}
WHERE a.chapter = ? AND b.chapter <> ? AND o.log_index < ? AND o.outcome = 0 AND o.kind NOT IN ({kinds})"""
_UNDONE = """
SELECT coalesce(sum(o.moved), 0) FROM operations o JOIN accounts a ON a.account = o.sender
WHERE a.chapter = ? AND o.log_index < ? AND o.outcome = 0 AND o.kind = 8 AND o.receiver = ?"""
_KIND = """
SELECT coalesce(sum(o.moved), 0) FROM operations o JOIN accounts a ON a.account = o.{party}
WHERE a.chapter = ? AND o.log_index < ? AND o.outcome = 0 AND o.kind IN ({kinds})"""
_LINES = {
    AccountKind.MEMBER: "members",
    AccountKind.MERCHANT: "merchants",
    AccountKind.POOL: "pools",
    AccountKind.SYSTEM: "system",
}


def read_pools(connection: Connection, chapter: int, end: int) -> list[JsonValue]:
    """Return the chapter's pools with what each holds after the first ``end`` entries, main pool first."""
    held = {account: amount for account, _, amount in _held(connection, chapter, end)}
    rows = fetch_all(connection, "SELECT pool FROM chapters WHERE chapter = ?", chapter)
    pools = [(CHAPTER_POOL, account_id(Address(bytes(cast("bytes", row[0]))))) for row in rows]
    sql = f"{SELECT_CASES} WHERE chapter = ? AND kind = ? AND opened_index < ? ORDER BY key"
    for case in map(read_case, fetch_all(connection, sql, chapter, POOL, end)):
        pools.append((case.text("name"), AccountId(str(case.holder))))
    return [
        {"name": name, "account": account, "balance": str(held.get(bytes(account_address(account)), 0))}
        for name, account in pools
    ]


def read_coins(connection: Connection, chapter: int, end: int) -> JsonValue:
    """Return where all coins of a chapter are after the first ``end`` entries, each kind with its line.

    ``issued - burned + elsewhere`` is the sum of the lines (rule 36); ``elsewhere`` is what came from other
    chapters less what went there.
    """
    lines = dict.fromkeys(_LINES.values(), 0)
    for _, kind, amount in _held(connection, chapter, end):
        lines[_LINES[AccountKind(kind)]] += amount
    came = _ask(
        connection, _OUTER.format(own="receiver", other="sender", kinds=_list(_CAME)), chapter, chapter, end
    )
    went = _ask(
        connection, _OUTER.format(own="sender", other="receiver", kinds=_list(_CAME)), chapter, chapter, end
    )
    issued = _count(connection, "receiver", (int(_K.ISSUE),), chapter, end)
    burned = _count(connection, "sender", (int(_K.BURN), int(_K.CANCEL)), chapter, end)
    burned += _ask(connection, _UNDONE, chapter, end, bytes(20))
    figures = {"issued": issued, "burned": burned, "elsewhere": came - went, **lines}
    return {name: str(amount) for name, amount in figures.items()}


def _held(connection: Connection, chapter: int, end: int) -> list[tuple[bytes, int, int]]:
    """Return (account, kind, hundredths held, locked ones included) of a chapter's accounts."""
    found: dict[bytes, tuple[int, int]] = {}
    for party, kinds, sign in (("receiver", _CAME, 1), ("sender", _OWN, -1)):
        sql = _PARTY.format(party=party, kinds=_list(kinds))
        for account, kind, moved in fetch_all(connection, sql, chapter, end):
            key = bytes(cast("bytes", account))
            before = found.get(key, (0, 0))[1]
            found[key] = (cast("int", kind), before + sign * int(str(moved)))
    return [(account, kind, amount) for account, (kind, amount) in sorted(found.items())]


def _ask(connection: Connection, sql: str, *values: object) -> int:
    ((found,),) = fetch_all(connection, sql, *values)
    return int(str(found))


def _count(connection: Connection, party: str, kinds: tuple[int, ...], chapter: int, end: int) -> int:
    ((found,),) = fetch_all(connection, _KIND.format(party=party, kinds=_list(kinds)), chapter, end)
    return int(str(found))


def _list(kinds: tuple[int, ...]) -> str:
    return ",".join(map(str, kinds))


# --- contributions ---


def read_contributions(
    connection: Connection, chapter: int, size: int, referrers: Mapping[str, str]
) -> list[Contribution]:
    """Return what each account brought by the log's first ``size`` entries."""
    past = read_history(connection, chapter, {CAPITAL, SALE, REFUND}, 0, size)
    return contributions_of(past, referrers)


def contributions_of(past: Iterable[Past], referrers: Mapping[str, str]) -> list[Contribution]:
    """Return what each account brought: capital, referred members who have bought, its part of cross sales.

    A member whose every order was refunded has not been brought; a refund takes its part of the share back.
    """
    entries = list(past)
    void = void_of(entry for entry in entries if entry.type == REFUND)
    capital: dict[str, int] = {}
    share: dict[str, int] = {}
    brought: dict[str, set[str]] = {}
    shops: dict[str, str] = {}
    for entry in entries:
        if entry.type == CAPITAL:
            owner = entry.subjects[0]
            capital[owner] = capital.get(owner, 0) + entry.sum("amount")
        elif entry.type == SALE:
            shops[entry.id] = entry.text("referring_shop")
            referrer = referrers.get(buyer_of(entry))
            if referrer and entry.id not in void:
                brought.setdefault(referrer, set()).add(buyer_of(entry))
        sale, sign = (entry.id, 1) if entry.type == SALE else (entry.text("about"), -1)
        for role, _, amount in entry.legs():
            if role == REFERRING_SHOP and shops.get(sale):
                share[shops[sale]] = share.get(shops[sale], 0) + sign * amount
    return [
        Contribution(one, capital.get(one, 0), len(brought.get(one, ())), share.get(one, 0))
        for one in sorted(capital.keys() | brought.keys() | share.keys())
    ]
