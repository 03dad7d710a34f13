"""Python, Go and Solidity give each of a hundred thousand shared proof cases the same verdict.

Go is transparency-dev/merkle and golang.org/x/mod/sumdb, which also have to agree with each other; Solidity
is the contracts' own library on a local node, a few hundred cases a call.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from eth_abi import decode, encode
from eth_utils import keccak

from chain.evm.solc import compile_contracts
from tests.contracts.harness import run_chain
from tests.foreign.go_tool import run_go
from tests.foreign.shared_cases import CONSISTENCY, INCLUSION, WINDOW, Case, draw_cases

CASES = 100_000
PER_CALL = 400
SOURCE = "test/compiled/Rfc9162Batch.sol"
JUDGE = keccak(b"judge(bytes,uint256)")[:4]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(draw_cases("agreement", CASES))


@pytest.fixture(scope="module")
def wanted(cases: list[Case]) -> bytes:
    return bytes(accepted for _, accepted in cases)


def differing(cases: list[Case], verdicts: bytes) -> list[str]:
    assert len(verdicts) == len(cases)
    return [
        f"case {n}: Python {accepted}, got {got}: {packed.hex()}"
        for n, ((packed, accepted), got) in enumerate(zip(cases, verdicts, strict=True))
        if got != accepted
    ][:3]


def test_cases_are_of_every_kind_and_both_verdicts(cases: list[Case]) -> None:
    seen = Counter((packed[0], accepted) for packed, accepted in cases)
    for kind in (INCLUSION, CONSISTENCY, WINDOW):
        assert seen[kind, True] > CASES / 50 and seen[kind, False] > CASES / 50
    assert len({packed for packed, _ in cases}) > CASES / 2


def test_go_agrees(cases: list[Case], tmp_path: Path) -> None:
    file = tmp_path / "cases"
    file.write_bytes(b"".join(packed for packed, _ in cases))
    done = run_go("vectors", "run", ".", "cases", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert differing(cases, bytes.fromhex(json.loads(done.stdout))) == []


def test_solidity_agrees(cases: list[Case]) -> None:
    compiled: Any = compile_contracts([SOURCE]).contracts[SOURCE]["Rfc9162Batch"]["evm"]
    verdicts = b""
    with run_chain() as chain:
        address = chain.transact(None, "0x" + compiled["bytecode"]["object"])["contractAddress"]
        for start in range(0, CASES, PER_CALL):
            part = [packed for packed, _ in cases[start : start + PER_CALL]]
            data = JUDGE + encode(["bytes", "uint256"], [b"".join(part), len(part)])
            request = {"to": address, "data": "0x" + data.hex(), "gas": hex(2_000_000_000)}
            answer = chain.rpc("eth_call", request, "latest")
            verdicts += decode(["bytes"], bytes.fromhex(answer[2:]))[0]
    assert differing(cases, verdicts) == []


def test_a_difference_is_found(cases: list[Case], wanted: bytes) -> None:
    assert differing(cases, wanted) == []
    other = bytearray(wanted)
    other[77] ^= 1
    assert len(differing(cases, bytes(other))) == 1
