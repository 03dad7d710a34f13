"""Entry types of offers, requests, bookings, services, payment codes. Pure."""

from __future__ import annotations

from chain.entry_fields import EntryType

TIMEBANK_TYPES: tuple[tuple[str, EntryType], ...] = ()
