"""How a command fails: one sentence in Chinese, one in English, an exit code. Never a traceback.

Sentences name settings, options, files and kinds of errors. What a library says of an error is left out:
it may quote an address with its password, or a person's row.
"""

from __future__ import annotations

import errno
import json
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from chain.errors import ChainError, FormatError, NotaryError, TransientChainError
from gateway.command_words import command_reason_zh
from gateway.data_folder import FolderInUse

EXIT_PASS = 0
EXIT_MISMATCH = 1
EXIT_USAGE = 2
EXIT_PENDING = 3
EXIT_CANNOT = 4

_DETAILS = "；细节见英文部分"
"""Said where only the English half names values: words of nodes, blocks and hashes."""

_DATABASE_WORDS = {
    "sqlite version": "SQLite 版本",
    "postgresql version": "PostgreSQL 版本",
    "database url": "数据库 URL ",
    "an in-memory database": "内存数据库",
    "a file": "文件",
    "sqlite or postgresql": "sqlite 或 postgresql",
}

_SYSTEM_WORDS = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EACCES: "没有读写权限",
    errno.EPERM: "不允许这样做",
    errno.EISDIR: "是目录，不是文件",
    errno.ENOTDIR: "不是目录",
    errno.EEXIST: "已经存在",
    errno.ENOSPC: "磁盘已满",
    errno.EROFS: "是只读的",
    errno.EMFILE: "打开的文件过多",
    errno.ENAMETOOLONG: "名称过长",
    errno.EADDRINUSE: "地址已被占用",
    errno.EADDRNOTAVAIL: "不是本机的地址",
    errno.ECONNREFUSED: "连接被拒绝",
    errno.ETIMEDOUT: "超时",
    errno.EIO: "读写出错",
}
"""What the system said, by its number; any other is given by the number."""


class CommandFailure(NotaryError):
    """A command refuses or cannot go on; it has its sentences and exit code itself."""

    def __init__(self, zh: str, en: str, exit_code: int = EXIT_CANNOT) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Failure:
    """What is said of a failure, and the exit code it ends with."""

    zh: str
    en: str
    exit_code: int = EXIT_CANNOT

    def __str__(self) -> str:
        return f"✗ {self.zh} / {self.en}"


def describe_failure(error: BaseException) -> Failure:
    """Return the sentences and the exit code of whatever a command raised; 4 for what nobody foresaw."""
    if isinstance(error, CommandFailure):
        return Failure(error.zh, error.en, error.exit_code)
    if isinstance(error, NotaryError):
        return _of_ours(error)
    if isinstance(error, json.JSONDecodeError):
        return Failure("内容不是 JSON", "what was read is not JSON")
    if isinstance(error, UnicodeError):
        return Failure("内容不是所要求的文本（编码不符）", "what was read is not text in the encoding wanted")
    library = _of_a_library(error)
    if library is not None:
        return library
    if isinstance(error, OSError):
        return _of_the_system(error)
    name = f"{type(error).__name__}, {_place(error)}"
    return Failure(
        f"内部错误（{name}）；以 tongyi --debug 运行可查看详情",
        f"internal error ({name}); tongyi --debug COMMAND shows all of it",
    )


def _place(error: BaseException) -> str:
    """Return the file and line where an error arose, which hold no value of it."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"


def _of_ours(error: NotaryError) -> Failure:
    if isinstance(error, FolderInUse):
        return Failure(f"{error.path}：另一个进程正在使用此数据目录", str(error))
    if isinstance(error, FormatError):
        return Failure(f"{error.where}：{command_reason_zh(error.reason)}", str(error))
    if isinstance(error, TransientChainError):
        return Failure(f"链节点目前没有给出所需的应答{_DETAILS}", str(error))
    if isinstance(error, ChainError):
        return Failure(f"链与所记录的不符，或无法使用{_DETAILS}", str(error))
    # Rooms that need a database or a settings library are asked by name, so that verify loads neither.
    if _is(error, "gateway.settings", "SettingRefused"):
        name, reason = str(getattr(error, "name", "")), str(getattr(error, "reason", ""))
        return Failure(f"{name}：{command_reason_zh(reason)}", str(error), EXIT_USAGE)
    if _is(error, "gateway.db", "DatabaseError"):
        setting, got, want = (getattr(error, part, "") for part in ("setting", "got", "want"))
        code = EXIT_USAGE if setting == "database url" else EXIT_CANNOT
        said = f"{_in_chinese(setting)}为 {_in_chinese(got)}，应为 {_in_chinese(want)}"
        return Failure(f"数据库不可用：{said}", str(error), code)
    if _is(error, "gateway.ledger.faults", "LedgerFault"):
        return Failure(f"账本与所记录的不符{_DETAILS}", str(error))
    if _is(error, "gateway.mirror.rebuild", "NotEmpty"):
        return Failure(f"此数据库已镜像这条链{_DETAILS}", str(error))
    return Failure(f"无法完成（{type(error).__name__}）{_DETAILS}", str(error))


def _in_chinese(text: object) -> str:
    """Return what a database is or should be; names of settings and products stay."""
    return _DATABASE_WORDS.get(str(text)) or str(text).replace(" or later", " 或更新版本")


def _of_a_library(error: BaseException) -> Failure | None:
    name = type(error).__name__
    if _is(error, "httpx2", "InvalidURL") or _is(error, "httpx2", "UnsupportedProtocol"):
        return Failure("网址不是 http 或 https 地址", "the address is not one of http or https", EXIT_USAGE)
    if _is(error, "httpx2", "HTTPError"):
        return Failure(f"对方没有应答（{name}）", f"the other side does not answer ({name})")
    if _is(error, "sqlalchemy.exc", "ArgumentError"):
        return Failure("不是数据库 URL", "not the URL of a database", EXIT_USAGE)
    if _is(error, "sqlalchemy.exc", "SQLAlchemyError") or _is(error, "pysqlite3.dbapi2", "Error"):
        return Failure(f"数据库无法打开或使用（{name}）", f"the database cannot be opened or used ({name})")
    if _is(error, "alembic.util.exc", "CommandError"):
        return Failure(
            "数据库的结构不是本版本的", "the database has a schema that is not one of this version"
        )
    return None


def _is(error: BaseException, module: str, name: str) -> bool:
    """Say whether an error is of a library's class; a library that raised is loaded."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(error, kind)


def _of_the_system(error: OSError) -> Failure:
    reason = error.strerror or type(error).__name__
    chinese = _SYSTEM_WORDS.get(error.errno or 0) or f"系统错误 {error.errno or type(error).__name__}"
    if error.filename is None:
        return Failure(f"系统拒绝：{chinese}", f"the system refuses: {reason}")
    place = str(error.filename).encode("utf-8", "backslashreplace").decode()
    return Failure(f"{place}：{chinese}", f"{place}: {reason}")
