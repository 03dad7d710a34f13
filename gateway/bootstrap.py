"""First start: contracts, roles, policies, the log's registration, and the development trust root.

Later starts check instead: chain, genesis and the code at every address must be what the record says.
"""

from __future__ import annotations

import structlog

from chain.checkpoint import parse_vkey
from chain.evm.client import EvmClient
from chain.evm.deploy import DeploymentPlan, LogPlan, PolicyPlan, RoleGrant, deploy
from chain.evm.deployment import Deployment, check_deployment, load_deployment
from chain.evm.errors import WrongChain
from chain.evm.roles import (
    ADMIN_ROLE,
    CANCEL_POLICY,
    NETWORK,
    PASS_POLICY,
    REFERRAL_POLICY,
    REVERSE_POLICY,
    RoleKind,
    role_id,
)
from chain.trust_root import (
    CONTRACTS,
    ChainPin,
    ContractPin,
    LogKey,
    Requirements,
    SignerSet,
    TrustRoot,
    Witness,
    format_trust_root,
    parse_trust_root,
)
from chain.types import BlockNumber, NodeHash
from chain.witness_policy import WitnessPolicy
from gateway.data_folder import DataFolder
from gateway.durable_files import write_durably
from gateway.keys import KeyFolder
from gateway.ledger.identity import LogIdentity
from gateway.validators import NAME as CONSORTIUM
from gateway.validators import least_depth

_log = structlog.get_logger("bootstrap")

MAX_GROWTH = 1_000_000
"""Leaves one anchor may add at most."""
ANCHOR_ROLES = ("operator", "witness")
"""Keys that sign anchors; both must."""
DEVELOPMENT = "development root: nobody independent has witnessed or sealed this log"
"""Name of the trust root made here; every verdict shows it."""
_NAMES = {
    (False, False): DEVELOPMENT,
    (
        False,
        True,
    ): "development root: nobody independent has sealed this log; its operator names the witnesses",
    (True, False): CONSORTIUM,
    (True, True): "consortium root: its operator names the validators and the witnesses",
}
"""The same where validators seal, and where a witness is said to be independent."""
GRANT_DELAY = 86_400
"""Seconds before a later grant of a sensitive role counts: time to see it and to take it back."""
SENSITIVE = (RoleKind.HQ, RoleKind.ISSUER, RoleKind.FREEZER, RoleKind.RECOVERER, RoleKind.REGULATOR)
"""Kinds whose grants wait, for the network and for every chapter (`RoleManager` I4); a new admin waits as
long. The access manager lets a delay begin five days after it is set: the first five are the set-up's."""
UNSEALED = SignerSet("none", (), BlockNumber(0), None)
"""Of a chain whose blocks carry no seals."""
GRANTS = {
    "hq": RoleKind.HQ,
    "operator": RoleKind.OPERATOR,
    "issuer": RoleKind.ISSUER,
    "freezer": RoleKind.FREEZER,
    "recoverer": RoleKind.RECOVERER,
    "president": RoleKind.PRESIDENT,
    "secretary": RoleKind.SECRETARY,
    "regulator": RoleKind.REGULATOR,
}
"""What the key of a role is for the whole network; ``witness`` acts as nothing, it signs anchors."""


def build_plan(keys: KeyFolder, identity: LogIdentity, genesis_root: NodeHash) -> DeploymentPlan:
    """Return the set-up of a single-machine gateway: network-wide roles, one key each."""
    grants = tuple(RoleGrant(kind, NETWORK, keys.signer(role).address) for role, kind in GRANTS.items())
    two_officers = (RoleKind.PRESIDENT, RoleKind.SECRETARY)
    policies = (
        PolicyPlan(REVERSE_POLICY, two_officers, 2),
        PolicyPlan(CANCEL_POLICY, two_officers, 2),
        PolicyPlan(PASS_POLICY, (RoleKind.HQ, RoleKind.REGULATOR), 2),
        # No policy for seats: here the officers' keys are the operator's own, so their approval would say
        # nothing more. A consortium registers one, and grants then wait for its officers.
        PolicyPlan(REFERRAL_POLICY, (RoleKind.HQ, RoleKind.REGULATOR), 2),
    )
    signers = tuple(keys.signer(role).address for role in ANCHOR_ROLES)
    log = LogPlan(identity.log_id, genesis_root, MAX_GROWTH, signers, len(signers))
    delays = ((ADMIN_ROLE, GRANT_DELAY), *((role_id(kind), GRANT_DELAY) for kind in SENSITIVE))
    return DeploymentPlan(grants, policies, (log,), grant_delays=delays)


def ensure_deployment(
    folder: DataFolder, client: EvmClient, keys: KeyFolder, identity: LogIdentity, genesis_root: NodeHash
) -> Deployment:
    """Return the contracts of this gateway, deploying them on first start.

    Raises:
        WrongChain: the node is on another chain, or other code stands at an address.
        FatalChainError: a set-up step failed on chain.
        TransientChainError: the node did not answer.
    """
    progress = folder.root / "deployment.progress"
    if folder.deployment.exists():
        deployment = load_deployment(folder.deployment)
        try:
            check_deployment(client, deployment)
            return deployment
        except WrongChain as wrong:
            # An embedded chain that was killed may have lost the blocks of its first seconds. The same
            # signed bytes give the same contracts at the same addresses; any other difference is an error.
            if wrong.got != "none" or not progress.exists():
                raise
            _log.warning("contracts are gone, deploying the same again")
    plan = build_plan(keys, identity, genesis_root)
    _log.info("deploying contracts")
    deployment = deploy(client, keys.signer("deployer"), plan, progress=progress)
    # If we crash here, the next start finds the receipts of the stored bytes and writes the same record.
    deployment.save(folder.deployment)
    return deployment


def ensure_trust_root(
    folder: DataFolder,
    identity: LogIdentity,
    deployment: Deployment,
    depth: int,
    name: str = DEVELOPMENT,
    signers: SignerSet = UNSEALED,
    policy: WitnessPolicy | None = None,
) -> TrustRoot:
    """Return the trust root in the data folder, writing the first one where there is none.

    An existing file is read and never changed: whoever put a better one there keeps it.
    """
    if not folder.trust_root.exists():
        root = development_root(identity, deployment, depth, name, signers, policy)
        write_durably(folder.trust_root, format_trust_root(root) + b"\n")
    root = parse_trust_root(folder.trust_root.read_bytes())
    if policy is not None:
        pinned = {witness.vkey for witness in root.witnesses}
        missing = [parse_vkey(one.vkey).name for one in policy.counted() if one.vkey not in pinned]
        if missing:
            _log.warning("the trust root does not pin these witnesses of the policy", witnesses=missing)
    return root


def pin_witnesses(policy: WitnessPolicy | None) -> tuple[Witness, ...]:
    """Return a trust root's entries of the witnesses that a policy's quorum rests on, and who runs them."""
    if policy is None:
        return ()
    names = {witness.vkey: parse_vkey(witness.vkey).name for witness in policy.counted()}
    return tuple(
        Witness(names[one.vkey], one.vkey, one.operator or names[one.vkey], one.independent, 0, None)
        for one in policy.counted()
    )


def development_root(
    identity: LogIdentity,
    deployment: Deployment,
    depth: int,
    name: str = DEVELOPMENT,
    signers: SignerSet = UNSEALED,
    policy: WitnessPolicy | None = None,
) -> TrustRoot:
    """Return the root of a log witnessed under ``policy``, on a chain that ``signers`` seal, if anybody does.

    Seals are then required, and the depth is at least what they need to suffice. Of the policy it requires as
    many of its witnesses as its quorum needs at least.
    """
    witnesses = pin_witnesses(policy)
    if name == DEVELOPMENT:
        seen = any(witness.independent for witness in witnesses)
        name = _NAMES[signers.kind != "none", seen]
    pins = tuple(
        ContractPin(name, found.address, found.code_hash, BlockNumber(found.block), None)
        for name, found in ((name, deployment.contracts[name]) for name in CONTRACTS)
    )
    chain = ChainPin(
        deployment.chain_id,
        deployment.genesis_hash,
        pins,
        (signers,),
    )
    return TrustRoot(
        name=name,
        replaces=(),
        logs=(LogKey(identity.origin, identity.vkey, 0, None),),
        witnesses=witnesses,
        chains=(chain,),
        required=Requirements(
            anchor=True,
            outcome=True,
            seals=signers.kind,
            depth=max(depth, least_depth(signers)),
            witness_quorum=0 if policy is None else policy.least(),
        ),
    )
