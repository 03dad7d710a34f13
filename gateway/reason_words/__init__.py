"""The Chinese of every English reason a refusal may carry. Pure data and one function.

A reason says in a few words which rule of form is broken (``not a list of at most 16``). It is raised in
English where the rule is; here stands what it is called in Chinese, so that no Chinese sentence holds English
prose. Words are kept by what they are about; a test reads every reason in the source and names the missing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.reason_words.form import FORM_PATTERNS, FORM_WORDS
from gateway.reason_words.ledger import LEDGER_PATTERNS, LEDGER_WORDS
from gateway.reason_words.rules import RULE_PATTERNS, RULE_WORDS

__all__ = ["PATTERNS", "PROSE_CODES", "UNKNOWN_ZH", "WORDS", "reason_zh"]

WORDS: dict[str, str] = {**FORM_WORDS, **LEDGER_WORDS, **RULE_WORDS}
"""Reasons without a part that is filled in."""
PATTERNS: dict[str, str] = {**FORM_PATTERNS, **LEDGER_PATTERNS, **RULE_PATTERNS}
"""Reasons with parts, each named in braces on both sides: ``{n}`` a number, ``{names}`` identifiers joined,
``{choice}`` a number or at least two joined, ``{any}`` whatever there is, any other name one identifier."""
PROSE_CODES = frozenset(
    {
        *("entry.bad_field", "query.invalid", "ledger.read_only"),
        *("json.malformed", "json.duplicate_key", "json.number"),
    }
)
"""Codes whose field ``reason`` is prose. With other codes it is an identifier the caller sent or will meet
again (of a table, of a move) and stays as it is in both languages."""
UNKNOWN_ZH = "不符合要求"
"""What is said instead of a reason without words here."""

_HOLE = re.compile(r"\{([a-z]+)\}")
_NAME = r"[A-Za-z0-9_.:$*-]+"
_KINDS = {
    "n": "-?[0-9]+",
    "names": rf"{_NAME}(?:(?:, | or ){_NAME})*",
    "choice": rf"[0-9]+|{_NAME}(?:(?:, | or ){_NAME})+",
    "presence": "has no|needs a",
    "any": ".+",
}
_PARTS = {"has no": "不带", "needs a": "必须带"}
_JOINTS = {
    ", ": "、",
    " or ": " 或 ",
    "here=": "此处 ",
    "anchored=": "链上 ",
    "witnessed=": "见证 ",
    "witness=": "见证方 ",
    "table=": "表 ",
    "file=": "文件 ",
    "index=": "序号 ",
}


def _compile(pattern: str) -> re.Pattern[str]:
    parts = _HOLE.split(pattern)
    texts = [re.escape(part) if number % 2 == 0 else _group(part) for number, part in enumerate(parts)]
    return re.compile("".join(texts) + r"\Z")


def _group(name: str) -> str:
    return f"(?P<{name}>{_KINDS.get(name, _NAME)})"


_COMPILED = [
    (_compile(pattern), chinese)
    # The one with most words of its own first, so that "not 1 to 9" is not taken for "not {choice}".
    for pattern, chinese in sorted(PATTERNS.items(), key=lambda row: -len(_HOLE.sub("", row[0])))
]
_PLACES = [
    (re.compile(r"byte ([0-9]+)\Z"), r"第 \1 字节"),
    (re.compile(r"character ([0-9]+)\Z"), r"第 \1 个字符"),
    (re.compile(r"string\Z"), "字符串"),
    (re.compile(r"number\Z"), "数字"),
    (re.compile(r"object\Z"), "对象"),
]
_PLACED = re.compile(r"(.+) \((.+)\)\Z")


@lru_cache(maxsize=2_048)
def reason_zh(reason: str) -> str:
    """Return a reason in Chinese: by its exact words, by a pattern with its parts, else ``UNKNOWN_ZH``."""
    if reason in WORDS:
        return WORDS[reason]
    for pattern, chinese in _COMPILED:
        match = pattern.match(reason)
        if match is not None:
            return chinese.format_map({name: _part_zh(part) for name, part in match.groupdict().items()})
    placed = _PLACED.match(reason)
    if placed is not None:
        return f"{reason_zh(placed[1])}（{_place_zh(placed[2])}）"
    return UNKNOWN_ZH


def _part_zh(part: str) -> str:
    if part in _PARTS:
        return _PARTS[part]
    for joint, chinese in _JOINTS.items():
        part = part.replace(joint, chinese)
    return part


def _place_zh(place: str) -> str:
    for pattern, chinese in _PLACES:
        if pattern.match(place):
            return pattern.sub(chinese, place)
    # The name of a member, which is the caller's own.
    return place
