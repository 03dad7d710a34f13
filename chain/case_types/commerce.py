"""Entry types of sales with their splits, vouchers, pools, awards, figures. Pure."""

from __future__ import annotations

from chain.entry_fields import (
    ACCOUNT,
    CODE,
    COUNT,
    CURRENCY,
    DATE,
    ENTRY_ID,
    HEX32,
    LEGS,
    MONTH,
    SHARES,
    SUM,
    EntryType,
    FieldRule,
    entry_row,
)
from chain.operation import OperationKind

_K = OperationKind
_TABLE: dict[str, FieldRule] = {"table": CODE, "version": COUNT, "legs": LEGS}
_VOIDED: dict[str, FieldRule] = {"voucher": ENTRY_ID, "voucher_owed": SUM}

SALE_TYPES: tuple[tuple[str, EntryType], ...] = (
    entry_row(
        "sale.recorded",
        {
            "merchant": ACCOUNT,
            "amount": SUM,
            "currency": CURRENCY,
            "order_id": CODE,
            "receipt": HEX32,
            "referring_shop": ACCOUNT,
            **_TABLE,
        },
        needs=("merchant", "amount"),
    ),
    entry_row("sale.paid", {"amount": SUM}, needs=("about", "amount"), may=(_K.REDEEM,)),
    entry_row(
        "sale.rebated",
        {"base": SUM, "amount": SUM, "basis_points": COUNT, "remainder": COUNT, "rounding": CODE},
        needs=("about",),
        may=(_K.TRANSFER,),
    ),
    entry_row(
        "sale.refunded",
        {
            "amount": SUM,
            "receipt": HEX32,
            "buyer": ACCOUNT,
            "merchant": ACCOUNT,
            "refunded_before": SUM,
            "coins": SUM,
            "rebate": SUM,
            **_TABLE,
            **_VOIDED,
        },
        needs=("about", "amount"),
    ),
    entry_row(
        "sale.coins_returned", {"amount": SUM, "receivable": SUM}, needs=("about",), may=(_K.TRANSFER,)
    ),
    entry_row(
        "sale.rebate_returned", {"amount": SUM, "receivable": SUM}, needs=("about",), may=(_K.TRANSFER,)
    ),
)

VOUCHER_TYPES: tuple[tuple[str, EntryType], ...] = (
    entry_row(
        "voucher.granted",
        {"merchant": ACCOUNT, "sponsor": ACCOUNT, "value": SUM, "until": DATE, **_TABLE},
        needs=("about", "merchant"),
    ),
    entry_row(
        "voucher.used",
        {"sale": ENTRY_ID, "discount": SUM, "to_pay": SUM, **_TABLE},
        needs=("about", "sale"),
    ),
    entry_row("voucher.returned", {"state": CODE, "returned": SUM, **_TABLE}, needs=("about",)),
    entry_row("voucher.expired", needs=("about",)),
)

_MONEY: dict[str, FieldRule] = {"amount": SUM, "currency": CURRENCY, "receipt": HEX32}
_COINS: dict[str, FieldRule] = {"merchant": ACCOUNT, "amount": SUM}

GRANT_TYPES: tuple[tuple[str, EntryType], ...] = (
    entry_row(
        "grant.booked",
        {
            **_MONEY,
            "kind": CODE,
            "donor": ACCOUNT,
            "to": ACCOUNT,
            "pool": CODE,
            "coins": SUM,
            "remainder": COUNT,
            "price": SUM,
        },
        needs=("kind", "amount", "receipt"),
        may=(_K.ISSUE,),
    ),
    entry_row(
        "fund.used",
        {"fund": CODE, "amount": SUM, "currency": CURRENCY, "evidence": HEX32, "legs": LEGS, "left": SUM},
        needs=("fund", "amount", "evidence", "legs"),
    ),
    entry_row("capital.recorded", _MONEY, needs=("amount", "receipt")),
    entry_row(
        "pool.moved",
        {"from": CODE, "to": CODE, "amount": SUM},
        needs=("from", "to", "amount", "order"),
        may=(_K.TRANSFER,),
    ),
    entry_row("merchant.surplus_burned", _COINS, needs=("merchant", "amount"), may=(_K.BURN,)),
    entry_row(
        "merchant.fee_paid",
        {**_COINS, "fee": CODE, "period": CODE},
        needs=("merchant", "amount", "fee"),
        may=(_K.TRANSFER,),
    ),
    entry_row(
        "advert.bought",
        {**_COINS, "campaign": CODE, "since": DATE, "until": DATE},
        needs=("merchant", "amount", "campaign"),
        may=(_K.TRANSFER,),
    ),
)

AWARD_TYPES: tuple[tuple[str, EntryType], ...] = (
    entry_row(
        "award.granted",
        {
            "award": CODE,
            "month": MONTH,
            "rank": COUNT,
            "winner": ACCOUNT,
            "tally": COUNT,
            "prize": SUM,
            "coins": SUM,
            "version": COUNT,
            "size": COUNT,
        },
        needs=("award", "month", "rank"),
        may=(_K.TRANSFER,),
    ),
)

COMMITTEE_TYPES: tuple[tuple[str, EntryType], ...] = (
    entry_row("committee.joined", {"evidence": HEX32}, needs=("evidence",)),
    entry_row("committee.left", {"evidence": HEX32}, needs=("reason",)),
)

TABLE_TYPES: tuple[tuple[str, EntryType], ...] = (
    entry_row(
        "rule.published",
        {
            "table": CODE,
            "version": COUNT,
            "since": DATE,
            "digest": HEX32,
            "shares": SHARES,
            "fixed": LEGS,
            "residual": CODE,
        },
        needs=("table", "version", "since"),
    ),
)

COMMERCE_TYPES: tuple[tuple[str, EntryType], ...] = (
    *SALE_TYPES,
    *VOUCHER_TYPES,
    *GRANT_TYPES,
    *AWARD_TYPES,
    *TABLE_TYPES,
    *COMMITTEE_TYPES,
)
