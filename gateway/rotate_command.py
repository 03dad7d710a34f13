"""``tongyi keys rotate``: a key of a stopped gateway gives way to a new one, and the log says so."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.command_options import AsJson, Data, DatabaseUrl

rotate_app = typer.Typer(
    no_args_is_help=True,
    help="Replace a key of a stopped gateway; a ledger entry says which and why. "
    "更换已停止网关的密钥；更换的对象与原因记入账本。",
)


@rotate_app.callback()
def rotate() -> None:
    """Keep ``log`` a command of its own, as other keys will have theirs."""


@rotate_app.command("log")
def log(
    reason: Annotated[
        str,
        typer.Option(
            "--reason", help="scheduled, compromised, custody or retired. 定期、疑似泄露、换保管人或弃用。"
        ),
    ] = "scheduled",
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Give the log a new key: the old one signs up to the entry that names the new one, then never again.
    The data folder's trust root is followed by one with both; hand that to those who verify.
    为日志换上新密钥：旧密钥签到写明新密钥的那条记录为止，此后不再使用。
    数据目录中的信任根由含两把密钥的新信任根接续，请交给核验者。
    """
    from gateway.log_rotation import run_rotate_log

    done = run_rotate_log(data, database_url, reason)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    typer.echo(
        f"第 {done.from_size} 条起由新密钥签署 / the new key signs from size {done.from_size} on\n"
        f"{done.old_vkey}\n→ {done.new_vkey}"
    )
