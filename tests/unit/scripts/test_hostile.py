"""What the hostile clients hold for wrong is wrong, what they hold for right is right, and a leak is seen."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from chain.canonical import JsonError, parse_json
from scripts.faults.hostile.exchange import Alone, Answer, parse_answer
from scripts.faults.hostile.json_corpus import Text, draw_text
from scripts.faults.hostile.json_part import TARGETS, Shot, judge_shot
from scripts.faults.hostile.judging import judge
from scripts.faults.hostile.part import SORTS, list_jobs
from scripts.faults.hostile.probe_part import Probe, judge_probe
from scripts.faults.hostile.probing import FORMS, draw_absent
from scripts.faults.hostile.raw_corpus import SMUGGLED, Bytes, Keys, draw_bytes
from scripts.faults.hostile.raw_part import judge_bytes
from scripts.faults.hostile.schema_part import judge_report
from scripts.faults.hostile.timing import difference_of_medians
from scripts.faults.parts import Campaign

TEXTS = 4_000


def problem(status: int, code: str, **more: str) -> Answer:
    """A whole refusal."""
    names = ("type", "title", "title_zh", "detail", "detail_zh", "trace_id")
    document = {**dict.fromkeys(names, "x"), "code": code, "status": status, **more}
    headers = {"content-type": "application/problem+json", "retry-after": "1"}
    return Answer(status, headers, json.dumps(document).encode(), 0.1)


def test_each_text_is_what_it_says() -> None:
    chance = random.Random("texts")
    sorts: dict[bool, set[str]] = {False: set(), True: set()}
    for base in list(TARGETS.values()) * (TEXTS // len(TARGETS)):
        text = draw_text(chance, base)
        sorts[text.wrong].add(text.sort)
        try:
            parse_json(text.body)
            refused = False
        except JsonError:
            refused = True
        assert refused == text.wrong, (text.sort, text.body[:200])
    assert (len(sorts[True]), len(sorts[False])) == (18, 6)


def test_the_same_seed_gives_the_same_bytes() -> None:
    keys = Keys("ty_live_x")
    one, two = ([draw_bytes(random.Random(f"s-{n}"), keys) for n in range(300)] for _ in range(2))
    assert one == two and len({sent.sort for sent in one}) == 12


def test_answers_that_no_client_should_get_are_told() -> None:
    good = problem(422, "x")
    assert list(judge(good)) == []
    assert list(judge(problem(503, "busy"))) == []
    for bad, what in (
        (problem(500, "internal"), "server error"),
        (replace(problem(503, "busy"), headers=good.headers | {"retry-after": ""}), None),
        (replace(problem(503, "busy"), headers={"content-type": "application/problem+json"}), "Retry-After"),
        (replace(good, seconds=6.0), "slow"),
        (replace(good, headers={"content-type": "text/plain"}), "shape"),
        (replace(good, body=b"{"), "shape"),
        (replace(good, status=400), "shape"),
    ):
        found = list(judge(bad))
        assert (what is None) == (not found) and (what is None or what in found[0]), (bad, found)


def test_a_text_taken_that_is_none_is_told() -> None:
    chance = random.Random("shots")
    base = TARGETS["/v1/entries"]
    texts = [draw_text(chance, base) for _ in range(100)]
    wrong = next(text for text in texts if text.wrong)
    right = next(text for text in texts if not text.wrong)
    assert judge_shot(Shot("/v1/entries", wrong, b""), problem(400, "json.malformed")) == []
    assert judge_shot(Shot("/v1/entries", right, b""), problem(422, "chapter.unknown")) == []
    assert "JSON taken" in judge_shot(Shot("/v1/entries", wrong, b""), problem(422, "chapter.unknown"))[0]
    assert "JSON refused" in judge_shot(Shot("/v1/entries", right, b""), problem(400, "json.number"))[0]


def test_a_batch_of_nothing_is_refused_as_that() -> None:
    path = "/v1/entries/batch"
    nothing, part = Text("cut off", b"", wrong=True), Text("cut off", b'{"a"', wrong=True)
    assert judge_shot(Shot(path, nothing, b""), problem(422, "batch.empty")) == []
    assert judge_shot(Shot(path, part, b""), problem(422, "batch.empty")) != []


def test_a_body_read_as_a_request_is_told() -> None:
    sent = Bytes("x", b"")
    assert judge_bytes(sent, Alone([problem(400, "x")], silent=False, asked_to_end=False)) == []
    two = Alone([problem(400, "x"), problem(404, "x")], silent=False, asked_to_end=False)
    assert "smuggled" in judge_bytes(sent, two)[0]
    inside = replace(problem(404, "x"), body=problem(404, "x", instance=SMUGGLED).body.replace(b": ", b":"))
    assert "smuggled" in judge_bytes(sent, Alone([inside], silent=False, asked_to_end=False))[0]
    assert "hang" in judge_bytes(sent, Alone([], silent=True, asked_to_end=True))[0]


def test_whatever_tells_anothers_from_none_is_told() -> None:
    form = next(form for form in FORMS if form.path == "/v1/members/$name")
    chance = random.Random("names")
    theirs, nobodys = draw_absent("account", chance), draw_absent("account", chance)
    probe = Probe(form, theirs, nobodys, first=True)
    one = problem(404, "account.unknown", instance=f"/v1/members/{theirs}")
    other = problem(404, "account.unknown", instance=f"/v1/members/{nobodys}", trace_id="y")
    foreign = frozenset({theirs, "acct_of_another"})
    assert list(judge_probe(probe, one, other, foreign)) == []
    assert "existence" in next(judge_probe(probe, problem(403, "x"), other, foreign))
    assert "existence" in next(
        judge_probe(probe, replace(one, headers=one.headers | {"etag": "1"}), other, foreign)
    )
    named = problem(404, "account.unknown", instance=f"/v1/members/{theirs}", detail="acct_of_another")
    assert any("O11 value" in what for what in judge_probe(probe, named, other, foreign))


@pytest.mark.parametrize(("slower", "unequal"), [(0.0, False), (0.0005, False), (0.003, True)])
def test_times_are_compared_by_their_medians(slower: float, unequal: bool) -> None:
    chance = random.Random("times")
    one, other = ([chance.lognormvariate(-6, 0.3) for _ in range(2_000)] for _ in range(2))
    found = difference_of_medians([value + slower for value in one], other)
    assert found.shown_unequal is unequal
    assert found.low <= found.median <= found.high
    assert found.shown_equal is (not unequal)


def test_answers_in_chunks_and_in_pieces_are_read() -> None:
    whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert all(parse_answer(whole[:cut], 0.0) is None for cut in range(len(whole)))
    found = parse_answer(whole + b"HTTP", 0.0)
    assert found is not None and (found[0].body, found[1]) == (b"abc", len(whole))


def test_what_schemathesis_finds_is_told() -> None:
    whole: dict[str, Any] = {
        "failures": [], "errors": [], "complete": True, "stop_reason": "completed",
        "operations": {"tested": 66, "total": 66},
    }  # fmt: skip
    assert list(judge_report(whole, "", 0)) == []
    failure = {"title": "Server error", "count": 3, "operations": ["GET /v1/x"]}
    (told, example) = judge_report({**whole, "failures": [failure]}, "  x\n    curl -X GET /v1/x\n", 1)
    assert told == "O10 interface: Server error (3 times) at GET /v1/x"
    assert example == "curl -X GET /v1/x"
    for odd, what in (
        ({"errors": [{"title": "Schema Error", "count": 1}]}, "error Schema Error (1 times)"),
        ({"complete": False, "stop_reason": "interrupted"}, "stopped by interrupted"),
        ({"operations": {"tested": 65, "total": 66}}, "65 of 66 operations were asked for"),
        ({"operations": None}, "None of None operations were asked for"),
    ):
        assert list(judge_report(whole | odd, "", 0)) == [f"O10 interface: {what}"]
    assert list(judge_report(whole, "usage", 2)) == ["Schemathesis ended with 2: usage"]


def test_the_long_form_is_what_was_promised() -> None:
    counts = {sort.fault: (sort.short, sort.long) for sort in SORTS}
    assert counts["probes of another chapter"] == (3_000, 100_000)
    # A probe is two requests.
    assert sum(long for _, long in counts.values()) + 100_000 >= 1_000_000
    jobs = list_jobs(Campaign("s", short=False, cycles=1))
    assert len({job.seed for job in jobs}) == len(jobs)
    assert {job.database for job in jobs} == {"sqlite", "postgresql"}
