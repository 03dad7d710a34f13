"""The gateway's deployment plan: which key has which power, and how long a new grant of one waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from chain.evm.abi_words import address_word, word
from chain.evm.calldata import encode_grant_role
from chain.evm.client import EvmClient
from chain.evm.deploy import Deployment, DeploymentPlan, deploy
from chain.evm.local import LocalChain
from chain.evm.roles import ADMIN_ROLE, NETWORK, RoleKind, role_id
from chain.evm.signers.base import Signer
from chain.evm.transactions import TransactionFields
from chain.hashing import keccak256
from chain.types import Address, NodeHash
from gateway.bootstrap import GRANT_DELAY, SENSITIVE, build_plan
from gateway.keys import KeyFolder

DAY = 86_400
SETBACK = 5 * DAY
CHAPTER = 31_010_007
SEPARATE = (RoleKind.ISSUER, RoleKind.FREEZER, RoleKind.RECOVERER)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    """Keys of every role."""
    return KeyFolder(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def plan(keys: KeyFolder) -> DeploymentPlan:
    """What a first start deploys."""
    return build_plan(keys, keys.log_identity("example.org/log"), NodeHash(bytes(range(32))))


def test_rule_28_no_key_holds_two_powers(plan: DeploymentPlan, keys: KeyFolder) -> None:
    holders: dict[RoleKind, set[Address]] = defaultdict(set)
    for grant in plan.grants:
        holders[grant.kind].add(grant.account)
    admins = {keys.signer("deployer").address, *plan.admins}
    assert all(holders[kind] for kind in (*SENSITIVE, RoleKind.OPERATOR))
    assert not admins & holders[RoleKind.ISSUER]
    assert not admins & {grant.account for grant in plan.grants}
    for kind in SEPARATE:
        others = set().union(*(holders[other] for other in SEPARATE if other != kind))
        assert not holders[kind] & others
    assert not holders[RoleKind.ISSUER] & holders[RoleKind.OPERATOR]
    assert not holders[RoleKind.HQ] & holders[RoleKind.REGULATOR]
    assert not holders[RoleKind.PRESIDENT] & holders[RoleKind.SECRETARY]


def test_sensitive_kinds_are_delayed_by_a_day(plan: DeploymentPlan) -> None:
    assert GRANT_DELAY == DAY
    assert {role: delay for role, delay in plan.grant_delays} == {
        0: DAY,
        1 << 32: DAY,
        5 << 32: DAY,
        7 << 32: DAY,
        8 << 32: DAY,
        13 << 32: DAY,
    }


@dataclass
class Roles:
    """The role manager of a deployed plan."""

    client: EvmClient
    deployment: Deployment
    admin: Signer

    def grant(self, kind: RoleKind, chapter: int, account: Address) -> int:
        """Grant a role; return the time of its block."""
        return self.grant_role(role_id(kind, chapter), account)

    def grant_role(self, role: int, account: Address) -> int:
        """Grant a role by its id; return the time of its block."""
        nonce = self.client.transaction_count(self.admin.address)
        data = encode_grant_role(role, account)
        fields = TransactionFields(
            self.deployment.chain_id, nonce, 1_000_000, self.deployment.address("RoleManager"), data
        )
        receipt = self.client.wait_for_receipt(
            self.client.send_raw(self.admin.sign_transaction(fields)), pause=0.05
        )
        assert receipt.succeeded
        return self.client.header(receipt.block_number).timestamp

    def has(self, kind: RoleKind, chapter: int, account: Address) -> bool:
        """Whether an account has a role now."""
        return self.has_role(role_id(kind, chapter), account)

    def has_role(self, role: int, account: Address) -> bool:
        """Whether an account has the role of this id now."""
        call = keccak256(b"hasRole(uint64,address)")[:4]
        call += word(role, 64, "role") + address_word(account, "account")
        return bool(
            int.from_bytes(self.client.view(self.deployment.address("RoleManager"), call)[:32], "big")
        )

    def wait_until(self, time: int) -> None:
        """Have a block at this time."""
        self.client.call("evm_setNextBlockTimestamp", time)
        self.client.call("evm_mine")


@pytest.fixture(scope="module")
def roles(plan: DeploymentPlan, keys: KeyFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    """The plan on a chain of its own, past the five days that the access manager takes for a new delay."""
    # The clock of the chain must not pass a second between what is set and what is read.
    with LocalChain(tmp_path_factory.mktemp("chain"), block_time=0.1, first_time=1_800_000_000) as chain:
        client = EvmClient(chain.url)
        admin = keys.signer("deployer")
        found = Roles(client, deploy(client, admin, plan), admin)
        found.wait_until(client.header(client.block_number()).timestamp + SETBACK + 60)
        yield found
        client.close()


@pytest.mark.parametrize("chapter", [NETWORK, CHAPTER])
@pytest.mark.parametrize("kind", SENSITIVE)
def test_new_grant_counts_after_a_day_and_not_before(roles: Roles, kind: RoleKind, chapter: int) -> None:
    account = Address(keccak256(f"{kind} {chapter}".encode())[:20])
    granted = roles.grant(kind, chapter, account)
    assert not roles.has(kind, chapter, account)
    roles.wait_until(granted + DAY - 60)
    assert not roles.has(kind, chapter, account)
    roles.wait_until(granted + DAY)
    assert roles.has(kind, chapter, account)


def test_a_new_admin_counts_after_a_day_and_not_before(roles: Roles) -> None:
    account = Address(keccak256(b"a new admin")[:20])
    granted = roles.grant_role(ADMIN_ROLE, account)
    roles.wait_until(granted + DAY - 60)
    assert not roles.has_role(ADMIN_ROLE, account)
    roles.wait_until(granted + DAY)
    assert roles.has_role(ADMIN_ROLE, account)


@pytest.mark.parametrize("kind", [RoleKind.PRESIDENT, RoleKind.SECRETARY, RoleKind.OPERATOR])
def test_other_grants_count_at_once(roles: Roles, kind: RoleKind) -> None:
    account = Address(keccak256(f"{kind} at once".encode())[:20])
    roles.grant(kind, CHAPTER, account)
    assert roles.has(kind, CHAPTER, account)


def test_initial_grants_stand(roles: Roles, plan: DeploymentPlan) -> None:
    assert all(roles.has(grant.kind, grant.chapter, grant.account) for grant in plan.grants)
