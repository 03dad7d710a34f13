"""Refusals by the rules of sales, vouchers, pools and awards."""

from __future__ import annotations

from gateway.error_codes.rule import CodeRule

COMMERCE_CODES: dict[str, CodeRule] = {
    "rule.unknown_table": CodeRule(
        422,
        "No such table",
        "没有此规则表",
        "There is no such version of {table}.",
        "不存在 {table} 的该版本。",
    ),
    "rule.not_ahead": CodeRule(
        422,
        "Not a day ahead",
        "生效日不符合要求",
        "A version takes effect on a day after {day}, within 1,000 days.",
        "新版本须在 {day} 之后、1000 天之内的某日生效。",
    ),
    "sale.voucher_given": CodeRule(
        409,
        "Voucher given already",
        "代金券已发放",
        "A voucher was given on this sale; what was paid for it in money stands.",
        "此笔消费已发放代金券，其现金支付金额不可再变。",
    ),
    "voucher.below_threshold": CodeRule(
        409,
        "Sale below the threshold",
        "消费未达门槛",
        "A voucher is given from {threshold} fen paid in money on.",
        "现金支付满 {threshold} 分方可发放代金券。",
    ),
    "voucher.other_shop": CodeRule(
        409,
        "Voucher of another shop",
        "代金券不适用于该商家",
        "The voucher is not for the shop of this sale.",
        "该代金券不适用于此笔消费的商家。",
    ),
    "voucher.sale_before": CodeRule(
        409,
        "Sale before the voucher",
        "消费早于代金券",
        "The sale was recorded before the voucher was given.",
        "此笔消费的记录早于代金券的发放。",
    ),
    "voucher.one_each_sale": CodeRule(
        409,
        "One voucher for each sale",
        "每笔消费限用一张代金券",
        "A voucher was used on this sale already.",
        "此笔消费已使用过一张代金券。",
    ),
    "voucher.not_refunded": CodeRule(
        409,
        "Sale not refunded",
        "消费未全额退款",
        "A voucher comes back when the sale it was used on was refunded whole.",
        "使用代金券的消费全额退款后，代金券才予退还。",
    ),
    "voucher.not_over": CodeRule(
        409,
        "Voucher still good",
        "代金券仍在有效期内",
        "The voucher can be used until the end of {day}.",
        "该代金券可使用至 {day} 当日结束。",
    ),
    "grant.never_to_a_person": CodeRule(
        409,
        "Money never gives a person coins",
        "资金不得转为个人积分",
        "What is given to a chapter fills its subsidy pool; no member's or merchant's account receives it.",
        "赠予分会的资金只能注入补贴池，任何会员或商家账户都不得接收。",
    ),
    "committee.himself": CodeRule(
        403,
        "Not by himself",
        "不得自行任命",
        "Nobody puts himself into the chapter's committee.",
        "任何人不得自行任命为推荐委员会委员。",
    ),
    "committee.closing": CodeRule(
        409,
        "Account is being closed",
        "账户正在注销",
        "An account that is being closed takes no office in the committee.",
        "正在注销的账户不得进入推荐委员会。",
    ),
    "committee.in_office": CodeRule(
        409,
        "In the committee",
        "仍在推荐委员会任职",
        "The holder is in the chapter's committee; the office ends before the account.",
        "持有人仍在推荐委员会任职，卸任后方可注销账户。",
    ),
    "fund.short": CodeRule(
        409,
        "Fund has less",
        "基金余额不足",
        "The fund {fund} has {balance} fen; {amount} fen cannot be used of it.",
        "基金 {fund} 余额 {balance} 分，不足以使用 {amount} 分。",
    ),
    "fund.legs_differ": CodeRule(
        422,
        "Legs do not sum to the amount",
        "各项之和与金额不符",
        "The legs of this use of a fund do not sum to its {amount} fen.",
        "此项基金使用的各项之和不等于 {amount} 分。",
    ),
    "award.month_open": CodeRule(
        409,
        "Month not over",
        "月份尚未结束",
        "Awards of {month} are granted when the month is over.",
        "{month} 的奖项须待当月结束后颁发。",
    ),
    "award.not_in_order": CodeRule(
        409,
        "First place not granted yet",
        "第一名尚未颁发",
        "The first place is granted before the others, as all are computed as of then.",
        "须先颁发第一名，其余名次以该时刻的计算结果为准。",
    ),
    "award.no_winner": CodeRule(
        409,
        "Nobody has this place",
        "该名次空缺",
        "By the entries of {month} nobody has this place.",
        "根据 {month} 的记录，该名次无人获得。",
    ),
    "merchant.suspended": CodeRule(
        409,
        "Merchant suspended",
        "商家已暂停",
        "The merchant's deposit is below its floor; until it is topped up it takes no coins and no vouchers.",
        "该商家的保证金低于最低额度，补足之前不得收取积分或代金券。",
    ),
    "gates.households": CodeRule(
        409,
        "More households than there are",
        "户数参数过小",
        "Members come from {have} households; the chapter's parameter says there are {households}.",
        "会员来自 {have} 户，而分会参数所设的总户数为 {households}。",
    ),
}
"""Every code, by name."""
