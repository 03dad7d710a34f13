"""Proposals of credit operations: outside officers approve on chain first, then the entry is recorded."""

from __future__ import annotations

import asyncio
import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from chain.canonical import JsonValue
from chain.evm.calldata import encode_approve
from chain.evm.roles import RoleKind
from chain.operation import OperationKind, chapter_code, format_operation
from gateway.api.context import CreditWriter, ProposalReader, Shared, body_of
from gateway.api.drafting import draft_credit
from gateway.api.instruction import choose_key, fingerprint
from gateway.errors import Refusal
from gateway.ledger.drafts import APPROVED_KINDS, Submission
from gateway.members.proposals import Proposals, ProposalView
from gateway.response_schemas.proposals import Proposal
from gateway.response_schemas.publish import answers
from gateway.schemas import CreditIn, ProposalIn
from gateway.services import Services

router = APIRouter(prefix="/v1/credits", tags=["members"])

_KINDS = {kind.label: kind for kind in APPROVED_KINDS}
_NOT_PROPOSED = {"idempotencyKey", "private"}
_NOT_COMPARED = {"idempotencyKey", "proposal", "chapter", "approvers", "authorization"}


@router.post(
    "/{kind}/proposals",
    response_model=None,
    operation_id="proposals_create",
    status_code=201,
    responses=answers(Proposal, 201, entry=False),
)
async def propose(
    request: Request, kind: str, body: ProposalIn, principal: CreditWriter, services: Shared
) -> Response:
    """Propose a cancel or reverse for officers to approve on chain; nothing is recorded yet."""
    if kind not in _KINDS:
        raise Refusal("not_found")
    principal.require_chapter(body.chapter)
    parsed = body_of(request)
    key = choose_key(request.headers.get("idempotency-key"), parsed)
    draft = draft_credit(_KINDS[kind], CreditIn.model_validate(body.model_dump(by_alias=True)))
    submission = Submission(principal.id, key, fingerprint(request.url.path, parsed), draft)
    instruction = body.model_dump(by_alias=True, exclude=_NOT_PROPOSED)
    view, replayed = await asyncio.to_thread(services.proposals.propose, submission, instruction)
    headers = {"location": f"/v1/credits/proposals/{view.proposal.id}"}
    if replayed:
        headers["idempotency-replayed"] = "true"
    document = json.dumps(_document(services, view), separators=(",", ":"))
    return Response(document, 201, headers, "application/json")


@router.get(
    "/proposals/{proposal_id}",
    response_model=None,
    operation_id="proposals_get",
    responses=answers(Proposal),
)
async def get_proposal(proposal_id: str, principal: ProposalReader, services: Shared) -> dict[str, JsonValue]:
    """Return a proposal, what its officers call to approve it, and the approvals seen so far."""
    view = await asyncio.to_thread(services.proposals.find, proposal_id, principal.chapter)
    return _document(services, view)


def proposed(proposals: Proposals, kind: OperationKind, body: CreditIn) -> CreditIn:
    """Return the whole body of a request that names a proposal; what it gives itself must be as proposed.

    Raises:
        Refusal: ``proposal.unknown`` or ``entry.bad_field``.
    """
    proposal, instruction = proposals.instruction(str(body.proposal), body.chapter)
    if proposal.kind is not kind:
        raise Refusal("entry.bad_field", field="proposal", reason="is of another kind")
    whole = CreditIn.model_validate(
        {
            **instruction,
            "proposal": body.proposal,
            "approvers": body.approvers,
            "authorization": body.authorization,
        }
    )
    for name in sorted(body.model_fields_set - _NOT_COMPARED):
        if getattr(body, name) != getattr(whole, name):
            field = CreditIn.model_fields[name].alias or name
            raise Refusal("entry.bad_field", field=field, reason="is not as proposed")
    return whole


def _document(services: Services, view: ProposalView) -> dict[str, JsonValue]:
    """Return a proposal as JSON: all that an officer needs to check the digest and to approve it."""
    proposal, policy = view.proposal, view.policy
    calldata = encode_approve(proposal.policy, proposal.chapter, proposal.digest)
    return {
        "id": proposal.id,
        "kind": proposal.kind.label,
        "chapter": chapter_code(proposal.chapter),
        "chapter_number": proposal.chapter,
        "state": view.state,
        "operation": format_operation(proposal.operation),
        "op_salt": proposal.op_salt.hex(),
        "digest": proposal.digest.hex(),
        "policy": proposal.policy.hex(),
        "chain_id": services.chain_id,
        "contract": services.contracts["CoSignature"],
        "calldata": "0x" + calldata.hex(),
        "needed": {
            "count": policy.threshold,
            "kinds": [RoleKind(kind).name.lower() for kind in policy.kinds],
        },
        "approvals": [
            {
                "kind": RoleKind(approval.kind).name.lower(),
                "approver": "0x" + approval.approver.hex(),
                "block": approval.block_number,
                "final": approval.is_final,
            }
            for approval in view.approvals
        ],
        "approved": view.is_approved,
        "created_at": proposal.created_at,
        "expires_at": proposal.expires_at,
        "entry": proposal.entry_id,
    }
