"""Commerce's reads that are more than a case: a month's figures and awards, contributions, gates.

All of them are computed from the ledger when asked for. Another chapter reads like one that does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

from chain.canonical import JsonValue
from chain.errors import FormatError
from chain.operation import chapter_number
from gateway.api.context import EntryReader, Shared, one_chapter
from gateway.auth import Principal
from gateway.commerce.awards import read_awards
from gateway.commerce.contributions import read_equity, read_gates
from gateway.commerce.figures import read_figures
from gateway.errors import Refusal
from gateway.response_schemas.commerce import AwardList, EquityStatement, GateList, MonthFigures
from gateway.response_schemas.publish import answers
from gateway.rules.calendar import parse_month
from gateway.rules.refusals import RuleRefusal
from gateway.services import Services

router = APIRouter(prefix="/v1", tags=["commerce"])

Chapter = Annotated[str | None, Query(max_length=9)]
Month = Annotated[str, Query(max_length=7)]
Figures = dict[str, JsonValue]


@router.get("/awards", response_model=None, operation_id="awards_list", responses=answers(AwardList))
async def list_awards(
    principal: EntryReader, services: Shared, month: Month, chapter: Chapter = None
) -> Figures:
    """Compute a month's awards anew, each with the entry that granted it and whether both agree."""
    period, database = _period(month), services.database
    return await _read(
        principal, services, chapter, lambda number: read_awards(database, number, period, services.clock())
    )


@router.get("/equity", response_model=None, operation_id="equity_get", responses=answers(EquityStatement))
async def get_equity(
    principal: EntryReader, services: Shared, month: Month, chapter: Chapter = None
) -> Figures:
    """Compute who contributed which part of a chapter until the end of a month: figures, never a token."""
    period, database = _period(month), services.database
    return await _read(principal, services, chapter, lambda number: read_equity(database, number, period))


@router.get("/gates", response_model=None, operation_id="gates_get", responses=answers(GateList))
async def get_gates(principal: EntryReader, services: Shared, chapter: Chapter = None) -> Figures:
    """Return the gates a chapter passes before it grows or asks for money."""
    database = services.database
    return await _read(
        principal, services, chapter, lambda number: read_gates(database, number, services.clock())
    )


@router.get("/figures", response_model=None, operation_id="figures_get", responses=answers(MonthFigures))
async def get_figures(
    principal: EntryReader, services: Shared, month: Month, chapter: Chapter = None
) -> Figures:
    """Add up a month of a chapter: sales, splits, rebates, vouchers, funds, pools, concentration."""
    period, database = _period(month), services.database
    return await _read(principal, services, chapter, lambda number: read_figures(database, number, period))


async def _read(
    principal: Principal, services: Services, chapter: str | None, read: Callable[[int], Figures]
) -> Figures:
    """Return what ``read`` gives for the chapter asked for.

    Raises:
        Refusal: ``not_found``; ``query.invalid``; what ``read`` refuses.
    """
    code = one_chapter(principal, chapter)
    if not principal.may_see(code) or not await asyncio.to_thread(services.directory.chapters, code):
        raise Refusal("not_found")
    try:
        return await asyncio.to_thread(read, chapter_number(code))
    except RuleRefusal as refusal:
        raise Refusal(refusal.code, **refusal.fields) from None


def _period(month: str) -> int:
    """Return a month as yyyymm. Raises Refusal ``query.invalid``."""
    try:
        period = parse_month(month)
    except FormatError as error:
        raise Refusal("query.invalid", field="month", reason=error.reason) from None
    if period > 999_900:
        raise Refusal("query.invalid", field="month", reason="not YYYY-MM")
    return period
