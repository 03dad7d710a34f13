"""scripts/checks.py: order, early end, table and closing line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from scripts import checks

HERE = Path(__file__)


def make_check(name: str, code: str, part: Path = HERE) -> checks.Check:
    return checks.Check(name, (sys.executable, "-c", code), part, "the test", HERE.parent)


def test_output_is_passed_on_and_the_last_line_kept() -> None:
    shown: list[str] = []
    result = checks.run_check(make_check("x", "print('one'); print('two'); print()"), shown.append)
    assert (result.exit_code, result.closing) == (0, "two")
    assert shown == ["one\n", "two\n", "\n"]


def test_the_run_ends_at_the_first_failure() -> None:
    shown: list[str] = []
    listed = [
        make_check("a", "pass"),
        make_check("b", "raise SystemExit(3)"),
        make_check("c", "print('never')"),
    ]
    results = checks.run_all(listed, shown.append)
    assert [(r.name, r.exit_code) for r in results] == [("a", 0), ("b", 3)]
    assert "never\n" not in shown


def test_a_missing_part_fails_and_is_named(tmp_path: Path) -> None:
    shown: list[str] = []
    result = checks.run_check(make_check("forge", "pass", tmp_path / "forge"), shown.append)
    assert result.exit_code is None
    assert result.closing == f"forge: {tmp_path / 'forge'} is missing; it comes with the test"
    assert shown == [result.closing + "\n"]


def test_the_closing_line_is_pytests_own_when_it_ran() -> None:
    results = [
        checks.Result("ruff", 1.0, 0, "All checks passed!"),
        checks.Result("pytest", 2.0, 1, "1 failed in 2.00s"),
    ]
    assert checks.closing_line(results) == "1 failed in 2.00s"


@pytest.mark.parametrize(
    ("results", "line"),
    [
        (
            [checks.Result("ruff", 1.25, 0, "ok"), checks.Result("mypy", 2.0, 1, "x")],
            "1 failed, 1 passed in 3.25s",
        ),
        ([checks.Result("pytest", 0.0, None, "pytest: missing")], "1 failed in 0.00s"),
        ([checks.Result("ruff", 0.5, 0, "ok")], "1 passed in 0.50s"),
    ],
)
def test_the_closing_line_without_pytest_counts_checks(results: list[checks.Result], line: str) -> None:
    assert checks.closing_line(results) == line
    assert re.fullmatch(r"(\d+ (failed|passed)(, )?)+ in [\d.]+s", line)


def test_the_table_shows_every_check_once() -> None:
    table = checks.format_table(
        [checks.Result("ruff", 1.0, 0, ""), checks.Result("mypy", 70.5, 1, "")], ["pytest"]
    )
    assert [line.split() for line in table.splitlines()] == [
        ["✓", "ruff", "1.0", "s"],
        ["✗", "mypy", "70.5", "s"],
        ["-", "pytest", "not", "run"],
        ["total", "71.5", "s"],
    ]


def test_an_unknown_check_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        checks.main(["--only", "nothing"])
    assert caught.value.code == 2
    assert "no check named 'nothing'" in capsys.readouterr().err


def test_pytest_runs_last_and_ci_runs_nothing_else() -> None:
    assert [check.name for check in checks.list_checks()][-1] == "pytest"
    run = (checks.ROOT / ".ci" / "run").read_text().splitlines()
    assert run[0] == "#!/usr/bin/env bash"
    assert [line for line in run[1:] if line] == ['exec ./scripts/test "$@"']


@pytest.mark.parametrize(("cores", "workers"), [(None, 0), (1, 0), (2, 2), (8, 8), (64, 8)])
def test_each_core_has_a_worker_and_a_single_one_none(cores: int | None, workers: int) -> None:
    spread = ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder")
    assert checks.spread_tests(cores) == (spread if workers else ())


def test_the_suite_is_spread_over_this_machines_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert checks.list_checks()[-1].argv[1:] == ("-m", "pytest", "tests", *checks.spread_tests(2))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert checks.list_checks()[-1].argv[1:] == ("-m", "pytest", "tests")
