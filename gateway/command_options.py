"""Options that several commands of ``tongyi`` share, and how they show progress."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

LOCAL = "http://127.0.0.1:8000"

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of one gateway; else TONGYI_DATA, else .tongyi. "
        "网关的数据目录，默认 TONGYI_DATA，再次 .tongyi。",
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port", help="Port; 0 takes a free one; else TONGYI_PORT. 端口，0 取空闲端口，默认 TONGYI_PORT。"
    ),
]
Host = Annotated[
    str | None,
    typer.Option("--host", help="Address to listen on; else TONGYI_HOST. 监听地址，默认 TONGYI_HOST。"),
]
ChainUrl = Annotated[
    str | None,
    typer.Option(
        "--chain-url",
        help="JSON-RPC address of a running chain; else TONGYI_CHAIN_URL. 运行中的链的 JSON-RPC 地址。",
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="PostgreSQL or SQLite URL; else TONGYI_DATABASE_URL, else SQLite in the folder. "
        "数据库 URL，默认为目录中的 SQLite。",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON. 以 JSON 输出结果。")]
Url = Annotated[str, typer.Option("--gateway", help="Address of the gateway. 网关地址。")]
KeyFile = Annotated[
    Path, typer.Option("--key-file", help="File that holds an API key. 存放 API 密钥的文件。")
]


def show_progress(what: str) -> Callable[[int], None]:
    """Return a function that shows a number on standard error, where a person watches."""

    def show(number: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} {number:,} ")
            sys.stderr.flush()

    return show
