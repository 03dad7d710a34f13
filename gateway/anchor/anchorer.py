"""Post signed checkpoints to the anchor contract, one after the other, through the outbox.

1. Take the newest signed checkpoint when the anchor before it is mined and the interval is over.
2. Have k of n keys sign (log id, size, root) under EIP-712, signatures ordered by address.
3. Queue `anchor` with the RFC 9162 consistency proof from the size anchored before.

The contract takes a root only with both, so this room is trusted with nothing. What is anchored, and what
is on its way, is in the outbox's rows and on chain; a crash between any two steps repeats the step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy import Connection, select

from chain.errors import FatalChainError
from chain.evm.calldata import encode_anchor
from chain.evm.client import EvmClient
from chain.evm.signers.base import Signer
from chain.typed_data import Place, anchor_payload
from chain.types import NodeHash, TreeSize
from gateway.db import Database
from gateway.failpoints import step
from gateway.outbox.calls import ChainCall, TransactionState
from gateway.outbox.credit_views import load_anchored
from gateway.outbox.queue import enqueue
from gateway.outbox.rows import lock_order
from gateway.outbox.tables import chain_transactions
from gateway.outbox.trouble import WAIT_OUT

_log = structlog.get_logger("anchor")
_rows = chain_transactions.c
_ENDED_BADLY = (TransactionState.FAILED.value, TransactionState.REPLACED.value)
_DONE = (TransactionState.MINED.value, TransactionState.FINAL.value)
_BASE_GAS, _SIGNATURE_GAS, _NODE_GAS = 140_000, 12_000, 3_500


class SignedCheckpoint(Protocol):
    """A published checkpoint."""

    @property
    def size(self) -> TreeSize: ...
    @property
    def root(self) -> NodeHash: ...


class CheckpointSource(Protocol):
    """Signed checkpoints; the ledger implements it."""

    def latest_checkpoint(self) -> SignedCheckpoint | None:
        """Return the newest signed checkpoint, None before the first."""
        ...


class ConsistencyProofs(Protocol):
    """Proofs between published sizes (RFC 9162 section 2.1.4)."""

    def consistency_proof(self, size1: TreeSize, size2: TreeSize) -> list[bytes]:
        """Return the proof that the tree of ``size1`` is a prefix of that of ``size2``."""
        ...


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """How to anchor: ``threshold`` signatures of the keys at hand; ``pause`` in seconds.

    ``interval`` is the least number of seconds between two anchors; 0 anchors as soon as the one before is
    mined. It is pacing only: a restart forgets it and anchors once more.
    """

    threshold: int
    interval: float = 0.0
    pause: float = 0.1
    signer: str = "operator"


@dataclass(frozen=True, slots=True)
class LastAnchor:
    """The newest anchor in the outbox that has not ended badly, and whether a later one has."""

    row_id: int
    size: int
    is_done: bool
    failed_after: int


class Anchorer:
    """Anchors one log on one chain."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        checkpoints: CheckpointSource,
        proofs: ConsistencyProofs,
        signers: Sequence[Signer],
        *,
        place: Place,
        log_id: bytes,
        clock: Callable[[], str],
        settings: AnchorSettings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``place`` is the contract's; ``signers`` are the log's anchor keys held here.

        Raises:
            FatalChainError: they are fewer than ``threshold``.
        """
        if len(signers) < settings.threshold:
            raise FatalChainError(f"{len(signers)} anchor keys are at hand, {settings.threshold} must sign")
        self._database = database
        self._client = client
        self._checkpoints = checkpoints
        self._proofs = proofs
        # The contract walks both lists once: ascending addresses.
        self._signers = sorted(signers, key=lambda signer: signer.address)[: settings.threshold]
        self._place = place
        self._chain_id = place.chain_id
        self._log_id = log_id
        self._contract = place.contract
        self._clock = clock
        self._settings = settings
        self._monotonic = monotonic
        self._not_before = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Anchor until ``stop`` is set; node and signer trouble is waited out.

        Raises:
            FatalChainError: the log is not registered, or the chain holds another tree than ours.
        """
        while not stop.is_set():
            try:
                self.step()
            except WAIT_OUT as error:
                _log.warning("anchor waits", error=type(error).__name__, reason=str(error)[:200])
                stop.wait(1.0)
            stop.wait(self._settings.pause)

    def step(self) -> TreeSize | None:
        """Queue an anchor where one is due. Returns its size.

        Raises:
            TransientChainError: the node or a signer did not answer; nothing was queued.
            FatalChainError: the chain holds a larger tree than this log has.
        """
        checkpoint = self._checkpoints.latest_checkpoint()
        with self._database.reader() as connection:
            last = self._load_last(connection)
        if checkpoint is None or (last is not None and not last.is_done):
            return None
        if self._monotonic() < self._not_before and not (last is not None and last.failed_after):
            return None
        if last is not None and checkpoint.size <= last.size and not last.failed_after:
            return None
        base = self._base(last)
        if checkpoint.size < base:
            raise FatalChainError(
                f"the chain holds a tree of {base} leaves, this log has published {checkpoint.size}"
            )
        if checkpoint.size == base:
            return None
        call = self._call(checkpoint, TreeSize(base))
        # If we crash here, nothing is queued: the next step signs the same digest again.
        with self._database.writer(step("anchor.queue")) as connection:
            lock_order(connection, self._chain_id)
            now = self._load_last(connection)
            if (None if now is None else now.row_id) != (None if last is None else last.row_id):
                return None
            enqueue(connection, [call], chain_id=self._chain_id, reference="anchor", at=self._clock())
        self._not_before = self._monotonic() + self._settings.interval
        return checkpoint.size

    def _base(self, last: LastAnchor | None) -> int:
        """Return the size the contract holds: as mined by us, or as it says where we are not sure."""
        if last is not None and not last.failed_after:
            return last.size
        return load_anchored(self._client, self._contract, self._log_id).size

    def _load_last(self, connection: Connection) -> LastAnchor | None:
        mine = (_rows.chain_id == self._chain_id) & (_rows.log_id == self._log_id) & (_rows.kind == "anchor")
        newest = select(_rows.id, _rows.anchored_size, _rows.state).where(mine).order_by(_rows.id.desc())
        good = connection.execute(newest.where(_rows.state.not_in(_ENDED_BADLY)).limit(1)).one_or_none()
        last = connection.execute(newest.limit(1)).one_or_none()
        if last is None:
            return None
        if good is None:
            return LastAnchor(0, 0, True, last.id)
        return LastAnchor(
            good.id, good.anchored_size, good.state in _DONE, last.id if last.id != good.id else 0
        )

    def _call(self, checkpoint: SignedCheckpoint, base: TreeSize) -> ChainCall:
        payload = anchor_payload(self._place, self._log_id, checkpoint.size, checkpoint.root)
        with step("anchor.sign"):
            signatures = [signer.sign_payload(payload) for signer in self._signers]
        proof = self._proofs.consistency_proof(base, checkpoint.size)
        gas = _BASE_GAS + _SIGNATURE_GAS * len(signatures) + _NODE_GAS * len(proof)
        return ChainCall(
            "anchor",
            "LogAnchor",
            encode_anchor(self._log_id, checkpoint.size, checkpoint.root, proof, signatures),
            gas,
            self._settings.signer,
            log_id=self._log_id,
            anchored_size=checkpoint.size,
        )
