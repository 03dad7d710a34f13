"""No Chinese sentence holds English prose: every reason in the source has its words in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import get_args

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType

from gateway import schemas
from gateway.api import event_stream
from gateway.app import validation_refusal
from gateway.error_codes import CODES
from gateway.errors import Refusal, problem_document
from gateway.reason_words import PATTERNS, PROSE_CODES, UNKNOWN_ZH, WORDS, reason_zh
from gateway.reason_words.validation import (
    NOT_ACCEPTED,
    PATTERN_REASONS,
    VALIDATION_REASONS,
    validation_reason,
)
from tests.unit.gateway.reason_sources import Found, Search, called, calls_in, parse_module, read_modules

CHINESE = re.compile(r"[\u4e00-\u9fff]")
HOLE = re.compile(r"\{[a-z]*\}")
WORD = re.compile(r"[A-Za-z]{2,}")
MODULES = read_modules()


def plain(pattern: str) -> str:
    return HOLE.sub("{}", pattern)


def missing(found: list[Found]) -> dict[str, str]:
    """What is to be done about each reason that has no Chinese words, by place."""
    # A reason with its place is put together of two that have their words.
    known = set(WORDS) | {plain(pattern) for pattern in PATTERNS} | {"{} ({})"}
    advice = {}
    for one in found:
        if one.text is None:
            advice[one.place] = f"{one.shown}: write the reason as a text, so that its words can be found"
        elif one.text not in known:
            kind = "PATTERNS (name each {})" if "{}" in one.text else "WORDS"
            advice[one.place] = f"add {one.text!r} and its Chinese to {kind} of gateway/reason_words"
    return advice


def test_every_reason_in_the_source_has_chinese_words() -> None:
    found = Search(MODULES, PROSE_CODES).run()
    assert len(found) > 200
    assert missing(found) == {}


PROBE = """
REASON = "named far away"

def _text(value, where, reason):
    raise FieldError(BAD, where, reason)

def _say():
    return "returned"

def probe(self, value, flag):
    _text(value, "x", "passed down")
    raise FormatError("x", f"not {value} of {flag}")
    raise FormatError("x", "one way" if flag else "another way")
    raise FormatError("x", REASON)
    raise FormatError("x", "joined " + ", ".join(value))
    raise FormatError("x", _say())
    raise Refusal("entry.bad_field", field="x", reason="of a refusal")
    raise Refusal("list.already", reason="an identifier")
    raise FormatError("x", value[0])
"""


def test_reasons_are_found_however_they_are_written() -> None:
    found = Search([parse_module("probe.py", PROBE)], PROSE_CODES).run()
    assert {one.text for one in found} == {
        *("named far away", "returned", "passed down", "not {} of {}", "one way", "another way"),
        *("joined {}", "of a refusal", None),
    }
    advice = missing(found)
    assert advice["probe.py:12"] == (
        "add 'not {} of {}' and its Chinese to PATTERNS (name each {}) of gateway/reason_words"
    )
    assert advice["probe.py:19"].startswith("value[0]: write the reason as a text")


@pytest.mark.parametrize("english", [*WORDS, *PATTERNS])
def test_the_chinese_of_a_reason_is_chinese_with_the_same_parts(english: str) -> None:
    chinese = WORDS.get(english) or PATTERNS[english]
    assert CHINESE.search(HOLE.sub("", chinese)) or english.endswith(("from", "to"))
    assert not CHINESE.search(english)
    assert sorted(HOLE.findall(chinese)) == sorted(HOLE.findall(english))
    # Identifiers alone stay Latin: each stands in the English too, or is the name of a format.
    assert set(WORD.findall(HOLE.sub("", chinese))) <= set(WORD.findall(english)) | {"ASCII", "YYYY", "MM"}


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("not UTF-8", "不是 UTF-8"),
        ("not UTF-8 (byte 17)", "不是 UTF-8（第 17 字节）"),
        ("lone surrogate (string)", "含有不成对的代理码点（字符串）"),
        ("not a list of at most 16", "不是至多 16 项的列表"),
        ("not 1 to 9", "不在 1 至 9 之间"),
        ("not 1 to 2^63 - 1", "不在 1 至 2^63 - 1 之间"),
        ("not 1", "不是 1"),
        ("not general or value_added", "不是 general 或 value_added"),
        ("not one of pool, fund or chapter", "不是下列之一：pool、fund 或 chapter"),
        ("not a cursor as an earlier answer gave it", "不是先前应答给出的游标"),
        ("issue has no from", "issue 不带 from"),
        ("burn needs a to", "burn 必须带 to"),
        ("transfer takes no ref here", "transfer 在此不接受 ref"),
        ("log.behind_anchor(here=5, anchored=7)", "日志落后于链上锚定(此处 5、链上 7)"),
        (
            "log.behind_witness(here=5, witnessed=7, witness=w.example/city)",
            "日志落后于见证方(此处 5、见证 7、见证方 w.example/city)",
        ),
        (
            "log.damaged(table=entries, index=17)",
            "所存数据与日志已签名的内容不符(表 entries、序号 17)",
        ),
        ("somebody's own words", UNKNOWN_ZH),
        ("not welcome", UNKNOWN_ZH),
    ],
)
def test_parts_are_filled_in(english: str, chinese: str) -> None:
    assert reason_zh(english) == chinese


def document(code: str, **fields: str | int) -> dict[str, object]:
    return problem_document(Refusal(code, **fields), instance="/", trace_id="ab")


def test_only_the_chinese_sentence_is_translated() -> None:
    shown = document("entry.bad_field", field="op.to", reason="is the sender itself")
    assert shown["detail"] == "The field op.to is not accepted: is the sender itself."
    assert shown["detail_zh"] == "字段 op.to 不合规：就是转出方本人。"
    assert shown["reason"] == "is the sender itself"
    assert document("json.malformed", reason="trailing data (character 3)")["detail_zh"] == (
        "请求体不是严格的 JSON：末尾有多余内容（第 3 个字符）。"
    )


def test_reasons_that_are_identifiers_stay_as_they_are() -> None:
    shown = document("list.already", list="red", reason="promise_broken")
    assert "promise_broken" in str(shown["detail_zh"])


def test_every_code_whose_reason_is_prose_is_in_the_catalogue() -> None:
    assert PROSE_CODES <= set(CODES)


def test_a_loop_that_failed_has_a_name() -> None:
    names = set()
    for module in MODULES:
        for call in calls_in(module.tree):
            holder = call.func.value if isinstance(call.func, ast.Attribute) else None
            if called(call) == "add" and ast.unparse(holder or call).endswith("workers"):
                names |= {one.value for one in call.args[:1] if isinstance(one, ast.Constant)}
    assert {"mirror", "outbox", "anchor", "settler", "evidence", "log"} <= names
    assert {
        name for name in (*names, "chain.unanswered", "internal") if reason_zh(str(name)) == UNKNOWN_ZH
    } == set()


# --- what pydantic refuses ---------------------------------------------------------------------------------


def test_error_types_are_those_of_pydantic_and_their_words_have_chinese() -> None:
    assert set(VALIDATION_REASONS) <= set(get_args(ErrorType))
    known = set(WORDS) | {plain(pattern) for pattern in PATTERNS}
    assert {
        HOLE.sub("{}", re.sub(r"\{[a-z_]+\}", "{}", text)) for text in VALIDATION_REASONS.values()
    } <= known


def test_no_expression_is_shown_and_each_of_a_request_has_its_words() -> None:
    asked = {event_stream.CURSOR_PATTERN} | {
        pattern
        for model in vars(schemas).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel
        for pattern in re.findall(r"'pattern': '([^']*)'", str(model.model_json_schema()))
    }
    assert {pattern.replace("\\\\", "\\") for pattern in asked} <= set(PATTERN_REASONS)
    assert set(PATTERN_REASONS.values()) <= set(WORDS)
    unknown = validation_reason("string_pattern_mismatch", {"pattern": "^x$"})
    assert (unknown, reason_zh(unknown)) == ("not in the form wanted", "不是所要求的形式")


def raised(model: type[BaseModel], body: object) -> Refusal:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in caught.value.errors()]
    return validation_refusal(RequestValidationError(faults))


@pytest.mark.parametrize(
    ("model", "body", "field", "reason", "chinese"),
    [
        (schemas.ChapterIn, {}, "code", "missing", "缺失"),
        (schemas.ChapterIn, [], "body", "not an object", "不是对象"),
        (schemas.ChapterIn, {"code": 7}, "code", "not a text", "不是文本"),
        (schemas.ChapterIn, {"code": "x"}, "code", "not NNNN-NNNN", "不是 NNNN-NNNN 的形式"),
        (schemas.MemberIn, {"chapter": "3101-0007", "account": "x"}, "account", "not an account", "不是账户"),
        (schemas.KeyIn, {"name": "k", "scopes": []}, "scopes", "fewer than 1 items", "不足 1 项"),
        (schemas.KeyIn, {"name": "k", "scopes": "admin"}, "scopes", "not a list", "不是列表"),
        (schemas.MemberIn, {"chapter": "3101-0007", "custody": "x"}, "custody", "not one of operator or self",
         "不是下列之一：operator 或 self"),
        (schemas.ChapterQuotaIn, {"period": 1, "amount": "1"}, "period", "less than 202001", "小于 202001"),
        (schemas.ChapterQuotaIn, {"period": 10**6, "amount": "1"}, "period", "more than 209912",
         "大于 209912"),
        (schemas.ChapterQuotaIn, {"period": "x", "amount": "1"}, "period", "not an integer", "不是整数"),
        (schemas.ClockIn, {"to": "x" * 25}, "to", "longer than 24 characters", "超过 24 个字符"),
        (schemas.RightsIn, {"may_send": 1, "may_receive": True, "order": "ab" * 32}, "may_send",
         "not true or false", "不是 true 或 false"),
        (schemas.ProposalIn, {"chapter": "3101-0007", "valid_until": 2**53}, "valid_until",
         "not less than 9007199254740992", "不小于 9007199254740992"),
    ],
)  # fmt: skip
def test_a_body_pydantic_refuses_is_refused_in_our_words(
    model: type[BaseModel], body: object, field: str, reason: str, chinese: str
) -> None:
    refusal = raised(model, body)
    assert refusal == Refusal("entry.bad_field", field=field, reason=reason)
    assert reason_zh(reason) == chinese


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (1.5, "amount.malformed"),
        ("-1", "amount.negative"),
        (-1, "amount.negative"),
        ("9" * 20, "amount.too_large"),
    ],
)
def test_amounts_of_the_cold_routes_have_the_codes_of_the_hot_one(amount: object, code: str) -> None:
    refusal = raised(schemas.ChapterQuotaIn, {"period": 202611, "amount": amount})
    assert (refusal.code, refusal.fields["field"]) == (code, "amount")


def test_an_error_type_without_words_is_said_to_be_not_accepted() -> None:
    assert validation_reason("callable_type", {}) == NOT_ACCEPTED
    assert validation_reason("too_long", {}) == NOT_ACCEPTED


def models() -> Iterator[type[BaseModel]]:
    for value in vars(schemas).values():
        if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel:
            yield value


@pytest.mark.parametrize(
    "value", [None, True, 7, 7.5, "", "x" * 999, [], [[]], {}, {"?": [[]]}, float("inf")]
)
def test_no_body_meets_an_error_type_without_words(value: object) -> None:
    for model in models():
        for name, field in model.model_fields.items():
            with pytest.raises(ValidationError) as caught:
                model.model_validate({(field.alias or name): value, "extra!": 1})
            for fault in caught.value.errors():
                known = fault["type"] in VALIDATION_REASONS or fault["type"].startswith("amount.")
                assert known or fault["type"] == "extra_forbidden", (model, name, fault["type"])
