"""The clock of a simulated gateway. On every other one this route does not exist."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from chain.canonical import JsonValue
from chain.entry_fields import is_timestamp
from gateway.api.context import Administrator, Shared
from gateway.errors import Refusal
from gateway.response_schemas.cases import ClockTime
from gateway.response_schemas.publish import answers
from gateway.rules.calendar import format_timestamp, parse_timestamp
from gateway.schemas import ClockIn

router = APIRouter(prefix="/v1", tags=["simulation"])


@router.post(
    "/simulation/clock", response_model=None, operation_id="simulation_clock", responses=answers(ClockTime)
)
async def move_clock(body: ClockIn, principal: Administrator, services: Shared) -> dict[str, JsonValue]:
    """Move the clock forward, and the chain's next block with it."""
    clock = services.simulated
    if clock is None:
        raise Refusal("not_found")
    if not is_timestamp(body.to):
        raise Refusal("entry.bad_field", field="to", reason="not RFC 3339 UTC with three decimals")
    to = parse_timestamp(body.to)
    if not clock.advance(to):
        raise Refusal("entry.bad_field", field="to", reason="is in the past of this clock")
    await asyncio.to_thread(services.set_chain_time, to // 1000)
    return {"now": format_timestamp(clock())}
