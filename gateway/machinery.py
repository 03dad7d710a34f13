"""The machinery built on a ground: one function for each part, used by `tongyi serve` and by the roles alike.

Nothing here starts anything; whoever builds a part starts it and closes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog

from chain.errors import ChainError
from chain.evm.signers.base import Signer
from chain.merkle.tree import Tree
from chain.typed_data import Place
from gateway.anchor.anchorer import Anchorer, AnchorSettings
from gateway.anchor.evidence import EvidenceKeeper
from gateway.bootstrap import ANCHOR_ROLES
from gateway.case_rules import CASE_BOOK
from gateway.cases.due import DueLoop, DueRecorder
from gateway.ground import Ground, clock_text
from gateway.ledger.log_view import LogView
from gateway.ledger.outcomes import FinalOutcomes
from gateway.ledger.proposals import ApprovalSource
from gateway.ledger.service import Ledger, StartCheck
from gateway.ledger.vault import Vault
from gateway.members.chain_calls import RegisterPlanner
from gateway.mirror.follower import Follower, MirrorSettings
from gateway.mirror.reconcile import reconcile
from gateway.outbox.credit_views import load_cursor
from gateway.outbox.order import CallOrder
from gateway.outbox.settler import Settler, SettleSettings
from gateway.outbox.submitter import OutboxSettings, Submitter
from gateway.outbox.trouble import WAIT_OUT
from gateway.start_check import AnchorCheck
from gateway.witness.setup import build_collector, witness_clients
from gateway.witness_check import WitnessCheck

_log = structlog.get_logger("machinery")

RECONCILE_SECONDS = 60.0
"""How often the mirror is held against the contract's storage."""
OTHERS_ANCHOR_SECONDS = 5.0
"""Least seconds between two anchors on a chain that is not the embedded one, where none are set."""
SENDING_ROLES = ("operator", "issuer", "freezer", "recoverer", "hq", "president", "secretary")
"""Keys whose transactions the outbox sends."""
EMBEDDED_IN_FLIGHT = 512
"""Transactions of one key that may be unmined where the node is our own, whose pool takes them all."""
EMBEDDED_BATCH_BYTES = 8_000_000
"""Signed bytes of one request there: a request waits while a block is executed, so there should be few."""
EMBEDDED_WINDOW_GAS = 400_000_000
"""Gas of one settlement window where the node is our own and its blocks are large."""


Loop = Callable[[threading.Event], None]
"""Something that runs until the event it is given is set."""


def once_published(view: LogView, loop: Loop) -> Loop:
    """Return ``loop``, begun when readers have a checkpoint: the genesis leaf is on chain before that."""

    def run(stop: threading.Event) -> None:
        while not stop.is_set():
            if view.wait_newer(0, 0.2):
                loop(stop)
                return

    return run


def build_ledger(ground: Ground, vault: Vault) -> Ledger:
    """Return the ledger, not started: sequencer, integrator and view.

    It takes no writes before the chain agreed with its tree: see gateway/start_check.py.
    """
    chain_id, identity = ground.chain_id, ground.identity
    return Ledger(
        ground.database,
        identity,
        vault,
        ground.folder.log,
        clock=ground.surroundings.clock,
        entropy=ground.surroundings.entropy("entries"),
        interval=ground.settings.integrate_interval,
        place=Place(chain_id, ground.deployment.genesis_hash, ground.address("TimeCredit")),
        planner=RegisterPlanner(chain_id, identity.log_id),
        outcomes=FinalOutcomes(chain_id, identity, ground.depth),
        rules=CASE_BOOK,
        approvals=ApprovalSource(chain_id, ground.depth),
        queue_limit=ground.settings.write_queue,
        start_check=partial(_check_start, start_checks(ground)),
        collector=build_collector(ground.policy),
    )


def start_checks(ground: Ground) -> list[StartCheck]:
    """Return what our tree is compared with before anything is signed: the chain, then the witnesses."""
    checks: list[StartCheck] = [AnchorCheck(ground.client, ground.deployment, ground.log_id)]
    if (policy := ground.policy) is not None:
        origin, vkey = ground.identity.origin, ground.identity.vkey
        clients = partial(witness_clients, policy)
        checks.append(WitnessCheck(policy, clients, ground.database, origin=origin, vkey=vkey))
    return checks


def _check_start(checks: Sequence[StartCheck], tree: Tree) -> None:
    for check in checks:
        check(tree)


def build_due(ground: Ground, ledger: Ledger) -> DueLoop:
    """Return the loop that records due steps; off in a rehearsal, whose time others move."""
    recorder = DueRecorder(ground.database, CASE_BOOK, ledger, ground.surroundings.clock)
    return DueLoop(recorder, 0.0 if ground.surroundings.simulated else ground.settings.due_seconds)


def build_submitter(ground: Ground, view: LogView, signers: Mapping[str, Signer] | None = None) -> Submitter:
    """Return the one sender of this chain's transactions, in the order of the log's entries.

    ``signers`` are the keys it has, by role; all that send, where none are given.
    """
    limits = OutboxSettings(finality_depth=ground.depth, rewind_limit=ground.rewind_limit)
    if ground.is_embedded:
        limits = replace(limits, max_in_flight=EMBEDDED_IN_FLIGHT, batch_bytes=EMBEDDED_BATCH_BYTES)
    cursor = partial(load_cursor, ground.client, ground.address("TimeCredit"), ground.log_id)
    return Submitter(
        ground.database, ground.client, chain_id=ground.chain_id,
        signers=ground.keys.signers(*SENDING_ROLES) if signers is None else signers,
        addresses=ground.addresses(), clock=clock_text, settings=limits,
        order=CallOrder(ground.database, view, cursor, chain_id=ground.chain_id),
    )  # fmt: skip


def build_settler(ground: Ground, view: LogView) -> Settler:
    """Return the planner of settlement windows over the published log."""
    limits = SettleSettings(window_leaves=ground.settings.window_leaves)
    if ground.is_embedded:
        limits = replace(limits, window_gas=EMBEDDED_WINDOW_GAS, windows=EMBEDDED_IN_FLIGHT)
    return Settler(
        ground.database, ground.client, view, view, chain_id=ground.chain_id, log_id=ground.log_id,
        credit=ground.address("TimeCredit"), anchor=ground.address("LogAnchor"), clock=clock_text,
        settings=limits,
    )  # fmt: skip


def build_follower(ground: Ground) -> Follower:
    """Return the follower that keeps the mirror."""
    deployed = ground.deployment
    return Follower(
        ground.database, ground.client, [bytes(address) for address in ground.addresses().values()],
        chain_id=ground.chain_id, genesis_hash=deployed.genesis_hash,
        settings=MirrorSettings(rewind_limit=ground.rewind_limit, first_block=deployed.first_block),
    )  # fmt: skip


def build_anchorer(ground: Ground, view: LogView) -> Anchorer:
    """Return the poster of signed checkpoints."""
    return Anchorer(
        ground.database, ground.client, view, view, [ground.keys.signer(role) for role in ANCHOR_ROLES],
        place=Place(ground.chain_id, ground.deployment.genesis_hash, ground.address("LogAnchor")),
        log_id=ground.log_id, clock=clock_text,
        settings=AnchorSettings(threshold=len(ANCHOR_ROLES), interval=_anchor_interval(ground)),
    )  # fmt: skip


def _anchor_interval(ground: Ground) -> float:
    """Return the least seconds between anchors: on a chain of others each costs somebody something."""
    given = ground.settings.anchor_interval
    if given is not None:
        return given
    return 0.0 if ground.is_embedded else OTHERS_ANCHOR_SECONDS


def build_evidence(ground: Ground) -> EvidenceKeeper:
    """Return the keeper of what proves each anchor."""
    return EvidenceKeeper(
        ground.database, ground.client, chain_id=ground.chain_id, log_id=ground.log_id,
        contract=ground.address("LogAnchor"), depth=ground.depth,
    )  # fmt: skip


class Reconciler:
    """Holds the mirror against the contract's storage now and then; what differs is counted and logged."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.mismatches = 0

    def run(self, stop: threading.Event) -> None:
        """Compare until ``stop`` is set."""
        ground = self._ground
        while not stop.wait(RECONCILE_SECONDS):
            try:
                result = reconcile(
                    ground.database,
                    ground.client,
                    chain_id=ground.chain_id,
                    credit=ground.address("TimeCredit"),
                )
            except (ChainError, *WAIT_OUT):
                # No answer, or the node keeps that state no more: nothing is known, nothing changes.
                continue
            self.mismatches = len(result.mismatches)
            if result.mismatches:
                _log.error("mirror differs from the chain", block=result.block, values=self.mismatches)
