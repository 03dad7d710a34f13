"""The catalogue is complete in both languages, and every refusal renders as one shape."""

from __future__ import annotations

import re
import string

import pytest

from gateway.error_codes import CODES
from gateway.errors import Refusal, problem_document, problem_headers

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_speaks_both_languages_with_the_same_places(code: str) -> None:
    rule = CODES[code]
    assert 400 <= rule.status < 600
    assert _CHINESE.search(rule.title_zh) and _CHINESE.search(rule.detail_zh)
    assert not _CHINESE.search(rule.title + rule.detail)

    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    assert places(rule.detail) == places(rule.detail_zh)


def test_a_refusal_fills_its_sentences_and_shows_its_fields() -> None:
    refusal = Refusal("amount.too_large", field="op.amount", limit="9")
    document = problem_document(refusal, instance="/v1/entries", trace_id="ab")
    assert document["detail"] == "The field op.amount is larger than 9."
    assert document["detail_zh"] == "字段 op.amount 超过上限 9。"
    assert (document["field"], document["limit"]) == ("op.amount", "9")
    assert (document["type"], document["status"], document["retryable"]) == (
        "/problems/amount.too_large",
        422,
        False,
    )


def test_standard_members_win_over_a_field_of_the_same_name() -> None:
    document = problem_document(Refusal("not_found", status=200, title="x"), instance="/", trace_id="ab")
    assert (document["status"], document["title"]) == (404, "Not found")


def test_a_wait_is_said_in_body_and_header() -> None:
    refusal = Refusal("rate.limited", limit=5, retry_after_s=7)
    document = problem_document(refusal, instance="/", trace_id="ab")
    assert (document["retry_after_s"], document["retryable"]) == (7, True)
    assert problem_headers(refusal)["retry-after"] == "7"


def test_an_unknown_code_is_a_defect() -> None:
    with pytest.raises(KeyError):
        Refusal("no.such_code")
