"""What to offer for gas: on a permissioned chain a formality, but a rising base fee must not stall us."""

from __future__ import annotations

from chain.evm.blocks import as_object, parse_number
from chain.evm.client import EvmClient
from gateway.outbox.signing import Fees

_HEADROOM = 20
"""How many times the present base fee the signed cap is: the same bytes stay valid for many full blocks."""

_TIP = 1_000_000_000
"""Wei a gas for the block's maker, on chains that charge at all."""


def load_fees(client: EvmClient) -> Fees:
    """Return fees that stay enough for long: EIP-1559 where the chain charges a base fee, nothing where that
    fee is zero (nobody holds gas money there), the node's gas price on chains from before base fees.

    Raises:
        TransientChainError: the node did not answer.
    """
    latest = as_object(client.call("eth_getBlockByNumber", "latest", False), "eth_getBlockByNumber")
    base = latest.get("baseFeePerGas")
    if base is None:
        return Fees(gas_price=parse_number(client.call("eth_gasPrice"), "eth_gasPrice"))
    base_fee = parse_number(base, "eth_getBlockByNumber")
    # Hardhat suggests a tip even where gas is free, which accounts without funds could never pay.
    return Fees(max_fee=base_fee * _HEADROOM + _TIP, priority_fee=_TIP) if base_fee else Fees(gas_price=0)
