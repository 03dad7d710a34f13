"""The documents name every setting, every route and every command, and point at files that exist."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import SecretStr

from gateway.app import build_api
from gateway.ground import Ground
from gateway.machinery import _anchor_interval
from gateway.settings import Settings
from gateway.verify_command import TRUST_ROOT_FILE, TRUST_ROOT_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "gateway" / "README.md"]
OF_VERIFY = TRUST_ROOT_VARIABLE.removeprefix("TONGYI_")
"""The one variable that is no setting of a gateway or of a tool it starts."""
OF_TOOLS = {
    name
    for path in (ROOT / "chain" / "evm").glob("*.py")
    for name in re.findall(r'environ(?:\.get\(|\[)"TONGYI_([A-Z_]+)"', path.read_text())
}
"""Variables that say where a tool is that the gateway or the compiler starts."""
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def read_pages() -> str:
    return "\n".join(page.read_text() for page in PAGES if page.exists())


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_named(name: str) -> None:
    assert f"`TONGYI_{name.upper()}`" in read_pages()


def test_no_setting_is_named_that_does_not_exist() -> None:
    named = set(re.findall(r"`TONGYI_([A-Z_]+)`", PAGES[0].read_text()))
    assert named <= {name.upper() for name in Settings.model_fields} | {OF_VERIFY} | OF_TOOLS


def test_every_place_of_a_tool_is_named() -> None:
    assert OF_TOOLS >= {"NODE", "ANVIL"}
    assert {name for name in OF_TOOLS if f"`TONGYI_{name}`" not in PAGES[0].read_text()} == set()


def list_defaults() -> dict[str, str]:
    """The default in README's table by variable: of n variables in a row, the last n brackets, in order.

    What follows a colon in a bracket explains the default.
    """
    found: dict[str, str] = {}
    for names, meaning in re.findall(r"^\| (`TONGYI_[^|]*) \| (.*) \|$", PAGES[0].read_text(), re.MULTILINE):
        variables = re.findall(r"`TONGYI_(\w+)`", names)
        brackets = re.findall(r"\(([^()]*)\)", meaning)[-len(variables) :]
        words = (bracket.replace("`", "").partition(":")[0] for bracket in brackets)
        found |= dict(zip(variables, words, strict=True))
    return found


def anchor_interval(*, embedded: bool) -> float:
    unset = SimpleNamespace(settings=SimpleNamespace(anchor_interval=None), is_embedded=embedded)
    return _anchor_interval(cast("Ground", unset))


UNSET = {
    "chain_url": "an embedded one is started",
    "database_url": "SQLite in the data folder",
    "origin": "made on first start",
    "signers": "none",
    "validators": "nobody's",
    "anchor_interval": (
        f"{anchor_interval(embedded=True):g} on the embedded chain, else {anchor_interval(embedded=False):g}"
    ),
    "witness_policy": "none",
    "simulation_seed": "none",
    "failpoint": "none",
    "webhook_egress": "none",
}
"""What README says of settings that are empty by default."""


def write_default(name: str) -> str:
    value = Settings.model_fields[name].default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == "":
        return UNSET[name]
    if isinstance(value, datetime):
        return value.date().isoformat()
    if name.endswith("_limit"):
        return f"{value >> 20} MiB" if value >= 1 << 20 else f"{value >> 10} KiB"
    return (
        f"{value:,g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_default_is_the_codes(name: str) -> None:
    assert list_defaults()[name.upper()] == write_default(name)


def test_where_verify_finds_its_trust_root_is_said() -> None:
    assert list_defaults()[OF_VERIFY] == f"{TRUST_ROOT_FILE} in the working folder"


def list_routes() -> list[str]:
    paths = build_api().openapi()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize("route", list_routes())
def test_every_route_is_named(route: str) -> None:
    assert f"`{route}`" in read_pages()


def test_no_route_is_named_that_does_not_exist() -> None:
    named = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", PAGES[0].read_text())
    assert set(named) <= set(list_routes())


@pytest.mark.parametrize(
    "page", [path for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md")) if ".venv" not in path.parts]
)
def test_links_point_at_files(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_measured_table_is_filled_in() -> None:
    table = PAGES[0].read_text().partition("<!-- measured -->")[2].partition("<!-- /measured -->")[0]
    assert re.search(r"\d+ cores, .*, 20\d\d-\d\d-\d\d", table)
    assert table.count("| ✓ |") + table.count("| ✗ |") >= 9
