"""Every table of the gateway's database: who finds out when somebody changes it behind the gateway's back.

A table without a row here fails `tests/unit/scripts/test_tampers.py`, and so does a row without a table.
``FREE`` columns are those of a guarded table that its guard does not look at, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Guard(Enum):
    """Who finds a change, and when."""

    SCRUB = "scrub: before the next checkpoint is signed"
    SIGNATURE = "compare-and-set of the next signature"
    FSCK = "tongyi fsck --cases --chain-url: on a stopped gateway"
    NONE = "nobody"


@dataclass(frozen=True, slots=True)
class Watched:
    """One table: its guard, why that is enough where it is nobody, and its columns that nobody looks at."""

    guard: Guard
    why: str = ""
    free: Mapping[str, str] = field(default_factory=dict)


_SCRUB, _FSCK = Watched(Guard.SCRUB), Watched(Guard.FSCK)


def _nobody(why: str) -> Watched:
    return Watched(Guard.NONE, why)


TABLES: dict[str, Watched] = {
    # --- anchored: what a signature speaks of -----------------------------------------------------------
    "entries": _SCRUB,
    "operations": Watched(
        Guard.SCRUB,
        free={
            "evidence": "the contract refuses the operation with any other",
            "moved": "a projection: fsck --cases",
            "outcome": "a projection: fsck --cases",
        },
    ),
    "account_entries": _SCRUB,
    "checkpoints": Watched(Guard.SCRUB, free={"at": "shown to operators, proves nothing"}),
    "log_heads": Watched(Guard.SCRUB, free={"epoch": "the sequencer's next entry is refused: another one"}),
    "log_trees": Watched(Guard.SIGNATURE),
    "api_keys": Watched(
        Guard.SCRUB,
        free={
            "digest": "but for its first 64 bits, the key's name: with any other nobody gets in",
            "name": "anybody's words, in no entry",
            "request": "keeps a repeat from making a second key",
        },
    ),
    "proposed_checkpoints": Watched(
        Guard.SCRUB, free={"at": "when it began to wait for witnesses, proves nothing"}
    ),
    # --- follows from entries or chain ------------------------------------------------------------------
    **dict.fromkeys(("accounts", "balances", "quotas", "locks"), _FSCK),
    **dict.fromkeys(("cases", "case_entries", "tallies", "purchase_receipts"), _FSCK),
    **dict.fromkeys(
        (
            "mirror_cursor",
            "mirror_blocks",
            "mirror_logs",
            "mirror_operations",
            "mirror_accounts",
            "mirror_rights",
            "mirror_recoveries",
            "mirror_locks",
            "mirror_limits",
            "mirror_quotas",
            "mirror_registry",
            "mirror_log_signers",
            "mirror_successions",
            "mirror_anchors",
            "mirror_settlements",
            "mirror_passed",
            "mirror_policies",
            "mirror_approvals",
            "mirror_seats",
            "mirror_rule_tables",
            "mirror_referral",
        ),
        _FSCK,
    ),
    # --- nobody looks, and why that is harmless ---------------------------------------------------------
    "chapters": _nobody(
        "an entry's chapter and caps are judged again by the contract; recovered from entries"
    ),
    "anchor_evidence": _nobody("every reader of a bundle verifies it against a trust root of his own"),
    "anchor_headers": _nobody("every reader of a bundle verifies it against a trust root of his own"),
    "cosignatures": _nobody("a copy of lines of the checkpoint's note, which the scrub verifies"),
    "receipts": _nobody(
        "holders verify them; signed again from the entries on the next start of a sequencer"
    ),
    "told_events": _nobody("chained by hashes: each consumer sees a change as a fork (verify_events)"),
    "disclosures": _nobody("sealed for their record: changed ones do not open, and nobody can forge one"),
    "authorizations": _nobody("the contract spends each holder's nonce once, whatever is stored here"),
    "idempotency_keys": _nobody("a repeat may be recorded twice or be refused; nothing recorded changes"),
    "credit_proposals": _nobody("officers approved a digest on chain; another operation is refused there"),
    "chain_transactions": _nobody("nonces and contracts let each call count once; the cursor is the chain's"),
    "chain_signers": _nobody("nonces are reconciled with the chain on start, and by its answers"),
    "outcome_cursors": _nobody("outcomes are undone once by their own mark; registers by fsck --cases"),
    "mirror_halts": _nobody("evidence for people; the mirror compares blocks again"),
    "mirror_unproven": _nobody("blocks still to be proven; a rebuild proves all of them"),
    "intake": _nobody("whoever writes it is the platform; rows live for two minutes and are no record yet"),
    "role_epochs": _nobody("a leader with another epoch stops writing"),
    "role_reports": _nobody("status alone, replaced each second"),
    "webhooks": _nobody("where events are sent; each consumer proves gaps by numbers and hashes"),
    "webhook_dead_letters": _nobody("a list of what to send again; consumers prove gaps themselves"),
    "webhook_secrets": _nobody("sealed: changed ones do not open, and nothing is sent under them"),
}
"""Every table by name."""
