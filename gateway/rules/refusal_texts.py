"""The sentences of every refusal of the rules, English and Chinese: part of the public contract. Pure data.

One row per code: HTTP status, title, title in Chinese, sentence, sentence in Chinese. The catalogue of
``gateway.error_codes`` takes these rows over, so codes never change.
"""

from __future__ import annotations

from gateway.rules.time_bank_texts import TIME_BANK_TEXTS

RULE_TEXTS: dict[str, tuple[int, str, str, str, str]] = {
    **TIME_BANK_TEXTS,
    # --- tables and splits -------------------------------------------------------------------------------
    "rule.not_in_force": (
        409,
        "No rule in force",
        "没有生效的规则",
        "No version of {table} is in force on {day}.",
        "{day} 没有生效的 {table} 规则版本。",
    ),
    "split.wrong_sum": (
        422,
        "Shares do not sum to the whole",
        "分配比例之和不为全部",
        "The shares of {table} sum to {got} basis points, not {want}.",
        "{table} 的比例之和为 {got} 个基点，应为 {want}。",
    ),
    "split.bad_line": (
        422,
        "Bad line in a split table",
        "分配表有无效的行",
        "Line {line} of {table} is not a role with a share or amount in range.",
        "{table} 的第 {line} 行不是有效的角色与比例或金额。",
    ),
    "split.role_twice": (
        422,
        "Role named twice",
        "角色重复",
        "A role has two lines in {table}.",
        "{table} 中有角色出现两行。",
    ),
    "split.no_residual": (
        422,
        "No residual",
        "没有余额归属",
        "{table} does not name one of its shares as the residual.",
        "{table} 没有指明余额归属的角色。",
    ),
    "split.fixed_exceeds": (
        409,
        "Amount below the fixed lines",
        "金额不足以支付固定项",
        "The fixed lines of {table} take {limit} fen, more than there is to split.",
        "{table} 的固定项共 {limit} 分，超过可分配的金额。",
    ),
    "split.commission_range": (
        422,
        "Commission out of range",
        "佣金超出范围",
        "A platform commission is {least} to {most} basis points.",
        "平台佣金应在 {least} 至 {most} 个基点之间。",
    ),
    "split.no_public_benefit": (
        422,
        "No public-benefit line",
        "缺少共益基金项",
        "{table} gives the public-benefit fund less than {least} basis points.",
        "{table} 给社区共益基金的比例低于 {least} 个基点。",
    ),
    "refund.exceeds_original": (
        409,
        "Refund above the original",
        "退款超过原金额",
        "Only {left} is left to refund.",
        "可退金额只剩 {left}。",
    ),
    # --- referrals ---------------------------------------------------------------------------------------
    "referral.depth_over_cap": (
        422,
        "Too many referral levels",
        "推荐层级过多",
        "Rewards go up 0 to {limit} levels.",
        "推荐奖励的层级只能为 0 至 {limit}。",
    ),
    "referral.self": (
        409,
        "Own referrer",
        "不能推荐自己",
        "Nobody refers himself.",
        "任何人不能推荐自己。",
    ),
    "referral.fixed": (
        409,
        "Referrer fixed",
        "推荐人已确定",
        "After the first order the referrer no longer changes.",
        "首单之后推荐人不再变更。",
    ),
    "referral.household": (
        409,
        "Same household",
        "同一家庭",
        "Nobody refers a member of the own household.",
        "不能推荐同一家庭的成员。",
    ),
    "referral.cycle": (
        409,
        "Referral cycle",
        "推荐关系成环",
        "This referrer was referred, directly or not, by the same member.",
        "该推荐人本身是由此会员直接或间接推荐的。",
    ),
}
"""Every code the rules refuse with."""
