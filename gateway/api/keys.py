"""API keys: make, list, rotate, end them, each change with its ledger entry. A secret is shown once, when it
is made.
"""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api.context import Administrator, Shared, body_of
from gateway.api.instruction import choose_key
from gateway.auth import Principal, joined_scopes, new_secret, request_digest
from gateway.errors import Refusal
from gateway.ledger.api_keys import issue_draft, key_id, revocation_draft, rotation_draft
from gateway.ledger.drafts import Accepted, Draft, IssueKey, Submission
from gateway.response_schemas.accounts import KeyList, KeyMade, KeyRotated
from gateway.response_schemas.publish import answers
from gateway.rules.calendar import format_timestamp
from gateway.schemas import KeyIn, KeyReason, KeyRotationIn
from gateway.services import Services

router = APIRouter(prefix="/v1/keys", tags=["keys"])

_SPACE = "\n"
"""Start of the ledger's idempotency keys for API keys, a space of their own: no caller's key holds it."""


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
    asked = choose_key(request.headers.get("idempotency-key"), body_of(request))
    scopes = joined_scopes(body.scopes)
    key, secret = _new_key(services, principal, asked, body.name, scopes, chapter)
    entry = await _make(services, principal, asked, key, issue_draft(key), [body.name, scopes, chapter])
    return {"id": key.id, "entry": entry, "secret": secret}


@router.get("", response_model=None, operation_id="keys_list", responses=answers(KeyList))
async def list_keys(principal: Administrator, services: Shared) -> dict[str, list[dict[str, str | None]]]:
    """Return what is kept of every key this one may manage; never a secret."""
    found = await asyncio.to_thread(services.keyring.list_keys)
    return {"keys": [key for key in found if principal.may_see(key["chapter"])]}


@router.post(
    "/{key_id}/rotate",
    response_model=None,
    operation_id="keys_rotate",
    status_code=201,
    responses=answers(KeyRotated, 201, entry=False),
)
async def rotate_key(
    request: Request, key_id: str, body: KeyRotationIn, principal: Administrator, services: Shared
) -> dict[str, str | None]:
    """Make a key in the place of another, with its name, scopes and chapter. The old one ends at once, or
    after the overlap that is asked for, and never later.

    A repeat under the same Idempotency-Key is refused with the id of the key that was made.
    """
    asked = choose_key(request.headers.get("idempotency-key"), body_of(request))
    old = await asyncio.to_thread(services.keyring.find, principal, key_id)
    key, secret = _new_key(services, principal, asked, old.name, old.scopes, old.chapter, old.id)
    ends_at = None
    if body.overlap_seconds:
        ends_at = format_timestamp(services.clock() + body.overlap_seconds * 1000)
    draft = rotation_draft(key, ends_at, body.reason)
    entry = await _make(services, principal, asked, key, draft, [old.id, body.reason, body.overlap_seconds])
    return {"id": key.id, "entry": entry, "secret": secret, "replaces": old.id, "ends_at": ends_at}


@router.delete("/{key_id}", operation_id="keys_revoke", status_code=204)
async def revoke_key(
    key_id: str, principal: Administrator, services: Shared, reason: KeyReason = "retired"
) -> Response:
    """End a key at once: behind the entry that says so nothing of it is recorded."""
    old = await asyncio.to_thread(services.keyring.find, principal, key_id)
    # A key of its own for each request: who ends an ended key is told that there is none.
    await _submit(
        services, principal, services.entropy(16).hex(), revocation_draft(old.id, old.chapter, reason)
    )
    services.keyring.forget()
    return Response(status_code=204)


def _new_key(
    services: Services,
    principal: Principal,
    asked: str,
    name: str,
    scopes: str,
    chapter: str | None,
    replaces: str | None = None,
) -> tuple[IssueKey, str]:
    secret = new_secret(services.entropy)
    digest = sha256(secret.encode()).digest()
    request = request_digest(principal, asked)
    return IssueKey(key_id(digest), digest, name, scopes, chapter, request, replaces), secret


async def _make(
    services: Services, principal: Principal, asked: str, key: IssueKey, draft: Draft, meaning: object
) -> str:
    """Record a key and return its entry's id. Raises Refusal, ``key.made_already`` on a repeat."""
    accepted = await _submit(services, principal, asked, draft, json.dumps(meaning))
    services.keyring.forget()
    if accepted.replayed:
        made = await asyncio.to_thread(services.keyring.made_under, request_digest(principal, asked))
        # Our own where the answer to this very request was lost on its way and asked for again.
        if made is not None and made.digest != key.digest:
            raise Refusal("key.made_already", key=made.id)
    return accepted.entry_id


async def _submit(
    services: Services, principal: Principal, asked: str, draft: Draft, meaning: str = ""
) -> Accepted:
    fingerprint = sha256(f"{draft.type}\n{meaning}".encode()).digest()
    submission = Submission(principal.id, _SPACE + asked, fingerprint, draft)
    answer = await asyncio.wrap_future(services.sequencer.submit(submission))
    if isinstance(answer, Refusal):
        raise answer
    return answer
