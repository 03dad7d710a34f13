"""The sentences of every refusal of seats, lists, complaints and the equity statement. Pure data.

Rows as in ``gateway.rules.refusal_texts``, which takes them over.
"""

from __future__ import annotations

SEAT_TEXTS: dict[str, tuple[int, str, str, str, str]] = {
    # --- seats ----------------------------------------------------------------------------------------------
    "seat_application.wrong_state": (
        409,
        "Application in another state",
        "申请状态不符",
        "The application is {state}; the step {step} is not possible now.",
        "申请目前为 {state}，不能进行 {step}。",
    ),
    "seat_application.wrong_actor": (
        403,
        "Not your step",
        "无权进行此步骤",
        "The step {step} of this application is for somebody else.",
        "此申请的 {step} 步骤应由他人进行。",
    ),
    "seat_application.no_reason": (
        422,
        "Reason missing",
        "缺少理由",
        "A rejection names the code of its reason.",
        "驳回须写明理由代码。",
    ),
    "seat_application.own_decision": (
        409,
        "Own decision",
        "不得复核自己的决定",
        "An appeal is decided by another person than who rejected.",
        "申诉须由驳回人以外的人员裁定。",
    ),
    "seat_application.too_late": (
        409,
        "Too late to appeal",
        "已过申诉期限",
        "An appeal was possible once, before {day}.",
        "申诉仅限一次，且须在 {day} 之前提出。",
    ),
    "seat_application.too_early": (
        409,
        "Appeal still possible",
        "申诉期限未到",
        "An appeal is possible before {day}.",
        "在 {day} 之前仍可申诉。",
    ),
    "seat.taken": (
        409,
        "Seat taken",
        "席位已被占用",
        "The chapter's seat for {industry} has a holder.",
        "本分会 {industry} 行业的席位已有商家。",
    ),
    "seat.wrong_state": (
        409,
        "Seat in another state",
        "席位状态不符",
        "The seat is {state}; the step {step} is not possible now.",
        "席位目前为 {state}，不能进行 {step}。",
    ),
    "seat.wrong_actor": (
        403,
        "Not your step",
        "无权进行此步骤",
        "The step {step} of this seat is for somebody else.",
        "此席位的 {step} 步骤应由他人进行。",
    ),
    "seat.no_reason": (
        422,
        "Reason missing",
        "缺少理由",
        "A release names its reason.",
        "释放席位须写明理由。",
    ),
    "seat.own_decision": (
        409,
        "Own decision",
        "不得复核自己的决定",
        "An appeal is decided by another person than who proposed the release.",
        "申诉须由提议释放人以外的人员裁定。",
    ),
    "seat.too_late": (
        409,
        "Too late to appeal",
        "已过申诉期限",
        "An appeal was possible before {day}.",
        "申诉须在 {day} 之前提出。",
    ),
    "seat.too_early": (
        409,
        "Too early",
        "时限未到",
        "This step is possible from {day} on.",
        "此步骤自 {day} 起方可进行。",
    ),
    # --- red and black list, penalties ----------------------------------------------------------------------
    "listing.wrong_state": (
        409,
        "Entry in another state",
        "条目状态不符",
        "The entry is {state}; the step {step} is not possible now.",
        "条目目前为 {state}，不能进行 {step}。",
    ),
    "listing.wrong_actor": (
        403,
        "Not your step",
        "无权进行此步骤",
        "The step {step} of this entry is for somebody else.",
        "此条目的 {step} 步骤应由他人进行。",
    ),
    "listing.unknown_reason": (
        422,
        "Unknown reason",
        "理由代码不存在",
        "The chapter's rule has no such reason code.",
        "本分会规则中没有此理由代码。",
    ),
    "listing.no_list": (
        422,
        "Not a reason for a list",
        "该理由不列入榜单",
        "This reason is for a penalty and for no list.",
        "此理由仅用于处罚，不列入红黑榜。",
    ),
    "listing.own_decision": (
        409,
        "Own decision",
        "不得复核自己的决定",
        "Nobody lists himself or decides on an appeal against his own entry.",
        "不得将自己列入榜单，也不得裁定针对自己所列条目的申诉。",
    ),
    "listing.too_late": (
        409,
        "Too late to appeal",
        "已过申诉期限",
        "An appeal was possible once, before {day}.",
        "申诉仅限一次，且须在 {day} 之前提出。",
    ),
    "listing.too_early": (
        409,
        "Entry not expired",
        "条目未到期",
        "The entry stands until {day}.",
        "该条目有效至 {day}。",
    ),
    # --- complaints -----------------------------------------------------------------------------------------
    "complaint.wrong_state": (
        409,
        "Complaint in another state",
        "投诉状态不符",
        "The complaint is {state}; the step {step} is not possible now.",
        "投诉目前为 {state}，不能进行 {step}。",
    ),
    "complaint.wrong_actor": (
        403,
        "Not your step",
        "无权进行此步骤",
        "The step {step} of this complaint is for somebody else.",
        "此投诉的 {step} 步骤应由他人进行。",
    ),
    "complaint.self": (
        422,
        "Complaint against oneself",
        "不能投诉自己",
        "Complainant and merchant are the same account.",
        "投诉人与商家是同一账户。",
    ),
    "complaint.out_of_order": (
        409,
        "Earlier than the last step",
        "时间早于上一步",
        "The step is dated before the complaint's last step.",
        "该步骤的时间早于此投诉的上一步。",
    ),
    "complaint.own_decision": (
        409,
        "Own decision",
        "不得裁定与己有关的投诉",
        "Who is part of a complaint does not decide on it, and an appeal is decided by another person.",
        "投诉当事人不得裁定该投诉，申诉须由原裁定人以外的人员裁定。",
    ),
    "complaint.too_late": (
        409,
        "Too late to appeal",
        "已过申诉期限",
        "The one appeal was made or its time has passed.",
        "申诉仅限一次，或申诉期限已过。",
    ),
    "complaint.too_early": (
        409,
        "Appeal still possible",
        "申诉期限未到",
        "The complaint is closed once the time to appeal has passed.",
        "申诉期限届满后方可结案。",
    ),
    "complaint.bad_award": (
        422,
        "Award out of range",
        "赔付金额超出范围",
        "The award must be 1 to {limit} fen.",
        "赔付金额须为 1 至 {limit} 分。",
    ),
    # --- equity statement -----------------------------------------------------------------------------------
    "equity.nothing": (
        409,
        "No contribution",
        "没有贡献",
        "Nobody of this pool has contributed anything, so there is nothing to divide by.",
        "该部分没有任何贡献，无法计算比例。",
    ),
}
"""Every code of these rooms."""
