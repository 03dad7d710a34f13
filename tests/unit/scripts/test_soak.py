"""The soak's bounds: a leak is found, what the log's tree takes is not one; and what is late is counted."""

from __future__ import annotations

import json
import os
import threading
from array import array
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from scripts.faults.client import Accounts, Target, draw_request
from scripts.faults.journals import read_journals
from scripts.faults.parts import Campaign
from scripts.faults.soak import LONG, SHORT, draw, list_jobs
from scripts.faults.soak_client import Pace, SteadyClient
from scripts.faults.soak_meters import (
    GROWTH_KIB,
    NOISE_KIB,
    Reading,
    cpu_seconds,
    find_growth,
    fit_slope,
    list_processes,
    measure_growth,
    read_meters,
)

ACCOUNTS = Accounts("3101-0007", "acct_" + "0" * 40, ["acct_" + f"{n:040x}" for n in range(1, 5)])


def readings(rate: int, seconds: int, each: float) -> list[Reading]:
    """Readings of a gateway that takes ``each`` bytes more for every entry."""
    return [
        Reading(float(n), n * rate, 300_000 + round(n * rate * each / 1024), 40, 30, 2, 1 << 20)
        for n in range(seconds)
    ]


def test_the_line_is_that_of_least_squares() -> None:
    assert fit_slope([(0, 1), (1, 3), (2, 5)]) == 2.0
    assert fit_slope([(0, 0), (1, 3), (2, 0)]) == 0.0
    assert fit_slope([(4, 1), (4, 9)]) == 0.0


@pytest.mark.parametrize(("soak", "leak"), [(SHORT, 5_000), (LONG, 256)])
def test_a_leak_is_found_and_the_tree_is_none(soak: object, leak: int) -> None:
    chosen = SHORT if soak is SHORT else LONG
    assert list(find_growth(readings(chosen.rate, chosen.seconds, 75.0))) == []
    (found,) = find_growth(readings(chosen.rate, chosen.seconds, float(leak)))
    assert found.startswith("O10 memory grew by ")


def test_growth_is_that_of_the_second_half() -> None:
    steep = [replace(one, memory=10 * one.memory) for one in readings(100, 60, 900.0)]
    flat = [replace(one, seconds=one.seconds + 60, entries=one.entries + 6_000, memory=9_000_000)
            for one in readings(100, 60, 0.0)]  # fmt: skip
    growth = measure_growth(steep + flat)
    assert (growth.each, growth.total) == (0.0, 0.0)
    assert growth.allowed == NOISE_KIB + GROWTH_KIB * 5.9


def test_files_threads_processes_and_the_wal_have_bounds() -> None:
    before = readings(100, 20, 0.0)
    for name, value in (("files", 90), ("threads", 50), ("processes", 3), ("wal", 1 << 29)):
        after = [replace(one, **{name: value}) for one in before]
        (found,) = find_growth(before + after)
        assert ("write-ahead log" if name == "wal" else name) in found
    assert list(find_growth(before[:3])) == ["O10 only 3 readings were taken"]


def test_the_meters_read_this_process() -> None:
    pid = os.getpid()
    assert list_processes(pid)[0] == pid
    one = read_meters(pid, Path("/nowhere"), 1.5, 7)
    assert (one.seconds, one.entries, one.wal) == (1.5, 7, 0)
    assert one.memory > 10_000 and one.threads >= 1 and one.files >= 3
    assert 0.0 < cpu_seconds(pid) < 1e6


def test_most_of_the_load_are_purchases_and_kinds_are_as_asked() -> None:
    kinds = [draw(ACCOUNTS, "s", number).kind for number in range(400)]
    assert kinds.count("record") > 300 and 10 < kinds.count("transfer") < 80
    assert [draw_request(ACCOUNTS, "s", n, (1, 0, 0)).kind for n in range(5)] == ["issue"] * 5
    assert draw_request(ACCOUNTS, "s", 3) == draw_request(ACCOUNTS, "s", 3, (2, 5, 3))


def test_the_soaks_are_those_that_are_promised() -> None:
    (short,) = list_jobs(Campaign("t", short=True, cycles=1))
    (long,) = list_jobs(Campaign("t", short=False, cycles=1))
    assert (short.seed, long.seed) == ("t-soak-120-100", "t-soak-1800-300")
    assert (SHORT.count, LONG.count) == (12_000, 540_000)


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    codes: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status = type(self).codes.pop() if type(self).codes else 201
        body = json.dumps({"id": "e", "index": 0} if status == 201 else {"code": "c"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def answering() -> Iterator[int]:
    """A server that accepts everything but what `_Answering.codes` says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_steady_client_keeps_its_pace_and_asks_until_it_is_answered(tmp_path: Path, answering: int) -> None:
    _Answering.codes = [503, 500, 422]
    client = SteadyClient(
        tmp_path, Target("k", answering), rate=100, count=50, draw=lambda n: draw(ACCOUNTS, "s", n)
    )
    client.start()
    assert client.join(20)
    client.close()
    pace, told = client.pace, read_journals(tmp_path)
    assert (pace.asked, pace.accepted, pace.refused, pace.again) == (50, 49, 1, 2)
    assert pace.strange == ["500 c"]
    assert len(pace.late) == 50 and len(told.asked) == 50 and len(told.accepted) == 49
    assert set(told.refused.values()) == {"c"}


def test_shares_are_of_what_was_measured() -> None:
    pace, values = Pace(), array("d", [3.0, 1.0, 2.0, 4.0])
    assert pace.share(values, 0.5) == 3.0 and pace.share(values, 0.99) == 4.0
    assert pace.share(array("d"), 0.5) == 0.0
