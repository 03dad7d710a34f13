"""Refusals of the rules: in the one catalogue, unchanged, and each raised somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chain.errors import FormatError
from gateway.error_codes import CODES
from gateway.errors import Refusal, problem_document
from gateway.rules.refusal_texts import RULE_TEXTS
from gateway.rules.refusals import RuleRefusal, check_amount

RULES = Path(__file__).parents[4] / "gateway" / "rules"


def test_every_code_is_in_the_catalogue() -> None:
    for code, (status, title, *_) in RULE_TEXTS.items():
        assert (CODES[code].status, CODES[code].title) == (status, title)


def test_every_code_a_rule_raises_has_its_sentences() -> None:
    source = "\n".join(path.read_text() for path in RULES.glob("*.py") if not path.name.endswith("_texts.py"))
    raised = set(re.findall(r'RuleRefusal\(\s*"([^"]+)"', source))
    assert "split.wrong_sum" in raised
    assert raised <= set(RULE_TEXTS)


def test_a_rule_refusal_becomes_the_gateway_s_own() -> None:
    caught = RuleRefusal("refund.exceeds_original", left=30)
    document = problem_document(Refusal(caught.code, **caught.fields), instance="/", trace_id="ab")
    assert (document["status"], document["detail"]) == (409, "Only 30 is left to refund.")
    assert caught.status == 409
    assert repr(caught) == "RuleRefusal('refund.exceeds_original', left=30)"


def test_an_unknown_code_is_a_defect() -> None:
    with pytest.raises(KeyError):
        RuleRefusal("no.such_code")


@pytest.mark.parametrize("amount", [True, 1.0, "1", None, 0, 2**63])
def test_rule_29_amounts_are_integers_in_range(amount: object) -> None:
    with pytest.raises(FormatError) as caught:
        check_amount(amount, "fee", least=1)  # type: ignore[arg-type]
    assert caught.value.where == "fee"
    check_amount(1, "fee", least=1)
    check_amount(2**63 - 1, "fee", least=1)
