"""Codes about webhooks: what a subscription may be, and what can be sent again."""

from __future__ import annotations

from gateway.error_codes.rule import CodeRule

DELIVERY_CODES: dict[str, CodeRule] = {
    "webhook.unknown": CodeRule(
        404,
        "No such webhook",
        "没有此订阅",
        "This key has no webhook of that id.",
        "此密钥没有该编号的订阅。",
    ),
    "webhook.target": CodeRule(
        422,
        "Address not accepted",
        "接收地址不被接受",
        "Events are not sent to this address ({reason}). It must be an https URL without user, fragment or a "
        "port other than those this gateway allows, and must not lead into a private network.",
        "不会向该地址发送事件（{reason}）。地址须为 https 网址，不含用户名与片段，"
        "端口须为本网关所允许，且不得指向内部网络。",
    ),
    "webhook.limited": CodeRule(
        409,
        "Too many webhooks",
        "订阅过多",
        "This key has {limit} webhooks, the most it may have. End one first.",
        "此密钥已有 {limit} 个订阅，达到上限。请先结束其中一个。",
    ),
    "webhook.sequence": CodeRule(
        422,
        "No such event",
        "没有此事件",
        "Events can be sent from number 1 to number {last}; the number asked for is none of them.",
        "可从第 1 至第 {last} 号事件起发送；所给序号不在其中。",
    ),
    "webhook.nothing_dead": CodeRule(
        409,
        "No dead letters",
        "没有待重发的事件",
        "This webhook has no event that was given up and is not being sent again already.",
        "此订阅没有已放弃且尚未重发的事件。",
    ),
    "webhook.made_already": CodeRule(
        409,
        "Webhook made already",
        "订阅已经建立",
        "This Idempotency-Key has made the webhook {webhook}, whose secret was shown then and cannot be "
        "shown again. If you do not hold it, ask for a new secret of that webhook.",
        "此 Idempotency-Key 已建立订阅 {webhook}，其密文仅在当时显示，无法再次显示。"
        "如未保存，请为该订阅申请新的密文。",
    ),
}
"""Codes of `gateway/delivery`."""
