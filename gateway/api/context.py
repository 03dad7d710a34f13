"""What routes reach: the services of one application, the caller of one request, authorisation as a
dependency."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from chain.canonical import JsonValue
from chain.operation import CHAPTER_PATTERN
from chain.types import ChapterCode
from gateway.auth import Caller, Principal, Scope
from gateway.errors import Refusal
from gateway.services import Services

_BEARER = HTTPBearer(auto_error=False, description="API key: ty_live_ and 32 characters")


def services_of(request: Request) -> Services:
    """Return the application's services."""
    return cast(Services, request.app.state.services)


def caller_of(request: Request) -> Caller:
    """Return who the guard found to be calling."""
    return cast(Caller, request.state.caller)


def body_of(request: Request) -> JsonValue:
    """Return the body as the guard parsed it, strictly."""
    return cast(JsonValue, request.state.json)


def asked_chapter(principal: Principal, chapter: str | None) -> str | None:
    """Return the chapter a query names, else the key's own; None asks for every chapter.

    Raises Refusal ``query.invalid``.
    """
    if chapter is not None and not CHAPTER_PATTERN.match(chapter):
        raise Refusal("query.invalid", field="chapter", reason="not NNNN-NNNN")
    return principal.chapter if chapter is None else chapter


def one_chapter(principal: Principal, chapter: str | None) -> ChapterCode:
    """Return the one chapter a query is about. Raises Refusal ``query.invalid`` where it names none."""
    code = asked_chapter(principal, chapter)
    if code is None:
        raise Refusal("query.invalid", field="chapter", reason="not NNNN-NNNN")
    return ChapterCode(code)


class Requires:
    """Dependency of a route: the principal, when it holds ``scope`` or ``other``. Raises the ``auth.*``
    refusals, which name ``scope``.
    """

    def __init__(self, scope: Scope, other: Scope | None = None) -> None:
        self.scope = scope
        self.other = other

    def __call__(self, request: Request, _: Annotated[object, Depends(_BEARER)] = None) -> Principal:
        caller = caller_of(request)
        known = caller.principal
        if known is not None and self.other is not None and known.holds(self.other):
            return known
        return caller.require(self.scope)


EntryWriter = Annotated[Principal, Depends(Requires(Scope.ENTRIES_WRITE))]
EntryReader = Annotated[Principal, Depends(Requires(Scope.ENTRIES_READ))]
MemberReader = Annotated[Principal, Depends(Requires(Scope.MEMBERS_READ))]
MemberWriter = Annotated[Principal, Depends(Requires(Scope.MEMBERS_WRITE))]
ChapterWriter = Annotated[Principal, Depends(Requires(Scope.CHAPTERS_WRITE))]
CaseDecider = Annotated[Principal, Depends(Requires(Scope.CASES_DECIDE))]
CreditWriter = Annotated[Principal, Depends(Requires(Scope.CREDITS_WRITE))]
ProposalReader = Annotated[Principal, Depends(Requires(Scope.CREDITS_APPROVE, Scope.CREDITS_WRITE))]
AccountReader = Annotated[Principal, Depends(Requires(Scope.ACCOUNTS_READ))]
EventReader = Annotated[Principal, Depends(Requires(Scope.EVENTS_READ))]
Regulator = Annotated[Principal, Depends(Requires(Scope.REGULATOR_READ))]
Administrator = Annotated[Principal, Depends(Requires(Scope.ADMIN))]
Shared = Annotated[Services, Depends(services_of)]
