"""Entry types of seats, reviews, scores, penalties, lists, deposits, complaints, appeals. Pure."""

from __future__ import annotations

from chain.entry_fields import EntryType

ALLIANCE_TYPES: tuple[tuple[str, EntryType], ...] = ()
