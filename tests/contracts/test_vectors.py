"""The Solidity verifiers accept and refuse exactly what the shared vectors say (``tests/vectors``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi import decode, encode
from eth_utils import keccak

from chain.evm.solc import compile_contracts
from tests.contracts.harness import Chain, Reverted, run_chain

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SOURCE = "test/compiled/Rfc9162Caller.sol"


class Caller:
    """The library's functions, called on a node."""

    def __init__(self, chain: Chain, code: str) -> None:
        self.chain = chain
        self.address = chain.transact(None, code)["contractAddress"]

    def call(self, signature: str, result: str, *values: Any) -> Any:
        """Return the result, or None when the call reverts."""
        types = signature[signature.index("(") :]
        data = keccak(signature.encode())[:4] + encode([types], [values])[32:]
        request = {"to": self.address, "data": "0x" + data.hex(), "gas": hex(500_000_000)}
        try:
            answer = self.chain.rpc("eth_call", request, "latest")
        except Reverted:
            return None
        except AssertionError as error:  # a revert that no artifact names, such as a panic
            assert error.args[0]["code"] == 3, error
            return None
        return decode([result], bytes.fromhex(answer[2:]))[0]


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    compiled: Any = compile_contracts([SOURCE]).contracts[SOURCE]["Rfc9162Caller"]["evm"]
    with run_chain() as chain:
        yield Caller(chain, "0x" + compiled["bytecode"]["object"])


def _files(folder: str) -> list[Any]:
    files = sorted((VECTORS / folder).glob("*.json"))
    assert files, f"no vectors in {folder}"
    return [pytest.param(path, id=path.stem) for path in files]


def _nodes(case: dict[str, Any], name: str) -> list[bytes]:
    return [bytes.fromhex(item) for item in case[name]]


def _hash(case: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(case[name])


def _cases(path: Path) -> tuple[bool, list[dict[str, Any]]]:
    content = json.loads(path.read_bytes())
    return content["valid"], content["cases"]


@pytest.mark.parametrize("path", _files("inclusion"))
def test_inclusion(caller: Caller, path: Path) -> None:
    valid, cases = _cases(path)
    for case in cases:
        got = caller.call(
            "isIncluded(uint64,uint64,bytes32,bytes32[],bytes32)",
            "bool",
            case["index"],
            case["size"],
            _hash(case, "leaf_hash"),
            _nodes(case, "proof"),
            _hash(case, "root"),
        )
        assert (got is True) == valid, case


@pytest.mark.parametrize("path", _files("consistency"))
def test_consistency(caller: Caller, path: Path) -> None:
    valid, cases = _cases(path)
    for case in cases:
        got = caller.call(
            "isConsistent(uint64,bytes32,uint64,bytes32,bytes32[])",
            "bool",
            case["size1"],
            _hash(case, "root1"),
            case["size2"],
            _hash(case, "root2"),
            _nodes(case, "proof"),
        )
        assert (got is True) == valid, case


@pytest.mark.parametrize("path", _files("window"))
def test_window(caller: Caller, path: Path) -> None:
    valid, cases = _cases(path)
    for case in cases:
        got = caller.call(
            "rootFromWindow(uint64,bytes32[],uint64,bytes32[],bytes32[])",
            "bytes32",
            case["start"],
            _nodes(case, "leaf_hashes"),
            case["size"],
            _nodes(case, "left"),
            _nodes(case, "right"),
        )
        assert (got == _hash(case, "root")) == valid, case
