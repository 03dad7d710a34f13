"""The command line of the process roles: `tongyi api | sequencer | mirror | outbox | anchor |
delivery`.

They need PostgreSQL and a chain that runs already; with anything else they end at once with exit code 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import typer

from gateway.command_failures import EXIT_USAGE, CommandFailure
from gateway.command_options import ChainUrl, Data, DatabaseUrl, Host, Port

_HELP = {
    "sequencer": "Lead the log: give every entry its place, sign checkpoints; others stand by. "
    "主持日志：为每条记录定序并签署检查点；其他进程待命。",
    "outbox": "Lead the outbox: settle and send transactions; others stand by. "
    "主持发件箱：结算并发送交易；其他进程待命。",
    "anchor": "Lead the anchors: post checkpoints and keep their evidence; others stand by. "
    "主持锚定：提交检查点并保存其证据；其他进程待命。",
    "delivery": "Lead the delivery of webhooks to their receivers; others stand by. "
    "主持事件推送：向各订阅者发送；其他进程待命。",
}


def add_role_commands(app: typer.Typer, mirror_app: typer.Typer) -> None:
    """Add one command for each role, and the one for HTTP; the mirror's is its group without a command."""
    app.command("api")(api)
    mirror_app.callback(invoke_without_command=True)(mirror)
    for name, text in _HELP.items():
        app.command(name, help=text)(_role_command(name))


def mirror(
    context: typer.Context,
    data: Data = None,
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Lead the mirror: follow the chain into SQL; others stand by. Or one of its commands.
    主持镜像：把链同步到 SQL；其他进程待命。或运行其子命令。
    """
    if context.invoked_subcommand is None:
        _run("mirror", data, chain_url, database_url)


def api(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Answer HTTP beside separate processes; prints one JSON line when ready. Several may run.
    在各进程之外应答 HTTP；就绪时输出一行 JSON；可运行多个。
    """
    from gateway.settings import load_settings

    settings = load_settings(data, host=host, port=port, chain_url=chain_url, database_url=database_url)
    secret = settings.database_url
    _require("api", settings.chain_url, secret.get_secret_value() if secret else None)
    from gateway.api_role import run_api

    run_api(settings, _print_line)


def _role_command(name: str) -> Callable[..., None]:
    def run(data: Data = None, chain_url: ChainUrl = None, database_url: DatabaseUrl = None) -> None:
        _run(name, data, chain_url, database_url)

    return run


def _run(name: str, data: Path | None, chain_url: str | None, database_url: str | None) -> None:
    from gateway.settings import load_settings

    settings = load_settings(data, chain_url=chain_url, database_url=database_url)
    secret = settings.database_url
    _require(name, settings.chain_url, secret.get_secret_value() if secret else None)
    from gateway.leadership import Role
    from gateway.roles import run_role

    run_role(Role(name), settings, _print_line)


def _require(name: str, chain_url: str | None, database_url: str | None) -> None:
    """End with exit code 2 unless the process has what several processes can share."""
    if database_url is None or not database_url.startswith("postgres"):
        none = database_url is None
        raise CommandFailure(
            f"--database-url：tongyi {name} 需要 PostgreSQL，{'没有给出' if none else '所给是另一种数据库'}；"
            "SQLite 只能用于 tongyi serve",
            f"--database-url: tongyi {name} needs PostgreSQL, "
            f"{'none was given' if none else 'this is another database'}; SQLite serves tongyi serve alone",
            EXIT_USAGE,
        )
    if chain_url is None:
        raise CommandFailure(
            f"--chain-url：tongyi {name} 需要运行中的链（tongyi chain up）",
            f"--chain-url: tongyi {name} needs a running chain (tongyi chain up)",
            EXIT_USAGE,
        )


def _print_line(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
