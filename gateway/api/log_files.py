"""The log as static files over HTTP: C2SP tlog-tiles. Public, no key; nothing beyond the published
checkpoint.

Tiles never change, so they are cached for ever; the checkpoint is not.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from chain.errors import FormatError
from chain.tiles import TILE_HEIGHT, TilePath, parse_tile_path
from gateway.api.context import services_of
from gateway.errors import Refusal
from gateway.response_schemas.publish import text_answers

router = APIRouter(prefix="/log", tags=["log"])

FOR_EVER = "public, max-age=31536000, immutable"
"""Cache rule of tiles and entry bundles."""
BRIEFLY = "public, max-age=1"
"""Cache rule of the checkpoint."""
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


@router.get(
    "/checkpoint",
    operation_id="log_checkpoint",
    response_class=Response,
    responses=text_answers("Signed note"),
)
async def checkpoint(request: Request) -> Response:
    """Return the newest signed checkpoint (C2SP tlog-checkpoint)."""
    note = services_of(request).log.checkpoint()
    if note is None:
        raise Refusal("not_found")
    return Response(note, headers={"cache-control": BRIEFLY}, media_type=_TEXT)


@router.get("/vkey", operation_id="log_vkey", response_class=Response, responses=text_answers("Verifier key"))
async def vkey(request: Request) -> Response:
    """Return the log's verifier key (C2SP signed-note)."""
    return Response(services_of(request).log.vkey + "\n", media_type=_TEXT)


@router.get(
    "/tile/{path:path}",
    operation_id="log_tile",
    response_class=Response,
    responses=text_answers("Hashes or entries", _BYTES, binary=True),
)
async def tile(request: Request, path: str) -> Response:
    """Return a hash tile ``<L>/<N>[.p/<W>]`` or an entry bundle ``entries/<N>[.p/<W>]`` (C2SP tlog-tiles)."""
    log = services_of(request).log
    try:
        wanted = parse_tile_path(f"tile/{path}")
    except FormatError:
        raise Refusal("not_found") from None
    if not within(wanted, log.published_size()):
        raise Refusal("not_found")
    content = await asyncio.to_thread(log.tile, wanted)
    if content is None:
        raise Refusal("not_found")
    return Response(content, headers={"cache-control": FOR_EVER}, media_type=_BYTES)


def within(path: TilePath, size: int) -> bool:
    """Whether the file lies wholly within a log of ``size`` entries."""
    nodes = size >> (TILE_HEIGHT * (path.level or 0))
    return path.index * 256 + path.width <= nodes
