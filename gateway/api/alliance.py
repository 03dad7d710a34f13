"""The alliance's reads that are more than a case: the seat map, public notices, clocks that ran out."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from chain.canonical import JsonValue
from chain.operation import chapter_number
from gateway.alliance.reading import read_notices, read_overdue, read_seats
from gateway.api.context import EntryReader, Shared, one_chapter
from gateway.auth import Principal
from gateway.response_schemas.alliance import NoticePage, OverdueList, SeatMap
from gateway.response_schemas.publish import answers

router = APIRouter(prefix="/v1", tags=["alliance"])

Chapter = Annotated[str | None, Query(max_length=9)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/seats", response_model=None, operation_id="seats_list", responses=answers(SeatMap))
async def list_seats(
    principal: EntryReader, services: Shared, chapter: Chapter = None
) -> dict[str, JsonValue]:
    """Return the seats of a chapter and who holds them, in the ledger and on chain."""
    number = _seen(principal, chapter)
    if number is None:
        return {"seats": []}
    now = services.clock()
    found = await asyncio.to_thread(read_seats, services.database, services.chain_id, number, now)
    return {"seats": list(found)}


@router.get("/notices", response_model=None, operation_id="notices_list", responses=answers(NoticePage))
async def list_notices(
    principal: EntryReader,
    services: Shared,
    chapter: Chapter = None,
    after: Annotated[str, Query(max_length=26)] = "",
    limit: Limit = 50,
) -> dict[str, JsonValue]:
    """Return a chapter's public notices, oldest first; what was withdrawn or has ended says so."""
    number = _seen(principal, chapter)
    if number is None:
        return {"notices": [], "next": None}
    found = await asyncio.to_thread(read_notices, services.database, number, after, limit)
    return {"notices": list(found), "next": found[-1]["entry"] if len(found) == limit else None}


@router.get(
    "/complaints/overdue",
    response_model=None,
    operation_id="complaints_overdue",
    responses=answers(OverdueList),
)
async def list_overdue(
    principal: EntryReader, services: Shared, chapter: Chapter = None, limit: Limit = 200
) -> dict[str, JsonValue]:
    """Return the complaints, appeals, claims, reviews and refunds of a chapter that are late, with owners."""
    number = _seen(principal, chapter)
    if number is None:
        return {"overdue": []}
    found = await asyncio.to_thread(read_overdue, services.database, number, services.clock(), limit)
    return {"overdue": list(found)}


def _seen(principal: Principal, chapter: str | None) -> int | None:
    """Return the chapter asked for, None where its things do not exist for this key."""
    code = one_chapter(principal, chapter)
    return chapter_number(code) if principal.may_see(code) else None
