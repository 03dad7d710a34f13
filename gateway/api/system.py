"""Health, status, metrics and the public page: what operators and the public may always see."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from chain.evm.recursion import is_recursion_limited
from gateway.api.context import Shared, services_of
from gateway.case_rules import CASE_BOOK
from gateway.cases.due import DueRecorder
from gateway.errors import Refusal
from gateway.response_schemas.proofs import TrustRoot
from gateway.response_schemas.publish import answers, text_answers
from gateway.response_schemas.system import Alive, Ready, Status
from gateway.services import Services
from gateway.web.page import CSP, render_page

router = APIRouter(tags=["system"])

READY_WITNESS_SECONDS = 15.0
"""Seconds a signed checkpoint may wait for its witnesses while the gateway still counts as ready."""
READY_LAG_BLOCKS = 30
"""Blocks the mirror may be behind while the gateway still counts as ready."""
_FAILING = {"witnesses": "log.witnesses_behind"}
"""How a check that does not hold is named, where not by itself."""


@router.get("/livez", response_model=None, operation_id="livez", responses=answers(Alive))
async def livez() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None, operation_id="readyz", responses=answers(Ready))
async def readyz(services: Shared) -> dict[str, str | dict[str, bool]]:
    """Say whether requests are served as they should be: 200 with every check, 503 naming those that fail."""
    checks = await asyncio.to_thread(readiness, services)
    failing = [_FAILING.get(name, name) for name, holds in checks.items() if not holds]
    if not checks["mirror"] and (halt := await asyncio.to_thread(services.standing.read_halt)) is not None:
        failing.append(halt)
    if failing:
        raise Refusal("not_ready", checks=", ".join(failing))
    return {"status": "ok", "checks": checks}


def readiness(services: Services) -> dict[str, bool]:
    """Return each check by name: schema, chain, mirror, ledger, witnesses, recursion limit."""
    figures = services.standing.read()
    lag = figures.mirror_lag_blocks
    return {
        "schema": services.schema_current(),
        "chain": figures.chain_head is not None and services.chain_matches(),
        "mirror": lag is not None and lag <= READY_LAG_BLOCKS and not figures.mirror_halted,
        "ledger": services.writable(),
        "witnesses": figures.witnesses_behind_seconds <= READY_WITNESS_SECONDS,
        # A process in which some import raised it dies of the first deep JSON.
        "recursion_limit": is_recursion_limited(),
    }


@router.get("/v1/status", response_model=None, operation_id="status_get", responses=answers(Status))
async def status(services: Shared) -> dict[str, object]:
    """Return the public state: sizes, heights, lags, contracts, and what is not proved."""
    figures = await asyncio.to_thread(services.standing.read)
    return {
        **figures.shown(),
        "vkey": services.log.vkey,
        "contracts": services.contracts,
        "genesis_hash": services.genesis_hash,
        "trust_root": services.trust_root_id,
        "trust_root_name": services.trust_root_name,
        "finality_depth": services.settings.finality_depth,
    }


@router.get(
    "/v1/trust-root", operation_id="trust_root_get", response_class=Response, responses=answers(TrustRoot)
)
async def trust_root(services: Shared) -> Response:
    """Return the trust root of this gateway, to be compared with the one you already have, never instead of
    it."""
    return Response(services.trust_root, media_type="application/json")


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses=text_answers("Prometheus text format"),
)
async def metrics(services: Shared) -> Response:
    """Return Prometheus metrics."""
    figures = await asyncio.to_thread(services.standing.read)
    recorder = DueRecorder(services.database, CASE_BOOK, services.sequencer, services.clock)
    due, scrub = services.due(), services.scrub()
    delivery = await asyncio.to_thread(services.delivery)
    readings = {
        "mirror_lag_blocks": float(
            figures.mirror_lag_blocks if figures.mirror_lag_blocks is not None else -1
        ),
        "outbox_oldest_seconds": figures.outbox_oldest_seconds,
        "outbox_waiting": float(figures.outbox_waiting),
        "nonce_gap": float(await asyncio.to_thread(services.standing.nonce_gap)),
        "anchor_age_seconds": figures.anchor_age_seconds,
        "ledger_entries": float(figures.entries),
        "checkpoint_size": float(figures.checkpoint_size),
        "log_witnesses_behind": float(figures.witnesses_behind),
        "log_witnesses_behind_seconds": figures.witnesses_behind_seconds,
        "anchored_size": float(figures.anchored_size),
        "settled_index": float(figures.settled_index),
        "mirror_unproven_blocks": float(figures.mirror_unproven),
        "settle_wait_seconds": figures.settle_wait_seconds,
        "calls_wait_seconds": figures.calls_wait_seconds,
        "due_recorded": float(due.recorded),
        "due_refused": float(due.refused),
        "due_oldest_seconds": await asyncio.to_thread(recorder.oldest_seconds),
        "delivery_oldest_seconds": delivery.oldest_seconds,
        "delivery_failed": float(delivery.failing),
        "delivery_dead_letters": float(delivery.dead_letters),
        "scrub_age_seconds": scrub.age_seconds,
        "scrub_position": float(scrub.position),
        "reconcile_mismatch": float(figures.reconcile_mismatch),
    }
    return Response(
        services.telemetry.render(readings), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


@router.get("/", operation_id="page", response_class=HTMLResponse)
async def page(request: Request, lang: Literal["zh", "en"] = Query("zh")) -> HTMLResponse:
    """Return the public page."""
    figures = await asyncio.to_thread(services_of(request).standing.read)
    headers = {"content-security-policy": CSP, "referrer-policy": "no-referrer"}
    return HTMLResponse(render_page(figures.shown(), lang), headers=headers)
