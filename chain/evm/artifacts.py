"""Load, build and compare the committed contract artifacts (``contracts/artifacts/<Contract>.json``).

An artifact holds what deploying, decoding and proving need, so a running system needs no compiler. The build
is deterministic: ``python -m chain.evm.artifacts --check`` compiles again and names the first thing that
differs, ``--write`` replaces the files. Loading needs no compiler and no third-party package.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from chain.errors import FormatError, VerificationError

CONTRACT_NAMES = (
    "AccessManager",
    "CoSignature",
    "LogAnchor",
    "Membership",
    "RoleManager",
    "RuleBook",
    "SeatRegistry",
    "TimeCredit",
)
"""Contracts with a committed artifact. ``AccessManager`` is OpenZeppelin's, the base of ``RoleManager``."""

ARTIFACTS_DIR = Path(__file__).resolve().parents[2] / "contracts" / "artifacts"
"""Where the committed artifacts lie in a checkout."""

_FIELDS = (
    "contractName",
    "abi",
    "bytecode",
    "deployedBytecode",
    "storageLayout",
    "immutableReferences",
    "sourcesHash",
)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract.

    ``bytecode`` and ``deployed_bytecode`` are bytes; immutables are zero in the latter and lie at
    ``immutable_references``: name -> (offset, length) pairs. ``storage_layout`` is solc's, without AST ids.
    """

    name: str
    abi: tuple[Mapping[str, object], ...]
    bytecode: bytes
    deployed_bytecode: bytes
    storage_layout: Mapping[str, object]
    immutable_references: Mapping[str, tuple[tuple[int, int], ...]]
    sources_hash: str


@cache
def load_artifact(name: str) -> Artifact:
    """Return the committed artifact of the contract ``name``.

    Raises FormatError when there is none or it is not complete. Does not compile: see ``compare_artifacts``.
    """
    if name not in CONTRACT_NAMES:
        raise FormatError("artifact", f"no contract named {name!r}")
    try:
        content = json.loads((ARTIFACTS_DIR / f"{name}.json").read_bytes())
    except (OSError, ValueError) as exc:
        raise FormatError(f"artifact {name}", "missing or not JSON") from exc
    return parse_artifact(content)


def parse_artifact(content: object) -> Artifact:
    """Return the artifact in a decoded artifact file. Raises FormatError naming the field that is wrong."""
    if not isinstance(content, dict) or sorted(content) != sorted(_FIELDS):
        raise FormatError("artifact", f"must have exactly the members {', '.join(_FIELDS)}")
    try:
        return Artifact(
            name=str(content["contractName"]),
            abi=tuple(content["abi"]),
            bytecode=bytes.fromhex(content["bytecode"].removeprefix("0x")),
            deployed_bytecode=bytes.fromhex(content["deployedBytecode"].removeprefix("0x")),
            storage_layout=content["storageLayout"],
            immutable_references={
                name: tuple((place["start"], place["length"]) for place in places)
                for name, places in content["immutableReferences"].items()
            },
            sources_hash=str(content["sourcesHash"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise FormatError("artifact", "a member has the wrong shape") from exc


def build_artifacts() -> dict[str, bytes]:
    """Compile the contracts and return each artifact file's bytes by contract name.

    Raises chain.evm.solc.CompilerError when the toolchain is missing or refuses the sources.
    """
    from chain.evm.solc import compile_contracts  # the compiler is needed here only

    output = compile_contracts()
    names = _immutable_names(output.sources)
    joined = "".join(f"{name}\0{text}\0" for name, text in output.inputs.items())
    sources_hash = sha256(joined.encode()).hexdigest()
    compiled = {
        name: contract
        for source in output.contracts.values()
        for name, contract in source.items()
        if name in CONTRACT_NAMES
    }
    return {
        name: _format_artifact(name, cast("Mapping[str, Any]", compiled[name]), names, sources_hash)
        for name in CONTRACT_NAMES
    }


def compare_artifacts(built: Mapping[str, bytes] | None = None) -> None:
    """Check that the committed artifacts are what the sources compile to.

    Raises VerificationError whose ``step`` names the contract and ``reason`` the member that differs.
    """
    for name, data in (build_artifacts() if built is None else built).items():
        path = ARTIFACTS_DIR / f"{name}.json"
        if not path.is_file():
            raise VerificationError(f"artifact {name}", "is not committed")
        committed = path.read_bytes()
        if committed == data:
            continue
        got, want = json.loads(committed), json.loads(data)
        wrong = [field for field in _FIELDS if got.get(field) != want[field]]
        raise VerificationError(
            f"artifact {name}", f"differs from the sources in {', '.join(wrong) or 'formatting'}"
        )


def write_artifacts() -> None:
    """Compile and replace the committed artifacts."""
    ARTIFACTS_DIR.mkdir(exist_ok=True)
    for name, data in build_artifacts().items():
        (ARTIFACTS_DIR / f"{name}.json").write_bytes(data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``--check`` or ``--write``; return the exit code (1 = the artifacts differ)."""
    parser = argparse.ArgumentParser(prog="python -m chain.evm.artifacts", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--check", action="store_true", help="compile and compare with the committed files")
    choice.add_argument("--write", action="store_true", help="compile and replace the committed files")
    if parser.parse_args(arguments).write:
        write_artifacts()
        return 0
    try:
        compare_artifacts()
    except VerificationError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def _format_artifact(
    name: str, contract: Mapping[str, Any], immutables: Mapping[str, str], sources_hash: str
) -> bytes:
    deployed = contract["evm"]["deployedBytecode"]
    content = {
        "contractName": name,
        "abi": contract["abi"],
        "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "storageLayout": _without_ast_ids(contract["storageLayout"]),
        "immutableReferences": {
            immutables[ast_id]: places for ast_id, places in deployed["immutableReferences"].items()
        },
        "sourcesHash": sources_hash,
    }
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _without_ast_ids(layout: Mapping[str, Any]) -> object:
    """Drop what changes with unrelated sources: AST ids as members and inside the names of types."""
    text = json.dumps(layout)
    tidy = json.loads(_strip_type_ids(text))
    for variable in tidy["storage"]:
        variable.pop("astId")
    for described in (tidy["types"] or {}).values():
        for member in described.get("members", ()):
            member.pop("astId")
    return tidy


def _strip_type_ids(text: str) -> str:
    return re.sub(r"(t_(?:struct|enum|contract|userDefinedValueType)\([^()]+\))\d+", r"\1", text)


def _immutable_names(sources: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Return the names of all state variables by AST id: solc names immutables by id alone."""
    names: dict[str, str] = {}
    waiting: list[object] = [source["ast"] for source in sources.values()]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("nodeType") == "VariableDeclaration" and node.get("stateVariable"):
                names[str(node["id"])] = str(node["name"])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return names


if __name__ == "__main__":
    sys.exit(main())
