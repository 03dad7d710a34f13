"""What every answer must be, whoever asked for whatever: documented, in the one error shape, in time."""

from __future__ import annotations

import json
from collections.abc import Iterator

from scripts.faults.hostile.exchange import SLOW, Answer

PROBLEM = "application/problem+json"
DELIBERATE = {503, 507}
"""Server errors that a client is told on purpose, with when to come again."""
_MEMBERS = ("type", "title", "title_zh", "detail", "detail_zh", "code", "trace_id")


def judge(answer: Answer) -> Iterator[str]:
    """Yield what is wrong with an answer, whatever was asked."""
    if answer.seconds > SLOW:
        yield f"O10 slow: {answer.status} after {answer.seconds:.1f} s"
    if answer.status >= 500 and answer.status not in DELIBERATE:
        yield f"O10 server error: {answer.status} {answer.body[:200]!r}"
    if answer.status in DELIBERATE and "retry-after" not in answer.headers:
        yield f"O10 server error: {answer.status} without Retry-After: {answer.body[:200]!r}"
    if answer.status >= 400:
        yield from judge_problem(answer)


def judge_problem(answer: Answer) -> Iterator[str]:
    """Yield what a refusal lacks of the one error shape."""
    if answer.headers.get("content-type") != PROBLEM:
        yield f"O10 shape: {answer.status} as {answer.headers.get('content-type')}: {answer.body[:120]!r}"
        return
    if not answer.body and answer.headers.get("content-length") != "0":
        return  # to HEAD
    try:
        document = json.loads(answer.body.decode("utf-8", "strict"))
    except ValueError:
        yield f"O10 shape: {answer.status} is no JSON: {answer.body[:120]!r}"
        return
    missing = [name for name in _MEMBERS if not isinstance(document.get(name), str) or not document[name]]
    if missing or document.get("status") != answer.status:
        yield f"O10 shape: {answer.status} lacks {missing}: {answer.body[:200]!r}"


def code_of(answer: Answer) -> str:
    """Return the code of a refusal, empty where it has none."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return ""
    return str(document.get("code", "")) if isinstance(document, dict) else ""
