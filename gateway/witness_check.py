"""Before anything is signed: is our tree the one that our witnesses have cosigned last?

As with the chain (`gateway/start_check.py`): a backup put back looks sound by itself, and signing on it would
give one index two entries. Witnesses are asked from outside, since what this machine remembers of them was
put back with the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from chain.checkpoint import open_checkpoint
from chain.errors import NotaryError
from chain.merkle.prove import consistency_proof
from chain.merkle.tree import Tree
from chain.types import TreeSize
from chain.witness_policy import WitnessPolicy
from gateway.db import Database
from gateway.ledger.faults import LedgerFault
from gateway.ledger.log_keys import WitnessChange, load_log_keys, load_witness_changes, own_vkeys
from gateway.ledger.proposed import newest_signed
from gateway.ledger.service import StartWaits
from gateway.witness.client import WitnessClient, WitnessTrouble
from gateway.witness.collector import SignedNote

_log = structlog.get_logger("start")

UNANSWERED = "witnesses.unanswered"
"""Why nothing is written while too few witnesses said what they hold."""


class WitnessCheck:
    """Compares a tree with the last checkpoints of one log's witnesses."""

    def __init__(
        self,
        policy: WitnessPolicy,
        clients: Callable[[], list[WitnessClient]],
        database: Database,
        *,
        origin: str,
        vkey: str,
    ) -> None:
        """``clients`` makes a client of each witness of the policy; each is closed after its answer."""
        self._policy = policy
        self._clients = clients
        self._database = database
        self._origin = origin
        self._vkeys = [vkey]
        self._changes: list[WitnessChange] = []

    def __call__(self, tree: Tree) -> None:
        """Check that ``tree`` holds what every witness that answers has cosigned.

        Raises:
            LedgerFault: it is smaller, or gives another root at the cosigned size.
            StartWaits: fewer witnesses answered than meet the quorum.
        """
        with self._database.reader() as connection:
            signed = newest_signed(connection)
            # What a witness holds may be of before a rotation of our key, or of its own.
            self._vkeys = [key.vkey for key in load_log_keys(connection)] or self._vkeys
            self._changes = load_witness_changes(connection)
        clients = self._clients()
        try:
            with ThreadPoolExecutor(len(clients) or 1) as pool:
                answered = list(pool.map(lambda client: self._agrees(client, tree, signed), clients))
        finally:
            for client in clients:
                client.close()
        if not self._policy.is_met(
            [client.vkey for client, did in zip(clients, answered, strict=True) if did]
        ):
            raise StartWaits(UNANSWERED)

    def _agrees(self, client: WitnessClient, tree: Tree, signed: SignedNote | None) -> bool:
        """Return whether a witness answered, and what it holds is a beginning of ``tree``.

        Raises LedgerFault where it is not.
        """
        try:
            note = client.last_checkpoint(self._origin)
            if note is not None:
                self._compare(client, tree, note)
            elif signed is not None:
                # It may not show what it holds, so it is asked to cosign what has been signed already.
                client.cosign(
                    signed.note,
                    signed.size,
                    lambda old, new: list(consistency_proof(tree, TreeSize(old), TreeSize(new))),
                )
            return True
        except WitnessTrouble as trouble:
            if trouble.reason == "ahead":
                raise _behind(tree.size, trouble.size, client.name) from None
            if trouble.reason == "other_root":
                raise _differs(tree.size, trouble.size, client.name) from None
            # One that does not know this log has cosigned nothing of it.
            if trouble.reason == "unknown_log":
                return True
            _log.warning("a witness does not say what it holds", witness=client.name, reason=trouble.reason)
            return False

    def _compare(self, client: WitnessClient, tree: Tree, note: bytes) -> None:
        try:
            # Our own signature is on it: nobody else can make us believe that we are behind.
            held = open_checkpoint(note, [*self._vkeys, *own_vkeys(client.vkey, self._changes)])
        except NotaryError:
            raise WitnessTrouble(client.name, "malformed") from None
        if held.origin != self._origin or client.name not in [one.name for one in held.signatures]:
            raise WitnessTrouble(client.name, "malformed")
        if held.size > tree.size:
            raise _behind(tree.size, held.size, client.name)
        if held.size and tree.root(held.size) != held.root:
            raise _differs(tree.size, held.size, client.name)


def _behind(here: int, held: int | None, witness: str) -> LedgerFault:
    return LedgerFault(
        f"log.behind_witness(here={here}, witnessed={held}, witness={witness})", got=here, want=held
    )


def _differs(here: int, held: int | None, witness: str) -> LedgerFault:
    return LedgerFault(
        f"log.differs_from_witness(here={here}, witnessed={held}, witness={witness})", got=here, want=held
    )
