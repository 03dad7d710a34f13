"""Corrections: how long an operation may be reversed (rule 9). Pure data.

The other guards of rule 9 are the ledger's: only what was accepted and not refused, only an issue, a gift, a
payment or a redemption, never a reversal itself, between the same two accounts swapped (or those that
followed them by recovery), and never more than is left of it.
"""

from __future__ import annotations

from gateway.rules.parameters import Parameter, ship

REVERSAL_DAYS: tuple[Parameter[int | None], ...] = ship(
    "reversal_days", 1_095, "rules.md line 9; records of transactions are kept for three years"
)
"""Days after which an operation is not reversed any more; None: no limit."""
