"""Refusals by the time bank and by a chapter's pools."""

from __future__ import annotations

from gateway.error_codes.rule import CodeRule

TIMEBANK_CODES: dict[str, CodeRule] = {
    "pool.unknown": CodeRule(
        409,
        "Pool not open",
        "资金池未开立",
        "The chapter has not opened its pool {name} yet.",
        "本分会尚未开立 {name} 池。",
    ),
    "pool.account_taken": CodeRule(
        409,
        "Account serves another pool",
        "账户已另有用途",
        "The account in {field} is a pool of this chapter already.",
        "字段 {field} 中的账户已是本分会的其他池。",
    ),
}
"""Every code, by name."""
