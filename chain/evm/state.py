"""State proofs that are checked before anyone relies on them.

A node under load can answer ``eth_getProof`` from a state that is between two blocks (seen on anvil while it
mines). Such an answer is well formed and wrong, so it is verified against the header's state root here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from chain.errors import FormatError, TransientChainError, VerificationError
from chain.evidence.tries import verify_account_proof, verify_storage_proof
from chain.evm.blocks import AccountProof, Header
from chain.evm.client import EvmClient
from chain.types import Address

ATTEMPTS = 5
"""Times one proof is asked for before the caller is told to come back later."""

_PAUSE = 0.05


def check_state_proof(header: Header, proof: AccountProof) -> None:
    """Check an account's proof and its slots' proofs against the header's state root.

    Raises VerificationError or FormatError, also where the values beside the proofs are not the proven ones.
    """
    account = verify_account_proof(header.state_root, proof.address, proof.nodes)
    if account.code_hash != proof.code_hash:
        got, want = proof.code_hash.hex(), account.code_hash.hex()
        raise VerificationError("state", "code hash is not the proven one", got=got, want=want)
    for slot in proof.storage:
        value = verify_storage_proof(account.storage_root, slot.key, slot.nodes)
        if value != slot.value:
            raise VerificationError("state", "slot is not the proven one", got=slot.value, want=value)


def fetch_proven_state(
    client: EvmClient, header: Header, address: Address, keys: Sequence[bytes]
) -> AccountProof:
    """Return the account and its slots as of ``header``, proven against the header's state root.

    Raises:
        TransientChainError: the node proved another state ``ATTEMPTS`` times.
        NodeRefused: the node has not that state any more.
    """
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE * 2**attempt)
        proof = client.storage_proof(address, keys, header.number)
        try:
            check_state_proof(header, proof)
        except (VerificationError, FormatError) as error:
            reason = str(error)
            continue
        return proof
    raise TransientChainError(f"block {header.number}: the node proves another state: {reason}")
