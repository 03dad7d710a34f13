"""Planted bugs by themselves: where they go, what the tracer's record says, and how they are tabled."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.faults.planted import planting
from scripts.faults.planted.bugs import BUGS, Bug
from scripts.faults.planted.calls import judge_calls, read_calls
from scripts.faults.planted.planting import plant, put
from scripts.faults.planted.scene import forge
from scripts.faults.results import Outcome
from scripts.faults.results_page import format_caught, format_section

WAL, LOG = "/d/gateway.sqlite3-wal", "/d/log"
ANSWER = 'sendto(8<socket:[1]>, "HTTP/1.1 201 Created\\r\\n"..., 300, 0, NULL, 0) = 300'


def flush(path: str, result: str = "0") -> str:
    return f"fdatasync(5<{path}>) = {result}"


def name(path: str) -> str:
    return f'rename("{path}/.9.new", "{path}/9") = 0'


def judge(*calls: str) -> tuple[list[str], int, int]:
    return judge_calls("\n".join(f"17 {call}" for call in calls), WAL, LOG)


def test_an_answer_needs_a_flush_of_the_database_since_the_one_before() -> None:
    late = "O1 flushed: answer 2 was given before its commit was on disk"
    assert judge(ANSWER, flush(WAL), ANSWER) == ([], 2, 0)
    assert judge(flush(WAL), ANSWER, ANSWER) == ([late], 2, 0)
    assert judge(ANSWER, flush(WAL, "-1 EIO (Input/output error)"), ANSWER) == ([late], 2, 0)
    assert judge(ANSWER, flush("/d/other"), ANSWER, flush(WAL)) == ([late], 2, 0)


def test_a_file_of_the_log_needs_a_flush_before_its_name() -> None:
    tile = "/d/log/tile/0/000.p"
    unflushed = "O9 flushed: .9.new got its name before its bytes"
    assert judge(flush(f"{tile}/.9.new"), name(tile)) == ([], 0, 1)
    assert judge(name(tile), flush(f"{tile}/.9.new")) == ([unflushed], 0, 1)
    # Another file of that name is another one.
    assert judge(flush(f"{tile}/.9.new"), name(tile), name(tile)) == ([unflushed], 0, 2)
    assert judge(name("/elsewhere")) == ([], 0, 0)


def test_calls_count_when_they_end_and_answers_when_they_begin() -> None:
    record = "\n".join(
        [
            f"1 fdatasync(5<{WAL}> <unfinished ...>",
            '2 sendto(8<socket:[1]>, "HTTP/1.1 201 Created"..., 9, 0, NULL, 0 <unfinished ...>',
            "1 <... fdatasync resumed>) = 0",
            "2 <... sendto resumed>) = 9",
        ]
    )
    kinds = [call.partition("(")[0] for call in read_calls(record)]
    assert kinds == ["sendto", "fdatasync"]


def test_a_bug_is_planted_by_its_name_and_leaves_a_mark_when_it_takes_effect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planted: list[planting.Fire] = []
    monkeypatch.setattr("scripts.faults.planted.bugs.BUGS", {"a bug": Bug(planted.append, "life", "O1")})
    plant(f"a bug:{tmp_path / 'mark'}")
    assert not (tmp_path / "mark").exists()
    planted[0]()
    assert (tmp_path / "mark").exists()
    with pytest.raises(KeyError):
        plant(f"none:{tmp_path / 'mark'}")


def test_what_is_not_there_is_not_replaced() -> None:
    class Owner:
        one = 1

    put(Owner, "one", 2)
    assert Owner.one == 2
    with pytest.raises(AttributeError):
        put(Owner, "two", 2)


def test_a_forged_proof_says_another_index_and_nothing_else() -> None:
    proof = "c2sp.org/tlog-proof@v1\nextra AA==\nindex 6\nAA==\n\nlog\n6\n"
    assert forge(proof) == proof.replace("index 6", "index 7")


def test_every_bug_has_its_own_function() -> None:
    assert len({bug.plant for bug in BUGS.values()}) == len(BUGS) >= 20


def test_the_table_says_who_caught_which_bug_and_under_which_seed() -> None:
    outcomes = [
        Outcome("planted: one", "s-one", 1, (), "life | O2 double (also O1 lost) | s-life"),
        Outcome("planted: two", "s-two", 1, ("not caught by O1 lost: []",), "life | O1 lost | s-life"),
    ]
    lines = format_caught(outcomes)
    assert lines[0].startswith("1 of 2 planted bugs")
    assert lines[-2:] == [
        "| one | 1 | O2 double (also O1 lost) | life | `s-life` |",
        "| two | 1 | not by O1 lost: `not caught by O1 lost: []` | life | `s-life` |",
    ]
    section = format_section("planted", 2, outcomes, "s", "today")
    assert lines[-1] in section and "survived" not in section
