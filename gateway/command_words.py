"""The Chinese of what a command may be told at a terminal, for reasons that reach no HTTP client. Pure data.

Reasons that do reach one have their words in ``gateway.reason_words``, which is asked where nothing is here.
"""

from __future__ import annotations

from chain.phrases import Phrases
from gateway.reason_words import reason_zh

COMMAND_WORDS: dict[str, str] = {
    "no step of this name": "没有此名称的步骤",
    "the crossing is no number from 1 on": "次数应为从 1 起的整数",
    # --- files of a gateway ------------------------------------------------------------------------------
    "is not in the data folder": "不在数据目录中",
    "is not a deployment record of version 1": "不是第 1 版的部署记录",
    "names none": "没有列出任何合约",
    "is missing, and the keys beside it are sealed with it": "缺失，而旁边的密钥以它封存",
    "is no keystore": "不是密钥文件",
    "is no keystore that this password opens": "不是此口令能打开的密钥文件",
    "is no log key that this password opens": "不是此口令能打开的日志密钥",
    "names another address than that of its key": "所写地址与其密钥不符",
    "exists already": "已存在",
    "is not the key that the role's last rotation names": "不是该角色最近一次更换所写明的密钥",
    "is missing: the role's last rotation names its key": "缺失：该角色最近一次更换写明了此密钥",
    "holds no password": "没有口令",
    "may be read by others than its owner": "所有者以外的人也能读取",
    "is not the one this log was made with": "与此日志创建时的名称不同",
    "is not the one this witness was made with": "与此见证方创建时的名称不同",
    "is not set": "未设置",
    "is not the 64 hex digits of a secp256k1 key": "不是 secp256k1 密钥的 64 位十六进制数字",
    # --- settings ----------------------------------------------------------------------------------------
    "not an address such as http://host:port": "不是 http://主机:端口 形式的地址",
    "not 1 to 255 letters, digits and . _ : / -": "不是 1 至 255 个字母、数字或 . _ : / -",
    "names a validator twice": "同一验证者写了两次",
    "an address is not 0x and 40 hex digits": "有地址不是 0x 加 40 位十六进制数字",
    "policy: has no quorum line": "策略文件没有 quorum 行",
    "policy: two witnesses' keys have one name": "策略文件中两个见证方的公钥同名",
    # --- witnesses ---------------------------------------------------------------------------------------
    "is the key of a witness, not of a log": "是见证方的公钥，不是日志的公钥",
    "no log is named: give a policy file with log lines, or vkeys": (
        "没有指明日志：请给出含 log 行的策略文件或公钥"
    ),
    "is a gateway's folder; a witness needs its own": "是网关的目录；见证方需要自己的目录",
    # --- imported files ----------------------------------------------------------------------------------
    "is finer than a hundredth; choose a rounding rule to take it": "小于百分之一；选择舍入规则后方可接受",
    "is used twice": "出现了两次",
    "is empty": "是空文件",
    "is not UTF-8 text": "不是 UTF-8 文本",
    "is not a JSON object": "不是 JSON 对象",
    "is not an object": "不是对象",
    "has two columns of one name": "有两列同名",
    "has an unmatched brace in the mapping": "在映射中有不成对的花括号",
    "must be a text here": "此处必须是文本",
    "is not NAME or NAME.MEMBER, then :coins, :digest or :integer": (
        "不是 NAME 或 NAME.MEMBER，后面可加 :coins、:digest 或 :integer"
    ),
    "is not an integer of at most 15 digits": "不是至多 15 位的整数",
    "is not a time such as 2026-11-22T09:30:00": "不是 2026-11-22T09:30:00 这样的时间",
    "$time takes a list of a text and a time zone": "$time 需要由文本和时区组成的列表",
}
"""Reasons without a part that is filled in."""

_PATTERNS = (
    (r"has (\d+) cells where the header has (\d+)", r"有 \1 个单元格，而表头有 \2 列"),
    (r"names the column (.+), which the file does not have", r"引用了文件中没有的列 \1"),
    (r"makes a line of more than (\d+) bytes", r"生成的行超过 \1 字节"),
    (r"(.+) is also a column of its own", r"\1 本身也是一列"),
    (r"(.+) is not a time zone", r"\1 不是时区"),
    (r"(\$\w+) is not one of (.+)", r"\1 不是下列之一：\2"),
    (r"is larger than (\d+) bytes", r"超过 \1 字节"),
    (r"is not (\d+) lower-case hex digits", r"不是 \1 位小写十六进制数字"),
    (r"is (\d+) bytes, wants (\d+)", r"是 \1 字节，应为 \2 字节"),
    (r"names (\w+) twice", r"两次写了 \1"),
    (r"does not begin with one of (.+) and a colon", r"开头不是下列之一加冒号：\1"),
    (r"cannot be read: (.+)", r"无法读取（\1）"),
    (r"policy line (\d+): .+", r"策略文件第 \1 行不符合格式"),
    (r"policy: longer than (\d+) bytes", r"策略文件超过 \1 字节"),
    (r"policy: witness (.+): has no http or https URL to ask at", r"策略文件没有给出见证方 \1 的网址"),
    (r"names a role that is none of (.+)", r"所写角色不是下列之一：\1"),
    (r"the mode is none of (.+)", r"方式不是下列之一：\1"),
    (r"the data folder holds no file (.+)", r"数据目录中没有文件 \1"),
    (r"(\w+): what follows # is no address", r"\1：# 之后不是地址"),
    (r"(\w+): a remote place ends with #0x and the key's address", r"\1：远程位置须以 #0x 和密钥地址结尾"),
    (
        r"(\w+): env: names a variable, and this could be a key itself",
        r"\1：env: 之后应为变量名，而此处的内容可能就是密钥本身",
    ),
    (
        r"(\w+): is neither env:NAME nor remote:URL#0xaddress",
        r"\1：既不是 env:NAME，也不是 remote:URL#0xaddress",
    ),
)
_PHRASES = Phrases(COMMAND_WORDS, _PATTERNS)


def command_reason_zh(reason: str) -> str:
    """Return a reason in Chinese: by its words, by a pattern with its parts, else as requests have it."""
    return _PHRASES.find(reason) or reason_zh(reason)
