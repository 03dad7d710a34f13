"""A verdict as JSON, the same from the command line and over HTTP."""

from __future__ import annotations

from chain.canonical import JsonValue
from chain.verdict_text import LANGUAGES, outcome_sentence, statements, step_sentence
from chain.verify import Verdict


def describe_steps(verdict: Verdict) -> list[dict[str, JsonValue]]:
    """Return each step as JSON: number, name, status, code, detail, and its sentence in each language."""
    return [
        {
            "number": int(step.number),
            "name": step.name,
            "status": step.status,
            "code": step.code,
            "detail": step.detail,
            **{language: step_sentence(step, language) for language in LANGUAGES},
        }
        for step in verdict.steps
    ]


def describe_outcome(verdict: Verdict) -> dict[str, JsonValue]:
    """Return by language the outcome and what follows from it, in sentences."""
    return {
        language: [outcome_sentence(verdict, language), *statements(verdict, language)]
        for language in LANGUAGES
    }
