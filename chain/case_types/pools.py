"""Entry types of a chapter's named pools. Pure."""

from __future__ import annotations

from chain.entry_fields import ACCOUNT, CODE, EntryType, entry_row

POOL_TYPES: tuple[tuple[str, EntryType], ...] = (
    entry_row("pool.opened", {"name": CODE, "account": ACCOUNT}, needs=("name", "account")),
)
