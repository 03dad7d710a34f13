"""Cases as they stand, and the steps whose time has come."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request

from chain.canonical import JsonValue
from chain.entry_fields import CODE_PATTERN, is_timestamp
from chain.operation import ACCOUNT_PATTERN
from gateway.api.context import CaseDecider, EntryReader, Shared, asked_chapter
from gateway.case_rules import CASE_BOOK
from gateway.cases.due import DueRecorder
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted
from gateway.response_schemas.cases import CaseDetail, CasePage, DueSteps
from gateway.response_schemas.publish import answers
from gateway.rules.calendar import parse_timestamp
from gateway.services import Services

router = APIRouter(prefix="/v1", tags=["cases"])

Limit = Annotated[int, Query(ge=1, le=200)]
Text = Annotated[str | None, Query(max_length=128)]
DUE_LIMIT = 1_000
"""Steps carried out by one request."""


@router.get("/cases", response_model=None, operation_id="cases_list", responses=answers(CasePage))
async def list_cases(
    principal: EntryReader,
    services: Shared,
    kind: Annotated[str, Query(max_length=64)],
    state: Text = None,
    holder: Text = None,
    chapter: Text = None,
    due_before: Text = None,
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Limit = 50,
) -> dict[str, JsonValue]:
    """Return cases of a kind in order of their keys; ``next`` is the cursor of the next page."""
    seen = asked_chapter(principal, chapter)
    if holder is not None and not ACCOUNT_PATTERN.match(holder):
        raise Refusal("query.invalid", field="holder", reason="not an account")
    if state is not None and not CODE_PATTERN.match(state):
        raise Refusal("query.invalid", field="state", reason="not a code")
    due = None if due_before is None else _milliseconds(due_before)
    if chapter is not None and not principal.may_see(chapter):
        return {"cases": [], "next": None}
    found = await asyncio.to_thread(
        lambda: services.cases.list(
            kind, seen, state=state, holder=holder, due_before=due, after=after, limit=limit
        )
    )
    last = found[-1]["key"] if len(found) == limit else None
    return {"cases": list(found), "next": last}


@router.get(
    "/cases/{kind}/{key}", response_model=None, operation_id="cases_get", responses=answers(CaseDetail)
)
async def get_case(kind: str, key: str, principal: EntryReader, services: Shared) -> dict[str, JsonValue]:
    """Return one case with the entries that changed it."""
    found = await asyncio.to_thread(services.cases.find, kind, key, principal.chapter)
    if found is None:
        raise Refusal("not_found")
    return found


@router.post("/cases/due", response_model=None, operation_id="cases_due", responses=answers(DueSteps))
async def carry_out_due(request: Request, principal: CaseDecider, services: Shared) -> dict[str, JsonValue]:
    """Record the steps whose time has come: lapsed offers, expired vouchers, ended notices."""
    return await asyncio.to_thread(run_due, services)


def run_due(services: Services) -> dict[str, JsonValue]:
    """Record what is due now, earliest first; a step that was recorded already stays one entry."""
    recorder = DueRecorder(services.database, CASE_BOOK, services.sequencer, services.clock)
    answers = recorder.record(DUE_LIMIT).answers
    recorded: list[JsonValue] = []
    refused: list[JsonValue] = []
    for step, answer in answers:
        if isinstance(answer, Accepted):
            recorded.append(answer.entry_id)
        else:
            refused.append({"step": step.key, "code": answer.code})
    return {"recorded": recorded, "refused": refused, "more": len(answers) == DUE_LIMIT}


def _milliseconds(text: str) -> int:
    if not is_timestamp(text):
        raise Refusal("query.invalid", field="due_before", reason="not RFC 3339 UTC with three decimals")
    return parse_timestamp(text)
