"""gateway/doctor_command.py: what is found, what is missing, and the fix."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway import doctor_command as command
from gateway.doctor_command import Finding, Probe, judge, parse_version
from gateway.doctor_words import doctor_zh

CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v24.19.0", (24, 19, 0)),
        ("go version go1.27.3 linux/amd64", (1, 27, 3)),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0)", (15, 18)),
        ("0.8.37+commit.f401782d", (0, 8, 37)),
        ("nothing", ()),
    ],
)
def test_versions_are_read_from_what_tools_print(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


def test_an_old_version_will_not_do() -> None:
    assert judge((3, 51, 2), (3, 51, 3), "here") == (False, "3.51.2 at here, older than 3.51.3")
    assert judge((3, 51, 3), (3, 51, 3), "here") == (True, "3.51.3 at here")
    assert judge((), (1,), "here") == (False, "no version at here, older than 1")


def test_a_probe_that_fails_is_a_missing_part_with_its_fix() -> None:
    def look() -> tuple[bool, str]:
        raise ImportError("secret path")

    finding = Probe("SQLite", "the gateway", "install it", look).run()
    assert finding == Finding("SQLite", "the gateway", False, "ImportError while looking", "install it")


def test_missing_npm_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MODULES", tmp_path)
    missing = {probe.name: probe.run() for probe in command.list_probes()}
    for name in ("anvil", "forge", "solc", "Hardhat"):
        assert (missing[name].ok, missing[name].found) == (False, "not installed")
        assert missing[name].fix == command.NPM_CI
    assert missing["Python"].ok and missing["Python"].fix == ""


def test_another_compiler_version_will_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MODULES", tmp_path)
    (tmp_path / "solc").mkdir()
    (tmp_path / "solc" / "soljson.js").write_text("")
    (tmp_path / "solc" / "package.json").write_text('{"version": "0.8.38"}')
    solc = {probe.name: probe for probe in command.list_probes()}["solc"].run()
    assert (solc.ok, solc.found) == (False, f"0.8.38 at {tmp_path / 'solc'}, not 0.8.37")


def test_the_issue_list_is_covered() -> None:
    assert [probe.name for probe in command.list_probes()] == [
        "Python",
        "SQLite",
        "coincurve",
        "Node.js",
        "anvil",
        "forge",
        "solc",
        "Hardhat",
        "Go",
        "PostgreSQL",
    ]


def run_doctor(monkeypatch: pytest.MonkeyPatch, ok: bool, *argv: str) -> tuple[int, str]:
    probe = Probe(
        "anvil", "the embedded chain", "npm ci", lambda: (ok, "1.7.1 at here" if ok else "not found")
    )
    monkeypatch.setattr(command, "list_probes", lambda: [probe])
    app = typer.Typer()
    app.command()(command.doctor)
    result = CliRunner().invoke(app, list(argv))
    return result.exit_code, result.stdout


def test_doctor_prints_the_fix_and_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_doctor(monkeypatch, False) == (
        1,
        "✗ anvil       未找到 / not found\n    用途 / needed for: 内置链 / the embedded chain\n"
        "    办法 / fix: npm ci\n",
    )


def test_everything_doctor_says_has_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, versions, places and commands to type are the same in both."""
    monkeypatch.setattr(command, "MODULES", tmp_path)
    source = Path(command.__file__).read_text()
    said = {
        text for probe in command.list_probes() for text in (probe.needed_for, probe.fix, probe.run().found)
    }
    said |= set(re.findall(r'return False, "([^"]+)"', source)) | {judge((), (1,), "here")[1]}
    said |= {judge((1, 2), (1, 3), "here")[1], "1.2 at here, not 1.3", "KeyError while looking"}
    said |= set(re.findall(r'found = "([^"]+)"', source))
    assert len(said) > 15
    without = {text for text in said if not CHINESE.search(doctor_zh(text))}
    assert without == {command.DEMO_LOCK, command.DEV_LOCK}


def test_doctor_exits_0_when_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_doctor(monkeypatch, True) == (0, "✓ anvil       1.7.1（here）\n")
    exit_code, out = run_doctor(monkeypatch, True, "--json")
    assert (exit_code, json.loads(out)["ok"], json.loads(out)["parts"][0]["found"]) == (
        0,
        True,
        "1.7.1 at here",
    )


def test_this_environment_is_healthy() -> None:
    assert [finding for finding in (probe.run() for probe in command.list_probes()) if not finding.ok] == []
