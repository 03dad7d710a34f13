"""Entry types of sales with their splits, vouchers, pools, awards, figures. Pure."""

from __future__ import annotations

from chain.entry_fields import (
    ACCOUNT,
    CODE,
    COUNT,
    CURRENCY,
    HEX32,
    LEGS,
    SUM,
    EntryType,
    entry_row,
)
from chain.operation import OperationKind

_K = OperationKind

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
            "table": CODE,
            "version": COUNT,
            "legs": LEGS,
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
        {"amount": SUM, "receipt": HEX32, "legs": LEGS, "coins": SUM, "rebate": SUM},
        needs=("about", "amount"),
    ),
    entry_row("sale.coins_returned", {"amount": SUM}, needs=("about",), may=(_K.TRANSFER,)),
    entry_row(
        "sale.rebate_returned", {"amount": SUM, "receivable": SUM}, needs=("about",), may=(_K.TRANSFER,)
    ),
)

COMMERCE_TYPES: tuple[tuple[str, EntryType], ...] = (*SALE_TYPES,)
