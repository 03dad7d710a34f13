"""How many transactions of a key the chain has, by proof where a node's word would skip nonces.

A count that is too low costs a send that is refused. One that is too high would make the outbox sign above a
gap, and all behind it would wait; so a higher one is only believed of the newest state's root.
"""

from __future__ import annotations

from chain.errors import FormatError, TransientChainError, VerificationError
from chain.evidence.tries import verify_account_proof, verify_trie_proof
from chain.evm.client import EvmClient
from chain.hashing import keccak256
from chain.types import Address


def load_proven_nonce(client: EvmClient, address: Address) -> int:
    """Return the next nonce of an account as the newest header's state has it; 0 where it never sent.

    Raises:
        TransientChainError: the node proves nothing of the kind, or did not answer.
        NodeRefused: it gives no state proofs.
    """
    header = client.header("latest")
    proof = client.storage_proof(address, (), header.number)
    try:
        if verify_trie_proof(header.state_root, keccak256(address), proof.nodes) is None:
            return 0
        return verify_account_proof(header.state_root, address, proof.nodes).nonce
    except (VerificationError, FormatError) as error:
        # Also where a block came between the two answers: whoever asked asks again.
        raise TransientChainError(f"block {header.number}: the nonce of a key is not proven") from error
