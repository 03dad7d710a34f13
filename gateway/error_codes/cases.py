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
    "entry.not_as_computed": CodeRule(
        422,
        "Not what the rules give",
        "与规则计算结果不符",
        "{field} is not what the rules give for this entry; leave it out or give the same.",
        "{field} 与规则对此条目的计算结果不一致；请省略或填写相同的值。",
    ),
    "case.wrong_state": CodeRule(
        409,
        "Case in another state",
        "事项状态不符",
        "{field}: the case is {state}, this step needs {wanted}.",
        "{field}：该事项目前为 {state}，此步骤需要 {wanted}。",
    ),
    "sale.paid_up": CodeRule(
        409,
        "More coins than are left to pay",
        "积分超过待付金额",
        "At most {left} hundredths of a coin can still be paid towards this sale.",
        "此笔消费最多还可用积分抵扣 {left}（百分之一积分）。",
    ),
    "sale.rebated_already": CodeRule(
        409,
        "Rebate given already",
        "返还已发放",
        "The rebate of this sale was given; what it was computed on stands.",
        "此笔消费的返还已经发放，其计算依据不可再变。",
    ),
    "sale.own_purchase": CodeRule(
        422,
        "Purchase from oneself",
        "不能向自己购买",
        "A merchant does not buy from itself.",
        "商家不能向自己购买。",
    ),
    "sale.rebate_for_members": CodeRule(
        409,
        "Rebate is for members",
        "返还仅限会员",
        "The consumption rebate is a member's; the buyer of this sale is a merchant.",
        "消费返还仅给予会员；此笔消费的购买方为商家。",
    ),
    "sale.nothing_due": CodeRule(
        409,
        "Nothing due",
        "没有应退",
        "Nothing is due, or the account that owes it has nothing now.",
        "没有应退的积分，或应退账户目前没有余额。",
    ),
}
"""Every code, by name."""
