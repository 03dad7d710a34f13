"""The door: an ASGI layer every request passes before any parser or route sees it.

Caps headers and bodies, reads bodies whole (batches stream through a counting receive), parses JSON strictly,
identifies the caller, limits rates, gives every request a trace id and turns every refusal into problem+json.
It authorises nothing: that is each route's own dependency (CVE-2026-48710: never by path).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chain.canonical import parse_json
from chain.errors import FormatError
from gateway.api.problems import json_refusal, problem_response, refusal_shown
from gateway.auth import Caller, Keyring
from gateway.errors import Refusal
from gateway.telemetry import Telemetry

HEADER_COUNT = 64
"""Request headers accepted at most."""
HEADER_BYTES = 16 * 1024
"""Bytes of a request's address and all its headers together at most."""
BODY_SECONDS = 20.0
"""Time in which a whole body that is not a batch must have arrived."""
SLOWEST = 4_096
"""Bytes a second of a batch that allow more time than that."""
AWAY = (OperationalError, InterfaceError)
"""What a database that does not answer, or ends what it was asked, is heard as; asking again may help."""
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class BodyRule:
    """What one path accepts as a body: ``limit`` bytes of one of ``media`` types, whole or streamed."""

    limit: int
    media: tuple[str, ...]
    streamed: bool = False
    parsed: bool = True


class Guard:
    """ASGI middleware. ``rules`` gives the body rule of a path that is not plain JSON of the default size."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keyring: Keyring,
        telemetry: Telemetry,
        default: BodyRule,
        rules: dict[str, BodyRule],
        takes: Callable[[Scope], bool] = lambda _: True,
    ) -> None:
        """``takes`` says whether there is a route for a request's method and path."""
        self._app = app
        self._takes = takes
        self._keyring = keyring
        self._telemetry = telemetry
        self._default = default
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing but ``http`` scopes is guarded."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["trace_id"] = trace_id = secrets.token_hex(8)
        answer = _Answer(send, trace_id)
        with self._telemetry.request(scope, answer.status):
            try:
                await self._admit(scope, receive, answer)
            except _Gone:
                return
            except Refusal as refusal:
                await self._refuse(scope, receive, answer, refusal)
            except HTTPException as error:
                code = "method.not_allowed" if error.status_code == 405 else "not_found"
                await self._refuse(scope, receive, answer, Refusal(code))
            except AWAY as error:
                self._telemetry.database_away(trace_id, error)
                await self._refuse(scope, receive, answer, Refusal("storage.unavailable"))
            except Exception as error:
                self._telemetry.failed(trace_id, error)
                await self._refuse(scope, receive, answer, Refusal("internal"))

    async def _admit(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """Check in order: headers, who, how often, the body; then let the request in."""
        address = len(scope["path"]) + len(scope.get("query_string", b""))
        headers = _checked_headers(scope["headers"], address)
        client = scope.get("client")
        caller: Caller = await self._keyring.identify(
            headers.get(b"authorization"), client[0] if client else ""
        )
        scope["state"]["caller"] = caller
        self._keyring.count(caller)
        if scope["method"] in _WITH_BODY:
            rule = self._rules.get(scope["path"], self._default)
            try:
                receive = await self._body(scope, headers, receive, rule)
            except Refusal:
                # Where nothing takes this method, that is what is wrong, whatever the body is.
                if self._takes(scope):
                    raise
        await self._app(scope, receive, answer)

    async def _body(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, rule: BodyRule
    ) -> Receive:
        _check_media(headers.get(b"content-type", b""), rule)
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > rule.limit:
            raise Refusal("body.too_large", limit=rule.limit)
        if rule.streamed:
            return _counting(receive, rule.limit)
        try:
            body = await asyncio.wait_for(_read_whole(receive, rule.limit), BODY_SECONDS)
        except TimeoutError:
            raise Refusal("body.timeout") from None
        scope["state"]["body"] = body
        if rule.parsed:
            try:
                scope["state"]["json"] = parse_json(body)
            except FormatError as error:
                raise json_refusal(error) from None
        return _replay(body, receive)

    async def _refuse(self, scope: Scope, receive: Receive, answer: _Answer, refusal: Refusal) -> None:
        """Answer with the problem document unless the answer has already begun."""
        caller = scope["state"].get("caller")
        refusal = refusal_shown(refusal, None if caller is None else caller.principal)
        self._telemetry.refused(refusal.code)
        if answer.begun:
            return
        response = problem_response(refusal, scope["path"], scope["state"]["trace_id"])
        await response(scope, receive, answer)


class _Gone(Exception):
    """The client left before its body was complete."""


class _Answer:
    """The send side: remembers whether and with what status the answer began, and adds the trace header."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self._trace = (b"x-trace-id", trace_id.encode())
        self.code = 0

    @property
    def begun(self) -> bool:
        """Whether a status line has left."""
        return self.code != 0

    def status(self) -> int:
        """Return the status sent, 499 when the caller left before one was."""
        return self.code or 499

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.code = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                self._trace,
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)


def _checked_headers(headers: Iterable[tuple[bytes, bytes]], total: int) -> dict[bytes, bytes]:
    """Return the headers by name; a repeated one that decides who or how much is refused (F42). The
    ``total`` bytes of the address count with them.
    """
    found: dict[bytes, bytes] = {}
    if total > HEADER_BYTES:
        raise Refusal("headers.too_large", limit=HEADER_COUNT)
    for count, (name, value) in enumerate(headers, 1):
        total += len(name) + len(value)
        if count > HEADER_COUNT or total > HEADER_BYTES:
            raise Refusal("headers.too_large", limit=HEADER_COUNT)
        if name in found:
            if name == b"authorization":
                raise Refusal("auth.invalid")
            if name == b"idempotency-key":
                raise Refusal("idempotency.malformed")
        found[name] = value
    return found


def _check_media(given: bytes, rule: BodyRule) -> None:
    kind = given.split(b";", 1)[0].strip().lower().decode("latin-1")
    if kind not in rule.media:
        raise Refusal("body.media_type", want=rule.media[0])


async def _read_whole(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        total += len(part)
        if total > limit:
            raise Refusal("body.too_large", limit=limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives ``body`` once and then whatever the server has to say (a disconnect)."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _counting(receive: Receive, limit: int) -> Callable[[], Any]:
    """Return a receive that refuses once more than ``limit`` body bytes have come, or when it waited longer
    for them than ``BODY_SECONDS`` and what ``SLOWEST`` allows.
    """
    total, waited = 0, 0.0

    async def counted() -> Message:
        nonlocal total, waited
        began = time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS + total / SLOWEST - waited)
        except TimeoutError:
            raise Refusal("body.timeout") from None
        waited += time.monotonic() - began
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit:
                raise Refusal("body.too_large", limit=limit)
        return message

    return counted
