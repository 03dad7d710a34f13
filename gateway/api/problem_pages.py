"""``/problems``: what each refusal code means, so that the ``type`` of every problem document can be
opened."""

from __future__ import annotations

from fastapi import APIRouter

from gateway.error_codes import CODES
from gateway.errors import Refusal
from gateway.response_schemas.publish import answers
from gateway.response_schemas.system import ProblemKind, ProblemKinds

router = APIRouter(prefix="/problems", tags=["problems"])


def _described(code: str) -> dict[str, object]:
    rule = CODES[code]
    return {
        "code": code,
        "status": rule.status,
        "title": rule.title,
        "title_zh": rule.title_zh,
        "detail": rule.detail,
        "detail_zh": rule.detail_zh,
        "retryable": rule.retryable,
    }


@router.get("", response_model=None, operation_id="problems_list", responses=answers(ProblemKinds))
async def problems() -> list[dict[str, object]]:
    """Return every code."""
    return [_described(code) for code in sorted(CODES)]


@router.get("/{code}", response_model=None, operation_id="problems_get", responses=answers(ProblemKind))
async def problem(code: str) -> dict[str, object]:
    """Return what one code means."""
    if code not in CODES:
        raise Refusal("not_found")
    return _described(code)
