"""Members and their accounts: join, freeze, recover, credit operations, balances, statements."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chain.canonical import JsonValue
from chain.evidence.bundle import MEDIA_TYPE
from chain.operation import ACCOUNT_PATTERN, OperationKind, account_address
from chain.types import AccountId, ChapterCode
from gateway.api.context import (
    AccountReader,
    CreditWriter,
    MemberReader,
    MemberWriter,
    Shared,
    asked_chapter,
    services_of,
)
from gateway.api.drafting import (
    draft_credit,
    draft_member,
    draft_recovered_credits,
    draft_recovery,
    draft_rights,
)
from gateway.api.proposals import proposed
from gateway.api.submitting import created, recorded_public, submit
from gateway.auth import Principal, Scope
from gateway.errors import Refusal
from gateway.ledger.drafts import APPROVED_KINDS
from gateway.response_schemas.accounts import (
    Balance,
    Member,
    MemberJoined,
    MemberPage,
    MemberRecovered,
    Statement,
)
from gateway.response_schemas.entries import Accepted
from gateway.response_schemas.proofs import ProofFile
from gateway.response_schemas.publish import answers
from gateway.schemas import CreditIn, MemberIn, RecoveryIn, RightsIn
from gateway.services import Services

router = APIRouter(prefix="/v1", tags=["members"])

Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[int, Query(ge=-1, lt=2**53)]
_KINDS = {kind.label: kind for kind in OperationKind}


@router.post(
    "/members",
    response_model=None,
    operation_id="members_join",
    status_code=201,
    responses=answers(MemberJoined, 201),
)
async def join_member(request: Request, body: MemberIn, principal: MemberWriter) -> Response:
    """Register a member, merchant or pool account; an operator-held one gets its account here."""
    draft = draft_member(body, services_of(request).entropy)
    accepted = await submit(request, principal, draft)
    public = await recorded_public(request, accepted, draft)
    return created(accepted, account=public.get("account"))


@router.get("/members", response_model=None, operation_id="members_list", responses=answers(MemberPage))
async def list_members(
    principal: MemberReader,
    services: Shared,
    chapter: str | None = None,
    after: After = -1,
    limit: Limit = 50,
) -> dict[str, JsonValue]:
    """Return accounts in order of joining; ``next`` is the cursor of the next page, null at the end."""
    seen = asked_chapter(principal, chapter)
    if chapter is not None and not principal.may_see(chapter):
        return {"members": [], "next": None}
    found = await asyncio.to_thread(services.directory.members, seen, after, limit)
    last = found[-1]["index"] if len(found) == limit else None
    return {"members": list(found), "next": last}


@router.get("/members/{account}", response_model=None, operation_id="members_get", responses=answers(Member))
async def get_member(account: str, principal: MemberReader, services: Shared) -> dict[str, JsonValue]:
    """Return one account: kind, custody, rights, chapter."""
    return await _member(services, principal, account)


@router.post(
    "/members/{account}/rights",
    response_model=None,
    operation_id="members_set_rights",
    status_code=201,
    responses=answers(Accepted, 201),
)
async def set_rights(
    request: Request, account: str, body: RightsIn, principal: MemberWriter, services: Shared
) -> Response:
    """Freeze or unfreeze an account by an order."""
    chapter = await _chapter(services, principal, account)
    return created(await submit(request, principal, draft_rights(AccountId(account), chapter, body)))


@router.post(
    "/members/{account}/recovery",
    response_model=None,
    operation_id="members_recover",
    status_code=201,
    responses=answers(MemberRecovered, 201),
)
async def recover(
    request: Request, account: str, body: RecoveryIn, principal: MemberWriter, services: Shared
) -> Response:
    """Move an account's rights, then everything it holds, to a new account of the same holder."""
    found = await _member(services, principal, account)
    old, chapter = AccountId(account), ChapterCode(str(found["chapter"]))
    draft = draft_recovery(old, chapter, str(found["custody"]), body, services.entropy)
    accepted = await submit(request, principal, draft)
    new = AccountId(str((await recorded_public(request, accepted, draft))["to"]))
    # If we crash here, rights have moved and credits have not; the same request under the same key goes on.
    moved = draft_recovered_credits(old, chapter, account_address(new))
    credits = await submit(request, principal, moved, suffix="#credits")
    return created(accepted, account=new, credits=credits.entry_id)


@router.post(
    "/credits/{kind}",
    response_model=None,
    operation_id="credits_create",
    status_code=201,
    responses=answers(Accepted, 201),
)
async def create_credit(
    request: Request, kind: str, body: CreditIn, principal: CreditWriter, services: Shared
) -> Response:
    """Record one credit operation; it acts on chain when its window is settled."""
    if kind not in _KINDS:
        raise Refusal("not_found")
    if body.approvers:
        principal.require(Scope.CREDITS_APPROVE)
    # Before any proposal is looked at: another chapter's is not told from one that does not exist.
    principal.require_chapter(body.chapter)
    if body.proposal is not None and _KINDS[kind] in APPROVED_KINDS:
        body = await asyncio.to_thread(proposed, services.proposals, _KINDS[kind], body)
    return created(await submit(request, principal, draft_credit(_KINDS[kind], body)))


@router.get(
    "/accounts/{account}/balance",
    response_model=None,
    operation_id="accounts_balance",
    responses=answers(Balance),
)
async def balance(account: str, principal: AccountReader, services: Shared) -> dict[str, JsonValue]:
    """Return what the account holds by the chain's events, and what accepted operations leave to spend."""
    await _member(services, principal, account)
    return await asyncio.to_thread(services.directory.balance, account)


@router.get(
    "/accounts/{account}/statement",
    response_model=None,
    operation_id="accounts_statement",
    responses=answers(Statement),
)
async def statement(
    account: str, principal: AccountReader, services: Shared, after: After = 0, limit: Limit = 50
) -> dict[str, JsonValue]:
    """Return the account's entries by their sequence, from 1 without gaps; ``next`` is the next cursor."""
    await _member(services, principal, account)
    lines = await asyncio.to_thread(services.directory.statement, account, after, limit)
    return {
        "account": account,
        "entries": list(lines),
        "next": lines[-1]["seq"] if len(lines) == limit else None,
    }


@router.get(
    "/accounts/{account}/proof",
    response_model=None,
    operation_id="accounts_proof",
    response_class=Response,
    responses=answers(ProofFile, media=MEDIA_TYPE),
)
async def account_proof(account: str, principal: AccountReader, services: Shared) -> Response:
    """Return a bundle of the account's newest final entry with its balance on chain."""
    await _member(services, principal, account)
    index = await asyncio.to_thread(services.directory.newest_anchored, account)
    if index is None:
        raise Refusal("proof.pending", state="accepted", want="final")
    record = await asyncio.to_thread(services.records.at, index)
    bundle = await asyncio.to_thread(
        services.bundles.assemble_state, record, account_address(AccountId(account))
    )
    return Response(bundle, media_type=MEDIA_TYPE)


async def _member(services: Services, principal: Principal, account: str) -> dict[str, JsonValue]:
    """Return an account this principal sees; another chapter's is as unknown as one that does not exist."""
    if not ACCOUNT_PATTERN.match(account):
        raise Refusal("account.unknown")
    found = await asyncio.to_thread(services.directory.member, account, principal.chapter)
    if found is None:
        raise Refusal("account.unknown")
    return found


async def _chapter(services: Services, principal: Principal, account: str) -> ChapterCode:
    found = await _member(services, principal, account)
    return ChapterCode(str(found["chapter"]))
