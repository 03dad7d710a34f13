"""What a dry run can say of a line without a gateway: its form, judged by the very rules the gateway uses.

What needs the ledger (which chapters, members and balances there are) shows only when the line is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.canonical import JsonValue, parse_json
from chain.errors import FormatError
from gateway.api.instruction import check_key, read_draft
from gateway.api.problems import json_refusal
from gateway.errors import Refusal, problem_document


class FormJudge:
    """Answers lines of a batch as a gateway would for their form; sends and records nothing."""

    def send(self, lines: Sequence[bytes]) -> list[dict[str, JsonValue]]:
        """Return one answer per line, in order: the problem, or an empty object where the form is good."""
        return [self._judge(line) for line in lines]

    def _judge(self, line: bytes) -> dict[str, JsonValue]:
        try:
            body = parse_json(line)
            check_key(body.get("idempotency_key") if isinstance(body, dict) else None)
            read_draft(body)
        except Refusal as refusal:
            return _problem(refusal)
        except FormatError as error:
            return _problem(json_refusal(error))
        return {}


def _problem(refusal: Refusal) -> dict[str, JsonValue]:
    document = problem_document(refusal, instance="", trace_id="")
    return {name: str(document[name]) for name in ("code", "detail", "detail_zh")}
