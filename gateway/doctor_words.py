"""The Chinese of what ``tongyi doctor`` finds, misses and advises. Pure data."""

from __future__ import annotations

from chain.phrases import Phrases

_WORDS = {
    "the gateway": "网关",
    "the embedded chain": "内置链",
    "building and checking contracts": "编译和检查合约",
    "compiler and Hardhat": "编译器与 Hardhat",
    "hardhat-local.md": "按 hardhat-local.md 在本地运行",
    "reading the log with foreign tools": "用外部工具读取日志",
    "separate processes and their tests": "分进程运行及其测试",
    "not installed": "未安装",
    "not found": "未找到",
    "no server programs found": "未找到数据库服务程序",
    "install Python 3.11 or newer": "安装 Python 3.11 或更新版本",
}
_PATTERNS = (
    (r"no version at (.+), older than ([\d.]+)", r"\1 没有版本号，至少应为 \2"),
    (r"([\d.]+) at (.+), older than ([\d.]+)", r"\1（\2），低于所需的 \3"),
    (r"([\d.]+) at (.+), not ([\d.]+)", r"\1（\2），应为 \3"),
    (r"([\d.]+) at (.+)", r"\1（\2）"),
    (r"no version at (.+)", r"\1（没有版本号）"),
    (r"([\w.]+) signs", r"\1，签名可用"),
    (r"(\w+) while looking", r"查找时出错（\1）"),
    (r"run (\S+) demo, or: (.+)", r"运行 \1 demo，或：\2"),
    (
        r"install PostgreSQL (\d+) or newer \(on Debian: (.+)\), or: (.+)",
        r"安装 PostgreSQL \1 或更新版本（Debian：\2），或：\3",
    ),
)
_PHRASES = Phrases(_WORDS, _PATTERNS)


def doctor_zh(text: str) -> str:
    """Return what doctor says in Chinese; a command to type is the same in every language."""
    return _PHRASES.find(text) or text
