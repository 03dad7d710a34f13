"""Chinese words for reasons of the use cases and their rules: bookings, seats, fees, splits, tables."""

from __future__ import annotations

RULE_WORDS: dict[str, str] = {
    # --- members and their switches ----------------------------------------------------------------------
    "is the ward": "就是被监护人本人",
    "not elder or guarded": "不是 elder 或 guarded",
    "not <days>:<basis points left>": "不是 <天数>:<剩余基点> 的形式",
    "not kin, pool or burn": "不是 kin、pool 或 burn",
    "not offer, request or dispatch": "不是 offer、request 或 dispatch",
    "not 0 or 1": "不是 0 或 1",
    "negative or smaller than its gold members": "为负数，或小于其中的金卡成员数",
    "a chain without top": "推荐链没有顶端",
    "another referrer": "已有另一位推荐人",
    "closes a cycle": "使推荐关系成环",
    # --- time bank ---------------------------------------------------------------------------------------
    "names no day": "没有指明日期",
    "names no hours": "没有指明时段",
    "not <day>.<HH:MM>-<HH:MM>": "不是 <星期>.<HH:MM>-<HH:MM> 的形式",
    "only value_added has a price": "只有 value_added 服务有价格",
    "excess or longest service out of range": "超出部分或最长服务时间超出范围",
    "amount, payee or purpose is empty": "金额、收款人或用途为空",
    "not 1 to 3600": "不在 1 至 3600 之间",
    # --- commerce ----------------------------------------------------------------------------------------
    "gives no coin": "没有给出积分",
    "not a place from 1 on": "不是从 1 起的名次",
    "no day to use it, or worth more than its threshold": "没有可用的日期，或面值高于使用门槛",
    "worth more than the balance": "价值高于余额",
    "before the lot came in": "早于该批积分入账",
    "an award has two": "一个奖项出现两次",
    "has no places, or a later place gets more": "没有名次，或较后的名次所得更多",
    "names the referred member of referrals, and of nothing else": "仅推荐奖须指明被推荐人，其他奖项不得指明",
    "one entry says two things": "同一条记录有两种说法",
    "not 0 to the number of households": "不在 0 至户数之间",
    "more than all income": "超过全部收入",
    # --- alliance ----------------------------------------------------------------------------------------
    "a reason is twice, or there is no time to appeal": "理由重复，或没有申诉时间",
    "a seat has two rows": "一个席位出现两行",
    "an account has two rows": "一个账户出现两行",
    "an account is in a pool twice": "一个账户在同一资金池出现两次",
    "has no figures": "没有数据",
    "no time to act": "没有处理时间",
    "of another kind": "属于另一种类",
    "stands for no day": "不足一天",
    "do not sum to 1": "之和不为 1",
    "do not sum to 10000": "之和不为 10000",
    # --- tables of rules ---------------------------------------------------------------------------------
    "a clock is not positive": "时限不是正数",
    "a day is also an extra working day": "某日同时是调休工作日",
    "a later cancellation costs less": "较晚的取消反而扣得更少",
    "a share is out of range": "比例超出范围",
    "a time is negative or zero": "时间为负数或零",
    "a time is not positive": "时间不是正数",
    "ages do not rise from 1": "账龄不是从 1 递增",
    "ages out of order": "年龄次序有误",
    "an older lot has more left": "较早的批次剩余反而更多",
    "bands are not sorted by falling time": "档位没有按时间递减排列",
    "do not open before they close": "开始时间不早于结束时间",
    "do not rise from 1": "不是从 1 递增",
    "holds a value that rule tables do not have": "含有规则表没有的值",
    "longer than any clock runs": "超过任何时限的长度",
    "not 0 to 10000 basis points": "不在 0 至 10000 个基点之间",
    "not a code with a version from 1": "不是带有从 1 起的版本号的代码",
    "not after the version before": "不晚于前一版本",
    "not the canonical text": "不是规范文本",
    "not the members of a split table": "不是分配表的各成员",
    # --- splits ------------------------------------------------------------------------------------------
    "legs do not sum to the amount": "各分项之和不等于总额",
    "no other leg of this split": "此分配中没有这一分项",
    "not what earlier refunds of these legs gave back": "与这些分项先前已退的金额不符",
}

RULE_PATTERNS: dict[str, str] = {
    "{type} names who decides": "{type} 必须指明由谁决定",
}
