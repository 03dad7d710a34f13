"""Refusals by the rules of cases: what is not there, what is in another state, what may not be."""

from __future__ import annotations

from gateway.error_codes.rule import CodeRule

CASE_CODES: dict[str, CodeRule] = {
    "case.unknown": CodeRule(
        422,
        "No such case",
        "没有此事项",
        "{field} names no {kind} of this chapter.",
        "{field} 所指的 {kind} 在本分会不存在。",
    ),
    "case.exists": CodeRule(
        409,
        "Case exists already",
        "事项已存在",
        "There is a {kind} for this already.",
        "该 {kind} 已经存在。",
    ),
    "case.wrong_state": CodeRule(
        409,
        "Case in another state",
        "事项状态不符",
        "{field}: the case is {state}, this step needs {wanted}.",
        "{field}：该事项目前为 {state}，此步骤需要 {wanted}。",
    ),
}
"""Every code, by name."""
