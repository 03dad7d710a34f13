"""Refusals: what the gateway says no with. One exception type, one catalogue, one rendering (RFC 9457).

A refusal is an answer, not a failure: it has changed nothing. Its fields name the culprit and the limit (a
field's name, a size, a scope), never a value a person gave.
"""

from __future__ import annotations

from collections.abc import Mapping

from chain.errors import NotaryError
from gateway.error_codes import CODES, CodeRule
from gateway.reason_words import PROSE_CODES, reason_zh
from gateway.reason_words.codes import close_up, sentence_words

PROBLEM_MEDIA_TYPE = "application/problem+json"
"""Media type of every 4xx and 5xx body (RFC 9457)."""


class Refusal(NotaryError):
    """A request is refused with a stable ``code`` of the catalogue and fields for its sentences.

    Raises KeyError when the code is not in the catalogue: a code is part of the public contract.
    """

    def __init__(self, code: str, /, **fields: str | int) -> None:
        self.rule: CodeRule = CODES[code]
        super().__init__(code)
        self.code = code
        self.fields: dict[str, str | int] = fields

    @property
    def status(self) -> int:
        """HTTP status of the code."""
        return self.rule.status

    @property
    def retryable(self) -> bool:
        """Whether the same request, unchanged, may succeed later."""
        return self.rule.retryable

    @property
    def retry_after_s(self) -> int | None:
        """Seconds to wait before the same request, or None when waiting does not help."""
        given = self.fields.get("retry_after_s")
        return given if isinstance(given, int) else self.rule.retry_after_s

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refusal) and (self.code, self.fields) == (other.code, other.fields)

    def __hash__(self) -> int:
        return hash(self.code)

    def __repr__(self) -> str:
        shown = "".join(f", {name}={value!r}" for name, value in self.fields.items())
        return f"Refusal({self.code!r}{shown})"


class _Filled(dict[str, str | int]):
    """Template values; a field the refusal does not carry reads as an ellipsis instead of failing."""

    def __missing__(self, key: str) -> str:
        return "…"


def problem_document(refusal: Refusal, *, instance: str, trace_id: str) -> dict[str, object]:
    """Return the RFC 9457 document of a refusal; its own fields become extension members.

    The standard members win over a field of the same name. ``instance`` is the path asked for. Codes stand in
    the members as they are and in the sentences in words.
    """
    rule = refusal.rule
    values = _Filled(refusal.fields)
    wait = refusal.retry_after_s
    if wait is not None:
        values["retry_after_s"] = wait
    english = _Filled({**values, **sentence_words(refusal.code, refusal.fields, "en")})
    words = sentence_words(refusal.code, refusal.fields, "zh")
    chinese = _Filled({**values, **words})
    if refusal.code in PROSE_CODES and "reason" in values:
        chinese["reason"] = reason_zh(str(values["reason"]))
    detail_zh = rule.detail_zh.format_map(chinese)
    document: dict[str, object] = {
        **refusal.fields,
        "type": f"/problems/{refusal.code}",
        "title": rule.title,
        "title_zh": rule.title_zh,
        "status": rule.status,
        "detail": rule.detail.format_map(english),
        "detail_zh": close_up(detail_zh) if words else detail_zh,
        "instance": instance,
        "code": refusal.code,
        "trace_id": trace_id,
        "retryable": rule.retryable,
    }
    if wait is not None:
        document["retry_after_s"] = wait
    return document


def problem_headers(refusal: Refusal) -> Mapping[str, str]:
    """Return the headers that go with the document: media type, ``Retry-After``, ``WWW-Authenticate``."""
    headers = {"content-type": PROBLEM_MEDIA_TYPE, "cache-control": "no-store"}
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refusal.status == 408:
        # The rest of the body would be read as the next request.
        headers["connection"] = "close"
    return headers
