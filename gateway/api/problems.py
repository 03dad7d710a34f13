"""Refusals as HTTP answers: the problem document, and what strict JSON parsing refuses by which code."""

from __future__ import annotations

import json

from starlette.responses import Response

from chain.canonical import MAX_DEPTH, JsonError
from chain.errors import FormatError
from gateway.auth import Principal
from gateway.errors import Refusal, problem_document, problem_headers


def refusal_shown(refusal: Refusal, principal: Principal | None) -> Refusal:
    """Return a refusal as ``principal`` may read it: who sees one chapter reads an account of another one as
    an account there is not.
    """
    if refusal.code == "chapter.wrong" and (principal is None or principal.chapter is not None):
        return Refusal("member.unknown", **refusal.fields)
    return refusal


def problem_response(refusal: Refusal, instance: str, trace_id: str) -> Response:
    """Return the response of a refusal at ``instance``, the path asked for."""
    document = problem_document(refusal, instance=instance, trace_id=trace_id)
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, refusal.status, dict(problem_headers(refusal)))


def json_refusal(error: FormatError) -> Refusal:
    """Return the refusal of a body that strict parsing did not take; positions are named, values never."""
    code = error.code if isinstance(error, JsonError) else "json.malformed"
    if error.where == "number":
        # NaN and the infinities are grammar faults of strict JSON, but to a client they are bad numbers.
        return Refusal("json.number")
    if code == "json.too_deep":
        return Refusal(code, limit=MAX_DEPTH)
    return Refusal(code, reason=f"{error.reason} ({error.where})")
