"""Refusals by the rules of the alliance: seats, reviews, scores, penalties, lists, deposits, complaints."""

from __future__ import annotations

from gateway.error_codes.rule import CodeRule

ALLIANCE_CODES: dict[str, CodeRule] = {
    "alliance.not_a_merchant": CodeRule(
        422,
        "Not a merchant",
        "不是商家账户",
        "The account in {field} is not a merchant's.",
        "字段 {field} 中的账户不是商家账户。",
    ),
    "alliance.too_early": CodeRule(
        409,
        "Too early",
        "时间未到",
        "The step {step} is possible from {until} on.",
        "{step} 须在 {until} 之后方可进行。",
    ),
    "alliance.too_late": CodeRule(
        409,
        "Too late",
        "已过时限",
        "The step {step} was possible before {until}.",
        "{step} 须在 {until} 之前进行，现已过时限。",
    ),
    # --- promises, penalties, lists, claims --------------------------------------------------------------
    "profit.quarter_open": CodeRule(
        409,
        "Quarter not over",
        "季度尚未结束",
        "The profit of {quarter} can be declared from {day} on.",
        "{quarter} 的利润须自 {day} 起方可申报。",
    ),
    "penalty.notice_only": CodeRule(
        409,
        "Notice only",
        "仅可公示",
        "The table gives no coins for {reason}: order a notice.",
        "规则表未对 {reason} 规定扣除积分，仅可公示。",
    ),
    "list.already": CodeRule(
        409,
        "On the list already",
        "已在名单上",
        "The merchant is on the {list} list for {reason} already.",
        "该商家已因 {reason} 列入 {list} 名单。",
    ),
    "penalty.appealed_already": CodeRule(
        409,
        "Appealed already",
        "已申诉过",
        "This penalty was appealed once; there is no second appeal.",
        "该处罚已申诉过一次，不能再次申诉。",
    ),
    "penalty.own_decision": CodeRule(
        409,
        "Own decision",
        "不得裁定与己有关的处罚",
        "Nobody decides on a penalty of his own, or on an appeal against one he ordered.",
        "不得裁定针对自己的处罚，也不得裁定针对自己所作处罚的申诉。",
    ),
    "claim.own_decision": CodeRule(
        409,
        "Own decision",
        "不得裁定与己有关的索赔",
        "Nobody records a claim against himself.",
        "不得由本人记录针对自己的索赔。",
    ),
    # --- seats -------------------------------------------------------------------------------------------
    "seat.merchant_has_one": CodeRule(
        409,
        "Merchant has a seat",
        "商家已有席位",
        "The merchant holds the chapter's seat for {industry}; one merchant holds one seat.",
        "该商家已持有本分会 {industry} 行业席位，一个商家只能持有一个席位。",
    ),
    "seat.applied_already": CodeRule(
        409,
        "Application pending",
        "已有申请在办",
        "The merchant has an application that is not decided.",
        "该商家已有一项尚未办结的席位申请。",
    ),
    "seat.blacklisted": CodeRule(
        409,
        "On the black list",
        "已列入黑榜",
        "A merchant on the black list is granted no seat.",
        "列入黑榜的商家不得取得席位。",
    ),
    "seat.no_deposit": CodeRule(
        409,
        "Deposit not complete",
        "保证金未缴足",
        "A seat is granted once the deposit is lodged in full and not below its floor.",
        "保证金缴足且不低于下限后方可授予席位。",
    ),
    "seat.wrong_stage": CodeRule(
        409,
        "Another stage is next",
        "审核阶段不符",
        "{stage} cannot be reviewed while the application is {state}.",
        "申请目前为 {state}，不能审核 {stage}。",
    ),
    "seat.not_by_hand": CodeRule(
        422,
        "Follows from figures",
        "须由数据得出",
        "A release for {reason} follows from the quarter's or the month's figures alone.",
        "因 {reason} 释放席位只能由季度或月度数据得出。",
    ),
    # --- scores and duties -------------------------------------------------------------------------------
    "rating.not_a_resident": CodeRule(
        422,
        "Not a resident",
        "不是居民账户",
        "The account in {field} is not a member's; merchants and pools rate nobody.",
        "字段 {field} 中的账户不是会员账户，商家与资金池不得评分。",
    ),
    "rating.own_seat": CodeRule(
        409,
        "Own seat",
        "不得评定自己的席位",
        "Nobody re-checks his own seat.",
        "不得复核自己的席位。",
    ),
    "quarter.not_open": CodeRule(
        409,
        "Quarter not open",
        "季度不可评分",
        "{quarter} is neither this quarter nor the last, or it is closed.",
        "{quarter} 既非本季度也非上季度，或已结算。",
    ),
    "quarter.not_over": CodeRule(
        409,
        "Quarter not over",
        "季度尚未结束",
        "{quarter} can be closed from {day} on.",
        "{quarter} 须自 {day} 起方可结算。",
    ),
    "duty.switched_off": CodeRule(
        409,
        "Referral duty switched off",
        "推荐义务未启用",
        "The duty to refer members is not switched on; nobody is judged by it.",
        "推荐会员的义务未启用，不以此评判任何商家。",
    ),
    "duty.month_not_held": CodeRule(
        409,
        "Month cannot be judged",
        "该月不可评判",
        "{month} is not a past month in which the seat was held from its first day to its last.",
        "{month} 不是席位完整持有的已结束月份。",
    ),
    "duty.month_before": CodeRule(
        409,
        "Month before the duty",
        "该月尚无推荐义务",
        "The duty to refer was switched on on {day}; {month} had begun before.",
        "推荐义务于 {day} 启用，{month} 在此之前已开始。",
    ),
    # --- deposits ----------------------------------------------------------------------------------------
    "deposit.other_version": CodeRule(
        409,
        "Lodged under another version",
        "保证金适用其他版本",
        "The deposit was begun under version {version} of the terms.",
        "该保证金适用第 {version} 版条款。",
    ),
    "deposit.own_decision": CodeRule(
        409,
        "Own decision",
        "不得裁定与己有关的保证金",
        "Nobody forfeits his own deposit.",
        "不得由本人裁定没收自己的保证金。",
    ),
    "deposit.seat_ended": CodeRule(
        409,
        "Seat ended",
        "席位已终止",
        "The breach is from after the seat, or the release of the seat has settled what is forfeited for it.",
        "违规发生在席位终止之后，或应没收的保证金已随席位解除结清。",
    ),
    "deposit.breach_not_final": CodeRule(
        409,
        "Breach not final",
        "违规尚未最终认定",
        "The merchant does not stand on the black list for this reason, or may still appeal.",
        "该商户未因此原因列入黑榜，或仍可申诉。",
    ),
}
"""Every code, by name."""
