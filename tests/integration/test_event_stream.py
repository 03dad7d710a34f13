"""Events as a stream, against real servers: no gap and no repeat over reconnections, and an end in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.serving import Serving

Event = tuple[str, dict[str, Any]]


@contextmanager
def events(
    client: httpx2.Client, after: str | None = None, last: str | None = None
) -> Iterator[Iterator[Event]]:
    """Open a stream; gives (id, data) as they come."""
    headers = {} if last is None else {"last-event-id": last}
    query = {} if after is None else {"after": after}
    with client.stream("GET", "/v1/events/stream", params=query, headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        yield parsed(response.iter_lines())


def parsed(lines: Iterator[str]) -> Iterator[Event]:
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "id":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def take(stream: Iterator[Event], count: int) -> list[Event]:
    return [next(stream) for _ in range(count)]


def give(serving: Serving, chapter: str, pool: str, count: int) -> list[str]:
    """Issue to the pool ``count`` times; return the entries."""
    body = {"chapter": chapter, "to": pool, "amount": "1"}
    return [serving.made("/v1/credits/issue", body)["id"] for _ in range(count)]


def reader_key(serving: Serving, chapter: str | None = None) -> dict[str, str]:
    body = {"name": "reader", "scopes": ["events:read"], **({"chapter": chapter} if chapter else {})}
    made: dict[str, str] = serving.post("/v1/keys", body).json()
    return made


def test_new_events_come_in_order_without_gap_over_reconnections(
    serving: Serving, new_chapter: Callable[[], str]
) -> None:
    chapter = new_chapter()
    pool = serving.open_chapter(chapter, fill=0)
    seen: list[Event] = []
    given: list[str] = []
    with serving.new_client(reader_key(serving, chapter)["secret"]) as client:
        last: str | None = None
        for count in (3, 1):
            # Some come while the reader is away, some while it listens.
            given += give(serving, chapter, pool, count)
            with events(client, "0:0", last) as stream:
                seen += take(stream, count)
                given += give(serving, chapter, pool, 2)
                seen += take(stream, 2)
            last = seen[-1][0]
        page = client.get("/v1/events", params={"limit": 200}).json()
    assert [data["entry"] for _, data in seen] == given
    assert [data for _, data in seen] == page["events"]
    assert [name for name, _ in seen] == [event["cursor"] for event in page["events"]]


def test_a_chapter_hears_nothing_of_another(serving: Serving, new_chapter: Callable[[], str]) -> None:
    mine, theirs = new_chapter(), new_chapter()
    my_pool, their_pool = serving.open_chapter(mine, fill=0), serving.open_chapter(theirs, fill=0)
    with serving.new_client(reader_key(serving, mine)["secret"]) as client, events(client) as stream:
        foreign = give(serving, theirs, their_pool, 2)
        serving.wait_state(foreign[-1], "final")
        own = give(serving, mine, my_pool, 1)
        assert next(stream)[1]["entry"] == own[0]
    with events(serving.client) as stream:
        heard = set()
        while own[0] not in heard:
            heard.add(next(stream)[1]["entry"])
    assert heard >= {*foreign, *own}


def test_a_key_has_eight_streams_and_hears_so(serving: Serving) -> None:
    with serving.new_client(reader_key(serving)["secret"]) as client:
        opened = [events(client) for _ in range(8)]
        for stream in opened:
            stream.__enter__()
        refused = client.get("/v1/events/stream")
        assert (refused.status_code, refused.json()["code"]) == (429, "streams.limited")
        assert (refused.json()["limit"], refused.headers["retry-after"]) == (8, "5")
        assert "8" in refused.json()["detail"] and "8" in refused.json()["detail_zh"]
        opened.pop().__exit__(None, None, None)
        deadline = time.monotonic() + 5
        while True:
            try:
                with events(client):
                    break
            except AssertionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        for stream in opened:
            stream.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("after", "last", "field"),
    [("x", None, "after"), (None, "1:2:3", "Last-Event-ID"), ("-1:0", None, "after")],
)
def test_a_cursor_that_is_none_is_refused(
    serving: Serving, after: str | None, last: str | None, field: str
) -> None:
    query = {} if after is None else {"after": after}
    headers = {} if last is None else {"last-event-id": last}
    refused = serving.client.get("/v1/events/stream", params=query, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "query.invalid")
    assert refused.json()["field"] == field


def test_a_revoked_key_hears_the_end(serving: Serving) -> None:
    key = reader_key(serving)
    with serving.new_client(key["secret"]) as client, events(client, "999999999:0") as stream:
        assert serving.client.delete(f"/v1/keys/{key['id']}").status_code == 204
        begun = time.monotonic()
        assert list(stream) == []
        assert time.monotonic() - begun < 3
        assert client.get("/v1/events/stream").json()["code"] == "auth.invalid"


def test_open_streams_end_cleanly_and_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    gateway = Serving(tmp_path / "data").start()
    with gateway.new_client(gateway.ready["platform_key"]) as client:
        with events(client) as first, events(client) as second:
            assert gateway.process is not None
            gateway.process.terminate()
            begun = time.monotonic()
            # Both bodies end as they should: a cut connection would raise here.
            assert (list(first), list(second)) == ([], [])
            assert time.monotonic() - begun < 2
    assert gateway.stop() == 0
    assert time.monotonic() - begun < 4
    assert "fault" not in gateway.log()
