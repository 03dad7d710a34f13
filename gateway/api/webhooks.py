"""Webhooks: subscribe to the events of a key's stream, look after it, have events sent again."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chain.canonical import JsonValue
from gateway.api.context import EventReader, Shared, body_of
from gateway.api.entry_reads import Limit, chapter_of
from gateway.api.instruction import choose_key
from gateway.auth import Principal, Scope, request_digest
from gateway.delivery.subscriptions import Owner
from gateway.response_schemas.publish import answers
from gateway.response_schemas.webhooks import (
    DeadLetterPage,
    SecretMade,
    Webhook,
    WebhookList,
    WebhookMade,
)
from gateway.schemas import ReplayIn, WebhookIn

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

View = dict[str, JsonValue]


@router.post(
    "",
    response_model=None,
    operation_id="webhooks_create",
    status_code=201,
    responses=answers(WebhookMade, 201, entry=False),
)
async def create_webhook(request: Request, body: WebhookIn, principal: EventReader, services: Shared) -> View:
    """Have the events that this key hears sent to a URL, from the next one on or from number ``from``.

    Messages are those of Standard Webhooks, signed with the secret, which is shown once; ``data`` is the
    event with its ``stream``, ``seq`` and ``prev``. At least once, in order; what is not acknowledged by
    a 2xx is sent again, at growing intervals, and put with the dead letters in the end. The subscription
    ends with its key.
    """
    asked = request_digest(principal, choose_key(request.headers.get("idempotency-key"), body_of(request)))
    return await asyncio.to_thread(services.webhooks.create, owner_of(principal), body.url, body.start, asked)


@router.get("", response_model=None, operation_id="webhooks_list", responses=answers(WebhookList))
async def list_webhooks(principal: EventReader, services: Shared) -> View:
    """Return this key's webhooks; those of all keys it may manage, for an administrator."""
    found = await asyncio.to_thread(services.webhooks.list_all, owner_of(principal))
    return {"webhooks": list(found)}


@router.get("/{webhook_id}", response_model=None, operation_id="webhooks_get", responses=answers(Webhook))
async def get_webhook(webhook_id: str, principal: EventReader, services: Shared) -> View:
    """Return a webhook: how far it is, and what went wrong last."""
    return await asyncio.to_thread(services.webhooks.get, owner_of(principal), webhook_id)


@router.delete("/{webhook_id}", operation_id="webhooks_delete", status_code=204)
async def delete_webhook(webhook_id: str, principal: EventReader, services: Shared) -> Response:
    """End a webhook at once; its secrets are destroyed."""
    await asyncio.to_thread(services.webhooks.delete, owner_of(principal), webhook_id)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/secret",
    response_model=None,
    operation_id="webhooks_secret",
    status_code=201,
    responses=answers(SecretMade, 201, entry=False),
)
async def rotate_secret(webhook_id: str, principal: EventReader, services: Shared) -> View:
    """Give a webhook a new secret. For a day messages carry signatures of both, then of the new one alone."""
    return await asyncio.to_thread(services.webhooks.rotate, owner_of(principal), webhook_id)


@router.post(
    "/{webhook_id}/replay", response_model=None, operation_id="webhooks_replay", responses=answers(Webhook)
)
async def replay(webhook_id: str, body: ReplayIn, principal: EventReader, services: Shared) -> View:
    """Send events again: from number ``from`` on, or, without it, the dead letters.

    Under the ids they had; a disabled webhook becomes active.
    """
    return await asyncio.to_thread(services.webhooks.replay, owner_of(principal), webhook_id, body.start)


@router.get(
    "/{webhook_id}/dead-letters",
    response_model=None,
    operation_id="webhooks_dead_letters",
    responses=answers(DeadLetterPage),
)
async def list_dead_letters(
    webhook_id: str,
    principal: EventReader,
    services: Shared,
    after: Annotated[int, Query(ge=0, lt=2**53)] = 0,
    limit: Limit = 50,
) -> View:
    """Return events the receiver did not take in all attempts, behind number ``after``."""
    found = await asyncio.to_thread(services.webhooks.dead, owner_of(principal), webhook_id, after, limit)
    return {"dead_letters": list(found), "next": found[-1]["seq"] if len(found) == limit else None}


def owner_of(principal: Principal) -> Owner:
    """Return who asks, as subscriptions know owners."""
    return Owner(principal.id, chapter_of(principal), principal.holds(Scope.ADMIN))
