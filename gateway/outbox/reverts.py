"""Say why a mined call failed, by its contract's own error and values where the node still tells."""

from __future__ import annotations

from chain.errors import ChainError, FormatError
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.transactions import read_transaction
from chain.types import Address
from gateway.outbox.contract_errors import format_error
from gateway.outbox.outcomes import Outcome

OUT_OF_GAS = "out of gas"
"""Reason of a call that used all it was allowed."""


def explain_failure(client: EvmClient, raw: bytes, sender: Address, outcome: Outcome) -> str:
    """Return the reason of a failed transaction, as ``ErrorName(field=value, ...)`` where it can be found.

    The call is repeated on the state before its block, which is close but not exact: calls before it in the
    block are missing. The answer is a help for people; nothing is decided by it.
    """
    if outcome.gas_used is not None and outcome.gas_used >= outcome.row.gas:
        return OUT_OF_GAS
    try:
        asked = read_transaction(raw).fields
        client.view(asked.to or Address(bytes(20)), asked.data, outcome.block_number - 1, sender=sender)
    except NodeRefused as refused:
        return format_error(refused.data) or f"reverted: {refused.message}"[:500]
    except (ChainError, FormatError):
        return "reverted"
    return "reverted in its block, though not by itself"
