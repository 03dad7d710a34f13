"""What every contract's source must have and must not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chain.evm.solc import CONTRACTS_DIR

SOURCES = sorted((CONTRACTS_DIR / "src").rglob("*.sol"))
CONTRACTS = [path for path in SOURCES if path.parent.name == "src"]
CHAPTERS = ("PURPOSE", "INVARIANTS", "ROLES", "ASSUMPTIONS", "LIVENESS", "NON-GOALS")
FORBIDDEN = ("delegatecall", "selfdestruct", "tx.origin", " payable ", "encodePacked")
FORMATS = CONTRACTS_DIR.parent / "chain" / "FORMATS.md"


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", CONTRACTS, ids=_name)
def test_headers_have_their_chapters_in_order(path: Path) -> None:
    header = path.read_text(encoding="utf-8").split("\ncontract ")[0].split("\nabstract contract ")[0]
    places = []
    for chapter in CHAPTERS:
        found = re.search(rf"\b{chapter}\b", header)
        assert found, f"{path.name} has no {chapter}"
        places.append(found.start())
    assert places == sorted(places)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_sources_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_functions_are_short(path: Path) -> None:
    start = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        if re.match(r"    function \w+", line):
            start = number
        elif line == "    }" and start is not None:
            # Assembly loops are one step a line and longer for it.
            limit = 50 if path.stem == "Leaves" else 36
            assert number - start + 1 <= limit, f"{path.name}:{start + 1}"
            start = None


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_sources_avoid_what_is_not_argued(path: Path) -> None:
    text = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
    if path.stem == "RoleManager":
        assert text.count(" payable ") == 1, "the override that refuses value"
        text = text.replace(" payable ", " ")
    for word in FORBIDDEN:
        assert word not in text, f"{path.name} has {word!r}"
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if "assembly (" in line or "unchecked {" in line:
            before = lines[number - 2 : number]
            assert all(item.strip().startswith("//") for item in before), f"{path.name}:{number + 1}"


def test_typed_data_is_that_of_the_formats() -> None:
    formats = FORMATS.read_text(encoding="utf-8")
    joined = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    for text in re.findall(r'"((?:EIP712Domain|TransferAuthorization|Anchor)\([^"]*\))"', joined):
        assert f"`{text}`" in formats, text
    for name in ("Tongyi TimeCredit", "Tongyi LogAnchor"):
        assert f'keccak256("{name}")' in joined
        assert f"`{name}`" in formats


def test_operation_kinds_and_reasons_are_numbered_without_gaps() -> None:
    text = (CONTRACTS_DIR / "src" / "libraries" / "Ledger.sol").read_text(encoding="utf-8")
    for library, first, last in (("Kind", 1, 9), ("Reason", 0, 20)):
        body = text.split(f"library {library} {{")[1].split("\n}")[0]
        numbers = [int(number) for number in re.findall(r"= (\d+);", body)]
        assert numbers == list(range(first, last + 1))
