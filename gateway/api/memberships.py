"""Parameters, the referral meter and tree, and the three core functions of paper B as plain calls."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chain.canonical import JsonValue
from chain.operation import ACCOUNT_PATTERN, chapter_number
from chain.types import AccountId, ChapterCode, EntryId
from gateway.api.context import (
    AccountReader,
    EntryReader,
    EntryWriter,
    Regulator,
    Shared,
    one_chapter,
    services_of,
)
from gateway.api.submitting import created, submit
from gateway.errors import Refusal
from gateway.ledger.drafts import Accepted, Draft
from gateway.members.reading import export_tree, list_parameters, read_referral_meter, show_credits
from gateway.response_schemas.memberships import (
    CoreCredits,
    CorePaid,
    CoreReferral,
    ParameterList,
    ReferralMeter,
    ReferralTree,
)
from gateway.response_schemas.publish import answers
from gateway.rules.calendar import business_date
from gateway.schemas import CorePayIn, CoreReferralIn

router = APIRouter(prefix="/v1", tags=["memberships"])

Chapter = Annotated[str | None, Query(max_length=9)]


@router.get(
    "/parameters", response_model=None, operation_id="parameters_list", responses=answers(ParameterList)
)
async def get_parameters(
    principal: EntryReader, services: Shared, chapter: Chapter = None
) -> dict[str, JsonValue]:
    """Return a chapter's parameters: what is in force today, "not set" included, and every version."""
    code = one_chapter(principal, chapter)
    day = business_date(services.clock() // 1000)
    found: list[dict[str, JsonValue]] = []
    if principal.may_see(code):
        found = await asyncio.to_thread(list_parameters, services.database, chapter_number(code), day)
    return {"chapter": code, "day": day.isoformat(), "parameters": list(found)}


@router.get(
    "/referrals/meter", response_model=None, operation_id="referrals_meter", responses=answers(ReferralMeter)
)
async def get_meter(
    principal: EntryReader, services: Shared, chapter: Chapter = None
) -> dict[str, JsonValue]:
    """Return the referral meter: deepest paid chain, people per chain, share of sales, distances left."""
    code = one_chapter(principal, chapter)
    if not principal.may_see(code):
        raise Refusal("not_found")
    day = business_date(services.clock() // 1000)
    return await asyncio.to_thread(read_referral_meter, services.database, chapter_number(code), day)


@router.get(
    "/referrals/tree", response_model=None, operation_id="referrals_tree", responses=answers(ReferralTree)
)
async def get_tree(principal: Regulator, services: Shared, chapter: Chapter = None) -> dict[str, JsonValue]:
    """Export who referred whom, for the regulator, by pseudonyms that change with every export."""
    code = one_chapter(principal, chapter)
    found: list[dict[str, JsonValue]] = []
    if principal.may_see(code):
        salt = services.entropy(32)
        found = await asyncio.to_thread(export_tree, services.database, chapter_number(code), salt)
    return {"chapter": code, "people": list(found)}


@router.get(
    "/core/credits/{account}",
    response_model=None,
    operation_id="core_credits",
    responses=answers(CoreCredits),
)
async def core_credits(account: str, principal: AccountReader, services: Shared) -> dict[str, JsonValue]:
    """Show an account's credits (core function 1): on chain, to spend, locked, limit, expired."""
    if not ACCOUNT_PATTERN.match(account):
        raise Refusal("account.unknown")
    found = await asyncio.to_thread(services.directory.member, account, principal.chapter)
    if found is None:
        raise Refusal("account.unknown")
    held = await asyncio.to_thread(services.directory.balance, account)
    number = chapter_number(ChapterCode(str(found["chapter"])))
    day = business_date(services.clock() // 1000)
    shown = await asyncio.to_thread(show_credits, services.database, account, number, day)
    return {"account": account, "balance": held["balance"], **shown}


@router.post(
    "/core/pay",
    response_model=None,
    operation_id="core_pay",
    status_code=201,
    responses=answers(CorePaid, 201),
)
async def core_pay(request: Request, body: CorePayIn, principal: EntryWriter) -> Response:
    """Pay with offset (core function 2): record the purchase, put coins towards it, give the rebate.

    Three entries under one key: a repeat goes on where the first request ended. Where the coins are refused
    the purchase stands, to be paid in money or by the same request once they are there.
    """
    amount, coins = int(body.amount), int(body.coins)
    if coins > amount:
        raise Refusal("sale.paid_up", left=amount)
    chapter = ChapterCode(body.chapter)
    public: dict[str, JsonValue] = {
        "merchant": body.merchant, "amount": body.amount, "receipt": body.receipt
    }  # fmt: skip
    if body.order_id is not None:
        public["order_id"] = body.order_id
    sale = await submit(
        request, principal, Draft("sale.recorded", chapter, None, (AccountId(body.buyer),), public=public)
    )
    # If we crash here, the purchase is recorded and not offset; the same request under the same key goes on.
    paid = rebated = None
    if coins:
        offset = _about("sale.paid", chapter, sale, amount=body.coins)
        paid = await submit(request, principal, offset, suffix="#paid")
    # If we crash here, the rebate is missing; the same request gives it.
    rebate: JsonValue = "0"
    if body.rebate:
        rebated = await submit(request, principal, _about("sale.rebated", chapter, sale), suffix="#rebated")
        rebate = (await _said(request, rebated))["amount"]
    return created(
        sale,
        paid=None if paid is None else paid.entry_id,
        rebated=None if rebated is None else rebated.entry_id,
        money=str(amount - coins),
        rebate=rebate,
    )


@router.post(
    "/core/referral",
    response_model=None,
    operation_id="core_referral",
    status_code=201,
    responses=answers(CoreReferral, 201),
)
async def core_referral(request: Request, body: CoreReferralIn, principal: EntryWriter) -> Response:
    """Reward a referral (core function 3): what one completed order pays out of its margin."""
    public: dict[str, JsonValue] = {"about": body.sale, "margin": body.margin}
    draft = Draft("referral.rewarded", ChapterCode(body.chapter), None, (), public=public)
    accepted = await submit(request, principal, draft)
    return created(accepted, amount=(await _said(request, accepted))["amount"])


def _about(name: str, chapter: ChapterCode, sale: Accepted, **public: JsonValue) -> Draft:
    return Draft(
        name, chapter, None, (), public={"about": sale.entry_id, **public}, refs=(EntryId(sale.entry_id),)
    )


async def _said(request: Request, accepted: Accepted) -> dict[str, JsonValue]:
    """Return the public fields of an entry as the rules completed it."""
    record = await asyncio.to_thread(services_of(request).records.at, accepted.index)
    public: dict[str, JsonValue] = json.loads(record.body or b'{"public":{}}')["public"]
    return public
