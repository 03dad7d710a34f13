"""``POST /v1/verify``: the same numbered verification the command line runs, for those who cannot run it.

A convenience, never the proof: who doubts the gateway verifies with ``tongyi verify`` and a trust root of
their own.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from chain.verify import verify_file
from gateway.api.context import Shared
from gateway.response_schemas.proofs import Verdict
from gateway.response_schemas.publish import answers
from gateway.verdict_json import describe_outcome, describe_steps

ROUTE = "/v1/verify"
router = APIRouter(tags=["verify"])


@router.post(ROUTE, response_model=None, operation_id="verify_bundle", responses=answers(Verdict))
async def verify(request: Request, services: Shared) -> dict[str, object]:
    """Return the verdict over a bundle, ``.tlog-proof`` or COSE receipt against this gateway's trust root.

    The file is the body, at most 1 MiB.
    """
    verdict = await asyncio.to_thread(verify_file, request.state.body, services.trust_root)
    return {
        "outcome": verdict.outcome,
        "trust_root": services.trust_root_id,
        "trust_root_name": services.trust_root_name,
        "steps": describe_steps(verdict),
        "words": describe_outcome(verdict),
    }
