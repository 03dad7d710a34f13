"""Refusals that need patience or a crowd: a body that never ends, a field that is not there, one key at once.

Runs against a real ``tongyi serve`` process.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from gateway.guard import BODY_SECONDS
from tests.integration.serving import Serving
from tests.integration.test_bad_input import JSON, check_problem, lines

PLAIN = set("type title title_zh status detail detail_zh instance code trace_id retryable".split())
"""Members of a problem that repeats nothing of what was asked."""


@pytest.fixture(scope="module", autouse=True)
def slow(serving: Serving) -> Iterator[tuple[float, socket.socket]]:
    """A request whose body stopped halfway, begun before the other tests so that they pass its time."""
    parts = urlsplit(serving.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), BODY_SECONDS + 10) as connection:
        connection.sendall(lines(serving, JSON, "content-length: 100") + b'{"type":')
        yield time.monotonic(), connection


def test_a_field_that_is_not_there_is_not_disclosed(serving: Serving, new_chapter: Callable[[], str]) -> None:
    chapter = new_chapter()
    serving.open_chapter(chapter)
    member = serving.join(chapter, private={"name": "王芳"})
    body = {"type": "purchase.recorded", "chapter": chapter, "subjects": [member]}
    body["public"] = {"amount": "1", "receipt": "5a" * 32}
    entry = str(serving.made("/v1/entries", {**body, "private": {"note": "x"}})["id"])
    serving.proof(entry, "?disclose=note")
    # An unknown name, one of another entry, one beside a known one, and what is no name at all.
    for names in ("none", "name", "note,none", "Note", "note,,note", "../note"):
        refused = serving.client.get(f"/v1/entries/{entry}/proof", params={"disclose": names})
        check_problem(refused.status_code, refused.json(), 422, "disclosure.unknown")
        assert set(refused.json()) == PLAIN
    assert serving.client.get(f"/v1/entries/{entry}/proof?disclose=note").status_code == 200


def test_of_sixteen_at_once_under_one_key_one_is_recorded_and_all_get_its_answer(
    serving: Serving, new_chapter: Callable[[], str]
) -> None:
    chapter, key = new_chapter(), serving.fresh_key()
    serving.open_chapter(chapter)
    member = serving.join(chapter)
    order = {"chapter": chapter, "to": member, "amount": "100"}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: serving.post("/v1/credits/issue", order, key=key), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    replays = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert (replays.count("true"), replays.count(None)) == (15, 1)
    statement = serving.client.get(f"/v1/accounts/{member}/balance").json()
    assert statement["available"] == "100"


def test_a_body_that_does_not_arrive_is_given_up(serving: Serving, slow: tuple[float, socket.socket]) -> None:
    begun, connection = slow
    answer = b""
    while part := connection.recv(65_536):
        answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        if len(body) >= int(re.search(rb"(?i)content-length: *(\d+)", head + b"\ncontent-length: 1")[1]):  # type: ignore[index]
            break
    assert BODY_SECONDS - 1 < time.monotonic() - begun
    check_problem(int(answer[9:12]), json.loads(body), 408, "body.timeout")
    assert serving.client.get("/livez").status_code == 200
