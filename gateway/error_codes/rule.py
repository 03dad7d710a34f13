"""The shape of one refusal code: HTTP status, titles and sentences in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeRule:
    """What one code means: ``detail`` templates use ``{field}`` placeholders filled from the refusal."""

    status: int
    title: str
    title_zh: str
    detail: str
    detail_zh: str
    retry_after_s: int | None = None

    @property
    def retryable(self) -> bool:
        """Whether the same request, unchanged, may succeed later."""
        return self.retry_after_s is not None
