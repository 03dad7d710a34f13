"""Who may do what, who sees what, and the log as foreign tools read it, against a real gateway."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chain.checkpoint import open_checkpoint
from chain.hashing import hash_leaf
from chain.merkle.tree import Tree
from chain.tiles import entries_path, parse_entry_bundle, tile_path
from gateway.app import build_api
from tests.integration.policy import SCOPES
from tests.integration.serving import Serving

POLICY = {name: scope.value for name, scope in SCOPES.items() if scope is not None}
PUBLIC = SCOPES.keys() - POLICY.keys()
ROUTES = [
    (operation["operationId"], method.upper(), path)
    for path, methods in build_api().openapi()["paths"].items()
    for method, operation in methods.items()
]
FILLED = {
    "entry_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "account": "acct_" + "77" * 20,
    "code": "9999-9999",
    "kind": "issue",
    "key_id": "key_0",
    "key": "none",
    "proposal_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "path": "0/000",
    "webhook_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
}
BODIES: dict[str, object] = {
    "chapters_open": {"code": "9999-9998"},
    "chapters_set_quota": {"period": 202611, "amount": "1"},
    "chapters_set_cap": {"daily": "1"},
    "members_join": {"chapter": "9999-9999"},
    "members_set_rights": {"may_send": True, "may_receive": True, "order": "ab" * 32},
    "members_recover": {"order": "ab" * 32},
    "credits_create": {"chapter": "9999-9999", "to": "acct_" + "77" * 20, "amount": "1"},
    "proposals_create": {"chapter": "9999-9999", "amount": "1"},
    "keys_create": {"name": "x", "scopes": ["entries:read"]},
    "entries_create": {"type": "gift.sent", "chapter": "9999-9999"},
}


@pytest.fixture(scope="session")
def serving(serving_on_both: Serving) -> Serving:
    """Every test here holds on both databases."""
    return serving_on_both


def new_key(serving: Serving, scopes: list[str], chapter: str | None = None) -> str:
    body = {"name": "test", "scopes": scopes, **({} if chapter is None else {"chapter": chapter})}
    response = serving.post("/v1/keys", body)
    assert response.status_code == 201, response.text
    return str(response.json()["secret"])


def ask(client: httpx2.Client, name: str, method: str, path: str) -> httpx2.Response:
    path = path.format(**FILLED)
    if name == "entries_create_batch":
        return client.post(path, content=b"{}", headers={"content-type": "application/x-ndjson"})
    if name == "events_stream":
        with client.stream(method, path) as answer:
            if answer.status_code != 200:
                answer.read()
            return answer
    if method == "POST":
        headers = {"idempotency-key": '"policy"'}
        return client.post(path, json=BODIES.get(name, {}), headers=headers)
    return client.request(method, path)


def test_a_regulator_reads_everything_and_writes_nothing(serving: Serving) -> None:
    with serving.new_client(new_key(serving, ["regulator:read"])) as regulator:
        for name, method, path in ROUTES:
            if name in PUBLIC:
                continue
            status = ask(regulator, name, method, path).status_code
            assert (status == 403) == (not POLICY[name].endswith(":read")), name


def test_another_chapters_things_are_as_unknown_as_nothing(
    serving: Serving, new_chapter: Callable[[], str]
) -> None:
    mine, theirs = new_chapter(), new_chapter()
    serving.open_chapter(mine)
    pool = serving.open_chapter(theirs)
    member = serving.join(theirs)
    entry = serving.made("/v1/credits/issue", {"chapter": theirs, "to": member, "amount": "100"})
    scopes = sorted(set(POLICY.values()) - {"admin"})
    with serving.new_client(new_key(serving, scopes, mine)) as client:

        def same(path: str, real: str, unknown: str) -> None:
            found, nothing = client.get(path.format(real)), client.get(path.format(unknown))
            assert found.status_code == nothing.status_code == 404
            for document in (one := found.json(), two := nothing.json()):
                document.pop("trace_id")
                document.pop("instance")
            assert one == two

        for path in ("/v1/entries/{}", "/v1/entries/{}/proof"):
            same(path, entry["id"], FILLED["entry_id"])
        for path in (
            "/v1/members/{}",
            "/v1/accounts/{}/balance",
            "/v1/accounts/{}/statement",
            "/v1/accounts/{}/proof",
        ):
            same(path, member, FILLED["account"])
        same("/v1/chapters/{}", theirs, "9999-9999")
        for chapter in (theirs, "9999-9999"):
            listed = client.get("/v1/members", params={"chapter": chapter}).json()
            assert listed == {"members": [], "next": None}
            refused = serving.post("/v1/members", {"chapter": chapter}, client=client)
            assert (refused.status_code, refused.json()["code"]) == (403, "chapter.forbidden")
        everything = "".join(
            client.get(path).text
            for path in (
                "/v1/entries?limit=200",
                "/v1/members?limit=200",
                "/v1/chapters",
                "/v1/events?limit=200",
            )
        )
        for secret in (theirs, pool, member, entry["id"]):
            assert secret not in everything
        gift = {"kind": "transfer", "from": member, "to": pool, "amount": "1"}
        stolen = serving.post(
            "/v1/entries", {"type": "gift.sent", "chapter": mine, "op": gift}, client=client
        )
        assert (stolen.status_code, stolen.json()["code"]) == (422, "member.unknown")


def test_a_chapters_own_administrator_manages_its_keys_alone(
    serving: Serving, new_chapter: Callable[[], str]
) -> None:
    mine, theirs = new_chapter(), new_chapter()
    other = serving.post("/v1/keys", {"name": "o", "scopes": ["entries:read"], "chapter": theirs}).json()
    with serving.new_client(new_key(serving, ["admin"], mine)) as client:
        made = serving.post("/v1/keys", {"name": "m", "scopes": ["entries:read"]}, client=client).json()
        assert {key["chapter"] for key in client.get("/v1/keys").json()["keys"]} == {mine}
        asked = {"name": "x", "scopes": ["admin"], "chapter": theirs}
        refused = serving.post("/v1/keys", asked, client=client)
        assert refused.json()["code"] == "chapter.forbidden"
        assert client.delete(f"/v1/keys/{other['id']}").status_code == 404
        assert client.delete(f"/v1/keys/{made['id']}").status_code == 204
    with serving.new_client(made["secret"]) as ended:
        assert ended.get("/v1/entries").json()["code"] == "auth.invalid"


def test_a_repeated_request_for_a_key_makes_no_second_one(serving: Serving) -> None:
    body, key = {"name": "twice", "scopes": ["entries:read"]}, serving.fresh_key()
    made = serving.post("/v1/keys", body, key=key)
    assert made.status_code == 201
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda _: serving.post("/v1/keys", body, key=key), range(8)))
    named = {(one.status_code, one.json()["code"], one.json()["key"]) for one in again}
    assert named == {(409, "key.made_already", made.json()["id"])}
    assert made.json()["id"] in again[0].json()["detail_zh"]
    assert all(made.json()["secret"] not in one.text for one in again)
    other = serving.post("/v1/keys", {**body, "name": "other"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    listed = serving.client.get("/v1/keys").json()["keys"]
    assert [one["id"] for one in listed if one["name"] in ("twice", "other")] == [made.json()["id"]]
    with serving.new_client(made.json()["secret"]) as reader:
        assert reader.get("/v1/entries").status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"), [({}, "idempotency.missing"), ({"idempotency-key": "bare"}, "idempotency.malformed")]
)
def test_a_key_is_not_made_without_a_wellformed_idempotency_key(
    serving: Serving, headers: dict[str, str], code: str
) -> None:
    body = {"name": f"keyless{len(headers)}", "scopes": ["entries:read"]}
    refused = serving.client.post("/v1/keys", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert body["name"] not in serving.client.get("/v1/keys").text
    alias = serving.client.post("/v1/keys", json={**body, "name": "a", "idempotencyKey": serving.fresh_key()})
    assert alias.status_code == 201
    serving.client.delete(f"/v1/keys/{alias.json()['id']}")


def test_who_asks_too_often_waits(serving: Serving) -> None:
    def burst(_: int) -> list[httpx2.Response]:
        with serving.new_client(None) as client:
            return [client.get("/livez") for _ in range(80)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for answers in pool.map(burst, range(8)) for answer in answers]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited and len(limited) < len(answers)
    assert {answer.json()["code"] for answer in limited} == {"rate.limited"}
    assert {answer.headers["retry-after"] for answer in limited} == {"1"}
    assert serving.client.get("/livez").status_code == 200
    time.sleep(1.1)


def test_the_log_over_http_gives_the_signed_root(serving: Serving) -> None:
    note = serving.client.get("/log/checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    vkey = serving.client.get("/log/vkey").text.strip()
    assert vkey == serving.ready["vkey"]
    checkpoint = open_checkpoint(note.content, [vkey])
    tree = Tree()
    for index in range(0, checkpoint.size, 256):
        width = min(256, checkpoint.size - index)
        bundle = serving.client.get("/log/" + entries_path(index // 256, width))
        assert bundle.headers["content-type"] == "application/octet-stream"
        assert "immutable" in bundle.headers["cache-control"]
        hashes = [hash_leaf(data) for data in parse_entry_bundle(bundle.content, width)]
        tile = serving.client.get("/log/" + tile_path(0, index // 256, width)).content
        assert tile == b"".join(hashes)
        tree.append(hashes)
    assert tree.root() == checkpoint.root
    beyond = "/log/" + tile_path(0, checkpoint.size // 256, checkpoint.size % 256 + 1 or 1)
    assert serving.client.get(beyond).status_code == 404


def test_metrics_name_routes_by_template_and_hold_no_ids(serving: Serving) -> None:
    serving.client.get(f"/v1/entries/{FILLED['entry_id']}")
    text = serving.client.get("/metrics").text
    assert 'route="/v1/entries/{entry_id}"' in text
    assert 'route="/v1/entries"' in text and 'route="/log/tile/{path:path}"' in text
    assert FILLED["entry_id"] not in text
    gauges = ("mirror_lag_blocks", "outbox_oldest_seconds", "anchor_age_seconds", "calls_wait_seconds")
    due = ("due_recorded", "due_refused", "due_oldest_seconds")
    for gauge in (*gauges, *due, "reconcile_mismatch"):
        assert f"\ntongyi_{gauge} " in text
    assert "\ntongyi_reconcile_mismatch 0.0" in text
    # Every alert of the runbook is on a metric that is there.
    runbook = (Path(__file__).parents[2] / "gateway" / "README.md").read_text().partition("### Alerts")[2]
    alerts = re.findall(r"^\| `(tongyi_[a-z_]+)` \|", runbook, re.MULTILINE)
    assert len(alerts) >= 8 and [name for name in alerts if f"\n{name} " not in text] == []


def test_pages_and_health(serving: Serving) -> None:
    with serving.new_client(None) as anyone:
        assert anyone.get("/livez").json() == {"status": "ok"}
        assert anyone.get("/readyz").json()["checks"] == dict.fromkeys(
            ("schema", "chain", "mirror", "ledger", "witnesses", "recursion_limit"), True
        )
        page = anyone.get("/")
        assert "同壹社区公证" in page.text and "default-src 'none'" in page.headers["content-security-policy"]
        assert "Tongyi community notary" in anyone.get("/?lang=en").text
        status = anyone.get("/v1/status").json()
        assert status["vkey"] == serving.ready["vkey"] and status["chain_id"] == serving.ready["chain_id"]
        assert set(status["contracts"]) >= {"LogAnchor", "TimeCredit", "Membership", "CoSignature"}
        assert anyone.get("/problems/proof.pending").json()["status"] == 409


def test_pages_of_a_listing_hold_everything_once(serving: Serving, new_chapter: Callable[[], str]) -> None:
    chapter = new_chapter()
    serving.open_chapter(chapter, fill=0)
    joined = [serving.join(chapter) for _ in range(5)]
    seen: list[str] = []
    after: Any = -1
    while after is not None:
        query = {"chapter": chapter, "limit": 2, "after": after}
        page = serving.client.get("/v1/members", params=query).json()
        seen += [member["account"] for member in page["members"]]
        after = page["next"]
    assert seen[1:] == joined


def test_an_order_freezes_and_a_recovery_moves_everything(
    serving: Serving, new_chapter: Callable[[], str]
) -> None:
    chapter = new_chapter()
    serving.open_chapter(chapter)
    old = serving.join(chapter)
    issued = serving.made("/v1/credits/issue", {"chapter": chapter, "to": old, "amount": "700"})
    key = serving.fresh_key()
    first = serving.post(f"/v1/members/{old}/recovery", {"order": "cd" * 32}, key=key)
    again = serving.post(f"/v1/members/{old}/recovery", {"order": "cd" * 32}, key=key)
    assert first.status_code == 201 and first.json()["account"] == again.json()["account"]
    assert again.headers["idempotency-replayed"] == "true"
    new = first.json()["account"]
    # The recovery waits on its way to the chain until the issue before it is settled.
    assert serving.wait_state(issued["id"], "final")["outcome"]["status"] == "done"
    assert serving.wait_state(first.json()["credits"], "final")["outcome"]["status"] == "done"
    assert serving.client.get(f"/v1/accounts/{new}/balance").json()["balance"] == "700"
    assert serving.client.get(f"/v1/accounts/{old}/balance").json()["balance"] == "0"
    assert serving.client.get(f"/v1/members/{old}").json()["recovered_to"] == new


def test_events_come_in_order_once(serving: Serving, new_chapter: Callable[[], str]) -> None:
    chapter = new_chapter()
    pool = serving.open_chapter(chapter, fill=0)
    made = [
        serving.made("/v1/credits/issue", {"chapter": chapter, "to": pool, "amount": str(n)})
        for n in range(1, 6)
    ]
    serving.wait_state(made[-1]["id"], "final")
    key = new_key(serving, ["events:read"], chapter)
    with serving.new_client(key) as client:
        cursor, seen = "", []
        while True:
            page = client.get("/v1/events", params={"after": cursor, "limit": 2}).json()
            if not page["events"]:
                break
            seen += page["events"]
            cursor = page["next"]
    assert [event["entry"] for event in seen] == [entry["id"] for entry in made]
    assert {event["type"] for event in seen} == {"operation.done"}


def test_a_checkpoints_root_is_base64_of_32_bytes(serving: Serving) -> None:
    lines = serving.client.get("/log/checkpoint").text.splitlines()
    assert lines[0] == serving.ready["vkey"].split("+")[0]
    assert len(base64.b64decode(lines[2])) == 32
    assert json.dumps(lines[1]).strip('"').isdigit()
