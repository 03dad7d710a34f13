"""What every process of a gateway stands on: folder, node, database, keys, log, contracts, trust root.

Opened in this order by `tongyi serve` and by each process role alike. The first start (schema, genesis entry,
contracts, trust root) is one process's work at a time: under `tongyi serve` by the folder's lock, else by a
lock of the database.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import structlog

from chain.errors import ChainError, TransientChainError
from chain.evm.client import EvmClient
from chain.evm.deployment import Deployment, load_deployment
from chain.evm.local import LocalChain
from chain.trust_root import TrustRoot
from chain.types import Address
from chain.witness_policy import WitnessPolicy
from gateway.auth import Scope, new_secret
from gateway.bootstrap import DEVELOPMENT, ensure_deployment, ensure_trust_root
from gateway.data_folder import DataFolder
from gateway.data_present import database_url
from gateway.db import Database, migrate, supported_url
from gateway.durable_files import write_durably
from gateway.failpoints import arm
from gateway.keys import ROLES, KeyFolder
from gateway.ledger.api_keys import key_id
from gateway.ledger.drafts import IssueKey
from gateway.ledger.genesis import open_log
from gateway.ledger.identity import LogIdentity
from gateway.ledger.log_keys import last_signer_changes
from gateway.ledger.vault import Entropy, Vault
from gateway.log_rotation import finish_rotation
from gateway.role_powers import RolePowers, check_powers
from gateway.settings import Settings
from gateway.signer_places import OutsideSigners, parse_places
from gateway.signer_succession import check_signers, finish_signers, read_signer_changes
from gateway.simulation import NAME as SIMULATION
from gateway.simulation import Surroundings, real_surroundings, simulated_surroundings
from gateway.validators import parse_validators
from gateway.witness.setup import read_policy

_log = structlog.get_logger("ground")

EMBEDDED_REWIND = 2_000
"""Blocks an embedded chain may lose when it is killed; the mirror and the outbox then follow it back."""
SETUP_LOCK = (0x746F6E68, 0)
"""Keys of the PostgreSQL advisory lock under which a first start happens ("tonh")."""


def clock_text() -> str:
    """Return the time as RFC 3339 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Ground:
    """One gateway's ground. ``client`` is pinned to the deployment's chain; ``rpc`` is the node's address."""

    settings: Settings
    folder: DataFolder
    rpc: str
    database: Database
    keys: KeyFolder
    identity: LogIdentity
    deployment: Deployment
    trust_root: TrustRoot
    client: EvmClient
    surroundings: Surroundings
    policy: WitnessPolicy | None

    @property
    def chain_id(self) -> int:
        """The chain of the deployment."""
        return self.deployment.chain_id

    @property
    def log_id(self) -> bytes:
        """The log's 32-byte name on chain."""
        return bytes(self.identity.log_id)

    @property
    def is_embedded(self) -> bool:
        """Whether the chain is a child of this process."""
        return self.settings.chain_url is None

    @property
    def depth(self) -> int:
        """Blocks that make a block final: the setting, or more where the trust root asks for more."""
        return max(self.settings.finality_depth, self.trust_root.required.depth)

    @property
    def rewind_limit(self) -> int:
        """Deepest change of the chain that is followed."""
        return EMBEDDED_REWIND if self.is_embedded else self.depth

    def address(self, contract: str) -> Address:
        """Return a contract's address by name."""
        return self.deployment.address(contract)

    def addresses(self) -> dict[str, Address]:
        """Return all contracts' addresses by name."""
        return {name: found.address for name, found in self.deployment.contracts.items()}

    def chain_matches(self) -> bool:
        """Say whether the node answers and is on the deployment's chain."""
        try:
            self.client.check_chain()
        except ChainError:
            return False
        return True


def open_ground(settings: Settings, stack: ExitStack, *, shared: bool, signs: bool = True) -> Ground:
    """Open everything below the ledger and the loops; ``stack`` closes it in the other order.

    ``shared`` admits other processes to the data folder that open it shared, too. Where this process
    ``signs``, every signer outside of the key folder must answer and have its power on chain.

    Raises:
        FolderInUse: another process has the data folder.
        FormatError: ``TONGYI_SIGNERS`` or a key file is not what it should be.
        FatalChainError: the chain is not the one this data belongs to, or a signer cannot be used.
        LedgerFault: the database holds another log.
        DatabaseError: the database is too old or not durable.
    """
    url = database_url(settings)
    # Before anything is made.
    supported_url(url)
    # Before a child is started, so that no child process has these keys in its environment.
    outside = OutsideSigners(parse_places(settings.signers.get_secret_value(), ROLES), os.environ)
    stack.callback(outside.close)
    if signs:
        outside.open_all()
    folder = DataFolder(settings.data)
    folder.lock(shared=shared)
    stack.callback(folder.unlock)
    arm(settings.failpoint, folder.root)
    rpc = settings.chain_url or _start_chain(settings, folder, stack)
    database = Database(url)
    stack.callback(database.close)
    database.settle()
    with database.exclusive(*SETUP_LOCK):
        ground = _first_start(settings, folder, rpc, database, outside, stack)
    if signs:
        _check_keys(ground)
    return ground


def _check_keys(ground: Ground) -> None:
    """Check that the keys at hand are those the entries name, and those elsewhere what the chain takes."""
    powers = RolePowers(ground.client, ground.deployment, ground.log_id)
    check_signers(last_signer_changes(read_signer_changes(ground.database)), ground.keys, powers)
    try:
        check_powers(powers, ground.keys, ground.keys.outside.places)
    except TransientChainError:
        # A signer without its power does no harm but a refused transaction; the start goes on read-only.
        _log.warning("the node does not answer: whether the signers have their roles is not known")


def _first_key(folder: DataFolder, entropy: Entropy) -> IssueKey:
    """Return the platform's key, whose secret is kept in its file."""
    path = folder.platform_key
    if not path.exists():
        # If we crash here, the file holds a key no entry names; the next start records that same key.
        write_durably(path, new_secret(entropy).encode() + b"\n", mode=0o600)
    digest = sha256(path.read_text("ascii").strip().encode()).digest()
    return IssueKey(key_id(digest), digest, "platform", Scope.ADMIN.value, None)


def _surroundings(settings: Settings) -> Surroundings:
    if settings.simulation_seed is None:
        return real_surroundings()
    start = round(settings.simulation_start.timestamp() * 1000)
    return simulated_surroundings(settings.simulation_seed, start)


def _start_chain(settings: Settings, folder: DataFolder, stack: ExitStack) -> str:
    start = None if settings.simulation_seed is None else int(settings.simulation_start.timestamp())
    chain = LocalChain(folder.chain, block_time=settings.block_time, first_time=start)
    stack.callback(chain.stop)
    return chain.start()


def _first_start(
    settings: Settings,
    folder: DataFolder,
    rpc: str,
    database: Database,
    outside: OutsideSigners,
    stack: ExitStack,
) -> Ground:
    """Make what is missing and check what is there; every part can be repeated after a crash."""
    signers = parse_validators(settings.validators)
    migrate(database)
    surroundings = _surroundings(settings)
    keys = KeyFolder(folder.keys, surroundings.entropy("keys"), outside)
    # What a rotation left undone is done before its key is used.
    finish_rotation(folder, database, keys)
    finish_signers(database, keys)
    identity = keys.log_identity(settings.origin)
    policy = read_policy(settings.witness_policy, identity.vkey)
    client = EvmClient(rpc)
    try:
        recorded = load_deployment(folder.deployment) if folder.deployment.exists() else None
        chain_id = client.chain_id() if recorded is None else recorded.chain_id
        genesis_root = open_log(
            database,
            identity,
            clock=surroundings.clock,
            entropy=surroundings.entropy("genesis"),
            chain_id=chain_id,
            first_key=lambda: _first_key(folder, surroundings.entropy("platform key")),
        )
        try:
            deployment = ensure_deployment(folder, client, keys, identity, genesis_root)
        except TransientChainError:
            if recorded is None:
                raise
            # Read-only until the node answers and agrees: see gateway/start_check.py.
            deployment = recorded
    finally:
        client.close()
    # Here, by one process at a time: SQLite changes its journal mode only while nobody else has the file.
    Vault(folder.vault, os.urandom).close()
    name = DEVELOPMENT if surroundings.simulated is None else SIMULATION
    root = ensure_trust_root(folder, identity, deployment, settings.finality_depth, name, signers, policy)
    pinned = EvmClient(
        rpc,
        expected_chain_id=deployment.chain_id,
        expected_genesis=deployment.genesis_hash,
        may_be_silent=True,
    )
    stack.callback(pinned.close)
    return Ground(
        settings, folder, rpc, database, keys, identity, deployment, root, pinned, surroundings, policy
    )
