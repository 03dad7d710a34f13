"""Every published route against every kind of caller: no key, a wrong key, each scope, another chapter.

The policy is in ``policy.py``. What is another chapter's must read exactly like what does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2
import pytest

from chain.entry_types import ENTRY_TYPES
from chain.operation import OperationKind as K
from gateway.api.entry_writes import ORDINARY
from gateway.api.instruction import CASE_TYPE_NAMES, RESERVED_TYPES
from gateway.app import build_api
from gateway.auth import Scope
from gateway.case_rules import CASE_BOOK
from tests.integration.entry_bodies import POSTABLE, entry_body, operation_body
from tests.integration.matrix_kit import ALL, NO_ENTRY, NOBODY, OTHER, SERVING, Matrix, build_matrix, problem
from tests.integration.policy import ALSO, SCOPES
from tests.integration.serving import Serving

_READS = {Scope.ENTRIES_READ, Scope.MEMBERS_READ, Scope.ACCOUNTS_READ, Scope.EVENTS_READ}

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


def holds(scope: Scope, wanted: Scope) -> bool:
    """Whether a key with ``scope`` alone may do what asks for ``wanted``."""
    return scope in (wanted, Scope.ADMIN) or (scope is Scope.REGULATOR_READ and wanted in _READS)


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
    if "{" in path and not name.startswith(("keys_", "proposals_", "credits_"))
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
        account=NOBODY,
        code="9999-9999",
        entry_id=NO_ENTRY,
        key=NO_ENTRY,
        webhook_id="whk_0000000000000000",
    )
    assert foreign.status_code == absent.status_code >= 400, foreign.text
    mine, none = problem(foreign), problem(absent)
    for found in (mine, none):
        found.pop("trace_id", None)
        found.pop("instance", None)
    assert mine == none
    for thing in ("account", "entry_id", "webhook_id"):
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


DECISIONS = sorted(CASE_BOOK.decisions)


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_needs_its_scope(matrix: Matrix, name: str) -> None:
    """A type that decides over others is refused to a key that may only record, whole as its body is."""
    body = matrix.body(name, SERVING)
    for scope in Scope:
        if not holds(scope, Scope.ENTRIES_WRITE) or scope is Scope.ADMIN:
            continue
        response = matrix.post("/v1/entries", body, f"{scope.value}@{SERVING}")
        found = problem(response)
        assert (response.status_code, found["code"], found["scope"]) == (403, "auth.scope", "cases:decide")
    # The same body under every scope there is gets past the door: it is judged by its rule.
    judged = matrix.post("/v1/entries", body, f"admin@{SERVING}")
    assert judged.status_code not in (401, 403), judged.text


def test_in_a_batch_each_line_needs_its_scope(matrix: Matrix) -> None:
    lines = [
        json.dumps({**matrix.body(name, SERVING), "idempotency_key": f"line-{name}"}) for name in DECISIONS
    ]
    client = matrix.clients[f"entries:write@{SERVING}"]
    headers = {"content-type": "application/x-ndjson"}
    response = client.post("/v1/entries/batch", content="\n".join(lines).encode(), headers=headers)
    assert response.status_code == 200
    answers = [json.loads(line) for line in response.text.splitlines()]
    assert [(found["status"], found["code"]) for found in answers] == [(403, "auth.scope")] * len(DECISIONS)


def test_an_operation_that_makes_or_takes_coins_needs_its_scope(matrix: Matrix) -> None:
    """Recording alone orders transfers and redemptions; everything else asks for ``credits:write`` too."""
    acting = [name for name in POSTABLE if ENTRY_TYPES[name].operations - ORDINARY]
    for name in acting:
        for kind in ENTRY_TYPES[name].operations - ORDINARY:
            body = matrix.body(name, SERVING)
            body["op"] = operation_body(kind, matrix.things["account"], matrix.others)
            response = matrix.post("/v1/entries", body, f"entries:write@{SERVING}")
            found = problem(response)
            assert (response.status_code, found["code"]) == (403, "auth.scope"), (name, kind, response.text)
    assert len(acting) > 10


def test_rule_28_no_scope_reaches_anothers_effect_by_a_side_door(matrix: Matrix) -> None:
    """What a route of its own does is not done by an entry: no scope, nor all, freezes or recovers so."""
    account = matrix.things["account"]
    before = matrix.serving.client.get(f"/v1/members/{account}").json()
    for name in sorted(RESERVED_TYPES):
        body = matrix.body(name, SERVING)
        for caller in (*(f"{scope.value}@{SERVING}" for scope in Scope), f"{ALL}@{SERVING}"):
            found = problem(matrix.post("/v1/entries", body, caller))
            may_write = caller.startswith((ALL, Scope.ENTRIES_WRITE.value, Scope.ADMIN.value))
            wanted = (422, "entry.bad_field") if may_write else (403, "auth.scope")
            assert (found["status"], found["code"]) == wanted, (name, caller)
    assert matrix.serving.client.get(f"/v1/members/{account}").json() == before


@pytest.mark.parametrize("name", ["credit.transferred", "service.recorded"])
def test_what_may_pay_out_of_a_pool_needs_the_scope_of_credits(matrix: Matrix, name: str) -> None:
    """What a holder gives with ``entries:write`` alone is a gift."""
    body = matrix.body(name, SERVING)
    body["op"] = operation_body(K.TRANSFER, matrix.things["account"], matrix.others)
    found = problem(matrix.post("/v1/entries", body, f"entries:write@{SERVING}"))
    assert (found["status"], found["code"], found["scope"]) == (403, "auth.scope", "credits:write")


@pytest.mark.parametrize("name", POSTABLE)
def test_nothing_is_recorded_in_another_chapter(matrix: Matrix, name: str) -> None:
    """For another chapter's key every type answers as for a chapter that does not exist."""
    answers = []
    for chapter in (SERVING, "9999-9999"):
        response = matrix.post("/v1/entries", matrix.body(name, chapter), f"{ALL}@{OTHER}")
        found = problem(response)
        found.pop("trace_id", None)
        answers.append(found)
    assert answers[0] == answers[1]
    assert (answers[0]["status"], answers[0]["code"]) == (403, "chapter.forbidden")


@pytest.mark.parametrize("name", POSTABLE)
def test_another_chapters_things_are_as_good_as_none(matrix: Matrix, name: str) -> None:
    """A body in the caller's own chapter about another one's account and entry: judged as about nothing.

    A plain fact may concern anybody, and a receiver may live anywhere.
    """
    answers = []
    for account, entry in ((matrix.things["account"], matrix.things["entry_id"]), (NOBODY, NO_ENTRY)):
        body = entry_body(name, OTHER, account, entry, matrix.others)
        if name not in CASE_TYPE_NAMES:
            body["subjects"] = [matrix.others]
        answers.append(matrix.post("/v1/entries", body, f"{ALL}@{OTHER}"))
    foreign, absent = answers
    assert foreign.status_code == absent.status_code, (foreign.text, absent.text)
    if foreign.status_code == 201:
        return
    mine, none = problem(foreign), problem(absent)
    for found in (mine, none):
        found.pop("trace_id", None)
    assert mine == none
    for thing in ("account", "entry_id"):
        assert matrix.things[thing] not in json.dumps(mine)


LISTS = {
    "/v1/awards?month=2026-11": Scope.ENTRIES_READ,
    "/v1/equity?month=2026-11": Scope.ENTRIES_READ,
    "/v1/figures?month=2026-11": Scope.ENTRIES_READ,
    "/v1/gates?": Scope.ENTRIES_READ,
    "/v1/parameters?": Scope.ENTRIES_READ,
    "/v1/referrals/meter?": Scope.ENTRIES_READ,
    "/v1/referrals/tree?": Scope.REGULATOR_READ,
    "/v1/seats?": Scope.ENTRIES_READ,
    "/v1/notices?": Scope.ENTRIES_READ,
    "/v1/complaints/overdue?": Scope.ENTRIES_READ,
    "/v1/services/matches?": Scope.ENTRIES_READ,
}
"""Answers about one chapter, named by a query."""


def test_the_lists_about_a_chapter_are_all_here() -> None:
    described = build_api().openapi()["paths"]
    found = {
        path
        for path, methods in described.items()
        for parameter in methods.get("get", {}).get("parameters", [])
        if parameter["name"] == "chapter"
    }
    asked = {path.partition("?")[0] for path in LISTS}
    # Lists of many chapters' things are held to their chapter above.
    assert found - asked == {"/v1/members", "/v1/cases"}


@pytest.mark.parametrize("path", LISTS)
def test_a_chapters_list_reads_like_that_of_no_chapter(matrix: Matrix, path: str) -> None:
    scope = LISTS[path].value
    answers = []
    for chapter in (SERVING, "9999-9999"):
        response = matrix.clients[f"{scope}@{OTHER}"].get(f"{path}&chapter={chapter}")
        document = json.loads(response.content)
        document.pop("trace_id", None)
        answers.append((response.status_code, {**document, "chapter": None}))
    assert answers[0] == answers[1]
    assert matrix.things["account"] not in json.dumps(answers[0][1])
    for own in (SERVING, OTHER):
        response = matrix.clients[f"{scope}@{own}"].get(f"{path}&chapter={own}")
        code = response.json().get("code")
        assert (response.status_code, code) in ((200, None), (409, "equity.nothing")), response.text


def test_a_key_is_its_principals_own(matrix: Matrix) -> None:
    """Two of one chapter use the same idempotency key: each has its own entry, nobody reads the other's."""
    body = {"type": "purchase.recorded", "chapter": OTHER, "subjects": [matrix.others]}
    first, again, second = (
        matrix.serving.post(
            "/v1/entries", {**body, "public": {"receipt": receipt * 32}}, key="one-key",
            client=matrix.clients[f"{caller}@{OTHER}"],
        )
        for caller, receipt in ((ALL, "5a"), (ALL, "5a"), ("entries:write", "5b"))
    )  # fmt: skip
    assert [answer.status_code for answer in (first, again, second)] == [201, 201, 201]
    assert first.json()["id"] == again.json()["id"] != second.json()["id"]
    assert "idempotency-replayed" not in second.headers


def test_whose_key_is_in_his_hands_spends_by_his_signature_alone(matrix: Matrix) -> None:
    """No scope of his chapter, nor the platform's key, moves coins out of a self-custody account."""
    holder = matrix.serving.join(OTHER, custody="self", account="acct_" + "5e" * 20)
    body = {
        "type": "gift.sent",
        "chapter": OTHER,
        "subjects": [],
        "public": {},
        "op": operation_body(K.TRANSFER, holder, matrix.others),
    }
    forged = {**body, "authorization": {"nonce": "44" * 32, "signature": "0x" + "55" * 64 + "1b"}}
    for client in (matrix.clients[f"{ALL}@{OTHER}"], matrix.serving.client):
        bare = matrix.serving.post("/v1/entries", body, client=client)
        assert (bare.status_code, bare.json()["code"]) == (422, "signature.missing"), bare.text
        wrong = matrix.serving.post("/v1/entries", forged, client=client)
        assert wrong.status_code == 422 and wrong.json()["code"].startswith("signature."), wrong.text
