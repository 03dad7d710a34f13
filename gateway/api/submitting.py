"""How the cold routes write: a draft under an idempotency key, and the 201 with what the entry says.

What a repeat answers is read back from the stored entry, so that it gives what the first request made (an
address drawn at random, say), not what the repeat would have made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from fastapi import Request
from starlette.responses import Response

from chain.canonical import JsonValue
from gateway.api.context import body_of, caller_of, services_of
from gateway.api.entry_writes import accepted_body
from gateway.api.instruction import choose_key, fingerprint
from gateway.auth import Principal, Scope
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, Draft, Submission


async def submit(request: Request, principal: Principal, draft: Draft, *, suffix: str = "") -> Accepted:
    """Record ``draft`` under the request's key, with ``suffix`` for a request's second entry.

    Raises:
        Refusal: whatever refuses it.
    """
    principal.require_chapter(draft.chapter)
    body = body_of(request)
    key = choose_key(request.headers.get("idempotency-key"), body)
    submission = Submission(principal.id, key + suffix, fingerprint(request.url.path, body), draft)
    answer = await asyncio.wrap_future(services_of(request).sequencer.submit(submission))
    if isinstance(answer, Refusal):
        raise answer
    return answer


def principal_with(request: Request, scope: Scope) -> Principal:
    """Return the request's principal when it holds ``scope``."""
    return caller_of(request).require(scope)


async def recorded_public(request: Request, accepted: Accepted, draft: Draft) -> Mapping[str, JsonValue]:
    """Return the public fields of the entry as recorded: those of ``draft`` unless an earlier one stands."""
    if not accepted.replayed:
        return draft.public
    record = await asyncio.to_thread(services_of(request).records.at, accepted.index)
    public: dict[str, JsonValue] = json.loads(record.body or b'{"public":{}}')["public"]
    return public


def created(accepted: Accepted, **more: JsonValue) -> Response:
    """Return the 201: the entry's body as for ``POST /v1/entries``, with ``more`` members."""
    document = json.loads(accepted_body(accepted)) | more
    headers = {"location": f"/v1/entries/{accepted.entry_id}"}
    if accepted.replayed:
        headers["idempotency-replayed"] = "true"
    return Response(json.dumps(document, separators=(",", ":")), 201, headers, "application/json")
