"""The compiler behind its shim, the committed artifacts and the settings that several tools repeat."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest

from chain.errors import FormatError, VerificationError
from chain.evm import artifacts
from chain.evm.solc import (
    CONTRACTS_DIR,
    SETTINGS,
    SOLC_VERSION,
    CompilerError,
    collect_sources,
    compile_contracts,
    find_node,
    list_roots,
)

SHIM = CONTRACTS_DIR / "bin" / "solc"


@pytest.fixture(scope="module")
def built() -> dict[str, bytes]:
    return artifacts.build_artifacts()


def test_committed_artifacts_are_what_the_sources_compile_to(built: dict[str, bytes]) -> None:
    artifacts.compare_artifacts(built)


@pytest.mark.parametrize("field", ["abi", "bytecode", "storageLayout", "sourcesHash"])
def test_a_difference_is_named(built: dict[str, bytes], field: str) -> None:
    content = json.loads(built["LogAnchor"])
    content[field] = "other"
    changed = {**built, "LogAnchor": json.dumps(content).encode()}
    with pytest.raises(VerificationError) as caught:
        artifacts.compare_artifacts(changed)
    assert caught.value.step == "artifact LogAnchor"
    assert caught.value.reason == f"differs from the sources in {field}"


def test_an_artifact_holds_all_that_is_needed() -> None:
    artifact = artifacts.load_artifact("TimeCredit")
    assert artifact.name == "TimeCredit"
    assert set(artifact.immutable_references) == {
        "_coSignature",
        "_domainSalt",
        "_logAnchor",
        "_membership",
        "roles",
    }
    assert all(length == 32 for places in artifact.immutable_references.values() for _, length in places)
    storage: Any = artifact.storage_layout["storage"]
    assert [item["label"] for item in storage][:1] == ["_accounts"]
    assert len(artifact.deployed_bytecode) < 24_576, "EIP-170"
    assert not re.search(r"\)\d", json.dumps(artifact.storage_layout)), "no AST ids"


def test_no_function_takes_coins_of_the_chain() -> None:
    for name in artifacts.CONTRACT_NAMES:
        payable = [
            item["name"]
            for item in artifacts.load_artifact(name).abi
            if item.get("stateMutability") == "payable"
        ]
        # OpenZeppelin's execute is payable; RoleManager's refuses value, which its forge test shows.
        assert payable == (["execute"] if name in ("AccessManager", "RoleManager") else [])


def test_unknown_artifacts_are_named() -> None:
    with pytest.raises(FormatError) as caught:
        artifacts.load_artifact("Nothing")
    assert (caught.value.where, caught.value.reason) == ("artifact", "no contract named 'Nothing'")


@pytest.mark.parametrize("content", [None, [], {}, {"contractName": "x"}])
def test_incomplete_artifacts_are_refused(content: object) -> None:
    with pytest.raises(FormatError) as caught:
        artifacts.parse_artifact(content)
    assert caught.value.where == "artifact"


def test_the_shim_answers_like_a_native_compiler() -> None:
    environment = {"TONGYI_NODE": str(find_node()), "PATH": "/usr/bin:/bin"}
    version = subprocess.run([SHIM, "--version"], capture_output=True, text=True, env=environment, check=True)
    assert re.search(rf"^Version: {SOLC_VERSION}\+commit\.[0-9a-f]+\.Linux\.g\+\+$", version.stdout, re.M)
    command = [SHIM, "--allow-paths", "/somewhere", "--standard-json"]
    source = {"language": "Solidity", "sources": {"A.sol": {"content": "contract A {}"}}}
    answer = subprocess.run(
        command, input=json.dumps(source), capture_output=True, text=True, env=environment, check=True
    )
    assert answer.stdout.startswith("{")
    assert "sources" in json.loads(answer.stdout)
    wrong = subprocess.run([SHIM, "--bin"], capture_output=True, text=True, env=environment, check=False)
    assert (wrong.returncode, wrong.stdout) == (1, "")


def test_the_shim_reads_nothing_outside_the_contracts() -> None:
    source = {
        "language": "Solidity",
        "sources": {"A.sol": {"content": 'import "../pyproject.toml"; contract A {}'}},
    }
    answer = subprocess.run(
        [SHIM, "--standard-json"],
        input=json.dumps(source),
        capture_output=True,
        text=True,
        env={"TONGYI_NODE": str(find_node()), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert "not found under the contracts folder" in answer.stdout


def test_missing_sources_are_named() -> None:
    with pytest.raises(CompilerError) as caught:
        collect_sources(["src/Nothing.sol"])
    assert caught.value.reason == "source not found: src/Nothing.sol (run npm ci in contracts)"


def test_compiler_errors_are_passed_on(tmp_path: Any) -> None:
    (tmp_path / "node_modules" / "solc").mkdir(parents=True)
    (tmp_path / "bin").symlink_to(SHIM.parent)
    (tmp_path / "A.sol").write_text("contract A { uint x = true; }")
    with pytest.raises(CompilerError) as caught:
        compile_contracts(["A.sol"], tmp_path)
    assert "TypeError" in caught.value.reason


def test_every_pin_is_the_same() -> None:
    package = json.loads((CONTRACTS_DIR / "package.json").read_bytes())
    assert package["dependencies"]["solc"] == SOLC_VERSION
    for name in list_roots():
        if name.startswith("src/") and "/interfaces/" not in name:
            text = (CONTRACTS_DIR / name).read_text(encoding="utf-8")
            assert f"pragma solidity {SOLC_VERSION};" in text, name
    lock = json.loads((CONTRACTS_DIR / "package-lock.json").read_bytes())
    assert not [name for name, item in lock["packages"].items() if "resolved" in item], "no host in the lock"
    for name, version in package["dependencies"].items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version


def test_forge_and_hardhat_compile_with_our_settings() -> None:
    forge = tomllib.loads((CONTRACTS_DIR / "foundry.toml").read_text())["profile"]["default"]
    optimizer: Any = SETTINGS["optimizer"]
    assert forge["evm_version"] == SETTINGS["evmVersion"]
    assert forge["via_ir"] is SETTINGS["viaIR"]
    assert (forge["optimizer"], forge["optimizer_runs"]) == (optimizer["enabled"], optimizer["runs"])
    metadata: Any = SETTINGS["metadata"]
    assert forge["bytecode_hash"] == metadata["bytecodeHash"]
    hardhat = (CONTRACTS_DIR / "hardhat.config.js").read_text()
    for line in (
        f'version: "{SOLC_VERSION}"',
        f'evmVersion: "{SETTINGS["evmVersion"]}"',
        "viaIR: true",
        f"optimizer: {{ enabled: true, runs: {optimizer['runs']} }}",
        f'metadata: {{ bytecodeHash: "{metadata["bytecodeHash"]}" }}',
    ):
        assert line in hardhat
