"""API keys: make, list, end them. A secret is shown once, when it is made."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api.context import Administrator, Shared, body_of
from gateway.api.instruction import choose_key
from gateway.auth import request_digest
from gateway.errors import Refusal
from gateway.response_schemas.accounts import KeyList, KeyMade
from gateway.response_schemas.publish import answers
from gateway.schemas import KeyIn

router = APIRouter(prefix="/v1/keys", tags=["keys"])


@router.post(
    "",
    response_model=None,
    operation_id="keys_create",
    status_code=201,
    responses=answers(KeyMade, 201, entry=False),
)
async def create_key(
    request: Request, body: KeyIn, principal: Administrator, services: Shared
) -> dict[str, str]:
    """Make a key with scopes, for one chapter or all. A key of one chapter makes keys of that one alone.

    A repeat under the same Idempotency-Key makes no second key: since the secret is shown once, it is
    refused with the id of the key that was made.
    """
    chapter = body.chapter if principal.chapter is None else principal.chapter
    if not principal.may_see(body.chapter) and body.chapter is not None:
        raise Refusal("chapter.forbidden")
    asked = request_digest(principal, choose_key(request.headers.get("idempotency-key"), body_of(request)))
    key_id, secret = await asyncio.to_thread(
        services.keyring.create, body.name, frozenset(body.scopes), chapter, request=asked
    )
    return {"id": key_id, "secret": secret}


@router.get("", response_model=None, operation_id="keys_list", responses=answers(KeyList))
async def list_keys(principal: Administrator, services: Shared) -> dict[str, list[dict[str, str | None]]]:
    """Return what is kept of every key this one may manage; never a secret."""
    found = await asyncio.to_thread(services.keyring.list_keys)
    return {"keys": [key for key in found if principal.may_see(key["chapter"])]}


@router.delete("/{key_id}", operation_id="keys_revoke", status_code=204)
async def revoke_key(key_id: str, principal: Administrator, services: Shared) -> Response:
    """End a key at once."""
    ended = await asyncio.to_thread(services.keyring.revoke, key_id, principal.chapter)
    if not ended:
        raise Refusal("not_found")
    return Response(status_code=204)
