"""The sentences of every refusal of the rules, English and Chinese: part of the public contract. Pure data.

One row per code: HTTP status, title, title in Chinese, sentence, sentence in Chinese. The catalogue of
``gateway.error_codes`` takes these rows over, so codes never change.
"""

from __future__ import annotations

from gateway.rules.seat_texts import SEAT_TEXTS
from gateway.rules.time_bank_texts import TIME_BANK_TEXTS

RULE_TEXTS: dict[str, tuple[int, str, str, str, str]] = {
    **SEAT_TEXTS,
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
    "split.other_roles": (
        422,
        "Other roles than the table has",
        "分配表的角色不符",
        "A version of {table} has the roles its steps need, the funds, and no others.",
        "{table} 的版本只能包含其步骤所需的角色与各基金，不得有其他角色。",
    ),
    "split.over_limit": (
        422,
        "Above a role's limit",
        "超过角色上限",
        "In {table} the line of {role} is {most} at most.",
        "{table} 中 {role} 一项最多为 {most}。",
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
    # --- vouchers ----------------------------------------------------------------------------------------
    "voucher.not_open": (
        409,
        "Voucher not open",
        "代金券不可用",
        "The voucher is {state}.",
        "该代金券的状态为 {state}。",
    ),
    "voucher.expired": (
        409,
        "Voucher expired",
        "代金券已过期",
        "The voucher's last day was {day}.",
        "该代金券的最后使用日为 {day}。",
    ),
    "voucher.not_holder": (
        409,
        "Not the voucher's holder",
        "非代金券持有人",
        "Only its holder can use a voucher.",
        "代金券只能由持有人使用。",
    ),
    "voucher.same_shop": (
        409,
        "Same shop",
        "同一商家",
        "A voucher is used at another shop than the one it came from.",
        "代金券须在发放商家以外的商家使用。",
    ),
    # --- deposits ----------------------------------------------------------------------------------------
    "deposit.wrong_state": (
        409,
        "Deposit in another state",
        "保证金状态不符",
        "{step}: the deposit is {state}.",
        "{step}：保证金目前的状态为 {state}。",
    ),
    "deposit.above_required": (
        409,
        "More than the deposit asks for",
        "超过应缴保证金",
        "Only {left} fen are missing from the deposit.",
        "保证金只差 {left} 分。",
    ),
    "deposit.claim_exists": (
        409,
        "Claim exists",
        "该理赔已存在",
        "The deposit holds for this complaint already.",
        "保证金已为此投诉作出冻结。",
    ),
    "deposit.no_claim": (
        409,
        "No such claim",
        "没有此理赔",
        "The deposit has no open claim of this complaint.",
        "保证金没有此投诉的未结理赔。",
    ),
    "deposit.claim_state": (
        409,
        "Claim in another state",
        "理赔状态不符",
        "The claim is {state}.",
        "该理赔目前的状态为 {state}。",
    ),
    "deposit.above_claim": (
        409,
        "More than was claimed",
        "超过理赔金额",
        "At most the {left} fen that were claimed can be verified.",
        "核定金额不能超过所请求的 {left} 分。",
    ),
    "deposit.not_left": (
        409,
        "Exit not in effect",
        "退出尚未生效",
        "A deposit is refunded after the exit took effect.",
        "保证金在退出生效之后退还。",
    ),
    "deposit.claims_open": (
        409,
        "Claims open",
        "仍有未结理赔",
        "{count} claims on the deposit are open.",
        "保证金仍有 {count} 项未结理赔。",
    ),
    # --- fees --------------------------------------------------------------------------------------------
    # --- pools -------------------------------------------------------------------------------------------
    "pool.forbidden_move": (
        409,
        "Credits cannot move this way",
        "积分不能如此流转",
        "Credits do not move from {source} to {target} for {reason}.",
        "积分不能以 {reason} 为由从 {source} 转到 {target}。",
    ),
    "pool.cash_out": (
        422,
        "Credits to money",
        "积分兑换现金",
        "A move from {source} for {reason} would turn credits into money.",
        "从 {source} 以 {reason} 为由的流转会把积分变成现金。",
    ),
    "pool.money_path": (
        422,
        "Money to credits",
        "现金换取积分",
        "A move to {target} for {reason} would turn money into credits of a person.",
        "以 {reason} 为由转到 {target} 会把现金变成个人积分。",
    ),
    "pool.exception": (
        422,
        "No such exception",
        "没有此例外",
        "Only the rebate is an exception, and only with a way back; {reason} is not.",
        "例外仅限可收回的消费返还，{reason} 不是。",
    ),
}
"""Every code the rules refuse with."""
