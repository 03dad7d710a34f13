"""Rules of memberships: kinds, fees, tiers, guardians, referrals, closing: by entry type."""

from __future__ import annotations

from gateway.cases.book import DueRule, Rule

RULES: dict[str, Rule] = {}

DECISIONS: frozenset[str] = frozenset()
"""Types that need the scope ``cases:decide``."""

DUE: dict[str, DueRule] = {}
"""What follows when a case's time has come, by kind of case."""
