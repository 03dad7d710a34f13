"""What entries and moved coins add to a chapter's running sums: the names that figures are read from. Pure.

Money is fen of records, coins hundredths. A sum is signed where something comes back: a refund takes out of
a fund what its sale had brought, an order that any refund touched counts for nobody who referred its buyer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chain.operation import OperationKind
from gateway.cases.history import Past
from gateway.cases.tallies import Addition, EntryCount, Moved, TallyRules
from gateway.commerce.facts import buyer_of
from gateway.ledger.drafts import AccountKind
from gateway.rules.split_tables import CHAPTER_FUND, PUBLIC_BENEFIT, REFERRING_SHOP, RESERVE

FUNDS = (CHAPTER_FUND, PUBLIC_BENEFIT, RESERVE)
"""Funds of recorded money: what legs of sales and fees give the chapter, the public benefit, the reserve."""

SALES, REFUNDS, FEES = "sales", "refunds", "fees"
REFUND_COINS, REFUND_REBATE = "refunds.coins", "refunds.rebate"
GIVEN, TAKEN = "splits.given", "splits.taken"
FEE_LEGS, FEE_TAKEN = "fees.given", "fees.taken"
"""Legs by role, of sales and of their refunds, of fees and of theirs."""
MONEY_RECEIVED, COINS_RECEIVED = "received.money", "received.coins"
"""What merchants received, by account."""
ACCRUED, USED = "fund.accrued", "fund.used"
"""What legs gave a fund less what refunds took, and what it was used for."""
CAPITAL, ORDERS, CROSS_SHARE, COMMITTEE = "capital", "orders", "cross_share", "committee"
"""By account: capital, orders of which nothing was refunded, part of cross-store sales, terms of office."""
DISCOUNT, COST_GIVEN, COST_TAKEN = "voucher.discount", "voucher.cost.given", "voucher.cost.taken"
GRANTS = "grants"
REDEEMED = "redeemed"
ISSUED, BURNED, ELSEWHERE = "coins.issued", "coins.burned", "coins.elsewhere"
HELD, POOL = "coins.held", "coins.pool"
"""What accounts hold, by kind of account; of pools, by account too."""

VOUCHER_STEPS = ("voucher.granted", "voucher.used", "voucher.returned", "voucher.expired")
REDEEMING = frozenset({"sale.paid", "redemption.recorded", "credit.redeemed", "paycode.used"})
"""Entries by which a member pays with coins."""
MOVING = frozenset(
    {
        "sale.rebated",
        "sale.rebate_returned",
        "sale.coins_returned",
        "grant.booked",
        "merchant.surplus_burned",
        "merchant.fee_paid",
        "advert.bought",
    }
)
"""Entries of which figures show the coins they moved, under the type with `.coins` behind it."""
LINES = {
    AccountKind.MEMBER: "members",
    AccountKind.MERCHANT: "merchants",
    AccountKind.POOL: "pools",
    AccountKind.SYSTEM: "system",
}
"""The line of each kind of account."""
_K = OperationKind
_STAYS = frozenset({_K.LOCK, _K.RELEASE})
"""Operations after which an account still holds what it held, free or locked."""


def moved_name(type_name: str) -> str:
    """Return the name of the coins that entries of a type moved."""
    return f"{type_name}.coins"


# --- entries --------------------------------------------------------------------------------------------


def _sale(entry: Past) -> Iterator[Addition]:
    amount, shop = entry.sum("amount"), entry.text("referring_shop")
    yield Addition(SALES, "", 1, amount)
    yield Addition(MONEY_RECEIVED, entry.text("merchant"), 1, amount)
    yield Addition(ORDERS, buyer_of(entry), 1, 0)
    yield from _legs(entry, GIVEN)
    yield from _accrued(entry, 1)
    yield from _shared(entry, shop, 1)


def _refund(entry: Past) -> Iterator[Addition]:
    yield Addition(REFUNDS, "", 1, entry.sum("amount"))
    yield Addition(REFUND_COINS, "", 0, entry.sum("coins"))
    yield Addition(REFUND_REBATE, "", 0, entry.sum("rebate"))
    if entry.sum("refunded_before") == 0:
        yield Addition(ORDERS, entry.text("buyer"), -1, 0)
    yield from _legs(entry, TAKEN)
    yield from _accrued(entry, -1)
    shop = next((account for role, account, _ in entry.legs() if role == REFERRING_SHOP), "")
    yield from _shared(entry, shop, -1)


def _fee(entry: Past) -> Iterator[Addition]:
    yield Addition(FEES, "", 1, entry.sum("fee"))
    yield from _legs(entry, FEE_LEGS)
    yield from _accrued(entry, 1)


def _fee_back(entry: Past) -> Iterator[Addition]:
    """What was never split, or is a custodian's, was never counted either."""
    for _, _, amount in entry.legs():
        yield Addition(FEES, "", 0, -amount)
    yield from _legs(entry, FEE_TAKEN)
    yield from _accrued(entry, -1)


def _legs(entry: Past, name: str) -> Iterator[Addition]:
    for role, _, amount in entry.legs():
        yield Addition(name, role, 1, amount)


def _accrued(entry: Past, sign: int) -> Iterator[Addition]:
    for role, _, amount in entry.legs():
        if role in FUNDS:
            yield Addition(ACCRUED, role, sign, sign * amount)


def _shared(entry: Past, shop: str, sign: int) -> Iterator[Addition]:
    for role, _, amount in entry.legs():
        if role == REFERRING_SHOP and shop:
            yield Addition(CROSS_SHARE, shop, sign, sign * amount)


def _fund_use(entry: Past) -> Iterator[Addition]:
    yield Addition(USED, entry.text("fund"), 1, entry.sum("amount"))


def _compensation(entry: Past) -> Iterator[Addition]:
    sign = 1 if entry.type == "deposit.compensated" else -1
    for role, _, amount in entry.legs():
        if role == RESERVE:
            yield Addition(USED, RESERVE, sign, sign * amount)


def _capital(entry: Past) -> Iterator[Addition]:
    yield Addition(CAPITAL, entry.subjects[0], 1, entry.sum("amount"))


def _term(entry: Past) -> Iterator[Addition]:
    yield Addition(COMMITTEE, entry.subjects[0], 1 if entry.type == "committee.joined" else -1, 0)


def _grant(entry: Past) -> Iterator[Addition]:
    yield Addition(GRANTS, "", 1, entry.sum("amount"))


def _happened(entry: Past) -> Iterator[Addition]:
    yield Addition(entry.type, "", 1, 0)


def _voucher_use(entry: Past) -> Iterator[Addition]:
    yield from _happened(entry)
    yield Addition(DISCOUNT, "", 1, entry.sum("discount"))
    yield from _legs(entry, COST_GIVEN)


def _voucher_return(entry: Past) -> Iterator[Addition]:
    yield from _happened(entry)
    yield from _legs(entry, COST_TAKEN)


_ENTRIES: dict[str, EntryCount] = {
    "sale.recorded": _sale,
    "sale.refunded": _refund,
    "sale.rebated": _happened,
    "membership.fee_split": _fee,
    "membership.refunded": _fee_back,
    "fund.used": _fund_use,
    "capital.recorded": _capital,
    "deposit.compensated": _compensation,
    "deposit.restored": _compensation,
    "grant.booked": _grant,
    "committee.joined": _term,
    "committee.left": _term,
    **dict.fromkeys(VOUCHER_STEPS, _happened),
    "voucher.used": _voucher_use,
    "voucher.returned": _voucher_return,
}


# --- coins ----------------------------------------------------------------------------------------------


def count_coins(moved: Moved) -> Iterable[tuple[int, Addition]]:
    """Return what moved coins add: where they are now, and what figures call the entry that moved them.

    Coins that lie locked are still held; a reversed issue burns what it takes back.
    """
    kind, amount, sender, receiver = moved.kind, moved.amount, moved.sender, moved.receiver
    found: list[tuple[int, Addition]] = []
    if kind not in _STAYS:
        if kind is _K.CANCEL:
            receiver = None
        if receiver is not None:
            found.append((receiver.chapter, Addition(HELD, LINES[AccountKind(receiver.kind)], 1, amount)))
            if receiver.kind == AccountKind.POOL:
                found.append((receiver.chapter, Addition(POOL, receiver.account, 1, amount)))
        if sender is not None:
            found.append((sender.chapter, Addition(HELD, LINES[AccountKind(sender.kind)], 1, -amount)))
            if sender.kind == AccountKind.POOL:
                found.append((sender.chapter, Addition(POOL, sender.account, 1, -amount)))
        if sender is None and receiver is not None:
            found.append((receiver.chapter, Addition(ISSUED, "", 1, amount)))
        elif receiver is None and sender is not None:
            found.append((sender.chapter, Addition(BURNED, "", 1, amount)))
        elif sender is not None and receiver is not None and sender.chapter != receiver.chapter:
            found.append((receiver.chapter, Addition(ELSEWHERE, "", 1, amount)))
            found.append((sender.chapter, Addition(ELSEWHERE, "", 1, -amount)))
    if moved.type in MOVING:
        found.append((moved.chapter, Addition(moved_name(moved.type), "", 1, amount)))
    elif moved.type in REDEEMING and kind is _K.REDEEM and receiver is not None:
        found.append((moved.chapter, Addition(REDEEMED, "", 1, amount)))
        found.append((moved.chapter, Addition(COINS_RECEIVED, receiver.account, 1, amount)))
    return found


TALLY_RULES = TallyRules(_ENTRIES, count_coins)
