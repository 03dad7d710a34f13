"""The same deployment on a real ``hardhat node``, which has no ``eth_getBlockReceipts``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from chain.events import PolicyRegistered, decode
from chain.evidence.rlp import format_number, format_rlp
from chain.evidence.tries_build import Trie
from chain.evm.blocks import encode_receipt
from chain.evm.client import EvmClient
from chain.evm.deploy import DeploymentPlan, PolicyPlan, RoleGrant, check_deployment, deploy
from chain.evm.hardhat import HardhatChain
from chain.evm.local import CHAIN_ID
from chain.evm.roles import REVERSE_POLICY, RoleKind
from chain.evm.signers.base import LocalKey


@pytest.fixture(scope="module")
def client() -> Iterator[EvmClient]:
    """A client of a fresh Hardhat chain."""
    with HardhatChain() as chain:
        made = EvmClient(chain.url, expected_chain_id=CHAIN_ID)
        yield made
        made.close()


def test_deployment_and_its_receipts_on_hardhat(client: EvmClient) -> None:
    assert client.url.startswith("http://127.0.0.1:")
    assert client.call("eth_accounts") == []
    key = LocalKey(hashlib.sha256(b"hardhat deployer").digest())
    kinds = (RoleKind.PRESIDENT, RoleKind.SECRETARY)
    plan = DeploymentPlan(
        grants=(RoleGrant(RoleKind.OPERATOR, 0, key.address),),
        policies=(PolicyPlan(REVERSE_POLICY, kinds, 2),),
    )
    deployment = deploy(client, key, plan)
    check_deployment(client, deployment)
    head = client.block_number()
    (log,) = client.logs(0, head, [deployment.address("CoSignature")])
    assert decode(log) == PolicyRegistered(REVERSE_POLICY, (3, 4), 2)
    receipts = client.block_receipts(log.block_number)
    assert log in [entry for receipt in receipts for entry in receipt.logs]
    trie = Trie({format_rlp(format_number(r.tx_index)): encode_receipt(r) for r in receipts})
    assert trie.root == client.header(log.block_number).receipts_root
