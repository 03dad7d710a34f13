"""HEAD is answered wherever GET is: the same status and headers, no body, and nothing changes."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx2
import pytest

from tests.integration.serving import Serving

SAME = ("content-type", "content-length", "cache-control", "content-security-policy")


@pytest.fixture(scope="module")
def entry(serving: Serving, new_chapter: Callable[[], str]) -> dict[str, str]:
    """Names that the paths are filled with; the entry's checkpoint is published."""
    chapter = new_chapter()
    pool = serving.open_chapter(chapter, fill=0)
    made = serving.made("/v1/credits/issue", {"chapter": chapter, "to": pool, "amount": "5"})
    serving.wait_state(made["id"], "final")
    serving.proof(made["id"])
    return {"id": made["id"], "account": pool, "chapter": chapter}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/livez", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/", 200),
        ("/openapi.json", 200),
        ("/log/checkpoint", 200),
        ("/log/vkey", 200),
        ("/log/tile/0/000.p/2", 200),
        ("/log/tile/0/999", 404),
        ("/problems/not_found", 200),
        ("/v1/status", 200),
        ("/v1/trust-root", 200),
        ("/v1/entries", 200),
        ("/v1/entries/{id}", 200),
        ("/v1/entries/{id}/proof", 200),
        ("/v1/chapters/{chapter}", 200),
        ("/v1/accounts/{account}/balance", 200),
        ("/v1/events", 200),
        ("/v1/events?after=x", 400),
        ("/v1/verify", 405),
        ("/v1/entries/batch", 405),
        ("/nothing", 404),
    ],
)
def test_head_is_get_without_its_body(
    serving: Serving, entry: dict[str, str], path: str, status: int
) -> None:
    path = path.format(**entry)
    head, got = serving.client.head(path), serving.client.get(path)
    assert (head.status_code, got.status_code, head.content) == (status, status, b"")
    assert got.content
    changing = {"/metrics", "/v1/status", "/log/checkpoint"}
    for name in SAME if path not in changing else SAME[:1]:
        if name == "content-length" and status >= 400:
            continue  # A trace id is as long, but a refusal's sentence is what GET is for.
        assert head.headers.get(name) == got.headers.get(name), name


def test_what_get_needs_head_needs_too(serving: Serving, entry: dict[str, str]) -> None:
    with serving.new_client(None) as client:
        for path in ("/v1/entries", f"/v1/accounts/{entry['account']}/balance", "/v1/events/stream"):
            answer = client.head(path)
            assert (answer.status_code, answer.content) == (401, b"")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_stream_asked_for_by_head_ends(serving: Serving) -> None:
    begun = time.monotonic()
    for _ in range(12):
        # More often than a key may have streams open at once.
        answer = serving.client.head("/v1/events/stream")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"].startswith("text/event-stream")
    assert time.monotonic() - begun < 10


def test_a_connection_goes_on_after_head(serving: Serving) -> None:
    with httpx2.Client(base_url=serving.url, trust_env=False) as client:
        told = client.head("/log/vkey").headers["content-length"]
        assert int(told) == len(client.get("/log/vkey").content)
        allowed = client.request("DELETE", "/livez")
    assert (allowed.status_code, allowed.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/entries", "GET, HEAD, POST"),
        ("/v1/entries/batch", "POST"),
        ("/v1/webhooks/whk_0000000000000000", "GET, HEAD, DELETE"),
        ("/v1/keys/key_0000000000000000", "DELETE"),
        ("/livez", "GET, HEAD"),
    ],
)
def test_a_refused_method_is_told_all_that_the_path_takes(serving: Serving, path: str, methods: str) -> None:
    for method in ("OPTIONS", "PUT"):
        refused = serving.client.request(method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, methods)


def test_the_requests_are_counted_under_their_route(serving: Serving) -> None:
    serving.client.head("/livez")
    assert 'method="HEAD",route="/livez",status="200"' in serving.client.get("/metrics").text
