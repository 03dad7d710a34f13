"""What a key may do on chain: its role in the access manager, and whether a log's anchors take its signature.

Reads, and the transactions that give and take such powers: roles by the admin's key (``deployer``), the
signers of anchors by HQ's. Whoever sends sees to it that these keys have nothing else in flight.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from chain.errors import FatalChainError, TransientChainError
from chain.evm.abi_words import address_word, word
from chain.evm.calldata import encode_grant_role, encode_revoke_role, encode_set_signers
from chain.evm.client import EvmClient
from chain.evm.deployment import Deployment
from chain.evm.errors import NodeRefused
from chain.evm.roles import ADMIN_ROLE, role_id
from chain.evm.signers.base import Signer
from chain.evm.transactions import TransactionFields
from chain.hashing import keccak256
from chain.types import Address, Digest
from gateway.bootstrap import ANCHOR_ROLES, GRANTS
from gateway.keys import KeyFolder
from gateway.outbox.fees import load_fees

ROLE_IDS = {"deployer": ADMIN_ROLE} | {role: role_id(kind) for role, kind in GRANTS.items()}
"""The access manager's id of each role that has one."""
_GAS = 1_000_000
_MINED_SECONDS = 120.0
_PAUSE = 0.2
_WORD = 32


class RolePowers:
    """The powers of keys under one deployment and in one log."""

    def __init__(self, client: EvmClient, deployment: Deployment, log_id: bytes, *, depth: int = 0) -> None:
        """``depth`` is how many blocks must follow what was sent before it counts as done."""
        self._client = client
        self._deployment = deployment
        self._log_id = log_id
        self._depth = depth

    def has_role(self, role: str, address: Address) -> bool:
        """Say whether a key has a role's id now; a role without an id is never had."""
        if role not in ROLE_IDS:
            return False
        found = self._ask("hasRole(uint64,address)", role, address)
        return bool(int.from_bytes(found[:_WORD], "big"))

    def granted_from(self, role: str, address: Address) -> int | None:
        """Return from when on a key has a role's id, in Unix seconds of the chain; None without a grant."""
        found = self._ask("getAccess(uint64,address)", role, address)
        return int.from_bytes(found[:_WORD], "big") or None

    def signers(self) -> tuple[list[Address], int]:
        """Return whose signatures the log's anchors take, and how many of them they need."""
        call = keccak256(b"signersOf(bytes32)")[:4] + self._log_id
        words = self._client.view(self._deployment.address("LogAnchor"), call)
        # Offset of the list, threshold; then its length and its members.
        threshold, count = (int.from_bytes(words[at : at + _WORD], "big") for at in (_WORD, 2 * _WORD))
        starts = range(3 * _WORD, (3 + count) * _WORD, _WORD)
        return [Address(words[at + 12 : at + _WORD]) for at in starts], threshold

    def is_whole(self, role: str, address: Address) -> bool:
        """Say whether a key can now do all that its role needs."""
        lacks = role in ROLE_IDS and not self.has_role(role, address)
        return not lacks and (role not in ANCHOR_ROLES or address in self.signers()[0])

    def is_any(self, role: str, address: Address) -> bool:
        """Say whether a key has something of a role, a grant that waits included."""
        if role in ROLE_IDS and self.granted_from(role, address) is not None:
            return True
        return role in ANCHOR_ROLES and address in self.signers()[0]

    def grant_role(self, admin: Signer, role: str, address: Address) -> None:
        """Grant a role's id. Raises as `_send`."""
        self._send(admin, "RoleManager", encode_grant_role(ROLE_IDS[role], address))

    def revoke_role(self, admin: Signer, role: str, address: Address) -> None:
        """Take a role's id. Raises as `_send`."""
        self._send(admin, "RoleManager", encode_revoke_role(ROLE_IDS[role], address))

    def set_signers(self, hq: Signer, signers: Sequence[Address], threshold: int) -> None:
        """Replace those whose signatures anchors take. Raises as `_send`."""
        self._send(hq, "LogAnchor", encode_set_signers(self._log_id, sorted(signers), threshold))

    def _ask(self, signature: str, role: str, address: Address) -> bytes:
        call = keccak256(signature.encode())[:4]
        call += word(ROLE_IDS[role], 64, "role") + address_word(address, "account")
        return self._client.view(self._deployment.address("RoleManager"), call)

    def _send(self, signer: Signer, contract: str, data: bytes) -> None:
        """Send a call and wait until it is done, `depth` blocks deep.

        Raises:
            FatalChainError: it failed on chain.
            TransientChainError: the node does not answer or does not mine; nothing is known.
        """
        raw = self._sign(signer, contract, data)
        tx_hash = Digest(keccak256(raw))
        try:
            self._client.send_raw(raw)
        except NodeRefused:
            # Nodes word "I have it already" in many ways, so the node is asked whether it does.
            if not self._client.knows_transaction(tx_hash):
                raise
        receipt = self._client.wait_for_receipt(tx_hash, timeout=_MINED_SECONDS, pause=_PAUSE)
        if not receipt.succeeded:
            raise FatalChainError(f"{contract}: a call of 0x{signer.address.hex()} was refused on chain")
        deadline = time.monotonic() + _MINED_SECONDS
        while self._client.block_number() < receipt.block_number + self._depth:
            if time.monotonic() > deadline:
                raise TransientChainError(f"block {receipt.block_number}: not {self._depth} deep")
            time.sleep(_PAUSE)

    def _sign(self, signer: Signer, contract: str, data: bytes) -> bytes:
        fees = load_fees(self._client)
        return signer.sign_transaction(
            TransactionFields(
                chain_id=self._deployment.chain_id,
                nonce=self._client.transaction_count(signer.address),
                to=self._deployment.address(contract),
                data=data,
                gas=_GAS,
                gas_price=fees.gas_price,
                max_fee_per_gas=fees.max_fee,
                max_priority_fee_per_gas=fees.priority_fee,
            )
        )


def check_powers(powers: RolePowers, keys: KeyFolder, roles: Iterable[str]) -> None:
    """Check that the contracts know the keys of ``roles`` as what they are named.

    Raises:
        FatalChainError: one has not its role, or does not sign this log's anchors; names the role.
        TransientChainError: the node did not answer.
    """
    for role in roles:
        address = keys.signer(role).address
        if role in ROLE_IDS and not powers.has_role(role, address):
            raise FatalChainError(f"signer of {role}: 0x{address.hex()} does not have this role on chain")
        if role in ANCHOR_ROLES and address not in powers.signers()[0]:
            raise FatalChainError(f"signer of {role}: 0x{address.hex()} does not sign this log's anchors")
