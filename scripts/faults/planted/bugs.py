"""Every planted bug: how it is planted, the story in which it shows, and the oracle that must name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.failpoints import Mode
from scripts.faults.planted import chain_bugs, ledger_bugs, told_bugs
from scripts.faults.planted.planting import Fire

LIFE, SYSTEM_CALLS, REORG = "life", "system calls", "reorg"
PROBES, OLD_PARTS, WEBHOOK = "probes of another chapter", "old SQL, log files", "webhook"
FORGED, AHEAD, DROPPED = "node: forged amounts", "node: nonce ahead", "node: sends lost"
COMMIT_CRASH = f"ledger.commit:{Mode.CRASH_BEFORE}:4"
COMMIT_ERROR = f"ledger.commit:{Mode.ERROR_BEFORE}:4"
SIGN_ERROR = f"log.sign:{Mode.ERROR_BEFORE}:3"
MIRROR_CRASH = f"mirror.store:{Mode.CRASH_BEFORE}:12"
"""Stories by name; those of a failpoint are its order."""


@dataclass(frozen=True, slots=True)
class Bug:
    """``plant`` puts it into a gateway; ``story`` is where it must be caught, by the oracle ``caught_by``."""

    plant: Callable[[Fire], None]
    story: str
    caught_by: str


BUGS: Mapping[str, Bug] = {
    "idempotency dropped": Bug(ledger_bugs.drop_idempotency, LIFE, "O2 double"),
    "idempotency shared by all callers": Bug(ledger_bugs.share_idempotency, LIFE, "O2 key"),
    "a refused operation changes registers": Bug(ledger_bugs.apply_refused, LIFE, "O4 registers"),
    "freeze ignored": Bug(ledger_bugs.ignore_freeze, LIFE, "O2 frozen"),
    "proof accepted without positions": Bug(ledger_bugs.accept_without_positions, LIFE, "O8 verdict"),
    "proof of the entry beside": Bug(ledger_bugs.prove_the_neighbour, LIFE, "O8 proof"),
    "receipt of another index": Bug(ledger_bugs.sign_another_receipt, LIFE, "O1 receipt"),
    "older checkpoint shown": Bug(ledger_bugs.show_older_checkpoints, LIFE, "O5 shrunk"),
    "tile with another node": Bug(ledger_bugs.spoil_tiles, LIFE, "O9 tiles"),
    "bundle with another leaf": Bug(ledger_bugs.spoil_bundles, LIFE, "O9 bundles"),
    "mirrored balances rounded": Bug(chain_bugs.round_balances, LIFE, "O4 mirror"),
    "window queued twice": Bug(chain_bugs.settle_twice, LIFE, "O3 window"),
    "outcome not told": Bug(told_bugs.skip_an_outcome, LIFE, "O2 told"),
    "page of events skips one": Bug(told_bugs.skip_behind_the_cursor, LIFE, "O2 heard"),
    "webhook's cursor moves on failure": Bug(told_bugs.go_on_after_failure, WEBHOOK, "O2 heard"),
    "acknowledged before the commit": Bug(ledger_bugs.acknowledge_before_commit, COMMIT_CRASH, "O1 lost"),
    "receipt for what was not committed": Bug(
        ledger_bugs.promise_the_uncommitted, COMMIT_ERROR, "O1 changed"
    ),
    "signed before the compare-and-set": Bug(ledger_bugs.sign_before_set, SIGN_ERROR, "O8 forgotten"),
    "mirror's cursor before its rows": Bug(chain_bugs.move_cursor_first, MIRROR_CRASH, "O7 blocks"),
    "parent hash not compared": Bug(chain_bugs.skip_parent_hash, REORG, "O7 blocks"),
    "replaced blocks stay in balances": Bug(chain_bugs.keep_balances, REORG, "O4 mirror"),
    "receipts root not compared": Bug(chain_bugs.trust_receipts, FORGED, "O7 events"),
    "nonce proof always holds": Bug(chain_bugs.trust_counts, AHEAD, "O3 nonce"),
    "next nonce lowered": Bug(chain_bugs.lower_nonces, DROPPED, "O3 stuck"),
    "no chapter filter": Bug(told_bugs.forget_chapters, PROBES, "O11 existence"),
    "older log goes on": Bug(ledger_bugs.forget_published, OLD_PARTS, "its reason"),
    "commit not flushed": Bug(told_bugs.leave_commits_in_memory, SYSTEM_CALLS, "O1 flushed"),
    "tiles not flushed": Bug(told_bugs.leave_files_in_memory, SYSTEM_CALLS, "O9 flushed"),
}
"""By name."""
