"""A witness over HTTP: add-checkpoint (C2SP tlog-witness), its key, its last checkpoints, evidence, health.

Stands alone: no chain, no ledger. Every answer is the protocol's own, or a code with words in both languages.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chain.hashing import sha256
from gateway.telemetry import fault_place
from gateway.witness.refusals import REFUSALS, WitnessRefusal
from gateway.witness.requests import open_request
from gateway.witness.state import WitnessState

_log = structlog.get_logger("witness")

BODY_LIMIT = 256 * 1024
"""Bytes of a request: 63 proof lines and a checkpoint with a hundred signatures fit many times."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
MOST_AT_ONCE = 64
"""Requests with a body in work at once; more are told to come back."""
SIZE_TYPE = "text/x.tlog.size"
"""Media type of the answer that gives the size cosigned last."""

_HASH = re.compile(r"[0-9a-f]{64}\Z")

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class WitnessService:
    """What the routes answer from; ``logs`` are the vkeys trusted for each origin."""

    vkey: str
    logs: Mapping[str, Sequence[str]]
    state: WitnessState


class _Figures:
    """The metrics of one witness."""

    def __init__(self, service: WitnessService) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "tongyi_witness_answers", "Answers to add-checkpoint by code", ("code",), registry=self.registry
        )
        self._sizes = Gauge("tongyi_witness_size", "Size cosigned last", ("origin",), registry=self.registry)
        self._evidence = Gauge(
            "tongyi_witness_evidence",
            "Pairs of signed checkpoints of one size and different roots (must be 0)",
            registry=self.registry,
        )
        self._service = service

    def render(self) -> bytes:
        """Return the exposition text. Origins are those of the set-up, so there are few."""
        sizes = self._service.state.sizes()
        for origin in self._service.logs:
            self._sizes.labels(origin).set(sizes.get(origin, 0))
        self._evidence.set(self._service.state.count_evidence())
        return generate_latest(self.registry)


def build_witness_app(service: WitnessService) -> Starlette:
    """Return the application. A stock client appends ``add-checkpoint`` to its prefix, so there are two."""
    figures = _Figures(service)
    at_once = asyncio.Semaphore(MOST_AT_ONCE)
    by_hash = {sha256(origin.encode()).hex(): origin for origin in service.logs}
    add = partial(_add_checkpoint, service, figures, at_once)
    read = partial(_read_checkpoint, service, by_hash)
    contradictions = partial(_read_evidence, service, by_hash)
    routes = [
        Route("/livez", _plain("ok\n"), methods=["GET"]),
        Route("/readyz", partial(_ready, service), methods=["GET"]),
        Route("/metrics", partial(_metrics, figures), methods=["GET"]),
    ]
    for prefix in ("", "/witness"):
        routes += [
            Route(f"{prefix}/add-checkpoint", add, methods=["POST"]),
            Route(f"{prefix}/vkey", _plain(service.vkey + "\n"), methods=["GET"]),
            Route(f"{prefix}/{{digest}}/checkpoint", read, methods=["GET"]),
            Route(f"{prefix}/{{digest}}/evidence", contradictions, methods=["GET"]),
        ]
    handlers = {WitnessRefusal: _refuse, HTTPException: _refuse_route, Exception: _fail}
    return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]  # a class each


async def _add_checkpoint(
    service: WitnessService, figures: _Figures, at_once: asyncio.Semaphore, request: Request
) -> Response:
    try:
        if at_once.locked():
            raise WitnessRefusal("busy")
        async with at_once:
            body = await _read_body(request)
            line = await run_in_threadpool(_cosign, service, body)
    except WitnessRefusal as refusal:
        figures.answers.labels(refusal.code).inc()
        raise
    figures.answers.labels("cosigned").inc()
    return PlainTextResponse(line)


def _cosign(service: WitnessService, body: bytes) -> str:
    try:
        return service.state.cosign(open_request(body, service.logs))
    except DBAPIError as error:
        _log.error("nothing is kept", error=type(error).__name__, place=fault_place(error))
        raise WitnessRefusal("state.unavailable") from None


async def _read_body(request: Request) -> bytes:
    """Return the whole body, within its limits of size and time, whatever was declared of it."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > BODY_LIMIT:
        raise WitnessRefusal("body.too_large")
    parts = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                parts += part
                if len(parts) > BODY_LIMIT:
                    raise WitnessRefusal("body.too_large")
    except TimeoutError:
        raise WitnessRefusal("body.timeout") from None
    except ClientDisconnect:
        raise WitnessRefusal("request.malformed") from None
    return bytes(parts)


async def _read_checkpoint(service: WitnessService, by_hash: Mapping[str, str], request: Request) -> Response:
    origin = _origin(by_hash, request)
    last = await run_in_threadpool(service.state.last, origin)
    if last is None:
        raise WitnessRefusal("checkpoint.none")
    return Response(last.note, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-store"})


async def _read_evidence(service: WitnessService, by_hash: Mapping[str, str], request: Request) -> Response:
    """Return pairs of notes that contradict each other: the log signed both, so they are public."""
    origin = _origin(by_hash, request)
    found = await run_in_threadpool(service.state.evidence, origin)
    shown = [
        {"size": item.size, "at": item.at, "held": item.held.decode(), "refused": item.refused.decode()}
        for item in found
    ]
    return Response(json.dumps({"origin": origin, "evidence": shown}), media_type="application/json")


def _origin(by_hash: Mapping[str, str], request: Request) -> str:
    digest = request.path_params["digest"]
    if not _HASH.match(digest):
        raise WitnessRefusal("page.unknown")
    if digest not in by_hash:
        raise WitnessRefusal("log.unknown")
    return by_hash[digest]


async def _ready(service: WitnessService, request: Request) -> Response:
    try:
        await run_in_threadpool(service.state.sizes)
    except DBAPIError:
        raise WitnessRefusal("state.unavailable") from None
    return PlainTextResponse("ok\n")


async def _metrics(figures: _Figures, request: Request) -> Response:
    text = await run_in_threadpool(figures.render)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _plain(text: str) -> Answer:
    async def answer(request: Request) -> Response:
        return PlainTextResponse(text)

    return answer


async def _refuse(request: Request, refusal: WitnessRefusal) -> Response:
    if refusal.size is not None:
        return Response(f"{refusal.size}\n", refusal.status, headers={"content-type": SIZE_TYPE})
    words = REFUSALS[refusal.code]
    headers = {"x-tongyi-code": refusal.code, **({"retry-after": "1"} if refusal.status == 503 else {})}
    return PlainTextResponse(f"{refusal.code}\n{words.en}\n{words.zh}\n", refusal.status, headers)


async def _refuse_route(request: Request, error: HTTPException) -> Response:
    code = "method.not_allowed" if error.status_code == 405 else "page.unknown"
    answer = await _refuse(request, WitnessRefusal(code))
    if error.headers is not None and "Allow" in error.headers:
        answer.headers["allow"] = error.headers["Allow"]
    return answer


async def _fail(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw: its place goes to the log, nothing of it to the caller."""
    _log.error("fault", error=type(error).__name__, place=fault_place(error))
    return PlainTextResponse("internal\n", 500)
