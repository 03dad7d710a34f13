"""The time bank's reads that are more than a case: who could serve which request."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from chain.canonical import JsonValue
from chain.entry_fields import CODE_PATTERN
from chain.operation import chapter_number
from gateway.api.context import EntryReader, Shared, one_chapter
from gateway.errors import Refusal
from gateway.response_schemas.publish import answers
from gateway.response_schemas.timebank import MatchList
from gateway.timebank.matches import list_matches

router = APIRouter(prefix="/v1/services", tags=["services"])


@router.get("/matches", response_model=None, operation_id="services_matches", responses=answers(MatchList))
async def get_matches(
    principal: EntryReader,
    services: Shared,
    chapter: Annotated[str | None, Query(max_length=9)] = None,
    compound: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> dict[str, JsonValue]:
    """Match the open requests of a chapter with its offers in the same compound."""
    code = one_chapter(principal, chapter)
    if compound is not None and not CODE_PATTERN.match(compound):
        raise Refusal("query.invalid", field="compound", reason="not a code")
    if not principal.may_see(code):
        return {"matches": []}
    found = await asyncio.to_thread(
        lambda: list_matches(
            services.database,
            chapter_number(code),
            services.clock(),
            compound=compound,
            limit=limit,
        )
    )
    return {"matches": list(found)}
