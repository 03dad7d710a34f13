"""Requests of an import, repeated while the gateway does not answer them: their keys make that safe."""

from __future__ import annotations

from collections.abc import Callable

import httpx2

from gateway.command_failures import EXIT_CANNOT
from gateway.import_state import ImportFailure

ATTEMPTS = 6


def post_patiently(
    post: Callable[[], httpx2.Response],
    sleep: Callable[[float], None],
    what_lacks: Callable[[httpx2.Response], str | None] = lambda response: None,
) -> httpx2.Response:
    """Return an answer that says more than "not now" and, as ``what_lacks`` judges, is whole.

    Raises ImportFailure after ``ATTEMPTS`` tries.
    """
    problem = "no answer"
    for attempt in range(ATTEMPTS):
        wait = min(2.0**attempt, 15.0)
        try:
            response = post()
        except httpx2.TransportError as error:
            problem = type(error).__name__
        else:
            if response.status_code in (429, 503):
                problem = code_of(response)
                wait = _told_wait(response, wait)
            elif (lacks := what_lacks(response)) is None:
                return response
            else:
                problem = lacks
        sleep(wait)
    raise ImportFailure(
        f"尝试 {ATTEMPTS} 次后放弃（{problem}）；可用 --resume 继续",
        f"gave up after {ATTEMPTS} attempts: {problem}; continue with --resume",
        EXIT_CANNOT,
    )


def code_of(response: httpx2.Response) -> str:
    """Return the code of a refusal, or its status where it has none."""
    try:
        return str(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {response.status_code}"


def _told_wait(response: httpx2.Response, otherwise: float) -> float:
    told = response.headers.get("retry-after", "")
    return float(told) if told.isdigit() else otherwise
