"""``GET /v1/events/stream``: the page of events as server-sent events that goes on as blocks become final.

Same scope, same chapter filter, same cursors as the page; an event's id is its cursor, so that a reader who
was cut off continues with ``Last-Event-ID``. What was sent is never the record: nothing is kept of readers.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from chain.canonical import JsonValue
from gateway.api.context import EventReader, Shared, caller_of
from gateway.api.entry_reads import CURSOR_PATTERN, chapter_of, parse_cursor
from gateway.api.streams import Streams
from gateway.auth import Principal, Scope
from gateway.delivery.event_log import Cursor
from gateway.errors import Refusal
from gateway.response_schemas.publish import text_answers
from gateway.services import Services

router = APIRouter(prefix="/v1", tags=["entries"])

MEDIA_TYPE = "text/event-stream"
POLL_SECONDS = 0.5
"""Pause between two looks for new final blocks."""
HEARTBEAT_SECONDS = 15.0
"""Silence after which a comment is sent, so that both ends and all between see the connection alive."""
PAGE = 200
OPENING = b"retry: 1000\n\n"
HEARTBEAT = b":\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """The answer; holds one of the key's streams from its first byte to its last.

    Raises:
        Refusal: ``streams.limited``, before anything is sent.
    """

    def __init__(self, parts: AsyncIterator[bytes], streams: Streams, key: str) -> None:
        super().__init__(parts, headers=_HEADERS, media_type=MEDIA_TYPE)
        self._streams = streams
        self._key = key

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Send the stream until it or the reader ends."""
        with self._streams.slot(self._key):
            await super().__call__(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and what they sent to be known by."""

    principal: Principal
    authorization: bytes | None
    address: str


@router.get(
    "/events/stream",
    response_model=None,
    operation_id="events_stream",
    response_class=Response,
    responses=text_answers("Server-sent events; each data is an Event", MEDIA_TYPE),
)
async def stream_events(
    request: Request,
    principal: EventReader,
    services: Shared,
    after: Annotated[str, Query(pattern=CURSOR_PATTERN)] = "0:0",
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", pattern=CURSOR_PATTERN)] = "",
) -> Response:
    """Send outcomes of operations as their blocks become final, after the cursor, in chain order.

    Each event's id is its cursor and its data what ``GET /v1/events`` shows of it. ``Last-Event-ID`` wins
    over ``after``. A comment every 15 s of silence. Ends when the gateway stops or the key is revoked.
    """
    headers = dict(request.scope["headers"])
    reader = Reader(principal, headers.get(b"authorization"), caller_of(request).address)
    place = parse_cursor(last_event_id or after)
    if getattr(request.state, "headers_only", False):
        return Response(headers=_HEADERS, media_type=MEDIA_TYPE)
    return EventStream(tell(services, reader, place), services.streams, principal.id)


async def tell(services: Services, reader: Reader, place: Cursor) -> AsyncIterator[bytes]:
    """Give the stream's bytes until the gateway stops, the reader loses its right, or SQL does not answer.

    In the last case the reader comes back and is then told what is wrong.
    """
    chapter = chapter_of(reader.principal)
    spoke = time.monotonic()
    yield OPENING
    while True:
        try:
            if not await _still_allowed(services, reader):
                return
            found = await asyncio.to_thread(services.events.events, place, PAGE, chapter)
        except DBAPIError:
            return
        if found:
            yield b"".join(map(format_event, found))
            place = parse_cursor(str(found[-1]["cursor"]))
            spoke = time.monotonic()
        elif time.monotonic() - spoke >= HEARTBEAT_SECONDS:
            yield HEARTBEAT
            spoke = time.monotonic()
        if await services.streams.rest(0 if len(found) == PAGE else POLL_SECONDS):
            return


def format_event(event: dict[str, JsonValue]) -> bytes:
    """Return one event as the stream sends it; JSON has no line feed that would end it early."""
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event['cursor']}\ndata: {data}\n\n".encode()


async def _still_allowed(services: Services, reader: Reader) -> bool:
    """Say whether the key is still the one that opened the stream, with the same rights."""
    try:
        caller = await services.keyring.identify(reader.authorization, reader.address)
        return caller.require(Scope.EVENTS_READ) == reader.principal
    except Refusal:
        return False
