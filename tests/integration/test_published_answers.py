"""What a running gateway answers is what its OpenAPI document says it answers, on every route."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from chain.tiles import entries_path
from gateway.rules.calendar import business_month, format_month
from tests.integration.serving import Serving
from tests.published import faults

ELSEWHERE = {"page", "events_stream", "cases_get", "simulation_clock"}
"""A page for people, a stream held event by event, and what this gateway has none of."""


class Published:
    """The document of one gateway, and which of its operations were held against it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.held: set[str] = set()
        self._operations = {
            operation["operationId"]: operation
            for methods in document["paths"].values()
            for operation in methods.values()
        }

    @property
    def names(self) -> set[str]:
        """Every operation."""
        return set(self._operations)

    def hold(self, name: str, response: httpx2.Response, *, refused: bool = False) -> Any:
        """Hold one answer against its operation and return its JSON, or its lines, or its text."""
        published = self._operations[name]["responses"]
        assert str(response.status_code) in published, (name, response.status_code, response.text)
        assert (response.status_code >= 400) == refused, (name, response.text)
        if not refused:
            self.held.add(name)
        content = published[str(response.status_code)].get("content")
        if content is None:
            assert response.content == b"", name
            return None
        media = response.headers["content-type"].partition(";")[0]
        assert media in content, (name, media)
        schema = content[media]["schema"]
        value: Any = response.text
        if media == "application/x-ndjson":
            value = [json.loads(line) for line in response.text.splitlines()]
            schema = {"type": "array", "items": schema}
        elif "json" in media:
            value = response.json()
        assert faults(self.document, schema, value) == [], name
        return value


@pytest.fixture(scope="module")
def published(serving: Serving) -> Published:
    document = serving.client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    return Published(document)


def write_everything(serving: Serving, published: Published, chapter: str) -> tuple[str, str]:
    """Use every route that writes; return a member and the id of an entry with an operation."""
    opened = published.hold("chapters_open", serving.post("/v1/chapters", {"code": chapter}))
    quota = {"period": business_month(int(time.time())), "amount": "5000"}
    published.hold("chapters_set_quota", serving.post(f"/v1/chapters/{chapter}/quotas", quota))
    published.hold("chapters_set_cap", serving.post(f"/v1/chapters/{chapter}/caps", {"daily": "900"}))
    private = {"chapter": chapter, "private": {"name": "张三"}}
    member = published.hold("members_join", serving.post("/v1/members", private))["account"]
    other = serving.join(chapter, "merchant")
    issue = {"chapter": chapter, "to": opened["pool"], "amount": "5000"}
    published.hold("credits_create", serving.post("/v1/credits/issue", issue))
    give = {"kind": "transfer", "from": opened["pool"], "to": member, "amount": "700"}
    gift = {"type": "credit.transferred", "chapter": chapter, "op": give, "private": {"note": "x"}}
    key = serving.fresh_key()
    made = published.hold("entries_create", serving.post("/v1/entries", gift, key=key))
    again = serving.post("/v1/entries", gift, key=key)
    assert published.hold("entries_create", again) == made and "idempotency-replayed" in again.headers
    lines = [{**gift, "idempotency_key": serving.fresh_key()}, {"type": "unknown.type"}]
    answers = published.hold("entries_create_batch", send_batch(serving, [*lines, lines[0]]))
    assert [answer.get("line") for answer in answers] == [None, 2, None]
    assert answers[2]["replayed"] is True
    order = {"may_send": False, "may_receive": True, "order": "ab" * 32}
    published.hold("members_set_rights", serving.post(f"/v1/members/{other}/rights", order))
    back = {"chapter": chapter, "from": member, "to": opened["pool"], "amount": "1"}
    back["ref"] = made["leaf_hash"]
    proposed = published.hold("proposals_create", serving.post("/v1/credits/reverse/proposals", back))
    found = serving.client.get(f"/v1/credits/proposals/{proposed['id']}")
    assert published.hold("proposals_get", found) == proposed
    use_core(serving, published, chapter)
    lost = {"order": "cd" * 32}
    published.hold("members_recover", serving.post(f"/v1/members/{other}/recovery", lost))
    return member, made["id"]


def use_core(serving: Serving, published: Published, chapter: str) -> None:
    """Use the core functions that write: a first order of a referred member, and its reward."""
    buyer, merchant = serving.join(chapter), serving.join(chapter, "merchant")
    referral = {"referrer": serving.join(chapter)}
    body = {"type": "referral.declared", "chapter": chapter, "subjects": [buyer], "public": referral}
    serving.made("/v1/entries", body)
    order = {"chapter": chapter, "buyer": buyer, "merchant": merchant, "amount": "30000", "rebate": False}
    order["receipt"] = "5a" * 32
    paid = published.hold("core_pay", serving.post("/v1/core/pay", order))
    reward = {"chapter": chapter, "sale": paid["id"], "margin": "9000"}
    published.hold("core_referral", serving.post("/v1/core/referral", reward))


def send_batch(serving: Serving, lines: list[dict[str, Any]]) -> httpx2.Response:
    content = "\n".join(map(json.dumps, lines))
    return serving.client.post(
        "/v1/entries/batch", content=content, headers={"content-type": "application/x-ndjson"}
    )


def read_everything(serving: Serving, published: Published, chapter: str, member: str, entry: str) -> None:
    """Use every route that reads, with what `write_everything` left."""
    client = serving.client
    month = format_month(business_month(int(time.time())))
    capital = {"amount": "1", "receipt": "ca" * 32}
    body = {"type": "capital.recorded", "chapter": chapter, "subjects": [member], "public": capital}
    serving.made("/v1/entries", body)
    for name, path in {
        "entries_list": "/v1/entries?limit=200",
        "entries_get": f"/v1/entries/{entry}",
        "events_list": "/v1/events?limit=200",
        "anchors_list": "/v1/anchors",
        "chapters_list": "/v1/chapters",
        "chapters_get": f"/v1/chapters/{chapter}",
        "members_list": f"/v1/members?chapter={chapter}&limit=2",
        "members_get": f"/v1/members/{member}",
        "accounts_balance": f"/v1/accounts/{member}/balance",
        "accounts_statement": f"/v1/accounts/{member}/statement?limit=1",
        "cases_list": "/v1/cases?kind=booking",
        "parameters_list": f"/v1/parameters?chapter={chapter}",
        "referrals_meter": f"/v1/referrals/meter?chapter={chapter}",
        "referrals_tree": f"/v1/referrals/tree?chapter={chapter}",
        "core_credits": f"/v1/core/credits/{member}",
        "services_matches": f"/v1/services/matches?chapter={chapter}",
        "seats_list": f"/v1/seats?chapter={chapter}",
        "notices_list": f"/v1/notices?chapter={chapter}",
        "figures_get": f"/v1/figures?chapter={chapter}&month={month}",
        "awards_list": f"/v1/awards?chapter={chapter}&month={month}",
        "equity_get": f"/v1/equity?chapter={chapter}&month={month}",
        "gates_get": f"/v1/gates?chapter={chapter}",
        "complaints_overdue": f"/v1/complaints/overdue?chapter={chapter}",
        "status_get": "/v1/status",
        "trust_root_get": "/v1/trust-root",
        "problems_list": "/problems",
        "problems_get": "/problems/not_found",
        "livez": "/livez",
        "readyz": "/readyz",
        "metrics": "/metrics",
        "log_checkpoint": "/log/checkpoint",
        "log_vkey": "/log/vkey",
        "log_tile": newest_bundle(serving),
    }.items():
        assert published.hold(name, client.get(path)), name
    made = published.hold("keys_create", serving.post("/v1/keys", {"name": "k", "scopes": ["admin"]}))
    published.hold("cases_due", client.post("/v1/cases/due", json={}))
    published.hold("keys_list", client.get("/v1/keys"))
    path = f"/v1/keys/{made['id']}/rotate"
    rotated = published.hold("keys_rotate", serving.post(path, {"overlap_seconds": 60}))
    assert rotated["replaces"] == made["id"]
    hook = published.hold("webhooks_create", serving.post("/v1/webhooks", {"url": "https://r.example/"}))
    published.hold("webhooks_list", client.get("/v1/webhooks"))
    path = f"/v1/webhooks/{hook['id']}"
    published.hold("webhooks_get", client.get(path))
    published.hold("webhooks_secret", serving.post(path + "/secret", {}))
    published.hold("webhooks_replay", serving.post(path + "/replay", {"from": 1}))
    published.hold("webhooks_dead_letters", client.get(path + "/dead-letters"))
    published.hold("webhooks_delete", client.delete(path))
    published.hold("keys_revoke", client.delete(f"/v1/keys/{made['id']}"))


def newest_bundle(serving: Serving) -> str:
    """Return the path of the entry bundle that the newest checkpoint ends in."""
    size = int(serving.client.get("/log/checkpoint").text.splitlines()[1])
    index, width = divmod(size, 256)
    return "/log/" + (entries_path(index, width) if width else entries_path(index - 1, 256))


def test_every_route_answers_what_is_published(
    serving: Serving, published: Published, new_chapter: Callable[[], str]
) -> None:
    chapter = new_chapter()
    member, entry = write_everything(serving, published, chapter)
    early = published.hold("entries_get", serving.client.get(f"/v1/entries/{entry}"))
    assert early["outcome"] is None or early["outcome"]["status"] == "done"
    serving.wait_state(entry, "final")
    bundle = serving.proof(entry, "?disclose=note")
    published.hold("entries_proof", serving.client.get(f"/v1/entries/{entry}/proof?disclose=note"))
    published.hold("accounts_proof", serving.client.get(f"/v1/accounts/{member}/proof"))
    verify = {"content": bundle, "headers": {"content-type": "application/json"}}
    verdict = published.hold("verify_bundle", serving.client.post("/v1/verify", **verify))
    assert verdict["outcome"] == "pass"
    assert verdict["words"]["zh"][0] == "核验通过" and verdict["words"]["en"][0] == "Verified"
    for one in verdict["steps"]:
        assert re.search(r"[\u4e00-\u9fff]", one["zh"]) and re.fullmatch(r"[\x20-\x7e]+", one["en"]), one
    read_everything(serving, published, chapter, member, entry)
    with serving.client.stream("GET", "/v1/events/stream") as stream:
        assert stream.headers["content-type"].partition(";")[0] == "text/event-stream"
        data = next(line for line in stream.iter_lines() if line.startswith("data: "))
    event = {"$ref": "#/components/schemas/Event"}
    assert faults(published.document, event, json.loads(data.removeprefix("data: "))) == []
    assert published.names - published.held == ELSEWHERE


@pytest.mark.parametrize(
    ("name", "method", "path", "status"),
    [
        ("entries_get", "GET", "/v1/entries/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404),
        ("entries_list", "GET", "/v1/entries?limit=0", 400),
        ("events_stream", "GET", "/v1/events/stream?after=x", 400),
        ("chapters_open", "POST", "/v1/chapters", 422),
        ("credits_create", "POST", "/v1/credits/issue", 422),
        ("log_tile", "GET", "/log/tile/0/x999", 404),
        ("problems_get", "GET", "/problems/none", 404),
    ],
)
def test_refusals_are_the_published_problem(
    serving: Serving, published: Published, name: str, method: str, path: str, status: int
) -> None:
    body = {"json": {}, "headers": {"idempotency-key": '"x"'}} if method == "POST" else {}
    response = serving.client.request(method, path, **body)
    assert response.status_code == status
    assert published.hold(name, response, refused=True)["status"] == status
