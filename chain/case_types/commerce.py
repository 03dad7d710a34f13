"""Entry types of sales with their splits, vouchers, pools, awards, figures. Pure."""

from __future__ import annotations

from chain.entry_fields import EntryType

COMMERCE_TYPES: tuple[tuple[str, EntryType], ...] = ()
