"""The Chinese of what stands beside a step of a verdict: its figures, and why it failed. Pure; data only.

English is the form that files, tests and ``--json`` quote. What is wrong with the form of a file is given by
its place alone, which has a name in no language.
"""

from __future__ import annotations

import re

from chain.phrases import Phrases

PLACE = "不合格式之处：{}"

DETAILS: dict[str, str] = {
    # --- parts that are not there ------------------------------------------------------------------------
    "this format names no trust root": "这种文件格式不写信任根",
    "this format holds no entry": "这种文件格式不含记录",
    "this format holds no chain evidence": "这种文件格式不含链上凭据",
    "the bundle has no evidence from a chain": "文件不含链上凭据",
    "no trust root was given": "没有给出信任根",
    "no salt of the entry": "没有记录的盐值",
    "no operation salt": "没有操作的盐值",
    "no inclusion path": "没有包含路径",
    "no account proof": "没有合约的账户凭据",
    "no balance in the bundle": "文件不含余额",
    "no lock in the bundle": "文件不含锁定",
    "not anchored yet": "尚未锚定",
    "not settled yet": "尚未执行",
    "the entry orders no operation": "记录不含操作",
    "the chain's blocks carry no seals": "这条链的区块没有签名",
    # --- what failed -------------------------------------------------------------------------------------
    "entry and salt do not give the leaf's commitment": "由记录和盐值算不出叶中的承诺",
    "operands and salt do not give the leaf's operation digest": "由操作数和盐值算不出叶中的操作摘要",
    "leaf has an operation that the entry does not order": "叶中有记录没有写明的操作",
    "origin or size is not the checkpoint's": "账本名称或大小与检查点不同",
    "no key is pinned for this log at this size": "信任根中没有该账本在此大小的密钥",
    "a signature by an unknown key, or twice by one": "有不明密钥的签名，或同一密钥签了两次",
    "an outcome for an entry without operation": "记录不含操作，却附有执行结果",
    "a lock for an entry that concerns none": "记录与锁定无关，却附有锁定",
    "last header is not the head named": "末个区块头不是所写的链头",
    "numbers do not follow": "区块号不连续",
    "header does not name the block before it": "区块头没有指向前一个区块",
    "time runs backwards": "时间倒退",
    "runs overlap or do not ascend": "区块段重叠或没有按序排列",
    "another genesis block": "创世区块不同",
    "not a 65-byte signature with v 0 or 1": "不是 65 字节、v 为 0 或 1 的签名",
    "signature with a high s": "签名的 s 值过高",
    "extra data too short for a seal": "附加数据太短，放不下签名",
    "validators listed are not those pinned": "所列验证节点不是信任根中的",
    "a validator's seal appears twice": "同一验证节点的签名出现两次",
    "no key fits the signature": "没有与签名相符的密钥",
    "signer is not in the trust root": "签名者不在信任根中",
    "signed again too soon": "同一签名者再次签名过早",
    "difficulty breaks QBFT": "难度不合 QBFT 规则",
    "mix hash breaks QBFT": "混合哈希不合 QBFT 规则",
    "proposer breaks QBFT": "提议者不合 QBFT 规则",
    "difficulty breaks EIP-225": "难度不合 EIP-225 规则",
    "ommers hash breaks EIP-225": "叔块哈希不合 EIP-225 规则",
    "mix hash breaks EIP-225": "混合哈希不合 EIP-225 规则",
    "nonce breaks EIP-225": "随机数不合 EIP-225 规则",
    "field count breaks EIP-225": "字段数不合 EIP-225 规则",
    "signer list breaks EIP-225": "签名者名单不合 EIP-225 规则",
    "no signers are pinned": "信任根中没有验证节点",
    "no nodes for a trie that is not empty": "状态树不为空，却没有节点",
    "block has no such receipt": "区块中没有这份回执",
    "no account at this address": "该地址没有账户",
    "proof ends before the key does": "证明没有到达所查的键",
    "node is not the one its parent names": "节点不是上一级所指的",
    "unused nodes": "有多余的节点",
    "the transaction failed": "该交易没有成功",
    "no such event": "没有这个事件",
    "event of another contract": "事件来自另一份合约",
    "another event": "是另一种事件",
    "the cursor has not reached the leaf": "执行进度尚未到达该叶",
    "the entry does not concern this account": "记录与该账户无关",
    "key used outside its time": "密钥在有效期之外使用",
    "no known key of its origin signed it": "没有该账本的已知密钥签名",
    "no known key signed it": "没有已知密钥的签名",
    "cosignature has the wrong length": "联署的长度不对",
    "cosignature has no time": "联署没有时间",
    "signature of a known key does not hold": "已知密钥的签名无效",
    "too few cosignatures": "联署不足",
    "the entry does not commit to it": "记录没有承诺它",
    "given twice": "给出了两次",
    "its field was already disclosed": "该字段已经披露过",
    "not a key of its issuer": "不是签发者的密钥",
    "subject is another log": "所指的是另一个账本",
    "names another key": "写的是另一把密钥",
    "signature does not hold for the path's root": "对路径所得的根，签名无效",
    "root differs": "根不相同",
    "index is not below size": "序号不小于大小",
    "proof is too short": "证明太短",
    "proof is too long": "证明太长",
    # --- names of trust roots that a gateway makes -------------------------------------------------------
    "development root: nobody independent has witnessed or sealed this log": (
        "开发信任根：没有独立方见证或封存此日志"
    ),
    "development root: nobody independent has sealed this log; its operator names the witnesses": (
        "开发信任根：没有独立方封存此日志，见证人由其运营方指定"
    ),
    "consortium root: its operator names the validators; nobody independent has witnessed this log": (
        "联盟信任根：验证节点由其运营方指定，没有独立方见证此日志"
    ),
    "consortium root: its operator names the validators and the witnesses": (
        "联盟信任根：验证节点和见证人由其运营方指定"
    ),
    "simulation: time and keys follow from a seed, nothing here is evidence": (
        "演练：时间和密钥由种子得出，不能作为凭据"
    ),
    # --- operations and values ---------------------------------------------------------------------------
    "issue": "发行",
    "transfer": "转账",
    "redeem": "兑付",
    "burn": "销毁",
    "lock": "锁定",
    "release": "解除锁定",
    "cancel": "作废锁定",
    "reverse": "冲正",
    "recover": "恢复",
    "cursor": "执行进度",
    "reason": "原因",
    "balance": "余额",
    "locked": "锁定额",
    "sequence": "序列号",
    "holder": "持有人",
    "rest": "剩余",
    "log": "账本",
    "size": "大小",
    "root": "根",
}
"""Details without a part that is filled in."""

_PATTERNS = (
    (r"(\d+) bytes", r"\1 字节"),
    (r"made for trust root (\w+), not for (\w+)", r"为信任根 \1 制作，不是 \2"),
    (r"leaf ([0-9a-f]{64})", r"叶 \1"),
    (r"leaf (\d+) of (\d+)", r"共 \2 叶，第 \1 叶（从 0 起）"),
    (r"(.+) at size (\d+)", r"\1，大小 \2"),
    (r"no signature by (.+)", r"没有 \1 的签名"),
    (r"(\d+) private fields, none disclosed", r"\1 个私密字段，均未披露"),
    (r"(\d+) of (\d+) private fields disclosed", r"\2 个私密字段中披露了 \1 个"),
    (r"(\d+) witnesses, (\d+) required: (.*)", r"\1 个见证人联署，要求 \2 个：\3"),
    (r"(\d+) cosignatures, (\d+) required", r"\1 个联署，要求 \2 个"),
    (r"this format holds no cosignatures, (\d+) required", r"这种文件格式不含见证人联署，要求 \1 个"),
    (r"leads to a root that is not signed: (\w+)", r"得出没有签名的根：\1"),
    (r"(.+) signed root (\w+)", r"\1 签署了根 \2"),
    (r"block (\d+), transaction (\d+), event (\d+)", r"区块 \1，交易 \2，事件 \3"),
    (r"chain (\d+), (\d+) blocks follow, (\d+) required", r"链 \1，其后有 \2 个区块，要求 \3 个"),
    (r"(\d+) blocks follow, (\d+) required", r"其后有 \1 个区块，要求 \2 个"),
    (r"chain (\d+) is not pinned", r"信任根中没有链 \1"),
    (r"no account proof of (.+)", r"没有 \1 的账户凭据"),
    (r"(\w+ \w+) is not pinned here", r"信任根在此区块没有 \1"),
    (r"(\w+) has code (\w+)", r"\1 的代码为 \2"),
    (r"(\w+): sealed by (\d+) of (\d+), (\d+) needed", r"\1：\3 个验证节点中有 \2 个签署，至少 \4 个"),
    (r"(\w+) seals, (\w+) required", r"签名为 \1，要求 \2"),
    (r"done by block (\d+)", r"至区块 \1 已执行"),
    (r"refused by block (\d+), reason (\d+)", r"至区块 \1 已拒绝，原因 \2"),
    (r"balance (\d+), locked (\d+) at block (\d+)", r"区块 \3 处余额 \1，其中锁定 \2"),
    (r"(\d+) locked at block (\d+)", r"区块 \2 处剩余锁定 \1"),
)
_PHRASES = Phrases(DETAILS, _PATTERNS)
_ERROR = re.compile(r"(?:[\w\[\]. -]+: )?(.+?)(?: \(got (.+), want (.+)\))?\Z", re.DOTALL)
_ANOTHER = re.compile(r"(\w+) (?:anchored )?is another\Z")
_ROOTS = re.compile(r"(.+?) ([0-9a-f]{64})(?: replaces ([0-9a-f]{64}))?\Z")
_UNUSABLE = re.compile(r"no usable trust root: ([^:]+): .*\Z", re.DOTALL)


def detail_zh(detail: str, code: str) -> str:
    """Return the Chinese of a step's detail; as it is where it is made of names and figures alone."""
    unusable = _UNUSABLE.match(detail)
    if unusable is not None:
        return "信任根不可用，" + PLACE.format(unusable[1])
    if code == "malformed":
        return PLACE.format(detail.partition(":")[0])
    known = _lookup(detail)
    if known is not None:
        return known
    error = _ERROR.match(detail)
    reason = None if error is None else _lookup(error[1])
    if error is not None and reason is not None:
        return reason + _sides(error[2], error[3])
    named = _ROOTS.match(detail)
    if named is None:
        return detail
    said = f"{DETAILS.get(named[1], named[1])} {named[2]}"
    return said if named[3] is None else f"{said}，接续 {named[3]}"


def _lookup(text: str) -> str | None:
    another = _ANOTHER.match(text)
    if text not in DETAILS and another is not None and another[1] in DETAILS:
        return f"{DETAILS[another[1]]}不同"
    return _PHRASES.find(text)


def _sides(got: str | None, want: str | None) -> str:
    """Return what was there and what should have been, as far as the error names them."""
    sides = (("得到", got), ("应为", want))
    named = [f"{word} {DETAILS.get(value, value)}" for word, value in sides if value not in (None, "None")]
    return f"（{'，'.join(named)}）" if named else ""
