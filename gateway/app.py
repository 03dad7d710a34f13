"""The ASGI application: routes, the guard around them, and one shape for every error.

``build_app`` gives the guarded application a server runs; ``build_api`` the plain FastAPI one, for its
OpenAPI.
"""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chain.entry_fields import CODE_PATTERN
from gateway.api import (
    alliance,
    cases,
    chapters,
    commerce,
    documents,
    entry_reads,
    entry_writes,
    event_stream,
    keys,
    log_files,
    members,
    memberships,
    problem_pages,
    proposals,
    simulation,
    system,
    timebank,
    verification,
    webhooks,
)
from gateway.api.context import caller_of
from gateway.api.problems import problem_response, refusal_shown
from gateway.errors import Refusal
from gateway.evidence.short_forms import FORMS
from gateway.guard import AWAY, BodyRule, Guard
from gateway.reason_words.validation import NOT_ACCEPTED, validation_reason
from gateway.services import Services
from gateway.settings import Settings
from gateway.version import VERSION

TITLE = "Tongyi Notary"
_JSON = ("application/json",)
_ROUTERS = (
    entry_reads.router,
    event_stream.router,
    chapters.router,
    members.router,
    memberships.router,
    proposals.router,
    cases.router,
    commerce.router,
    alliance.router,
    timebank.router,
    simulation.router,
    webhooks.router,
    keys.router,
    verification.router,
    log_files.router,
    problem_pages.router,
    system.router,
)


def build_app(services: Services) -> ASGIApp:
    """Return the application around ``services``, guarded."""
    api = build_api()
    api.state.services = services
    return Guard(
        _Shortcut(api),
        keyring=services.keyring,
        telemetry=services.telemetry,
        default=BodyRule(services.settings.body_limit, _JSON),
        rules=_body_rules(services.settings),
        takes=partial(_takes, api),
    )


def _takes(api: FastAPI, scope: Scope) -> bool:
    """Return whether a route is there for the method and path of a request."""
    for route in api.router.routes:
        if route.matches(scope)[0] is Match.FULL:
            return not isinstance(route, _LoneRoute) or scope["method"] in (route.methods or ())
    return False


def build_api() -> FastAPI:
    """Return the routes alone; they answer only once ``state.services`` is set."""
    api = FastAPI(
        title=TITLE,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    api.router.routes += _RAW_ROUTES
    for router in _ROUTERS:
        api.include_router(router)
    api.add_exception_handler(Refusal, _on_refusal)
    api.add_exception_handler(RequestValidationError, _on_invalid)
    api.add_exception_handler(HTTPException, _on_http)
    for error in AWAY:
        api.add_exception_handler(error, _on_database)
    api.add_exception_handler(Exception, _on_fault)
    documents.describe(api)
    return api


class _RawRoute(Route):
    """A route without FastAPI between; it names itself in the scope as FastAPI's do, for the metrics."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self}


class _LoneRoute(_RawRoute):
    """A route whose path is nobody else's, though it has the form of another one's: any method is its own."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return (match if match is Match.NONE else Match.FULL), found


_RAW_ROUTES = (
    _RawRoute(entry_writes.ROUTE, entry_writes.post_entry, methods=["POST"]),
    _LoneRoute(entry_writes.BATCH_ROUTE, entry_writes.post_batch, methods=["POST"]),
)
"""The two routes that must carry thousands of entries a second."""


class _Shortcut:
    """Calls the raw routes directly: the layers of FastAPI take longer than they do, and add nothing to them.

    The guard outside turns what they raise into problems, as FastAPI's handlers do for all others.
    """

    def __init__(self, api: FastAPI) -> None:
        self._api = api
        self._routes = {route.path: route for route in _RAW_ROUTES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._head(scope, receive, send)
            return
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST":
            await self._api(scope, receive, send)
            return
        scope["app"], scope["route"] = self._api, route
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as GET does, without its body, which the server leaves out for the method it was asked."""
        scope["state"]["headers_only"] = True
        asked = {**scope, "method": "GET"}
        try:
            await self._api(asked, receive, send)
        finally:
            # The request's time is counted under its route.
            scope["route"] = asked.get("route")


def _body_rules(settings: Settings) -> dict[str, BodyRule]:
    proofs = (
        *(form.media_type.partition(";")[0] for form in FORMS.values()),
        *_JSON,
        "application/octet-stream",
    )
    return {
        entry_writes.BATCH_ROUTE: BodyRule(settings.batch_limit, (entry_writes.NDJSON,), streamed=True),
        verification.ROUTE: BodyRule(settings.verify_limit, proofs, parsed=False),
    }


def _operation_id(route: APIRoute) -> str:
    return route.name


def _answer(request: Request, refusal: Refusal) -> Response:
    refusal = refusal_shown(refusal, caller_of(request).principal)
    request.app.state.services.telemetry.refused(refusal.code)
    return problem_response(refusal, request.url.path, request.state.trace_id)


async def _on_refusal(request: Request, error: Exception) -> Response:
    return _answer(request, error if isinstance(error, Refusal) else Refusal("internal"))


async def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    response = _answer(request, Refusal("method.not_allowed" if status == 405 else "not_found"))
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    if status == 405:
        response.headers["allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """Return every method that the path of a request takes, over all its routes."""
    scope = request.scope
    found = [
        method for method in ("GET", "POST", "DELETE") if _takes(scope["app"], {**scope, "method": method})
    ]
    return ["GET", "HEAD", *found[1:]] if "GET" in found else found


async def _on_fault(request: Request, error: Exception) -> Response:
    # The guard, outside, sees the error itself and logs it under the same trace id.
    return _answer(request, Refusal("internal"))


async def _on_database(request: Request, error: Exception) -> Response:
    request.app.state.services.telemetry.database_away(request.state.trace_id, error)
    return _answer(request, Refusal("storage.unavailable"))


async def _on_invalid(request: Request, error: Exception) -> Response:
    return _answer(request, validation_refusal(error))


def validation_refusal(error: Exception) -> Refusal:
    """Return the refusal of the first fault pydantic found; names of unknown members only when harmless."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    if not faults:
        return Refusal("entry.bad_field", field="body", reason=NOT_ACCEPTED)
    fault = faults[0]
    place = [str(part) for part in fault["loc"]]
    field = ".".join(place[1:]) or place[0]
    shown = field if CODE_PATTERN.match(field) else place[0]
    kind = str(fault["type"])
    reason = validation_reason(kind, fault.get("ctx") or {})
    if place[0] in ("query", "path", "header"):
        return Refusal("query.invalid", field=shown, reason=reason)
    if kind == "extra_forbidden":
        return Refusal("entry.unknown_field", field=shown)
    if kind in ("amount.malformed", "amount.negative", "amount.too_large"):
        limits = {"limit": str(2**63 - 1)} if kind == "amount.too_large" else {}
        return Refusal(kind, field=shown, **limits)
    return Refusal("entry.bad_field", field=shown, reason=reason)
