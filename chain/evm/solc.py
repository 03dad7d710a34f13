"""Compile the contracts with the pinned npm solc, through py-solc-x. Needs Node and no network.

The compiler is WebAssembly from ``contracts/node_modules`` behind ``contracts/bin/solc``, which answers like
a native solc. All sources are given inline in one standard-json call (``compile_standard``): the shim reads
no other file. This module is needed to build artifacts only; the gateway and the verifier never import it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from solcx import compile_standard
from solcx.exceptions import SolcError

from chain.errors import NotaryError

SOLC_VERSION = "0.8.37"
"""The one compiler version; the same pin stands in ``contracts/package.json`` and in every contract."""

CONTRACTS_DIR = Path(__file__).resolve().parents[2] / "contracts"
"""Where sources, shim and ``node_modules`` lie in a checkout."""

SETTINGS: Mapping[str, object] = {
    "evmVersion": "paris",
    "viaIR": True,
    "optimizer": {"enabled": True, "runs": 10_000},
    "metadata": {"bytecodeHash": "none"},
    "outputSelection": {
        "*": {
            "*": [
                "abi",
                "evm.bytecode.object",
                "evm.deployedBytecode.object",
                "evm.deployedBytecode.immutableReferences",
                "storageLayout",
            ],
            # Immutable references and types in layouts are named by AST ids, which only the AST explains.
            "": ["ast"],
        }
    },
}
"""Settings of every build; those of ``contracts/foundry.toml`` and ``hardhat.config.js`` are the same."""

_IMPORT = re.compile(r"^\s*import\s[^;]*?[\"']([^\"']+)[\"']\s*;", re.MULTILINE)
_LIBRARY_PREFIX = "@openzeppelin/"


class CompilerError(NotaryError):
    """The compiler is missing or refused the sources.

    ``reason`` is one sentence or the compiler's own message; it names source files, never private values.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CompilerOutput:
    """What solc made of the sources: its ``contracts`` and ``sources`` objects by source name."""

    contracts: Mapping[str, Mapping[str, Mapping[str, object]]]
    sources: Mapping[str, Mapping[str, object]]
    inputs: Mapping[str, str]


def find_node() -> Path:
    """Return the Node binary: ``TONGYI_NODE``, else beside the running Python, else on PATH.

    Raises CompilerError when there is none.
    """
    given = os.environ.get("TONGYI_NODE")
    if given:
        return Path(given)
    beside = Path(sys.executable).parent / "node"
    if beside.exists():
        return beside
    found = shutil.which("node")
    if found is None:
        raise CompilerError("Node.js not found: install the toolchain requirements or set TONGYI_NODE")
    return Path(found)


def list_roots(contracts_dir: Path = CONTRACTS_DIR) -> list[str]:
    """Return the names of all that is built: every source under ``src`` and OpenZeppelin's access manager."""
    own = sorted((contracts_dir / "src").rglob("*.sol"))
    names = [path.relative_to(contracts_dir).as_posix() for path in own]
    return [*names, "@openzeppelin/contracts/access/manager/AccessManager.sol"]


def collect_sources(roots: Sequence[str], contracts_dir: Path = CONTRACTS_DIR) -> dict[str, str]:
    """Return the text of ``roots`` and all they import, by source name (``src/X.sol``), sorted.

    Raises CompilerError when a file does not exist.
    """
    waiting = list(roots)
    sources: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        base = contracts_dir / "node_modules" if name.startswith(_LIBRARY_PREFIX) else contracts_dir
        try:
            text = (base / name).read_text(encoding="utf-8")
        except OSError as exc:
            raise CompilerError(f"source not found: {name} (run npm ci in contracts)") from exc
        sources[name] = text
        waiting.extend(_resolve(name, target) for target in _IMPORT.findall(text))
    return dict(sorted(sources.items()))


def compile_contracts(
    roots: Sequence[str] | None = None, contracts_dir: Path = CONTRACTS_DIR
) -> CompilerOutput:
    """Compile ``roots`` (everything that is built, by default) in one call and return solc's output.

    Raises CompilerError when Node or ``node_modules`` is missing or solc reports an error.
    """
    if not (contracts_dir / "node_modules" / "solc").is_dir():
        raise CompilerError("contracts/node_modules is missing: run npm ci in contracts")
    os.environ["TONGYI_NODE"] = str(find_node())  # the shim is started without arguments of ours
    sources = collect_sources(list_roots(contracts_dir) if roots is None else roots, contracts_dir)
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": dict(SETTINGS),
    }
    try:
        output = compile_standard(request, solc_binary=contracts_dir / "bin" / "solc")
    except SolcError as exc:
        raise CompilerError(str(exc.message)) from exc
    contracts = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", output["contracts"])
    units = cast("Mapping[str, Mapping[str, object]]", output["sources"])
    return CompilerOutput(contracts, units, sources)


def _resolve(importer: str, target: str) -> str:
    if not target.startswith("."):
        return target
    parts = importer.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return "/".join(parts)
