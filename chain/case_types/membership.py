"""Entry types of memberships, fees, tiers, guardians, referrals. Pure."""

from __future__ import annotations

from chain.entry_fields import EntryType

MEMBERSHIP_TYPES: tuple[tuple[str, EntryType], ...] = ()
