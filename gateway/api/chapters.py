"""Chapters: open one, set its quota and caps, read them. A key of one chapter sees that one alone."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from chain.canonical import JsonValue
from chain.operation import CHAPTER_PATTERN
from gateway.api.context import ChapterWriter, MemberReader, Shared, services_of
from gateway.api.drafting import draft_caps, draft_chapter, draft_quota
from gateway.api.submitting import created, recorded_public, submit
from gateway.errors import Refusal
from gateway.response_schemas.accounts import Chapter, ChapterChanged, ChapterList, ChapterOpened
from gateway.response_schemas.publish import answers
from gateway.schemas import ChapterCapsIn, ChapterIn, ChapterQuotaIn

router = APIRouter(prefix="/v1/chapters", tags=["chapters"])


@router.post(
    "",
    response_model=None,
    operation_id="chapters_open",
    status_code=201,
    responses=answers(ChapterOpened, 201),
)
async def open_chapter(request: Request, body: ChapterIn, principal: ChapterWriter) -> Response:
    """Open a chapter and register its pool account."""
    draft = draft_chapter(body, services_of(request).entropy)
    accepted = await submit(request, principal, draft)
    public = await recorded_public(request, accepted, draft)
    return created(accepted, chapter=body.code, pool=public.get("pool"))


@router.post(
    "/{code}/quotas",
    response_model=None,
    operation_id="chapters_set_quota",
    status_code=201,
    responses=answers(ChapterChanged, 201),
)
async def set_quota(request: Request, code: str, body: ChapterQuotaIn, principal: ChapterWriter) -> Response:
    """Set how much the chapter may issue in one month."""
    draft = draft_quota(_checked(code), body)
    return created(await submit(request, principal, draft), chapter=code)


@router.post(
    "/{code}/caps",
    response_model=None,
    operation_id="chapters_set_cap",
    status_code=201,
    responses=answers(ChapterChanged, 201),
)
async def set_cap(request: Request, code: str, body: ChapterCapsIn, principal: ChapterWriter) -> Response:
    """Set one cap of the chapter's accounts."""
    draft = draft_caps(_checked(code), body)
    return created(await submit(request, principal, draft), chapter=code)


@router.get("", response_model=None, operation_id="chapters_list", responses=answers(ChapterList))
async def list_chapters(principal: MemberReader, services: Shared) -> dict[str, JsonValue]:
    """Return the chapters this key sees, with their figures."""
    found = await asyncio.to_thread(services.directory.chapters, principal.chapter)
    return {"chapters": list(found)}


@router.get("/{code}", response_model=None, operation_id="chapters_get", responses=answers(Chapter))
async def get_chapter(code: str, principal: MemberReader, services: Shared) -> dict[str, JsonValue]:
    """Return one chapter's pool, caps, quotas and figures."""
    if not CHAPTER_PATTERN.match(code) or not principal.may_see(code):
        raise Refusal("not_found")
    found = await asyncio.to_thread(services.directory.chapters, code)
    if not found:
        raise Refusal("not_found")
    return found[0]


def _checked(code: str) -> str:
    if not CHAPTER_PATTERN.match(code):
        raise Refusal("not_found")
    return code
