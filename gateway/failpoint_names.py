"""Every step that a test may fail: its name, whose it is, what it does. The one list of them.

A test holds this table against the code (each name is crossed in one place) and against the campaign of
``scripts/faults`` (each name has a case), so a new step without a case fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a step changes, and so which error it fails with."""

    SQL = "sql"
    """A commit of the database: SQLAlchemy's ``OperationalError``."""
    VAULT = "vault"
    """A commit of the key store: the SQLite driver's ``OperationalError``."""
    FILE = "file"
    """A file in its place: ``OSError`` with ``EIO``."""
    NODE = "node"
    """Something outside of this process was told: ``TransientChainError``."""


@dataclass(frozen=True, slots=True)
class Action:
    """One step: the ``room`` whose it is, its ``effect``, and ``what`` it does."""

    room: str
    effect: Effect
    what: str


STEPS: Mapping[str, Action] = {
    # --- start -------------------------------------------------------------------------------------------
    "start.migrate": Action("db", Effect.SQL, "commit the schema's changes"),
    "start.log": Action("ledger", Effect.SQL, "commit the log's genesis entry, or find it"),
    "start.tree": Action("ledger", Effect.SQL, "commit the row of what was signed last, or find it"),
    "start.republish": Action("ledger", Effect.SQL, "commit what was signed and not yet published"),
    "start.epoch": Action("ledger", Effect.SQL, "commit the new epoch of the one sequencer"),
    "start.signer": Action("outbox", Effect.SQL, "commit where a key's nonces begin"),
    # --- a record's way into the log ---------------------------------------------------------------------
    "ledger.keys": Action("ledger", Effect.VAULT, "commit keys of persons to the vault"),
    "ledger.commit": Action("ledger", Effect.SQL, "commit a group of entries with all that follows"),
    "ledger.outcomes": Action("ledger", Effect.SQL, "commit what an idle round took back"),
    "ledger.receipts": Action("ledger", Effect.FILE, "sign receipts of what is committed"),
    "log.tiles": Action("ledger", Effect.FILE, "put tiles and entry bundles into their places"),
    "log.rename": Action("ledger", Effect.FILE, "rename files that are flushed"),
    "log.sign": Action("ledger", Effect.SQL, "commit size, root and signed checkpoint by compare-and-set"),
    "log.checkpoint": Action("ledger", Effect.FILE, "put the signed checkpoint into its place"),
    # --- what another process hands to the one that records ----------------------------------------------
    "intake.write": Action("ledger", Effect.SQL, "commit rows for the process that records"),
    "intake.answer": Action("ledger", Effect.SQL, "commit answers and receipts for who waits for them"),
    "intake.receipts": Action("ledger", Effect.SQL, "commit receipts of entries that have none yet"),
    "roles.report": Action("roles", Effect.SQL, "commit what a role tells the others"),
    # --- onto the chain ----------------------------------------------------------------------------------
    "anchor.sign": Action("anchor", Effect.NODE, "have the anchor keys sign a checkpoint"),
    "anchor.queue": Action("anchor", Effect.SQL, "commit the anchor's call to the outbox"),
    "anchor.evidence": Action("anchor", Effect.SQL, "commit an anchor's receipt and proofs"),
    "anchor.complete": Action("anchor", Effect.SQL, "commit the headers behind an anchor"),
    "settle.withdraw": Action("outbox", Effect.SQL, "commit that windows of a failed run are taken back"),
    "settle.queue": Action("outbox", Effect.SQL, "commit the next windows of settlement to the outbox"),
    "outbox.sign": Action("outbox", Effect.SQL, "commit nonces, signed bytes and hashes of calls"),
    "outbox.send": Action("outbox", Effect.NODE, "give a batch of signed bytes to the node"),
    "outbox.sent": Action("outbox", Effect.SQL, "commit that the node has them"),
    "outbox.outcome": Action("outbox", Effect.SQL, "commit what became of calls on chain"),
    "outbox.refuse": Action("outbox", Effect.SQL, "commit an empty transfer in the place of a refused call"),
    "outbox.replace": Action("outbox", Effect.SQL, "commit that another used a nonce, and the call anew"),
    "outbox.fill": Action("outbox", Effect.SQL, "commit empty transfers for nonces that nothing has"),
    # --- back from the chain -----------------------------------------------------------------------------
    "mirror.store": Action("mirror", Effect.SQL, "commit blocks, events, derived rows and cursor"),
    "mirror.rewind": Action("mirror", Effect.SQL, "commit the way back to the common ancestor"),
    "mirror.prove": Action("mirror", Effect.SQL, "commit that a heavy block was proven after all"),
    "mirror.halt": Action("mirror", Effect.SQL, "commit the evidence that what is final was taken back"),
    # --- to those who listen -----------------------------------------------------------------------------
    "delivery.tell": Action("delivery", Effect.SQL, "commit numbers and hashes of what became final"),
    "delivery.taken": Action("delivery", Effect.SQL, "commit that a receiver has an event"),
    "delivery.failed": Action("delivery", Effect.SQL, "commit that an attempt failed, and when the next is"),
    "delivery.end": Action("delivery", Effect.SQL, "commit that a subscription's key ended or changed"),
    "webhook.create": Action("delivery", Effect.SQL, "commit a subscription with its first secret"),
    "webhook.delete": Action("delivery", Effect.SQL, "commit that a subscription was ended by its owner"),
    "webhook.rotate": Action("delivery", Effect.SQL, "commit a subscription's new secret"),
    "webhook.replay": Action("delivery", Effect.SQL, "commit that events are to be sent again"),
    # --- what is no entry yet ----------------------------------------------------------------------------
    "members.propose": Action("members", Effect.SQL, "commit a proposal with the salt that officers approve"),
    # --- keys --------------------------------------------------------------------------------------------
    "rotate.log": Action("rotation", Effect.SQL, "commit the entry that names the log's next key"),
    "rotate.api": Action("rotation", Effect.SQL, "commit the entry and the row of an API key's follower"),
    "rotate.signer": Action("rotation", Effect.SQL, "commit the entry that names a role's next key"),
}
