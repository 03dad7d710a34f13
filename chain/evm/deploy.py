"""Deploy the contracts and set them up by a plan: roles, policies, logs, caps. Safe to run again.

All transactions come from one key with consecutive nonces, so every address is known beforehand and all can
be sent at once. Their signed bytes are stored before the first is sent; a run that finds them sends the
same bytes again, which the chain takes at most once.

1. Sign every step, store the bytes.
2. Send what has no receipt yet, wait for all receipts; each must have succeeded.
3. Read the code at every address and hash it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chain.canonical import JsonValue, canonicalize, parse_json
from chain.errors import FatalChainError, FormatError
from chain.evm import calldata
from chain.evm.abi_words import word
from chain.evm.artifacts import load_artifact
from chain.evm.blocks import Receipt, parse_number
from chain.evm.client import EvmClient
from chain.evm.deployment import (
    DeployedContract,
    Deployment,
    check_deployment,
    load_deployment,
    write_durably,
)
from chain.evm.errors import NodeRefused
from chain.evm.roles import ADMIN_ROLE, RoleKind, role_id
from chain.evm.signers.base import Signer
from chain.evm.transactions import TransactionFields, contract_address, read_transaction, transaction_hash
from chain.hashing import keccak256
from chain.types import Address, Digest, NodeHash

__all__ = [
    "DeployedContract",
    "Deployment",
    "DeploymentPlan",
    "LogPlan",
    "PolicyPlan",
    "RoleGrant",
    "check_deployment",
    "deploy",
    "load_deployment",
]

CREATION_GAS: Final = 10_000_000
CALL_GAS: Final = 1_000_000
"""Gas limits of a deployment and of a set-up call; what is not used is not charged."""
REFERRAL_DELAY: Final = 7 * 86_400
"""Seconds of notice before a raise about referrals takes effect: the least that `RuleBook` takes."""
_CREATED: Final = ("RoleManager", "LogAnchor", "CoSignature", "TimeCredit", "SeatRegistry", "RuleBook")
"""Contracts in the order of their creation, each from the next nonce. `TimeCredit` creates `Membership`."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """``account`` acts as ``kind`` for ``chapter`` (0 = the whole network)."""

    kind: RoleKind
    chapter: int
    account: Address


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """Holders of ``threshold`` different kinds of ``kinds`` (ascending) must approve."""

    policy: Digest
    kinds: tuple[RoleKind, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class LogPlan:
    """A log of size 1 with this root; ``threshold`` of ``signers`` sign its anchors."""

    log_id: Digest
    genesis_root: NodeHash
    max_growth: int
    signers: tuple[Address, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class CapPlan:
    """A chapter's daily and holding caps in hundredths of a coin; 0 = none."""

    chapter: int
    daily: int
    holding: int


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """What is set up. ``admins`` are granted the access manager's own role; the deployer has it already.

    ``grant_delays`` are seconds by which later grants of a role are delayed; the access manager itself lets a
    delay begin only five days after it was set. ``referral_delay`` (seconds, at least seven days) lies
    between announcement and activation of a raise of the gates of referral, for good.
    """

    grants: tuple[RoleGrant, ...]
    policies: tuple[PolicyPlan, ...] = ()
    logs: tuple[LogPlan, ...] = ()
    caps: tuple[CapPlan, ...] = ()
    admins: tuple[Address, ...] = ()
    grant_delays: tuple[tuple[int, int], ...] = ()
    referral_delay: int = REFERRAL_DELAY


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    to: Address | None
    data: bytes


def deploy(
    client: EvmClient,
    deployer: Signer,
    plan: DeploymentPlan,
    *,
    progress: Path | None = None,
    gas_price: int | None = None,
    timeout: float = 120.0,
) -> Deployment:
    """Carry out ``plan`` with ``deployer``'s key and return where everything is.

    ``progress`` keeps the signed bytes; running again with the same file goes on where a crash left off.
    The deployer needs HQ for policies, logs and caps: it is granted for the time, and taken back where the
    plan does not grant it. ``gas_price`` (wei) defaults to twice what the node asks, nothing where its base
    fee is zero. Raises FatalChainError, naming the step, where one fails on chain, and TransientChainError
    where the node does not mine in ``timeout`` seconds.
    """
    chain_id, genesis = client.chain_id(), client.genesis_hash()
    stored = _load_progress(progress, chain_id, genesis, deployer.address)
    nonce = client.transaction_count(deployer.address) if stored is None else stored[0]
    steps = _plan_steps(deployer.address, nonce, genesis, plan)
    if stored is None:
        price = _ask_price(client) if gas_price is None else gas_price
        raws = [_sign(deployer, chain_id, nonce + i, step, price) for i, step in enumerate(steps)]
        if progress is not None:
            _save_progress(progress, chain_id, genesis, deployer.address, nonce, raws)
    else:
        raws = stored[1]
        _check_same_plan(steps, raws)
    # If we crash here or anywhere below, the next run sends the same bytes.
    receipts = _send_all(client, steps, raws, timeout)
    return Deployment(chain_id, genesis, _read_contracts(client, deployer.address, nonce, receipts))


def _ask_price(client: EvmClient) -> int:
    """Return twice the node's gas price; 0 where the base fee is zero, whatever tip the node suggests."""
    block = client.call("eth_getBlockByNumber", "latest", False)
    if isinstance(block, dict) and block.get("baseFeePerGas") == "0x0":
        return 0
    return 2 * parse_number(client.call("eth_gasPrice"), "eth_gasPrice")


def _plan_steps(deployer: Address, nonce: int, genesis: Digest, plan: DeploymentPlan) -> list[_Step]:
    roles, anchor, approvals, credit = (contract_address(deployer, nonce + i) for i in range(4))
    steps = _creations(deployer, nonce, genesis, plan.referral_delay)
    hq = role_id(RoleKind.HQ)
    lasting = [(role_id(grant.kind, grant.chapter), grant.account) for grant in plan.grants]
    lasting += [(ADMIN_ROLE, admin) for admin in plan.admins if admin != deployer]
    passing = [] if (hq, deployer) in lasting else [(hq, deployer)]
    for role, account in passing + lasting:
        steps.append(_Step(f"grant {role:#x}", roles, calldata.encode_grant_role(role, account)))
    for policy in plan.policies:
        call = calldata.encode_register_policy(policy.policy, policy.kinds, policy.threshold)
        steps.append(_Step(f"policy {policy.policy.hex()}", approvals, call))
    for log in plan.logs:
        call = calldata.encode_register_log(
            log.log_id, log.genesis_root, log.max_growth, sorted(log.signers), log.threshold
        )
        steps.append(_Step(f"log {log.log_id.hex()}", anchor, call))
    for cap in plan.caps:
        steps.append(
            _Step(f"daily cap {cap.chapter}", credit, calldata.encode_set_daily_cap(cap.chapter, cap.daily))
        )
        call = calldata.encode_set_holding_cap(cap.chapter, cap.holding)
        steps.append(_Step(f"holding cap {cap.chapter}", credit, call))
    for role, delay in plan.grant_delays:
        steps.append(_Step(f"delay {role:#x}", roles, calldata.encode_set_grant_delay(role, delay)))
    steps += [_Step("revoke HQ", roles, calldata.encode_revoke_role(*grant)) for grant in passing]
    return steps


def _creations(deployer: Address, nonce: int, salt: Digest, referral_delay: int) -> list[_Step]:
    places = [contract_address(deployer, nonce + i) for i in range(4)]
    roles, anchor, approvals, _ = (bytes(12) + place for place in places)
    membership = bytes(12) + _membership_address(places[3])
    arguments = {
        "RoleManager": bytes(12) + deployer,
        "LogAnchor": roles + salt,
        "CoSignature": roles,
        "TimeCredit": roles + anchor + approvals,
        "SeatRegistry": roles + membership + approvals,
        "RuleBook": roles + approvals + word(referral_delay, 64, "referral_delay"),
    }
    return [_Step(name, None, load_artifact(name).bytecode + arguments[name]) for name in _CREATED]


def _membership_address(credit: Address) -> Address:
    """Return the address of the first contract that `TimeCredit` creates, in its constructor."""
    return contract_address(credit, 1)


def _sign(deployer: Signer, chain_id: int, nonce: int, step: _Step, price: int) -> bytes:
    gas = CREATION_GAS if step.to is None else CALL_GAS
    return deployer.sign_transaction(
        TransactionFields(chain_id, nonce, gas, step.to, step.data, gas_price=price)
    )


def _send_all(
    client: EvmClient, steps: Sequence[_Step], raws: Sequence[bytes], timeout: float
) -> list[Receipt]:
    hashes = [transaction_hash(raw) for raw in raws]
    for raw, tx_hash, found in zip(raws, hashes, client.receipts(hashes), strict=True):
        if found is None:
            try:
                client.send_raw(raw)
            except NodeRefused:
                # Nodes word "I have it already" in many ways, so the node is asked whether it does.
                if client.call("eth_getTransactionByHash", "0x" + tx_hash.hex()) is None:
                    raise
    receipts = []
    for step, tx_hash in zip(steps, hashes, strict=True):
        receipt = client.wait_for_receipt(tx_hash, timeout=timeout)
        if not receipt.succeeded:
            raise FatalChainError(f"deployment: step {step.name} reverted in block {receipt.block_number}")
        receipts.append(receipt)
    return receipts


def _read_contracts(
    client: EvmClient, deployer: Address, nonce: int, receipts: Sequence[Receipt]
) -> dict[str, DeployedContract]:
    places = {name: (contract_address(deployer, nonce + i), receipts[i]) for i, name in enumerate(_CREATED)}
    credit, receipt = places["TimeCredit"]
    places["Membership"] = (_membership_address(credit), receipt)
    if client.view(credit, keccak256(b"membership()")[:4]) != bytes(12) + places["Membership"][0]:
        raise FatalChainError("deployment: TimeCredit names another Membership than the one it created")
    contracts = {}
    for name, (address, found) in places.items():
        code = client.code(address)
        if not code:
            raise FatalChainError(f"deployment: no code of {name} at 0x{address.hex()}")
        contracts[name] = DeployedContract(address, keccak256(code), found.block_number)
    return contracts


def _save_progress(
    path: Path, chain_id: int, genesis: Digest, deployer: Address, nonce: int, raws: Sequence[bytes]
) -> None:
    record: dict[str, JsonValue] = {
        "chain_id": chain_id,
        "genesis_hash": genesis.hex(),
        "deployer": deployer.hex(),
        "nonce": nonce,
        "raw": [raw.hex() for raw in raws],
    }
    write_durably(path, canonicalize(record))


def _load_progress(
    path: Path | None, chain_id: int, genesis: Digest, deployer: Address
) -> tuple[int, list[bytes]] | None:
    """Return nonce and signed bytes of an earlier run on this very chain, None where there was none."""
    if path is None or not path.exists():
        return None
    record = parse_json(path.read_bytes())
    if not isinstance(record, dict):
        raise FormatError(path.name, "is no deployment progress")
    wanted = {"chain_id": chain_id, "genesis_hash": genesis.hex(), "deployer": deployer.hex()}
    if any(record.get(name) != value for name, value in wanted.items()):
        return None
    nonce, raws = record.get("nonce"), record.get("raw")
    if not isinstance(nonce, int) or not isinstance(raws, list):
        raise FormatError(path.name, "is no deployment progress")
    return nonce, [bytes.fromhex(raw) for raw in raws if isinstance(raw, str)]


def _check_same_plan(steps: Sequence[_Step], raws: Sequence[bytes]) -> None:
    signed = [read_transaction(raw).fields for raw in raws]
    if [(step.to, step.data) for step in steps] != [(tx.to, tx.data) for tx in signed]:
        raise FatalChainError("deployment: the plan is not the one that an earlier run began")
