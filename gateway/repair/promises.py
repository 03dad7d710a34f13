"""A stopped gateway's tree against what others hold of it: published checkpoint, chain, witnesses.

What they hold and SQL does not cannot be made again: tiles and chain keep commitments, bodies and salts are
in SQL alone. So nothing is repaired here; it is said, with both sizes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from chain.checkpoint import open_checkpoint
from chain.errors import NotaryError
from chain.evm.client import EvmClient
from chain.evm.deployment import Deployment, check_deployment, load_deployment
from chain.evm.local import LocalChain
from chain.merkle.tree import Tree
from gateway.data_folder import DataFolder
from gateway.db import Database
from gateway.ledger.faults import LedgerFault
from gateway.ledger.identity import LogIdentity
from gateway.ledger.service import StartWaits
from gateway.outbox.credit_views import load_anchored
from gateway.start_check import compare_with_anchor
from gateway.witness.setup import read_policy, witness_clients
from gateway.witness_check import WitnessCheck

_STANDING_STILL = 86_400.0
"""Seconds between blocks of a copied chain: none comes while it is looked at."""


@dataclass(frozen=True, slots=True)
class ChainView:
    """The node that a gateway's contracts are on; ``is_copy`` of an embedded chain's stored state."""

    client: EvmClient
    deployment: Deployment
    is_copy: bool

    @property
    def contracts(self) -> list[bytes]:
        """Addresses of all contracts."""
        return [bytes(found.address) for found in self.deployment.contracts.values()]


@contextmanager
def open_chain(folder: DataFolder, chain_url: str | None) -> Iterator[ChainView | None]:
    """Open the node at ``chain_url``, else a copy of the folder's embedded chain; None where there is none.

    The embedded chain itself is left as it is.

    Raises:
        TransientChainError: the node does not answer.
        FatalChainError: it is on another chain.
    """
    has_state = (folder.chain / "state.json").exists() or (folder.chain / "dump.json").exists()
    if not folder.deployment.exists() or (chain_url is None and not has_state):
        yield None
        return
    deployment = load_deployment(folder.deployment)
    with ExitStack() as stack:
        url = chain_url
        if url is None:
            place = Path(stack.enter_context(TemporaryDirectory()))
            for name in ("state.json", "dump.json"):
                if (folder.chain / name).exists():
                    shutil.copy2(folder.chain / name, place / name)
            url = stack.enter_context(LocalChain(place, block_time=_STANDING_STILL)).url
        client = EvmClient(
            url, expected_chain_id=deployment.chain_id, expected_genesis=deployment.genesis_hash
        )
        stack.callback(client.close)
        check_deployment(client, deployment)
        yield ChainView(client, deployment, chain_url is None)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What others hold of the log and its entries do not: a code, both sizes, and whose word it is."""

    code: str
    here: int
    there: int
    about: str = ""

    @property
    def text(self) -> str:
        """Code and sizes in one line."""
        return f"{self.code}(here={self.here}, there={self.there})"


def published_ahead(note: bytes | None, vkeys: Sequence[str], tree: Tree) -> Ahead | None:
    """Return what a published checkpoint of ours says that the entries do not hold, None where nothing."""
    if note is None:
        return None
    try:
        shown = open_checkpoint(note, vkeys)
    except NotaryError:
        # Not ours: it proves nothing, and is written again.
        return None
    if shown.size > tree.size:
        return Ahead("log.behind_checkpoint", tree.size, shown.size)
    if shown.size and tree.root(shown.size) != shown.root:
        return Ahead("log.differs_from_checkpoint", tree.size, shown.size)
    return None


def anchored_ahead(chain: ChainView, log_id: bytes, tree: Tree) -> Ahead | None:
    """Return what the last anchor says that the entries do not hold, None where nothing."""
    anchored = load_anchored(chain.client, chain.deployment.address("LogAnchor"), log_id)
    try:
        compare_with_anchor(tree, anchored)
    except LedgerFault as fault:
        return Ahead(_code_of(fault), tree.size, anchored.size)
    return None


def witnessed_ahead(
    policy_file: Path | None, database: Database, identity: LogIdentity, tree: Tree
) -> Ahead | str | None:
    """Return what a witness holds that the entries do not, or who did not answer; None where all agree."""
    policy = read_policy(policy_file, identity.vkey)
    if policy is None:
        return None
    clients = partial(witness_clients, policy)
    check = WitnessCheck(policy, clients, database, origin=identity.origin, vkey=identity.vkey)
    try:
        check(tree)
    except LedgerFault as fault:
        there = fault.want if isinstance(fault.want, int) else 0
        return Ahead(_code_of(fault), tree.size, there, fault.check)
    except StartWaits as waits:
        return waits.reason
    return None


def _code_of(fault: LedgerFault) -> str:
    return fault.check.partition("(")[0]
