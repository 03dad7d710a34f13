"""The campaign's counting: a fault that did not fire is a failure, and progress is kept a line each."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from gateway.failpoint_names import STEPS
from gateway.failpoints import Mode
from scripts.faults.failpoint_cases import DATABASES, LATER, VICTIMS, list_points, list_short_points
from scripts.faults.kill_part import list_jobs
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome, format_table, from_json, summarize, tabulate, to_json
from scripts.faults.results_page import write_page
from scripts.faults.torture import Record

GOOD = Outcome("a", "a-1", 1, accepted=5, issues=2, seconds=2.0)
SILENT = Outcome("a", "a-2", 0)
FAILED = Outcome("b", "b-1", 10, ("O1 lost: k",), injected=10)


def test_only_what_fired_and_held_survived() -> None:
    first, second = tabulate([GOOD, SILENT, FAILED])
    assert (first.injected, first.fired, first.survived) == (2, 1, 1)
    assert first.failures == ["a-2: fired 0 of 1 times"] and not first.passed
    assert (second.injected, second.fired, second.survived) == (10, 10, 0)
    assert second.failures == ["b-1: O1 lost: k"]
    table = format_table([first, second])
    assert "✗ a  a-2: fired 0 of 1 times" in table and "✗ b  b-1: O1 lost: k" in table


def test_the_summary_counts_everything() -> None:
    summary = summarize(tabulate([GOOD, FAILED]), "s", 3.04)
    assert summary["passed"] is False and summary["faults"] == {"a": [1, 1, 1], "b": [10, 10, 0]}
    assert (summary["injected"], summary["fired"], summary["survived"]) == (11, 11, 1)
    assert (summary["accepted"], summary["issues"], summary["seconds"]) == (5, 2, 3.0)
    assert summarize(tabulate([GOOD]), "s", 1)["passed"] is True


def test_an_outcome_is_a_line_and_back() -> None:
    again = from_json(json.loads(json.dumps(to_json(FAILED))))
    assert to_json(again) == {**to_json(FAILED), "failures": ["O1 lost: k"]}


def test_a_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    record = Record(path, "s")
    record.add(GOOD)
    again = Record(path, "s")
    job = Job("a", "a-1", "sqlite", lambda world: GOOD)
    assert again.has(job) and not again.has(Job("a", "a-9", "sqlite", job.work))
    assert [outcome.seed for outcome in again.outcomes] == ["a-1"]
    with pytest.raises(SystemExit, match="another seed"):
        Record(path, "other")


def test_every_step_is_failed_in_every_way_on_every_database() -> None:
    points = list_points()
    assert len({point.seed for point in points}) == len(points)
    first = [point for point in points if point.nth == 1]
    assert len(first) == 4 * (2 * len(STEPS) - len(VICTIMS))
    later = {(point.name, point.nth) for point in points if point.nth > 1}
    assert later == set(LATER.items())


def test_the_short_form_has_every_step_once_in_ways_of_all_kinds() -> None:
    short = list_short_points()
    assert [point.name for point in sorted(short, key=lambda point: point.name)] == sorted(STEPS)
    assert set(short) <= set(list_points())
    assert {point.mode for point in short} == set(Mode)
    by_database = Counter(point.database for point in short)
    assert set(by_database) == set(DATABASES) and min(by_database.values()) > 10


def test_kills_are_as_many_as_asked_for() -> None:
    jobs = list_jobs(Campaign("s", short=False, cycles=105))
    assert len(jobs) == 11 and len({job.seed for job in jobs}) == 11
    short = list_jobs(Campaign("s", short=True, cycles=100))
    assert (len(short), len({job.fault for job in short})) == (10, 9)
    killed = {job.fault for job in jobs}
    assert killed >= {"kill -9 serve (sqlite)", "kill -9 api (postgresql)", "kill -9 chain node (sqlite)"}


def test_the_page_keeps_what_was_not_run(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write_page({"kills": (5, [GOOD, FAILED]), "other": (1, [])}, "s", path)
    write_page({"failpoints": (2, [GOOD])}, "t", path)
    text = path.read_text()
    assert text.index("## failpoints") < text.index("## kills") and "## other" not in text
    assert "2 of 5 cases run, seed `s`" in text and "1 of 2 cases run, seed `t`" in text
    assert "| b | 10 | 10 | 0 | 1 |" in text and "- b: `b-1: O1 lost: k`" in text
    write_page({"kills": (5, [GOOD])}, "u", path)
    assert "seed `s`" not in path.read_text() and path.read_text().count("## kills") == 1
