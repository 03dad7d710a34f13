"""Codes about what a request says: entries, amounts, chapters, members, credits, signatures."""

from __future__ import annotations

from gateway.error_codes.rule import CodeRule

LEDGER_CODES: dict[str, CodeRule] = {
    # --- the entry ---------------------------------------------------------------------------------------
    "entry.unknown_type": CodeRule(
        422,
        "Unknown entry type",
        "未知的记录类型",
        "The entry type is not in the registry.",
        "该记录类型不在登记表中。",
    ),
    "entry.unknown_field": CodeRule(
        422,
        "Unknown field",
        "未知字段",
        "The field {field} is not part of this request.",
        "字段 {field} 不属于此请求。",
    ),
    "entry.bad_field": CodeRule(
        422,
        "Field not accepted",
        "字段不合规",
        "The field {field} is not accepted: {reason}.",
        "字段 {field} 不合规：{reason}。",
    ),
    "entry.too_large": CodeRule(
        413,
        "Entry too large",
        "记录过大",
        "The entry is larger than {limit} bytes in canonical form.",
        "记录的规范形式超过 {limit} 字节。",
    ),
    "refs.unknown": CodeRule(
        422,
        "Unknown reference",
        "引用的记录不存在",
        "An entry named in refs does not exist.",
        "refs 中引用的记录不存在。",
    ),
    "amount.malformed": CodeRule(
        422,
        "Amount not accepted",
        "金额格式错误",
        "The field {field} must be a whole number of hundredths of a coin, as a string of digits "
        "without sign, point or leading zeros.",
        "字段 {field} 必须是以百分之一积分为单位的整数，写成数字字符串，不带符号、小数点或前导零。",
    ),
    "amount.negative": CodeRule(
        422,
        "Amount below zero",
        "金额为负",
        "The field {field} is negative; amounts are never below zero. Taking back has an entry of its own.",
        "字段 {field} 为负数；金额不能小于零，退回须另作一条记录。",
    ),
    "amount.too_large": CodeRule(
        422,
        "Amount too large",
        "金额过大",
        "The field {field} is larger than {limit}.",
        "字段 {field} 超过上限 {limit}。",
    ),
    "unit.unknown": CodeRule(
        422,
        "Unknown unit",
        "未知单位",
        "The unit in {field} is not known: amounts are hundredths of a coin or of a yuan (CNY).",
        "字段 {field} 的单位未知：金额以百分之一积分或分（CNY）计。",
    ),
    # --- chapters, members, credits ----------------------------------------------------------------------
    "chapter.unknown": CodeRule(
        422,
        "Unknown chapter",
        "分会不存在",
        "The chapter in {field} is not open.",
        "字段 {field} 中的分会不存在。",
    ),
    "chapter.wrong": CodeRule(
        422,
        "Account of another chapter",
        "账户属于其他分会",
        "The account in {field} belongs to another chapter than the one this entry is for.",
        "字段 {field} 中的账户属于其他分会，不是此记录所在的分会。",
    ),
    "chapter.forbidden": CodeRule(
        403,
        "Chapter not yours",
        "无权访问该分会",
        "This key does not act for the chapter in the request.",
        "此密钥无权代表请求中的分会。",
    ),
    "chapter.exists": CodeRule(
        409, "Chapter already open", "分会已存在", "The chapter is already open.", "该分会已经开立。"
    ),
    "member.unknown": CodeRule(
        422,
        "Unknown member",
        "成员不存在",
        "The account in {field} is not registered.",
        "字段 {field} 中的账户未登记。",
    ),
    "member.exists": CodeRule(
        409,
        "Account already registered",
        "账户已登记",
        "The account is already registered.",
        "该账户已经登记。",
    ),
    "member.frozen": CodeRule(
        409,
        "Account frozen",
        "账户已冻结",
        "The account in {field} may not take part in this operation at present.",
        "字段 {field} 中的账户目前不得参与此操作。",
    ),
    "account.unknown": CodeRule(
        404, "Unknown account", "账户不存在", "There is no such account.", "没有此账户。"
    ),
    "balance.insufficient": CodeRule(
        409,
        "Too little balance",
        "余额不足",
        "The account in {field} does not hold enough credits for this operation.",
        "字段 {field} 中的账户余额不足。",
    ),
    "quota.exceeded": CodeRule(
        409,
        "Issuance quota exceeded",
        "超出发行额度",
        "The chapter's issuance quota of this period does not allow this amount.",
        "该分会本期的发行额度不足。",
    ),
    "cap.exceeded": CodeRule(
        409,
        "Cap exceeded",
        "超出上限",
        "The amount exceeds the cap in force for this account.",
        "金额超过该账户适用的上限。",
    ),
    "operation.unknown_ref": CodeRule(
        422,
        "Unknown operation reference",
        "引用的操作不存在",
        "The operation this one acts on is not known or is already ended.",
        "所引用的操作不存在或已结束。",
    ),
    "operation.too_old": CodeRule(
        409,
        "Too old to reverse",
        "已超过可冲正期限",
        "{field}: an operation is reversed within {limit} days only.",
        "{field}：仅可在 {limit} 天内冲正。",
    ),
    # --- proposals ---------------------------------------------------------------------------------------
    "proposal.unknown": CodeRule(
        404, "Unknown proposal", "提案不存在", "There is no such proposal.", "没有此提案。"
    ),
    "proposal.expired": CodeRule(
        409,
        "Proposal expired",
        "提案已过期",
        "The proposal's time has passed; make a new one and have it approved.",
        "该提案已过有效期，请重新提出并取得批准。",
    ),
    "proposal.used": CodeRule(
        409,
        "Proposal already used",
        "提案已被使用",
        "An entry has carried out this proposal already.",
        "该提案已由一条记录执行。",
    ),
    "proposal.not_approved": CodeRule(
        409,
        "Proposal not approved",
        "提案尚未获批",
        "{got} of {want} officers' approvals of this proposal are final on chain.",
        "该提案需要 {want} 名负责人在链上批准，目前已最终确认 {got} 名。",
        retry_after_s=5,
    ),
    # --- signatures --------------------------------------------------------------------------------------
    "signature.missing": CodeRule(
        422,
        "Signature missing",
        "缺少签名",
        "A self-custody account needs its holder's signature in {field}.",
        "自托管账户需要在 {field} 中提供持有人签名。",
    ),
    "signature.malformed": CodeRule(
        422,
        "Signature malformed",
        "签名格式错误",
        "The signature must be 65 bytes r, s, v with v 27 or 28.",
        "签名必须为 65 字节 r、s、v，且 v 为 27 或 28。",
    ),
    "signature.high_s": CodeRule(
        422,
        "Signature not in low-s form",
        "签名的 s 值过高",
        "The signature's s is above half the curve order; only the low-s form is accepted.",
        "签名的 s 大于曲线阶的一半，只接受 low-s 形式。",
    ),
    "signature.wrong_signer": CodeRule(
        403,
        "Signed by another key",
        "签名人不符",
        "The signature is not the account holder's over exactly this operation.",
        "签名并非账户持有人对此操作所作。",
    ),
    "signature.replayed": CodeRule(
        409,
        "Signature already used",
        "签名已被使用",
        "This authorization was already used.",
        "此授权已被使用。",
    ),
    "signature.expired": CodeRule(
        422, "Signature expired", "签名已过期", "The authorization's time has passed.", "此授权已过期。"
    ),
}
"""Refusals of what would be recorded."""
