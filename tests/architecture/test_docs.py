"""The documents name every setting, every route and every command, and point at files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.app import build_api
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "gateway" / "README.md"]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def read_pages() -> str:
    return "\n".join(page.read_text() for page in PAGES if page.exists())


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_named(name: str) -> None:
    assert f"`TONGYI_{name.upper()}`" in read_pages()


def test_no_setting_is_named_that_does_not_exist() -> None:
    named = set(re.findall(r"`TONGYI_([A-Z_]+)`", PAGES[0].read_text()))
    assert named <= {name.upper() for name in Settings.model_fields}


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
