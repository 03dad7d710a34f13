"""Before anything is signed: is our tree the one that the chain has anchored last?

A database restored from an older backup, together with its tiles, looks sound by itself. Signing on it would
give one index two entries, which is what anchors and witnesses exist to show. So the gateway asks the chain
first and stays read-only where it is behind, differs, or has no answer yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from chain.errors import FatalChainError, TransientChainError
from chain.evm.client import EvmClient
from chain.evm.deployment import Deployment, check_deployment
from chain.evm.errors import NodeRefused
from chain.merkle.tree import Tree
from gateway.ledger.faults import LedgerFault
from gateway.ledger.service import Ledger
from gateway.outbox.credit_views import AnchoredTree, load_anchored

_log = structlog.get_logger("start")

ASK_SECONDS = 1.0
"""Pause between two questions to a node that did not answer."""

OTHER_CHAIN = "chain.not_ours"
"""The node's chain is not the recorded one, or does not know this log."""


class AnchorCheck:
    """Compares a tree with the last anchor of one log."""

    def __init__(self, client: EvmClient, deployment: Deployment, log_id: bytes) -> None:
        self._client = client
        self._deployment = deployment
        self._log_id = log_id

    def __call__(self, tree: Tree) -> None:
        """Check that ``tree`` holds what is anchored.

        Raises:
            LedgerFault: it is smaller, gives another root at the anchored size, or the chain is another one.
            TransientChainError: the node did not answer.
        """
        try:
            check_deployment(self._client, self._deployment)
            anchored = load_anchored(self._client, self._deployment.address("LogAnchor"), bytes(self._log_id))
        except NodeRefused as refused:
            raise TransientChainError(
                f"the node refuses to say what is anchored: {refused.code}"
            ) from refused
        except FatalChainError as other:
            raise LedgerFault(OTHER_CHAIN, got=str(other)) from other
        compare_with_anchor(tree, anchored)


def compare_with_anchor(tree: Tree, anchored: AnchoredTree) -> None:
    """Raise LedgerFault, its check naming both sizes, unless ``tree`` extends the anchored one."""
    sizes = f"(here={tree.size}, anchored={anchored.size})"
    if tree.size < anchored.size:
        raise LedgerFault(f"log.behind_anchor{sizes}", got=tree.size, want=anchored.size)
    root = tree.root(anchored.size)
    if root != anchored.root:
        raise LedgerFault(f"log.differs_from_anchor{sizes}", got=root.hex(), want=anchored.root.hex())


def await_answer(ledger: Ledger, begin: Callable[[], None], stop: threading.Event) -> None:
    """Ask again until node and witnesses answer, then call ``begin``, unless it is on another chain."""
    while ledger.is_waiting and not stop.wait(ASK_SECONDS):
        ledger.resume()
    if stop.is_set():
        return
    if ledger.fault is None:
        _log.info("chain and witnesses agree with what is stored")
    else:
        _log.error("ledger is read-only", reason=ledger.fault)
    if ledger.fault != OTHER_CHAIN:
        begin()
