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
    "pool.reserved": CodeRule(
        409,
        "Pool with a purpose",
        "专用池",
        "{field} is a named pool: its coins move by the rules of its purpose alone.",
        "{field} 为专用池，其积分只能按其用途规则划转。",
    ),
    "pool.account_taken": CodeRule(
        409,
        "Account serves another pool",
        "账户已另有用途",
        "The account in {field} is a pool of this chapter already.",
        "字段 {field} 中的账户已是本分会的其他池。",
    ),
    # --- services ----------------------------------------------------------------------------------------
    "service.unknown": CodeRule(
        422,
        "Unknown service",
        "服务不存在",
        "{field} names no service on the chapter's price list.",
        "{field} 所指的服务不在本分会的服务目录中。",
    ),
    "service.members_only": CodeRule(
        422,
        "Not for this kind of account",
        "账户类型不符",
        "The account in {field} is not of the kind this service is for.",
        "{field} 中的账户类型不能参与此服务。",
    ),
    "service.membership_required": CodeRule(
        409,
        "For members in force",
        "仅限有效会员",
        "The account in {field} has no membership in force, which it takes to {act}.",
        "字段 {field} 中的账户没有有效的会员资格，不能进行 {act}。",
    ),
    "service.provider_suspended": CodeRule(
        409,
        "Provider is suspended",
        "服务者已被暂停",
        "Whoever would serve is suspended: nothing is agreed or begun, or paid for hours, until that ends.",
        "服务者已被暂停：解除之前不能约定或开始服务，也不为时长支付时间积分。",
    ),
    "service.offered_already": CodeRule(
        409,
        "Offered already",
        "已提供相同服务",
        "This account offers this skill in this compound already; withdraw that offer first.",
        "该账户已在此小区提供此项技能；请先撤回原有的服务。",
    ),
    "service.not_matching": CodeRule(
        409,
        "Offer does not fit",
        "服务与请求不匹配",
        "The offer does not fit the request: {what}.",
        "该服务与请求不匹配：{what}。",
    ),
    "service.no_subsidy": CodeRule(
        409,
        "No subsidy to hold",
        "没有可用的补贴",
        "No subsidy stands for this booking, or its part is held already.",
        "此预约没有可用的补贴，或补贴部分已经预留。",
    ),
    "service.subsidy_first": CodeRule(
        409,
        "Subsidy first",
        "请先预留补贴",
        "A subsidy stands for this service: hold its {limit} hundredths first.",
        "此服务有补贴：请先预留补贴部分 {limit}（百分之一积分）。",
    ),
    "service.not_due": CodeRule(
        409,
        "Not due yet",
        "时间未到",
        "The time after which this step is possible has not passed.",
        "此步骤须在期限过后方可进行。",
    ),
    "payment_code.other_payer": CodeRule(
        403,
        "Another payer",
        "付款方不符",
        "The acting account is not the payer.",
        "操作账户不是付款方。",
    ),
}
"""Every code, by name."""
