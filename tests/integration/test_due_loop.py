"""A real gateway records what is due by itself, each step once, while the route is asked for the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.serving import Serving

CHAPTER = "3101-0311"
RECEIPT = "a1" * 32


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data = tmp_path_factory.mktemp("due") / "data"
    running = Serving(data, environment={"TONGYI_DUE_SECONDS": "0.2"}).start()
    yield running
    running.stop_and_check()


def wait_for(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def gauge(serving: Serving, name: str) -> float:
    text = serving.client.get("/metrics").text
    return float(text.partition(f"\ntongyi_{name} ")[2].partition("\n")[0])


def joined(serving: Serving, number: int) -> list[str]:
    """Members whose fees wait to be split, which is due at once."""
    members = [serving.join(CHAPTER) for _ in range(number)]
    for member in members:
        body = {"type": "membership.opened", "chapter": CHAPTER, "subjects": [member]}
        serving.made("/v1/entries", {**body, "public": {"kind": "ordinary", "receipt": RECEIPT}})
    return members


def fees(serving: Serving, state: str) -> list[str]:
    found = serving.client.get(f"/v1/cases?kind=fee&state={state}&limit=200").json()["cases"]
    return [case["key"] for case in found]


def test_nobody_needs_to_ask(serving: Serving) -> None:
    serving.open_chapter(CHAPTER)
    joined(serving, 3)
    wait_for(lambda: len(fees(serving, "split")) == 3)
    wait_for(lambda: gauge(serving, "due_recorded") >= 3)
    assert (gauge(serving, "due_refused"), gauge(serving, "due_oldest_seconds")) == (0, 0)
    assert '"event": "due steps recorded"' in serving.log()


def test_the_route_at_the_same_time_records_nothing_twice(serving: Serving) -> None:
    done = len(fees(serving, "split"))

    def ask() -> list[object]:
        refused: list[object] = []
        for _ in range(15):
            refused += serving.client.post("/v1/cases/due", json={}).json()["refused"]
        return refused

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
        joined(serving, 12)
        assert [one.result() for one in asked] == [[], []]
    wait_for(lambda: len(fees(serving, "split")) == done + 12)
    for key in fees(serving, "split"):
        entries = serving.client.get(f"/v1/cases/fee/{key}").json()["entries"]
        assert [entry["type"] for entry in entries].count("membership.fee_split") == 1
