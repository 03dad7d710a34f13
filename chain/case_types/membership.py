"""Entry types of memberships, fees, tiers, guardians, kin, parameters, closing and referrals. Pure.

Households are keyed commitments, equal within one household and meaningless without the chapter's key; ages
are private, and what is public of them is the platform's word with the hash of its evidence. Money is fen of
the channel's or custodian's own records, named by receipt.
"""

from __future__ import annotations

from chain.entry_fields import (
    ACCOUNT,
    BOOL,
    CODE,
    CODES,
    COUNT,
    CURRENCY,
    DATE,
    HEX32,
    LEGS,
    MONTH,
    SUM,
    EntryType,
    FieldRule,
    entry_row,
)
from chain.operation import OperationKind

_K = OperationKind
_FEE: dict[str, FieldRule] = {
    "kind": CODE,
    "version": COUNT,
    "fee": SUM,
    "currency": CURRENCY,
    "receipt": HEX32,
}
_YEAR: dict[str, FieldRule] = {"since": DATE, "until": DATE}
_EVIDENCE: dict[str, FieldRule] = {"evidence": HEX32}

_MEMBERSHIP = (
    entry_row(
        "membership.opened",
        {
            **_FEE, **_YEAR, **_EVIDENCE, "household": HEX32, "compound": CODE, "building": CODE,
            "elder": BOOL, "free_services": COUNT,
        },
        needs=("kind", "receipt"),
    ),
    entry_row(
        "membership.renewed",
        {**_FEE, **_YEAR, "waived": BOOL, "referrals": COUNT, "free_services": COUNT},
    ),
    entry_row(
        "membership.upgraded",
        {**_FEE, **_YEAR, "from": CODE, "free_services": COUNT},
        needs=("kind", "receipt"),
    ),
    entry_row(
        "membership.fee_split",
        {"fee": SUM, "table": CODE, "version": COUNT, "legs": LEGS, "referring_shop": ACCOUNT},
        needs=("about",),
    ),
    entry_row(
        "membership.refunded",
        {"amount": SUM, "receipt": HEX32, "custody": HEX32, "basis": CODE, "legs": LEGS},
        needs=("receipt",),
    ),
    entry_row("membership.lapsed", {"until": DATE}),
    entry_row("membership.suspended", {"amount": SUM}, needs=("order", "reason"), may=(_K.TRANSFER,)),
    entry_row("membership.restored", {"amount": SUM}, needs=("order",), may=(_K.TRANSFER,)),
    entry_row("membership.elder_confirmed", {"elder": BOOL, **_EVIDENCE}, needs=("evidence",)),
    entry_row(
        "steward.appointed",
        {"compound": CODE, "building": CODE, **_EVIDENCE},
        needs=("compound", "building", "evidence"),
    ),
    entry_row(
        "steward.ended", {"compound": CODE, "building": CODE}, needs=("compound", "building", "reason")
    ),
    entry_row(
        "steward.rewarded",
        {"compound": CODE, "building": CODE, "period": MONTH, "amount": SUM, "version": COUNT},
        needs=("compound", "building", "period"),
        does=_K.TRANSFER,
    ),
    entry_row(
        "tier.set", {"tier": CODE, "was": CODE, "team": COUNT, "gold_teams": COUNT, "version": COUNT}
    ),
)  # fmt: skip

_FAMILY = (
    entry_row(
        "guardian.appointed",
        {"guardian": ACCOUNT, "basis": CODE, "once": SUM, "daily": SUM, "until": DATE, **_EVIDENCE},
        needs=("guardian", "basis", "evidence"),
    ),
    entry_row("guardian.ended", {"guardian": ACCOUNT}, needs=("reason",)),
    entry_row(
        "kin.declared", {"kin": ACCOUNT, "relation": CODE, "confirmed": BOOL}, needs=("kin", "relation")
    ),
    entry_row("kin.ended", {"kin": ACCOUNT}, needs=("kin",)),
    entry_row(
        "account.closing",
        {"destination": CODE, "to": ACCOUNT, "relation": CODE, "amount": SUM},
        needs=("destination", "order"),
        may=(_K.TRANSFER, _K.BURN),
    ),
    entry_row("account.closed"),
)

_PARAMETERS = (
    entry_row(
        "parameter.set",
        {
            "parameter": CODE, "amount": SUM, "number": COUNT, "codes": CODES, "version": COUNT,
            "effective_from": DATE,
        },
        needs=("parameter",),
    ),
    entry_row(
        "parameter.in_force", {"parameter": CODE, "amount": SUM, "version": COUNT}, needs=("parameter",)
    ),
    entry_row("credits.expired", {"amount": SUM, "version": COUNT}, may=(_K.BURN,)),
    entry_row("credits.surplus_burned", {"amount": SUM, "due": DATE, "version": COUNT}, may=(_K.BURN,)),
)  # fmt: skip

_REFERRALS = (
    entry_row("referral.declared", {"referrer": ACCOUNT, "was": ACCOUNT}, needs=("referrer",)),
    entry_row(
        "referral.rewarded",
        {
            "margin": SUM, "amount": SUM, "withheld": SUM, "table": CODE, "version": COUNT, "legs": LEGS,
            "period": MONTH, "levels": COUNT, "people": COUNT,
        },
        needs=("about", "margin"),
    ),
    entry_row(
        "referral.clawed_back",
        {"refunded": SUM, "amount": SUM, "table": CODE, "version": COUNT, "legs": LEGS},
        needs=("about",),
    ),
)  # fmt: skip

MEMBERSHIP_TYPES: tuple[tuple[str, EntryType], ...] = (*_MEMBERSHIP, *_FAMILY, *_PARAMETERS, *_REFERRALS)
"""Rows of the registry of entry types."""
