"""Every published route against every kind of caller: no key, a wrong key, each scope, another chapter.

The policy is in ``policy.py``. What is another chapter's must read exactly like what does not exist.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from gateway.app import build_api
from gateway.auth import Scope
from tests.integration.policy import ALSO, SCOPES
from tests.integration.serving import Serving

_READS = {Scope.ENTRIES_READ, Scope.MEMBERS_READ, Scope.ACCOUNTS_READ, Scope.EVENTS_READ}

SERVING, OTHER = "3101-0001", "3101-0002"
STREAMS = {"events_stream"}
"""Answers without an end: only their refusals are asked for."""


def operations() -> list[tuple[str, str, str]]:
    """(operation id, method, path) of every published route."""
    paths = build_api().openapi()["paths"]
    return sorted(
        (str(found["operationId"]), method.upper(), path)
        for path, methods in paths.items()
        for method, found in methods.items()
    )


OPERATIONS = operations()
GUARDED = [operation for operation in OPERATIONS if SCOPES.get(operation[0]) is not None]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A gateway with two chapters, things of the first, and a client for each kind of caller."""

    serving: Serving
    things: dict[str, str]
    clients: dict[str, httpx2.Client]

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


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    serving = Serving(tmp_path_factory.mktemp("matrix") / "data").start()
    clients: dict[str, httpx2.Client] = {}
    try:
        yield build_matrix(serving, clients)
    finally:
        for client in clients.values():
            client.close()
        assert serving.stop() == 0


def build_matrix(serving: Serving, clients: dict[str, httpx2.Client]) -> Matrix:
    """Fill the gateway and make a key for each scope and chapter."""
    for chapter in (SERVING, OTHER):
        serving.open_chapter(chapter)
    joined = serving.made("/v1/members", {"chapter": SERVING, "kind": "member"})
    merchant = serving.made("/v1/members", {"chapter": SERVING, "kind": "merchant"})
    sale = {"merchant": merchant["account"], "amount": "1000"}
    body = {"type": "sale.recorded", "chapter": SERVING, "subjects": [joined["account"]], "public": sale}
    recorded = serving.made("/v1/entries", body)
    for chapter in (SERVING, OTHER):
        account = serving.join(chapter)
        issued = serving.made("/v1/credits/issue", {"chapter": chapter, "to": account, "amount": "1"})
        serving.wait_state(issued["id"], "final")
    clients["nobody"] = serving.new_client(None)
    clients["stranger"] = serving.new_client("ty_live_" + "a" * 32)
    for scope, chapter in itertools.product(Scope, (SERVING, OTHER)):
        secret = serving.post(
            "/v1/keys", {"name": "matrix", "scopes": [scope.value], "chapter": chapter}
        ).json()["secret"]
        clients[f"{scope.value}@{chapter}"] = serving.new_client(secret)
    things = {
        "account": str(joined["account"]),
        "code": SERVING,
        "entry_id": str(recorded["id"]),
        "kind": "sale",
        "key": str(recorded["id"]),
        "key_id": "key_0000000000000000",
        "proposal_id": "01J00000000000000000000000",
        "path": "0/000",
    }
    return Matrix(serving, things, clients)


def holds(scope: Scope, wanted: Scope) -> bool:
    """Whether a key with ``scope`` alone may do what asks for ``wanted``."""
    return scope in (wanted, Scope.ADMIN) or (scope is Scope.REGULATOR_READ and wanted in _READS)


def problem(response: httpx2.Response) -> dict[str, object]:
    assert response.headers["content-type"].startswith("application/problem+json"), response.text
    document: dict[str, object] = json.loads(response.content)
    assert document["status"] == response.status_code
    return document


def test_the_policy_names_every_route_and_no_other() -> None:
    assert {name for name, _, _ in OPERATIONS} == set(SCOPES)


@pytest.mark.parametrize(("name", "method", "path"), GUARDED, ids=[name for name, _, _ in GUARDED])
def test_without_a_key_and_with_a_wrong_one(matrix: Matrix, name: str, method: str, path: str) -> None:
    for caller, code in (("nobody", "auth.missing"), ("stranger", "auth.invalid")):
        response = matrix.ask(caller, method, path)
        assert (response.status_code, problem(response)["code"]) == (401, code)


@pytest.mark.parametrize(("name", "method", "path"), GUARDED, ids=[name for name, _, _ in GUARDED])
def test_each_scope_alone(matrix: Matrix, name: str, method: str, path: str) -> None:
    wanted = SCOPES[name]
    assert wanted is not None
    for scope in Scope:
        if holds(scope, wanted) or scope is ALSO.get(name):
            if name not in STREAMS:
                response = matrix.ask(f"{scope.value}@{SERVING}", method, path)
                assert response.status_code not in (401, 403), (scope, response.text)
                assert response.status_code < 500, (scope, response.text)
            continue
        response = matrix.ask(f"{scope.value}@{SERVING}", method, path)
        found = problem(response)
        assert (response.status_code, found["code"]) == (403, "auth.scope"), (scope, response.text)
        assert found["scope"] in (wanted.value, ALSO.get(name)), scope


OWNED = [
    (name, method, path)
    for name, method, path in GUARDED
    if "{" in path and name not in ("keys_revoke", "proposals_get", "proposals_create", "credits_create")
]


@pytest.mark.parametrize(("name", "method", "path"), OWNED, ids=[name for name, _, _ in OWNED])
def test_another_chapters_things_read_like_nothing(matrix: Matrix, name: str, method: str, path: str) -> None:
    wanted = SCOPES[name]
    assert wanted is not None
    other = f"{wanted.value}@{OTHER}"
    foreign = matrix.ask(other, method, path)
    absent = matrix.ask(
        other,
        method,
        path,
        account="acct_" + "0f" * 20,
        code="9999-9999",
        entry_id="01J00000000000000000000000",
        key="01J00000000000000000000000",
    )
    assert foreign.status_code == absent.status_code >= 400, foreign.text
    mine, none = problem(foreign), problem(absent)
    for found in (mine, none):
        found.pop("trace_id", None)
        found.pop("instance", None)
    assert mine == none
    for thing in ("account", "entry_id"):
        assert matrix.things[thing] not in json.dumps(mine)


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/v1/entries", "entries"),
        ("/v1/members", "members"),
        ("/v1/chapters", "chapters"),
        ("/v1/cases?kind=sale", "cases"),
        ("/v1/events", "events"),
    ],
)
def test_lists_hold_one_chapter_alone(matrix: Matrix, path: str, member: str) -> None:
    scope = {"members": Scope.MEMBERS_READ, "chapters": Scope.MEMBERS_READ, "events": Scope.EVENTS_READ}.get(
        member, Scope.ENTRIES_READ
    )
    mine = matrix.clients[f"{scope.value}@{SERVING}"].get(path).json()[member]
    others = matrix.clients[f"{scope.value}@{OTHER}"].get(path).json()[member]
    assert mine
    assert SERVING not in json.dumps(others)
    assert OTHER not in json.dumps(mine)


def test_a_decision_needs_its_scope(matrix: Matrix, tmp_path: Path) -> None:
    """A type that decides over others is refused to a key that may only record."""
    from gateway.case_rules import CASE_BOOK

    for name in sorted(CASE_BOOK.decisions):
        body = {"type": name, "chapter": SERVING, "subjects": [], "public": {}}
        response = matrix.serving.post(
            "/v1/entries", body, client=matrix.clients[f"{Scope.ENTRIES_WRITE.value}@{SERVING}"]
        )
        # What it lacks is said first where it lacks essential fields; no such entry is ever recorded.
        assert response.status_code in (403, 422), (name, response.text)
