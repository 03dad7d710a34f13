"""English texts and their Chinese: by their words, or by a pattern whose parts are carried over. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


class Phrases:
    """``words`` are whole texts; ``patterns`` are regular expressions of whole texts and what becomes of
    them, ``\\1`` being their first group. The first pattern that fits is taken.
    """

    def __init__(self, words: Mapping[str, str], patterns: Iterable[tuple[str, str]]) -> None:
        self._words = words
        self._patterns = [(re.compile(pattern + r"\Z"), chinese) for pattern, chinese in patterns]

    def find(self, text: str) -> str | None:
        """Return a text in Chinese, None where it is not known."""
        if text in self._words:
            return self._words[text]
        for pattern, chinese in self._patterns:
            match = pattern.match(text)
            if match is not None:
                return match.expand(chinese)
        return None
