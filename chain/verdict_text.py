"""Verdicts in words, Chinese and English: every step, every outcome, and what is said next to each. Pure.

Two things stand beside every verdict, whatever it is: that what was recorded was true before it was
recorded is not proved, and by whose authority credits moved. Where nobody independent stands behind the
evidence, that is said too. Must not soften or add to what the steps found.
"""

from __future__ import annotations

from datetime import UTC, datetime

from chain.detail_words import detail_zh
from chain.evidence.steps import Facts, Step, StepNumber, Verdict
from chain.verdict_words import (
    AUTHORITIES,
    LANGUAGES,
    NO_MOVE,
    NOBODY_INDEPENDENT,
    NOT_PROVED,
    NOT_REACHED,
    OUTCOMES,
    REASONS,
    REFUSED_MOVE,
    SENTENCES,
    SPECIAL,
    STATUSES,
    STEPS,
    UNKNOWN_AUTHORITY,
    UNSETTLED,
    Language,
    Words,
)

__all__ = [
    "LANGUAGES",
    "Language",
    "outcome_sentence",
    "render_verdict",
    "statements",
    "step_sentence",
    "time_sentences",
]


_LATEST_DATE = 253_402_300_799


def step_sentence(step: Step, language: Language) -> str:
    """Return how a step ended, in one sentence without its details."""
    number = StepNumber(step.number)
    if step.code == "not_reached":
        words = NOT_REACHED
    else:
        words = SPECIAL.get((number, step.code)) or SENTENCES[number, step.status]
    return _say(words, language)


def outcome_sentence(verdict: Verdict, language: Language) -> str:
    """Return the outcome, and the step that failed where one did."""
    words = _say(OUTCOMES[verdict.outcome], language)
    step = verdict.failed_step
    if step is None:
        return words
    name = _say(STEPS[StepNumber(step.number)], language)
    return (
        f"{words}（第 {step.number} 步：{name}）"
        if language == "zh"
        else f"{words} (step {step.number}: {name})"
    )


def statements(verdict: Verdict, language: Language) -> tuple[str, ...]:
    """Return what is said next to every verdict: what is not proved, by whose authority, and who stands
    behind.
    """
    facts = verdict.facts
    said = [_say(NOT_PROVED, language), _authority(verdict, language)]
    if facts.sealed is None and not facts.independent_witnesses:
        said.append(_say(NOBODY_INDEPENDENT, language))
    return tuple(said)


def time_sentences(verdict: Verdict, language: Language) -> tuple[str, ...]:
    """Return which time is proved, by whom; nothing where the verdict proves none."""
    facts = verdict.facts
    if verdict.outcome not in ("pass", "pending"):
        return ()
    said: list[Words] = []
    if facts.cosigned_at is not None:
        at = _time(facts.cosigned_at)
        said.append((f"见证人证明它最迟在 {at} 已存在。", f"Witnesses show that it existed by {at}."))
    if facts.block_time is not None:
        at = _time(facts.block_time)
        if facts.sealed is not None:
            sealed, validators = facts.sealed
            said.append(
                (
                    f"区块时间 {at}，由 {validators} 个验证节点中的 {sealed} 个签署。",
                    f"Its block is of {at}, sealed by {sealed} of {validators} validators.",
                )
            )
        else:
            said.append((f"区块时间 {at} 仅是节点自述。", f"Its block says {at}, on the node's word alone."))
    if facts.recorded_at:
        at = facts.recorded_at
        said.append((f"记录自述的时间 {at} 不在证明之内。", f"The record's own time, {at}, is not proved."))
    return tuple(_say(words, language) for words in said)


def render_verdict(verdict: Verdict, language: Language) -> str:
    """Return a verdict as lines of text: outcome, numbered steps, times, statements."""
    lines = [outcome_sentence(verdict, language)]
    for step in verdict.steps:
        status = _say(STATUSES[step.status], language)
        lines.append(f"{step.number:>3}  [{status}] {step_sentence(step, language)}")
        if step.detail and step.code not in ("not_reached", "none", "no_operation"):
            lines.append(f"       {detail_zh(step.detail, step.code) if language == 'zh' else step.detail}")
    refused = verdict.facts.refused
    if refused:
        reason = _say(REASONS.get(refused, ("原因不明", "unknown reason")), language)
        lines.append(
            f"拒绝原因：{reason}（{refused}）" if language == "zh" else f"Refused: {reason} ({refused})"
        )
    return "\n".join([*lines, *time_sentences(verdict, language), *statements(verdict, language)])


def _authority(verdict: Verdict, language: Language) -> str:
    facts: Facts = verdict.facts
    if verdict.outcome not in ("pass", "pending") or not facts.entry_id:
        return _say(UNKNOWN_AUTHORITY, language)
    if not facts.operation:
        return _say(NO_MOVE, language)
    if facts.outcome == "refused":
        return _say(REFUSED_MOVE, language)
    said = _say(AUTHORITIES[facts.authority], language)
    if facts.outcome:
        return said
    return said + ("" if language == "zh" else " ") + _say(UNSETTLED, language)


def _time(seconds: int) -> str:
    """RFC 3339 in UTC; a time beyond year 9999 stays a number of seconds."""
    if seconds > _LATEST_DATE:
        return str(seconds)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(words: Words, language: Language) -> str:
    return words[0] if language == "zh" else words[1]
