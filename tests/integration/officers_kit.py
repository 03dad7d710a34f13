"""Officers of a chapter with keys of their own, outside of any gateway: they check, then approve on chain."""

from __future__ import annotations

import secrets
from typing import Any

from chain.evm.calldata import encode_grant_role
from chain.evm.client import EvmClient
from chain.evm.deployment import load_deployment
from chain.evm.roles import RoleKind, role_id
from chain.evm.signers.base import LocalKey
from chain.evm.transactions import TransactionFields
from chain.operation import (
    chapter_number,
    operation_digest,
    parse_operation,
)
from chain.types import Address, ChapterCode
from gateway.data_folder import DataFolder
from gateway.keys import KeyFolder
from tests.integration.serving import Serving


class Officers:
    """A president and a secretary of one chapter, whose keys no gateway has."""

    def __init__(self, serving: Serving, chapter: ChapterCode) -> None:
        folder = DataFolder(serving.data)
        self.client = EvmClient(serving.ready["rpc"])
        self.deployment = load_deployment(folder.deployment)
        self.president, self.secretary = (LocalKey(secrets.token_bytes(32)) for _ in range(2))
        admin = KeyFolder(folder.keys).signer("deployer")
        for kind, officer in ((RoleKind.PRESIDENT, self.president), (RoleKind.SECRETARY, self.secretary)):
            grant = encode_grant_role(role_id(kind, chapter_number(chapter)), officer.address)
            self.send(admin, self.deployment.address("RoleManager"), grant)

    def send(self, key: LocalKey, target: Address, data: bytes) -> int:
        """Send one transaction, require that it succeeded, and return its block."""
        nonce = self.client.transaction_count(key.address, "pending")
        fields = TransactionFields(self.deployment.chain_id, nonce, 1_000_000, target, data)
        receipt = self.client.wait_for_receipt(self.client.send_raw(key.sign_transaction(fields)))
        assert receipt.succeeded
        return receipt.block_number

    def approve(self, officer: LocalKey, proposal: dict[str, Any]) -> int:
        """Check what is proposed as an officer would, then approve it; return the block."""
        operation = parse_operation(proposal["operation"])
        digest = operation_digest(operation, bytes.fromhex(proposal["op_salt"]))
        assert digest.hex() == proposal["digest"]
        contract = Address(bytes.fromhex(proposal["contract"][2:]))
        assert contract == self.deployment.address("CoSignature")
        return self.send(officer, contract, bytes.fromhex(proposal["calldata"][2:]))

    def close(self) -> None:
        """Close the connection to the node."""
        self.client.close()
