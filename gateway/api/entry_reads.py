"""Reading entries, their proofs, anchors and the feed of outcomes."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query
from starlette.responses import Response

from chain.canonical import JsonValue
from chain.entry_fields import ENTRY_ID_PATTERN
from chain.evidence.bundle import MEDIA_TYPE
from chain.operation import chapter_number
from chain.types import ChapterCode
from gateway.api.context import EntryReader, EventReader, Shared
from gateway.api.instruction import PRIVATE_NAME
from gateway.auth import Principal
from gateway.errors import Refusal
from gateway.evidence.records import Record
from gateway.evidence.short_forms import FORMS
from gateway.response_schemas.entries import AnchorPage, EntryDetail, EntryPage, EventPage
from gateway.response_schemas.proofs import ProofFile
from gateway.response_schemas.publish import Responses, answers
from gateway.services import Services

router = APIRouter(prefix="/v1", tags=["entries"])

Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[int, Query(ge=-1, lt=2**53)]
CURSOR_PATTERN = r"^([0-9]{1,15}:[0-9]{1,9})?$"
"""Place of an event, ``block:log_index``; empty for the beginning."""
CURRENT_SECONDS = 1.0
"""How long a page of events waits for outcomes that became final just now to be numbered."""
ALL = "*"
"""``disclose=*`` shows every private field."""


def _proof_answers() -> Responses:
    """The bundle with its schema, and the two short forms, which are text and CBOR."""
    published = answers(ProofFile, media=MEDIA_TYPE)
    content = cast("dict[str, object]", published[200]["content"])
    content["text/plain"] = {"schema": {"type": "string"}}
    cose = FORMS["cose"].media_type
    content[cose] = {"schema": {"type": "string", "contentMediaType": cose}}
    return published


@router.get("/entries", response_model=None, operation_id="entries_list", responses=answers(EntryPage))
async def list_entries(
    principal: EntryReader, services: Shared, after: After = -1, limit: Limit = 50
) -> dict[str, JsonValue]:
    """Return entries this key sees, in order; ``next`` is the cursor of the next page, null at the end."""
    found = await asyncio.to_thread(services.records.page, after, limit, chapter_of(principal))
    views: list[JsonValue] = [_view(record) for record in found]
    return {"entries": views, "next": found[-1].index if len(found) == limit else None}


@router.get(
    "/entries/{entry_id}",
    response_model=None,
    operation_id="entries_get",
    responses=answers(EntryDetail),
)
async def get_entry(entry_id: str, principal: EntryReader, services: Shared) -> dict[str, JsonValue]:
    """Return an entry with its state, outcome, settling transaction and receipt."""
    record = await _record(services, principal, entry_id)
    return await asyncio.to_thread(_full_view, services, record)


@router.get(
    "/entries/{entry_id}/proof",
    response_model=None,
    operation_id="entries_proof",
    response_class=Response,
    responses=_proof_answers(),
)
async def get_proof(
    entry_id: str,
    principal: EntryReader,
    services: Shared,
    disclose: Annotated[str | None, Query(max_length=2_200)] = None,
    form: Literal["bundle", "tlog-proof", "cose"] = "bundle",
) -> Response:
    """Return the entry's proof bundle, showing the private fields named in ``disclose`` (``*`` for all).

    ``form`` gives the entry's place in the log alone as C2SP ``tlog-proof`` or as COSE receipt (RFC 9942).
    """
    names = _names(disclose)
    record = await _record(services, principal, entry_id)
    if form == "bundle":
        content = await asyncio.to_thread(services.bundles.assemble, record, names)
    else:
        content = await asyncio.to_thread(services.short_forms.write, record, form)
    sent = FORMS[form]
    headers = {
        "content-disposition": f'attachment; filename="{entry_id}.{sent.ending}"',
        "cache-control": "private, no-store",
    }
    return Response(content, headers=headers, media_type=sent.media_type)


@router.get("/anchors", response_model=None, operation_id="anchors_list", responses=answers(AnchorPage))
async def list_anchors(services: Shared, after: After = 0, limit: Limit = 50) -> dict[str, JsonValue]:
    """Return anchored sizes and roots in order of size; public, as the chain and the log are."""
    found = await asyncio.to_thread(services.feed.anchors, after, limit)
    return {"anchors": list(found), "next": found[-1]["size"] if len(found) == limit else None}


@router.get("/events", response_model=None, operation_id="events_list", responses=answers(EventPage))
async def list_events(
    principal: EventReader,
    services: Shared,
    after: Annotated[str, Query(pattern=CURSOR_PATTERN)] = "0:0",
    limit: Limit = 50,
) -> dict[str, JsonValue]:
    """Return outcomes of operations in final blocks after the cursor ``block:log_index``, in chain order.

    An empty cursor starts at the beginning. Only final blocks are told, so that an event once seen is never
    taken back and a cursor never moves. ``seq`` and ``prev`` show that none is missing: chain/FORMATS.md.
    """
    cursor = parse_cursor(after)
    await asyncio.to_thread(services.events.wait_current, CURRENT_SECONDS)
    found = await asyncio.to_thread(services.events.events, cursor, limit, chapter_of(principal))
    return {"events": list(found), "next": found[-1]["cursor"] if found else after or "0:0"}


def parse_cursor(text: str) -> tuple[int, int]:
    """Return (block, log index) of a cursor. Requires ``CURSOR_PATTERN``."""
    block, _, log_index = text.partition(":")
    return int(block or 0), int(log_index or 0)


def chapter_of(principal: Principal) -> int | None:
    """Return the number of the one chapter a principal sees, None for every chapter."""
    return None if principal.chapter is None else chapter_number(ChapterCode(principal.chapter))


async def _record(services: Services, principal: Principal, entry_id: str) -> Record:
    if not ENTRY_ID_PATTERN.match(entry_id):
        raise Refusal("entry.unknown")
    return await asyncio.to_thread(services.records.get, entry_id, chapter_of(principal))


def _names(disclose: str | None) -> tuple[str, ...] | None:
    """Return the names to disclose: none by default, None for all."""
    if disclose == ALL:
        return None
    names = tuple(dict.fromkeys(disclose.split(","))) if disclose else ()
    if not all(map(PRIVATE_NAME.match, names)):
        raise Refusal("disclosure.unknown")
    return names


def _view(record: Record) -> dict[str, JsonValue]:
    return {
        "id": record.entry_id,
        "index": record.index,
        "leaf_hash": record.leaf_hash.hex(),
        "entry": None if record.body is None else json.loads(record.body),
    }


def _full_view(services: Services, record: Record) -> dict[str, JsonValue]:
    state = services.records.state(record.index)
    outcome, tx_hash = services.records.outcome(record.index)
    return {
        **_view(record),
        "state": state,
        "outcome": outcome.document() if outcome is not None else None,
        "tx_hash": "0x" + tx_hash.hex() if tx_hash is not None else None,
        "receipt": services.receipt(record.index, record.leaf_hash, record.at),
    }
