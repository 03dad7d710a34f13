"""Chinese words for reasons of the ledger: operands that do not fit what is recorded, and stopped writes."""

from __future__ import annotations

LEDGER_WORDS: dict[str, str] = {
    # --- operands against the registers ------------------------------------------------------------------
    "belongs to no subject": "不属于任何相关账户",
    "credits are issued to members and pools only": "积分只能发放给成员和资金池",
    "does not follow the sender's account": "并非转出账户的继任账户",
    "is not a merchant": "不是商家",
    "is not a pool account": "不是资金池账户",
    "is neither member nor merchant": "既不是成员也不是商家",
    "is not the authorization's digest": "不是授权的摘要",
    "is not the sender itself": "不是转出方本人",
    "is the sender itself": "就是转出方本人",
    "is a pool, which gives no gifts": "是资金池，不能作为赠与方",
    "is not the member who served": "不是提供服务的会员",
    "is the same pool": "是同一个资金池",
    "its parties are not these two, swapped": "其双方并非这两个账户对调",
    "more than is left of the original": "超过原操作的剩余部分",
    "the account is not in self-custody": "该账户不是自托管账户",
    "there is no operation": "没有操作",
    "is of another operation": "属于另一项操作",
    "was replaced by another account": "已被另一个账户取代",
    "can no longer be read": "已无法读取",
    # --- why writes are stopped --------------------------------------------------------------------------
    "stopping": "网关正在停止",
    "internal": "内部错误",
    "storage": "存储出错",
    "chain.unanswered": "链节点没有应答",
    "witnesses.unanswered": "应答的见证方未达到法定数",
    "chain.not_ours": "所连的链不是此账本的链",
    "a proposal was used by another sequencer": "提案已被另一个定序进程使用",
    "a published tile would change": "已公布的数据块将被改变",
    "a stored checkpoint is not the log's": "存储的检查点不属于此日志",
    "a stored entry does not give its leaf": "存储的记录与其叶哈希不符",
    "an entry and its operands differ": "记录与其操作数不一致",
    "an entry has no leaf data": "有记录缺少叶数据",
    "an entry is missing": "有记录缺失",
    "an entry was erased before it was published": "有记录在公布之前被抹除",
    "another process signed for this log": "另一个进程为此日志签过名",
    "entries do not give the last signed root": "各记录得不出最近签名的根哈希",
    "a rotation of the log's key does not follow": "日志密钥的更换与前一把密钥不衔接",
    "an entry that names a key is erased": "写明密钥的记录已被抹除",
    "entries wait for their checkpoint: start and stop the gateway": "尚有记录未签检查点：请先启动再停止网关",
    "fewer entries than the last checkpoint": "记录少于最近的检查点",
    "is not the key that the log's last rotation names": "不是日志最近一次更换所写明的密钥",
    "is not the key of a witness": "不是见证方的密钥",
    "is not under the name of the old key": "与旧密钥的名称不同",
    "is not the key that the trust root pins last for this witness": "不是信任根为该见证方最后列出的密钥",
    "is a key that was used before": "是以前用过的密钥",
    "leaves are not in order": "叶的次序有误",
    "replaced by another sequencer": "已由另一个定序进程接替",
    "the database holds another log": "数据库中是另一份日志",
    "the database is behind the published checkpoint": "数据库落后于已公布的检查点",
    "the entries do not end at the head": "记录的末尾与日志头不符",
    "the genesis entry is missing": "缺少创世记录",
    "the last checkpoint is missing": "缺少最近的检查点",
    "the published checkpoint has another root": "已公布的检查点是另一个根哈希",
    "the published checkpoint is not ours": "已公布的检查点不是本日志所签",
    "the tree left its last signed root": "树与最近签名的根哈希不符",
    "there is no such log": "没有这份日志",
    "two computations of the root differ": "根哈希的两次计算结果不同",
    # A loop that failed is named as it is in the metrics.
    **{
        name: f"后台任务 {name} 已停止"
        for name in (
            *("mirror", "evidence", "reconcile", "outbox", "anchor", "settler", "start"),
            *("log", "intake", "answers", "watch", "due", "outcomes", "witnesses", "events", "delivery"),
            "scrub",
        )
    },
}

LEDGER_PATTERNS: dict[str, str] = {
    "not a published size, newest is {n}": "不是已公布的大小，最新为 {n}",
    "log.damaged{any}": "所存数据与日志已签名的内容不符{any}",
    "log.behind_witness{any}": "日志落后于见证方{any}",
    "log.differs_from_witness{any}": "日志与见证方不一致{any}",
    "log.behind_anchor{any}": "日志落后于链上锚定{any}",
    "log.differs_from_anchor{any}": "日志与链上锚定不一致{any}",
}
