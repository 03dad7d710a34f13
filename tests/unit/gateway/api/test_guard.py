"""The door in front of every route: caps, media types, strict JSON, identity, rates, one error shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.types import Receive, Scope, Send

from gateway.auth import Keyring
from gateway.auth import Scope as KeyScope
from gateway.auth_tables import api_keys
from gateway.db import Database, sqlite_url
from gateway.errors import Refusal
from gateway.guard import BodyRule, Guard
from gateway.telemetry import Telemetry
from tests.unit.gateway.api_key_rows import end_key, store_key

JSON = (b"content-type", b"application/json")


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    database = Database(sqlite_url(tmp_path / "keys.sqlite3"))
    api_keys.create(database.engine)
    yield Keyring(database, rate_per_second=1_000, public_rate_per_second=5)
    database.close()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what the guard made of the request."""
    caller = scope["state"]["caller"]
    if scope["path"] == "/boom":
        raise ZeroDivisionError("a secret value")
    if scope["path"] == "/away":
        raise OperationalError("SELECT 1", None, Exception("a secret value"))
    if scope["path"] == "/refuse":
        raise Refusal("not_found")
    if scope["path"] == "/stream":
        while (await receive()).get("more_body"):
            pass
    name = caller.principal.name if caller.principal else None
    answer = json.dumps({"json": scope["state"].get("json"), "name": name}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})


def ask(
    keyring: Keyring,
    path: str = "/",
    headers: tuple[Any, ...] = (JSON,),
    parts: tuple[bytes, ...] = (b"{}",),
    *,
    stalls: bool = False,
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Send one POST through a guard and return status, headers and body; ``stalls``: more never comes."""
    guard = Guard(
        echo,
        keyring=keyring,
        telemetry=Telemetry(),
        default=BodyRule(100, ("application/json",)),
        rules={"/stream": BodyRule(200, ("application/x-ndjson",), streamed=True)},
    )
    incoming = [
        {"type": "http.request", "body": part, "more_body": stalls or number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        if stalls and not incoming:
            await asyncio.Event().wait()
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": list(headers),
        "client": ("9.9.9.9", 1),
    }
    asyncio.run(guard(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, json.loads(b"".join(m["body"] for m in sent[1:]))


@pytest.mark.parametrize(
    ("headers", "parts", "status", "code"),
    [
        ((JSON,), (b'{"a":1,"a":2}',), 400, "json.duplicate_key"),
        ((JSON,), (b'{"a":NaN}',), 400, "json.number"),
        ((JSON,), (b'{"a":1e999}',), 400, "json.number"),
        ((JSON,), (b"[" * 90,), 400, "json.too_deep"),
        ((JSON,), (b'"\\ud800"',), 400, "json.malformed"),
        ((JSON,), (b'\xef\xbb\xbf{"a":1}',), 400, "json.malformed"),
        ((JSON,), (b"{} {}",), 400, "json.malformed"),
        ((JSON,), (b"",), 400, "json.malformed"),
        ((JSON,), (b"x" * 60, b"x" * 60), 413, "body.too_large"),
        ((JSON, (b"content-length", b"101")), (b"{}",), 413, "body.too_large"),
        ((JSON, (b"content-length", b"-1")), (b"{}",), 413, "body.too_large"),
        ((), (b"{}",), 415, "body.media_type"),
        (((b"content-type", b"text/plain"),), (b"{}",), 415, "body.media_type"),
        ((JSON, *(((b"x-%d" % n), b"1") for n in range(70))), (b"{}",), 431, "headers.too_large"),
        ((JSON, (b"x", b"1" * 17_000)), (b"{}",), 431, "headers.too_large"),
        ((JSON, *[(b"authorization", b"x")] * 2), (b"{}",), 401, "auth.invalid"),
        ((JSON, *[(b"idempotency-key", b'"x"')] * 2), (b"{}",), 400, "idempotency.malformed"),
    ],
)
def test_a_bad_request_is_a_problem_with_its_code(
    keyring: Keyring, headers: tuple[Any, ...], parts: tuple[bytes, ...], status: int, code: str
) -> None:
    got, found, document = ask(keyring, headers=headers, parts=parts)
    assert (got, document["code"], document["status"]) == (status, code, status)
    assert found["content-type"] == "application/problem+json"
    assert document["trace_id"] == found["x-trace-id"]


def test_a_database_that_does_not_answer_is_no_failure_of_the_gateway(keyring: Keyring) -> None:
    status, found, document = ask(keyring, "/away")
    assert (status, document["code"], document["retryable"]) == (503, "storage.unavailable", True)
    assert found["retry-after"] == "1"
    assert (document["detail"], document["detail_zh"]) == (
        "The database does not answer at present. Repeat the request with the same key.",
        "数据库目前没有应答。请使用相同的键重试。",
    )


def test_a_body_that_does_not_arrive_in_time_is_given_up(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.guard.BODY_SECONDS", 0.05)
    status, found, document = ask(keyring, parts=(b'{"a":',), stalls=True)
    assert (status, document["code"], document["retryable"]) == (408, "body.timeout", False)
    assert found["content-type"] == "application/problem+json"
    assert (document["detail"], document["detail_zh"]) == (
        "The body did not arrive in time.",
        "请求体未在时限内到达。",
    )


def test_a_batch_that_does_not_arrive_in_time_is_given_up(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.guard.BODY_SECONDS", 0.05)
    stream = ((b"content-type", b"application/x-ndjson"),)
    status, found, document = ask(keyring, "/stream", stream, (b"x",), stalls=True)
    assert (status, document["code"], found["connection"]) == (408, "body.timeout", "close")


def test_a_good_body_arrives_parsed(keyring: Keyring) -> None:
    status, found, answer = ask(keyring, parts=(b'{"a":', b"1}"))
    assert (status, answer["json"]) == (200, {"a": 1})
    assert found["x-content-type-options"] == "nosniff"


def test_a_streamed_body_is_counted_while_it_is_read(keyring: Keyring) -> None:
    stream = ((b"content-type", b"application/x-ndjson"),)
    assert ask(keyring, "/stream", stream, (b"x" * 100, b"x" * 100))[0] == 200
    status, _, document = ask(keyring, "/stream", stream, (b"x" * 100, b"x" * 100, b"x"))
    assert (status, document["code"], document["limit"]) == (413, "body.too_large", 200)


def test_a_fault_says_nothing_of_itself(keyring: Keyring, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, document = ask(keyring, "/boom")
    assert (status, document["code"]) == (500, "internal")
    assert "secret" not in json.dumps(document) + capsys.readouterr().out + capsys.readouterr().err


def test_a_refusal_of_the_inner_application_is_rendered(keyring: Keyring) -> None:
    assert ask(keyring, "/refuse")[2]["code"] == "not_found"


def test_without_a_key_an_address_is_slowed_with_a_wait(keyring: Keyring) -> None:
    answers = [ask(keyring) for _ in range(12)]
    limited = [(found, document) for status, found, document in answers if status == 429]
    assert limited
    assert all(
        document["code"] == "rate.limited" and found["retry-after"] == "1" for found, document in limited
    )


def test_a_known_key_names_its_principal_and_has_its_own_rate(keyring: Keyring) -> None:
    key_id, secret = store_key(keyring.database, {KeyScope.ENTRIES_READ}, "3101-0007")
    bearer = (b"authorization", f"Bearer {secret}".encode())
    assert [ask(keyring, headers=(JSON, bearer))[2]["name"] for _ in range(12)] == ["shop"] * 12
    end_key(keyring.database, key_id)
    keyring.forget()
    assert ask(keyring, headers=(JSON, bearer))[2]["name"] is None


def test_secrets_are_not_stored(keyring: Keyring, tmp_path: Path) -> None:
    _, secret = store_key(keyring.database, {KeyScope.ADMIN})
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in stored
    assert [key["scopes"] for key in keyring.list_keys()] == ["admin"]
