"""Whatever is sent, the answer is a problem with its own code in two languages, never a 5xx, and nothing
changes.

Runs against a real ``tongyi serve`` process, over raw sockets where a client library would not send the
bytes.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import coincurve
import pytest

from chain.evm.signers.base import LocalKey
from chain.operation import OperationKind
from chain.typed_data import Place, authorization_payload
from chain.types import Address, Digest
from gateway.ledger.authorization import CURVE_ORDER
from gateway.reason_words import PROSE_CODES, UNKNOWN_ZH
from tests.integration.serving import Serving

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="session")
def serving(serving_on_both: Serving) -> Serving:
    """Every test here holds on both databases."""
    return serving_on_both


@dataclass(slots=True)
class World:
    """A chapter with a pool, a member who holds 5,000, a frozen one, and a self-custody one with its key; and
    another chapter, which has none of them."""

    serving: Serving
    chapter: str
    elsewhere: str
    pool: str
    member: str
    merchant: str
    frozen: str
    holder: str
    key: LocalKey

    def gift(self, **changes: Any) -> dict[str, Any]:
        """A body that would be accepted, with changed operands."""
        operation = {"kind": "transfer", "from": self.member, "to": self.merchant, "amount": "100", **changes}
        return {"type": "gift.sent", "chapter": self.chapter, "actor": self.member, "op": operation}

    def signed(
        self, nonce: bytes, amount: int = 100, *, key: LocalKey | None = None, high: bool = False
    ) -> dict[str, Any]:
        """A gift of the self-custody account with its holder's authorization."""
        status = self.serving.client.get("/v1/status").json()
        credit = Address(bytes.fromhex(status["contracts"]["TimeCredit"][2:]))
        payload = authorization_payload(
            Place(status["chain_id"], Digest(bytes.fromhex(status["genesis_hash"])), credit),
            kind=OperationKind.TRANSFER,
            sender=Address(bytes.fromhex(self.holder[5:])),
            receiver=Address(bytes.fromhex(self.merchant[5:])),
            amount=amount,
            nonce=nonce,
            valid_before=0,
        )
        signature = (key or self.key).sign_payload(payload)
        if high:
            s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
            signature = signature[:32] + s.to_bytes(32, "big") + bytes((55 - signature[64],))
        body = self.gift(**{"from": self.holder, "amount": str(amount)})
        return {**body, "authorization": {"nonce": nonce.hex(), "signature": signature.hex()}}


@pytest.fixture(scope="module")
def world(serving: Serving, new_chapter: Callable[[], str]) -> World:
    chapter, elsewhere = new_chapter(), new_chapter()
    pool = serving.open_chapter(chapter)
    serving.open_chapter(elsewhere, fill=0)
    member, frozen = serving.join(chapter), serving.join(chapter)
    merchant = serving.join(chapter, "merchant")
    key = LocalKey(coincurve.PrivateKey().secret)
    holder = "acct_" + key.address.hex()
    serving.join(chapter, custody="self", account=holder)
    for account in (member, frozen, holder):
        serving.made("/v1/credits/issue", {"chapter": chapter, "to": account, "amount": "5000"})
    order = {"may_send": False, "may_receive": False, "order": "ab" * 32}
    serving.made(f"/v1/members/{frozen}/rights", order)
    return World(serving, chapter, elsewhere, pool, member, merchant, frozen, holder, key)


def next_index(world: World) -> int:
    """The index the next entry gets, found by recording one."""
    return int(world.serving.made("/v1/entries", world.gift(amount="1"))["index"]) + 1


def check_problem(status: int, document: dict[str, Any], want_status: int, want_code: str) -> None:
    """A problem has its code, both languages, and the members of RFC 9457."""
    assert (status, document["code"]) == (want_status, want_code), document
    assert document["status"] == status and document["type"] == f"/problems/{want_code}"
    assert document["title"] and document["detail"] and document["trace_id"]
    assert CHINESE.search(document["title_zh"]) and CHINESE.search(document["detail_zh"])
    assert isinstance(document["retryable"], bool)
    if want_code in PROSE_CODES and "reason" in document:
        assert document["reason"] not in document["detail_zh"]
        assert UNKNOWN_ZH not in document["detail_zh"], document


BODIES: dict[str, tuple[Callable[[World], bytes], int, str]] = {
    "duplicate key": (lambda w: b'{"type":"gift.sent","type":"gift.sent"}', 400, "json.duplicate_key"),
    "NaN": (lambda w: b'{"type":NaN}', 400, "json.number"),
    "Infinity": (lambda w: b'{"type":-Infinity}', 400, "json.number"),
    "number beyond a double": (lambda w: b'{"type":1e400}', 400, "json.number"),
    "5,000 digits": (lambda w: b'{"type":' + b"9" * 5000 + b"}", 400, "json.number"),
    "70,000 brackets": (lambda w: b"[" * 70_000, 400, "json.too_deep"),
    "21,000 objects in objects": (lambda w: b'{"a":' * 21_000, 400, "json.too_deep"),
    "2 MiB": (lambda w: b'{"type":"' + b"x" * (2 << 20) + b'"}', 413, "body.too_large"),
    "cut off": (lambda w: b'{"type":', 400, "json.malformed"),
    "empty": (lambda w: b"", 400, "json.malformed"),
    "UTF-16": (lambda w: '{"type":"x"}'.encode("utf-16"), 400, "json.malformed"),
    "lone surrogate": (lambda w: b'{"type":"\\ud800"}', 400, "json.malformed"),
    "trailing data": (lambda w: b"{} x", 400, "json.malformed"),
    "not an object": (lambda w: b"[]", 422, "entry.bad_field"),
    "unknown type": (lambda w: _json({**w.gift(), "type": "coin.minted"}), 422, "entry.unknown_type"),
    "type of another route": (lambda w: _json({**w.gift(), "type": "member.joined"}), 422, "entry.bad_field"),
    "unknown member": (lambda w: _json({**w.gift(), "x": 1}), 422, "entry.unknown_field"),
    "wrong unit": (lambda w: _json(w.gift(unit="coin")), 422, "unit.unknown"),
    "wrong currency": (
        lambda w: _json({"type": "purchase.recorded", "chapter": w.chapter, "public": {"currency": "XTS"}}),
        422,
        "unit.unknown",
    ),
    "float amount": (lambda w: _json(w.gift(amount=1.5)), 422, "amount.malformed"),
    "whole float amount": (lambda w: _json(w.gift(amount=100.0)), 422, "amount.malformed"),
    "number amount": (lambda w: _json(w.gift(amount=100)), 422, "amount.malformed"),
    "negative amount": (lambda w: _json(w.gift(amount="-100")), 422, "amount.negative"),
    "negative number amount": (lambda w: _json(w.gift(amount=-100)), 422, "amount.negative"),
    "negative float amount": (lambda w: _json(w.gift(amount=-1.5)), 422, "amount.malformed"),
    "zero amount": (lambda w: _json(w.gift(amount="0")), 422, "amount.malformed"),
    "decimal amount": (lambda w: _json(w.gift(amount="1.00")), 422, "amount.malformed"),
    "exponent amount": (lambda w: _json(w.gift(amount="1e3")), 422, "amount.malformed"),
    "full-width amount": (lambda w: _json(w.gift(amount="１００")), 422, "amount.malformed"),
    "huge amount": (lambda w: _json(w.gift(amount=str(2**63))), 422, "amount.too_large"),
    "2^256 amount": (lambda w: _json(w.gift(amount=str(2**256))), 422, "amount.too_large"),
    "unknown chapter": (lambda w: _json({**w.gift(), "chapter": "9999-9999"}), 422, "chapter.unknown"),
    "sender of another chapter": (
        lambda w: _json({**w.gift(), "chapter": w.elsewhere}),
        422,
        "chapter.wrong",
    ),
    "account of another chapter": (
        lambda w: _json(
            {
                "type": "membership.opened",
                "chapter": w.elsewhere,
                "subjects": [w.member],
                "public": {"kind": "ordinary", "receipt": "ab" * 32},
            }
        ),
        422,
        "chapter.wrong",
    ),
    "unknown receiver": (lambda w: _json(w.gift(to="acct_" + "77" * 20)), 422, "member.unknown"),
    "unknown sender": (lambda w: _json(w.gift(**{"from": "acct_" + "77" * 20})), 422, "member.unknown"),
    "frozen sender": (lambda w: _json(w.gift(**{"from": w.frozen})), 409, "member.frozen"),
    "frozen receiver": (lambda w: _json(w.gift(to=w.frozen)), 409, "member.frozen"),
    "too little balance": (lambda w: _json(w.gift(amount="5001")), 409, "balance.insufficient"),
    "beyond the quota": (
        lambda w: _json(
            {
                "type": "credit.issued",
                "chapter": w.chapter,
                "op": {"kind": "issue", "to": w.member, "amount": "900000000"},
            }
        ),
        409,
        "quota.exceeded",
    ),
    "unknown reference": (
        lambda w: _json({**w.gift(), "refs": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}),
        422,
        "refs.unknown",
    ),
    "no signature": (lambda w: _json(w.gift(**{"from": w.holder})), 422, "signature.missing"),
    "high-s signature": (lambda w: _json(w.signed(b"h" * 32, high=True)), 422, "signature.high_s"),
    "short signature": (
        lambda w: _json(
            {**w.signed(b"m" * 32), "authorization": {"nonce": "6d" * 32, "signature": "00" * 64}}
        ),
        422,
        "signature.malformed",
    ),
    "another's signature": (
        lambda w: _json(w.signed(b"o" * 32, key=LocalKey(b"\x01" * 32))),
        403,
        "signature.wrong_signer",
    ),
    "signed for another amount": (
        lambda w: _json({**w.signed(b"a" * 32), "op": w.gift(**{"from": w.holder, "amount": "101"})["op"]}),
        403,
        "signature.wrong_signer",
    ),
}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize("name", BODIES)
def test_each_bad_body_has_its_code_and_changes_nothing(world: World, name: str) -> None:
    make, status, code = BODIES[name]
    serving = world.serving
    body = make(world)
    expected = next_index(world)
    key = serving.fresh_key()
    headers = {"content-type": "application/json", "idempotency-key": f'"{key}"'}
    response = serving.client.post("/v1/entries", content=body, headers=headers)
    check_problem(response.status_code, response.json(), status, code)
    assert response.headers["content-type"] == "application/problem+json"
    # Nothing was recorded between, and the refused request did not use its key up.
    accepted = serving.post("/v1/entries", world.gift(amount="1"), key=key)
    assert (accepted.status_code, accepted.json()["index"]) == (201, expected)


def test_a_replayed_signature_is_refused_whatever_the_key(world: World) -> None:
    serving = world.serving
    first = world.signed(b"r" * 32)
    assert serving.post("/v1/entries", first).status_code == 201
    again = serving.post("/v1/entries", first)
    check_problem(again.status_code, again.json(), 409, "signature.replayed")
    twin = serving.post("/v1/entries", world.signed(b"r" * 32, amount=200))
    check_problem(twin.status_code, twin.json(), 409, "signature.replayed")


def test_a_used_key_with_another_body_is_refused_and_with_the_same_replayed(world: World) -> None:
    serving, key = world.serving, world.serving.fresh_key()
    first = serving.post("/v1/entries", world.gift(), key=key)
    again = serving.post("/v1/entries", world.gift(), key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = serving.post("/v1/entries", world.gift(amount="7"), key=key)
    check_problem(other.status_code, other.json(), 422, "idempotency.key_reused")
    elsewhere = serving.post("/v1/members", {"chapter": world.chapter}, key=key)
    check_problem(elsewhere.status_code, elsewhere.json(), 422, "idempotency.key_reused")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "idempotency.missing"),
        ({"idempotency-key": "bare"}, "idempotency.malformed"),
        ({"idempotency-key": '""'}, "idempotency.malformed"),
        ({"idempotency-key": '"%s"' % ("x" * 256)}, "idempotency.malformed"),
    ],
)
def test_a_write_needs_a_wellformed_key(world: World, headers: dict[str, str], code: str) -> None:
    response = world.serving.client.post("/v1/entries", json=world.gift(), headers=headers)
    check_problem(response.status_code, response.json(), 400, code)


def raw(serving: Serving, request: bytes, *, patience: float = 10.0) -> tuple[int, dict[str, Any]]:
    """Send bytes on a socket and read one answer."""
    parts = urlsplit(serving.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=patience) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(65_536)
            assert part, answer
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])  # type: ignore[index]
        while len(body) < length:
            body += connection.recv(65_536)
    return int(head[9:12]), json.loads(body)


def lines(serving: Serving, *headers: str, method: str = "POST", path: str = "/v1/entries") -> bytes:
    """The head of a raw request with the platform key."""
    head = [f"{method} {path} HTTP/1.1", "host: x", f"authorization: Bearer {serving.ready['platform_key']}"]
    return "\r\n".join([*head, *headers, "", ""]).encode()


JSON = "content-type: application/json"
CHUNKED = b"20001\r\n" + b"x" * 131_073 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ((JSON, "content-length: 999999999999"), b"{", 413, "body.too_large"),
        ((JSON, "transfer-encoding: chunked"), CHUNKED, 413, "body.too_large"),
        (("content-type: text/plain", "content-length: 2"), b"{}", 415, "body.media_type"),
        (("content-length: 2",), b"{}", 415, "body.media_type"),
        ((JSON, "content-length: 2", *["x: 1"] * 80), b"{}", 431, "headers.too_large"),
        (("authorization: Bearer x", JSON, "content-length: 2"), b"{}", 401, "auth.invalid"),
    ],
)
def test_raw_requests_are_held_to_their_limits(
    serving: Serving, headers: tuple[str, ...], body: bytes, status: int, code: str
) -> None:
    got, document = raw(serving, lines(serving, *headers) + body)
    check_problem(got, document, status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/entries/", 404, "not_found"),
        ("GET", "/v1/entries/not-an-id", 404, "entry.unknown"),
        ("GET", "/v1/entries/01ARZ3NDEKTSV4RRFFQ69G5FAV", 404, "entry.unknown"),
        ("GET", "/v1/entries/01ARZ3NDEKTSV4RRFFQ69G5FAV/proof", 404, "entry.unknown"),
        ("GET", "/v1/accounts/acct_x/balance", 404, "account.unknown"),
        ("GET", "/v1/accounts/acct_" + "77" * 20 + "/balance", 404, "account.unknown"),
        ("GET", "/v1/chapters/9999-9999", 404, "not_found"),
        ("DELETE", "/v1/entries", 405, "method.not_allowed"),
        ("GET", "/v1/entries/batch", 405, "method.not_allowed"),
        ("PUT", "/livez", 405, "method.not_allowed"),
        ("POST", "/livez", 405, "method.not_allowed"),
        ("PATCH", "/v1/entries", 405, "method.not_allowed"),
        ("POST", "/nothing", 404, "not_found"),
        ("POST", "/v1/entries", 415, "body.media_type"),
        ("GET", "/v1/entries?limit=1000000000", 400, "query.invalid"),
        ("GET", "/v1/entries?after=x", 400, "query.invalid"),
        ("GET", "/v1/events?after=1:2:3", 400, "query.invalid"),
        ("GET", "/v1/events/stream?after=x", 400, "query.invalid"),
        ("GET", "/v1/members?chapter=%27%3B--", 400, "query.invalid"),
        ("GET", "/log/tile/0/../checkpoint", 404, "not_found"),
        ("GET", "/log/tile/0/1", 404, "not_found"),
        ("GET", "/log/tile/0/x000/000", 404, "not_found"),
        ("GET", "/log/tile/entries/999", 404, "not_found"),
        ("GET", "/log/tile/0/000.p/0", 404, "not_found"),
        ("GET", "/?lang=fr", 400, "query.invalid"),
        ("GET", "/problems/none", 404, "not_found"),
    ],
)
def test_reads_answer_with_problems_too(
    serving: Serving, method: str, path: str, status: int, code: str
) -> None:
    response = serving.client.request(method, path)
    check_problem(response.status_code, response.json(), status, code)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/members", {"chapter": "3102-0001", "extra": 1}, "entry.unknown_field"),
        ("/v1/members", {"chapter": 7}, "entry.bad_field"),
        ("/v1/members", {"chapter": "3102-0001", "kind": "king"}, "entry.bad_field"),
        ("/v1/members", {"chapter": "3102-0001", "custody": "self"}, "entry.bad_field"),
        ("/v1/chapters", {"code": "x"}, "entry.bad_field"),
        ("/v1/credits/issue", {"chapter": "3102-0001", "amount": 1.5}, "amount.malformed"),
        ("/v1/credits/issue", {"chapter": "3102-0001", "amount": "-1"}, "amount.negative"),
        ("/v1/chapters/3102-0001/quotas", {"period": 202611, "amount": -1}, "amount.negative"),
        ("/v1/chapters/3102-0001/caps", {"daily": "-1"}, "amount.negative"),
        ("/v1/credits/issue", {"chapter": "3102-0001", "amount": str(2**64)}, "amount.too_large"),
    ],
)
def test_the_other_writes_are_as_strict(serving: Serving, path: str, body: dict[str, Any], code: str) -> None:
    response = serving.post(path, body)
    check_problem(response.status_code, response.json(), 422, code)


def test_a_batch_answers_each_line_and_one_bad_line_does_not_stop_the_others(world: World) -> None:
    serving, expected = world.serving, next_index(world)
    rows = [
        {**world.gift(amount="1"), "idempotency_key": serving.fresh_key()},
        b'{"type":"gift.sent","type":"x"}',
        world.gift(),
        {**world.gift(amount="99999999"), "idempotency_key": serving.fresh_key()},
        b"[" * 70_000,
        {**world.gift(amount="2"), "idempotency_key": serving.fresh_key()},
    ]
    content = b"\n".join(row if isinstance(row, bytes) else _json(row) for row in rows)
    response = serving.client.post(
        "/v1/entries/batch", content=content, headers={"content-type": "application/x-ndjson"}
    )
    assert response.status_code == 200
    answers = [json.loads(line) for line in response.content.splitlines()]
    assert [answer.get("code", answer.get("state")) for answer in answers] == [
        "accepted",
        "json.duplicate_key",
        "idempotency.missing",
        "balance.insufficient",
        "json.too_deep",
        "accepted",
    ]
    assert [answer.get("line") for answer in answers] == [None, 2, 3, 4, 5, None]
    assert (answers[0]["index"], answers[5]["index"]) == (expected, expected + 1)
    assert next_index(world) == expected + 3


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\r\n\n"])
def test_a_batch_without_an_entry_is_refused(world: World, content: bytes) -> None:
    headers = {"content-type": "application/x-ndjson"}
    response = world.serving.client.post("/v1/entries/batch", content=content, headers=headers)
    check_problem(response.status_code, response.json(), 422, "batch.empty")
    assert response.json()["detail_zh"] == "批次中没有任何记录：请每行发送一个 JSON 对象。"


def test_a_cursor_is_refused_in_words(serving: Serving) -> None:
    shown = serving.client.get("/v1/events?after=1:2:3").json()
    assert shown["detail_zh"] == "参数 after 不合规：不是先前应答给出的游标。"
    assert (
        shown["detail"] == "The parameter after is not accepted: not a cursor as an earlier answer gave it."
    )


def test_who_sees_one_chapter_reads_anothers_account_as_none(world: World) -> None:
    serving, expected = world.serving, next_index(world)
    scopes = ["entries:write", "credits:write"]
    made = serving.made("/v1/keys", {"name": "b", "scopes": scopes, "chapter": world.elsewhere})
    nobody = "acct_" + "77" * 20
    with serving.new_client(made["secret"]) as client:

        def shown(sender: str) -> list[dict[str, Any]]:
            body = {**world.gift(**{"from": sender}), "chapter": world.elsewhere, "actor": None}
            one = serving.post("/v1/entries", body, client=client)
            line = _json({**body, "idempotency_key": serving.fresh_key()})
            headers = {"content-type": "application/x-ndjson"}
            many = client.post("/v1/entries/batch", content=line, headers=headers)
            credit = {"chapter": world.elsewhere, "from": sender, "to": world.merchant, "amount": "1"}
            cold = serving.post("/v1/credits/transfer", credit, client=client)
            return [one.json(), many.json(), cold.json()]

        theirs, nobodys = shown(world.member), shown(nobody)
        for document in (*theirs, *nobodys):
            assert document.pop("trace_id")
            check_problem(422, {**document, "trace_id": "x"}, 422, "member.unknown")
        assert theirs == nobodys
    # The key that was made, and the entry that tells the next index.
    assert next_index(world) == expected + 2


@pytest.mark.parametrize("path", ["gates", "services/matches", "notices", "referrals/meter"])
def test_an_empty_chapter_is_not_the_keys_own(world: World, path: str) -> None:
    scopes = {"name": "c", "scopes": ["entries:read"], "chapter": world.elsewhere}
    made = world.serving.made("/v1/keys", scopes)
    with world.serving.new_client(made["secret"]) as client:
        assert client.get(f"/v1/{path}").status_code == 200
        refused = client.get(f"/v1/{path}?chapter=")
    check_problem(refused.status_code, refused.json(), 400, "query.invalid")


@pytest.mark.parametrize("receiver", ["acct_" + "78" * 20, None])
@pytest.mark.parametrize("kind", ["gift.sent", "credit.transferred"])
def test_whose_account_it_is_comes_before_all_else_about_it(
    world: World, kind: str, receiver: str | None
) -> None:
    """A second thing wrong with a request must not tell another chapter's account from none."""
    serving = world.serving
    scopes = ["entries:write", "credits:write"]
    made = serving.made("/v1/keys", {"name": "c", "scopes": scopes, "chapter": world.elsewhere})
    with serving.new_client(made["secret"]) as client:
        shown = []
        for sender in (world.member, world.pool, world.holder, "acct_" + "77" * 20):
            operation = {"kind": "transfer", "from": sender, "to": receiver or sender, "amount": "1"}
            body = {"type": kind, "chapter": world.elsewhere, "op": operation}
            document = serving.post("/v1/entries", body, client=client).json()
            check_problem(422, document, 422, "member.unknown")
            assert (document.pop("field"), bool(document.pop("trace_id"))) == ("op.from", True)
            shown.append(document)
        assert shown == [shown[0]] * 4


def test_the_process_lives_and_has_seen_no_fault(world: World) -> None:
    assert world.serving.client.get("/livez").json() == {"status": "ok"}
    assert "fault" not in world.serving.log()
