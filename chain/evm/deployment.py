"""The record of a deployment: where the contracts are, on which chain, with which code, and its check.

``deployment.json`` is the operator's own note and no trust root; a verifier pins addresses and code hashes
in the trust root.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chain.canonical import JsonValue, canonicalize, parse_json
from chain.errors import FormatError
from chain.evm.client import EvmClient
from chain.evm.errors import WrongChain
from chain.hashing import keccak256
from chain.types import Address, BlockNumber, Digest

VERSION = 1


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """A contract, the keccak-256 of its code, and the block that holds its creation."""

    address: Address
    code_hash: Digest
    block: BlockNumber


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts of one deployment on one chain, by name."""

    chain_id: int
    genesis_hash: Digest
    contracts: Mapping[str, DeployedContract]

    def address(self, name: str) -> Address:
        """Return the address of a contract. Raises KeyError for a name that is not deployed."""
        return self.contracts[name].address

    @property
    def first_block(self) -> BlockNumber:
        """The lowest block that can hold a log of ours."""
        return min(contract.block for contract in self.contracts.values())

    def save(self, path: Path) -> None:
        """Write the record in one step; the inverse of ``load_deployment``."""
        contracts: dict[str, JsonValue] = {
            name: {"address": item.address.hex(), "code_hash": item.code_hash.hex(), "block": item.block}
            for name, item in self.contracts.items()
        }
        record: dict[str, JsonValue] = {
            "v": VERSION,
            "chain_id": self.chain_id,
            "genesis_hash": self.genesis_hash.hex(),
            "contracts": contracts,
        }
        write_durably(path, canonicalize(record) + b"\n")


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file in one step, on disk before the return."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    # If we crash here, the old file still stands.
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load_deployment(path: Path) -> Deployment:
    """Return the record in a file. Raises FormatError where it is not one."""
    record = _object(parse_json(path.read_bytes()), path.name)
    if record.keys() != {"v", "chain_id", "genesis_hash", "contracts"} or record["v"] != VERSION:
        raise FormatError(path.name, "is not a deployment record of version 1")
    contracts = {}
    for name, value in _object(record["contracts"], "contracts").items():
        item = _object(value, name)
        contracts[name] = DeployedContract(
            Address(_bytes(item.get("address"), f"{name}.address", 20)),
            Digest(_bytes(item.get("code_hash"), f"{name}.code_hash", 32)),
            BlockNumber(_number(item.get("block"), f"{name}.block")),
        )
    if not contracts:
        raise FormatError("contracts", "names none")
    genesis = Digest(_bytes(record["genesis_hash"], "genesis_hash", 32))
    return Deployment(_number(record["chain_id"], "chain_id"), genesis, contracts)


def check_deployment(client: EvmClient, deployment: Deployment) -> None:
    """Raise WrongChain, naming what differs, unless the node is on this chain and has this code."""
    if client.chain_id() != deployment.chain_id:
        raise WrongChain("chain id", client.chain_id(), deployment.chain_id)
    if client.genesis_hash() != deployment.genesis_hash:
        raise WrongChain("genesis block", client.genesis_hash().hex(), deployment.genesis_hash.hex())
    for name, contract in deployment.contracts.items():
        code = client.code(contract.address)
        if not code or keccak256(code) != contract.code_hash:
            got = keccak256(code).hex() if code else "none"
            raise WrongChain(f"code of {name}", got, contract.code_hash.hex())


def _object(value: JsonValue, where: str) -> Mapping[str, JsonValue]:
    if not isinstance(value, dict):
        raise FormatError(where, "is not an object")
    return value


def _number(value: JsonValue, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FormatError(where, "is not a number from 0 on")
    return value


def _bytes(value: JsonValue, where: str, size: int) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * size or value.lower() != value:
        raise FormatError(where, f"is not {2 * size} lower-case hex digits")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise FormatError(where, f"is not {2 * size} lower-case hex digits") from None
