"""Callers of the authorisation matrix: two chapters, things of the first, a key for each scope of both."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from chain.canonical import JsonValue
from gateway.auth import Scope
from tests.integration.entry_bodies import entry_body
from tests.integration.serving import Serving

SERVING, OTHER = "3101-0001", "3101-0002"
ALL = "all"
"""Caller with every scope of its chapter."""
NOBODY, NO_ENTRY = "acct_" + "0f" * 20, "01J00000000000000000000000"
"""An account and an entry there are not."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A gateway with two chapters, things of the first, and a client for each kind of caller."""

    serving: Serving
    things: dict[str, str]
    clients: dict[str, httpx2.Client]
    others: str

    def body(self, name: str, chapter: str) -> dict[str, JsonValue]:
        """Return a whole body of an entry type about the first chapter's account and entry."""
        return entry_body(name, chapter, self.things["account"], self.things["entry_id"], self.others)

    def post(self, path: str, body: Mapping[str, object], caller: str) -> httpx2.Response:
        """Post as a caller, under a key of its own."""
        return self.serving.post(path, body, client=self.clients[caller])

    def ask(self, caller: str, method: str, path: str, **replaced: str) -> httpx2.Response:
        """Ask for a route with the first chapter's things in its path, and a body that says little."""
        filled = path.format(**{**self.things, **replaced})
        headers = {"idempotency-key": f'"{self.serving.fresh_key()}"'}
        if method != "POST":
            return self.clients[caller].request(method, filled, headers=headers)
        if path.endswith("/batch"):
            headers["content-type"] = "application/x-ndjson"
            return self.clients[caller].post(filled, content=b"", headers=headers)
        return self.clients[caller].post(filled, json={}, headers=headers)


def build_matrix(serving: Serving, clients: dict[str, httpx2.Client]) -> Matrix:
    """Fill the gateway and make a key for each scope and chapter."""
    for chapter in (SERVING, OTHER):
        serving.open_chapter(chapter)
    joined = serving.made("/v1/members", {"chapter": SERVING, "kind": "member"})
    merchant = serving.made("/v1/members", {"chapter": SERVING, "kind": "merchant"})
    sale = {"merchant": merchant["account"], "amount": "1000", "receipt": "5a" * 32}
    body = {"type": "sale.recorded", "chapter": SERVING, "subjects": [joined["account"]], "public": sale}
    recorded = serving.made("/v1/entries", body)
    for chapter in (SERVING, OTHER):
        account = serving.join(chapter)
        names = [scope.value for scope in Scope]
        everything = serving.post("/v1/keys", {"name": ALL, "scopes": names, "chapter": chapter})
        clients[f"{ALL}@{chapter}"] = serving.new_client(everything.json()["secret"])
        issued = serving.made("/v1/credits/issue", {"chapter": chapter, "to": account, "amount": "1"})
        serving.wait_state(issued["id"], "final")
    clients["nobody"] = serving.new_client(None)
    clients["stranger"] = serving.new_client("ty_live_" + "a" * 32)
    for scope, chapter in itertools.product(Scope, (SERVING, OTHER)):
        secret = serving.post(
            "/v1/keys", {"name": "matrix", "scopes": [scope.value], "chapter": chapter}
        ).json()["secret"]
        clients[f"{scope.value}@{chapter}"] = serving.new_client(secret)
    # Of a key that no caller is: it reads like none to all but administrators of the first chapter.
    reader = serving.post("/v1/keys", {"name": "hook", "scopes": ["events:read"], "chapter": SERVING}).json()
    with serving.new_client(reader["secret"]) as client:
        hook = serving.post("/v1/webhooks", {"url": "https://receiver.example/"}, client=client).json()
    things = {
        "webhook_id": str(hook["id"]),
        "account": str(joined["account"]),
        "code": SERVING,
        "entry_id": str(recorded["id"]),
        "kind": "sale",
        "key": str(recorded["id"]),
        "key_id": "key_0000000000000000",
        "proposal_id": "01J00000000000000000000000",
        "path": "0/000",
    }
    return Matrix(serving, things, clients, account)


def problem(response: httpx2.Response) -> dict[str, object]:
    assert response.headers["content-type"].startswith("application/problem+json"), response.text
    document: dict[str, object] = json.loads(response.content)
    assert document["status"] == response.status_code
    return document
