"""Whether an entry would be recorded now, told without recording anything.

The same code judges as in the sequencer's transaction, on the registers as SQL has them; whoever relies on
the answer asks again when recording.
"""

from __future__ import annotations

from gateway.db import Database
from gateway.errors import Refusal
from gateway.ledger.acceptance import moment_of
from gateway.ledger.append import Batch, RandomPool
from gateway.ledger.drafts import Draft, Submission
from gateway.ledger.group import Group
from gateway.ledger.registers import Registers
from gateway.ledger.vault import Entropy, Vault


def rehearse(database: Database, vault: Vault, draft: Draft, *, now: int, entropy: Entropy) -> None:
    """Judge ``draft`` as an entry at ``now`` (Unix milliseconds) would be. Raises the Refusal it would get.

    Does not judge a signature, since it knows no contract; requires a draft without authorization.
    """
    with database.reader() as connection:
        batch = Batch(0, now, RandomPool(entropy), vault)
        group = Group(
            connection, Registers(), batch, moment_of(now), vault=vault, place=None, planner=None
        )  # fmt: skip
        (answer,) = group.run([Submission("", "", b"", draft)])
    if isinstance(answer, Refusal):
        raise answer
