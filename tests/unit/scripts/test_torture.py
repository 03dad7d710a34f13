"""The campaign's counting: a fault that did not fire is a failure, and progress is kept a line each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.faults.failpoint_part import list_points
from scripts.faults.kill_part import list_jobs
from scripts.faults.parts import Campaign, Job
from scripts.faults.results import Outcome, format_table, from_json, summarize, tabulate, to_json
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
    assert len(points) == 8 * len({point.name for point in points})


def test_kills_are_as_many_as_asked_for() -> None:
    jobs = list_jobs(Campaign("s", short=True, cycles=105))
    assert len(jobs) == 11 and len({job.seed for job in jobs}) == 11
    assert {job.fault for job in jobs} >= {"kill -9 serve (sqlite)", "kill -9 api (postgresql)"}
