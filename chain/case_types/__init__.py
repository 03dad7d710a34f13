"""Entry types of everything that has a life of its own: memberships, services, seats, deposits, vouchers.

A step of a case names the entry that opened it in ``about``. Each file is one room of `gateway`.
"""

from __future__ import annotations

from chain.case_types.alliance import ALLIANCE_TYPES
from chain.case_types.commerce import COMMERCE_TYPES
from chain.case_types.membership import MEMBERSHIP_TYPES
from chain.case_types.pools import POOL_TYPES
from chain.case_types.timebank import TIMEBANK_TYPES

CASE_TYPES = (*MEMBERSHIP_TYPES, *TIMEBANK_TYPES, *ALLIANCE_TYPES, *COMMERCE_TYPES, *POOL_TYPES)
"""Rows of the registry of entry types."""
