"""``tongyi keys`` and ``tongyi export`` on the command line: what a person asks of a running gateway."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.command_options import LOCAL, AsJson, KeyFile, Url
from gateway.signer_command import signers

keys_app = typer.Typer(
    no_args_is_help=True,
    help="API keys of a running gateway, and where the roles' EVM keys are. "
    "运行中网关的 API 密钥，以及各角色 EVM 密钥的位置。",
)
keys_app.command("signers")(signers)
export_app = typer.Typer(no_args_is_help=True, help="Fetch what a holder keeps. 取得由持有人保存的文件。")


@keys_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What the key is for. 密钥的用途。")],
    key_file: KeyFile,
    scope: Annotated[list[str], typer.Option("--scope", help="May be given many times. 权限，可多次给出。")],
    chapter: Annotated[
        str | None, typer.Option("--chapter", help="NNNN-NNNN; else every chapter. 分会，默认全部。")
    ] = None,
    gateway: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Make a key; its secret is printed this once. 生成密钥，其内容仅显示这一次。"""
    from gateway.remote_commands import Remote

    made = Remote(gateway, key_file).add_key(name, scope, chapter)
    typer.echo(json.dumps(made) if as_json else f"{made['id']}  {made['secret']}")


@keys_app.command("list")
def list_(key_file: KeyFile, gateway: Url = LOCAL, as_json: AsJson = False) -> None:
    """List keys, never secrets. 列出密钥，不显示其内容。"""
    from gateway.remote_commands import Remote

    found = Remote(gateway, key_file).list_keys()
    if as_json:
        typer.echo(json.dumps(found))
        return
    for key in found:
        ended = "  已撤销 / ended" if key["revoked_at"] else ""
        if key["ends_at"] and not ended:
            ended = f"  {key['ends_at']} 失效 / ends then"
        chapters = key["chapter"] or "全部分会 / all chapters"
        typer.echo(f"{key['id']}  {key['name']}  {chapters}  {key['scopes']}{ended}")


@keys_app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key. 密钥编号。")],
    key_file: KeyFile,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            help="scheduled, compromised, custody or retired. 定期、疑似泄露、换保管人或弃用。",
        ),
    ] = "retired",
    gateway: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """End a key at once; a ledger entry says so. 立即撤销密钥，并记入账本。"""
    from gateway.remote_commands import Remote

    Remote(gateway, key_file).revoke_key(key_id, reason)
    typer.echo(json.dumps({"id": key_id, "revoked": True}) if as_json else f"{key_id}  已撤销 / ended")


class ProofForm(StrEnum):
    """What to export: everything, or the place in the log for readers of C2SP or COSE."""

    BUNDLE = "bundle"
    TLOG_PROOF = "tlog-proof"
    COSE = "cose"


ENDINGS = {
    ProofForm.BUNDLE: "tongyi.json",
    ProofForm.TLOG_PROOF: "tlog-proof",
    ProofForm.COSE: "cose",
}
"""How files of a form are named behind the entry's id."""


@export_app.command("evidence")
def evidence(
    entry_id: Annotated[str, typer.Argument(help="Id of the entry. 记录编号。")],
    key_file: KeyFile,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="File to write; else named by the id. 写入的文件，默认以编号命名。"),
    ] = None,
    disclose: Annotated[
        str | None,
        typer.Option(
            "--disclose", help="Private fields to show, by commas; * for all. 要显示的私有字段，* 为全部。"
        ),
    ] = None,
    form: Annotated[
        ProofForm, typer.Option("--form", help="Bundle or one of two short forms. 完整证明文件或两种短格式。")
    ] = ProofForm.BUNDLE,
    wait: Annotated[
        float, typer.Option("--wait", help="Seconds to wait while it is pending. 待定时等待的秒数。")
    ] = 60.0,
    gateway: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Write an entry's proof file. Exit 3: still pending. 写出一条记录的证明文件；退出码 3：尚待确认。"""
    from gateway.remote_commands import Remote

    file = into or Path(f"{entry_id}.{ENDINGS[form]}")
    size = Remote(gateway, key_file).export(entry_id, file, disclose, wait, form.value)
    shown = f"{file} ({size:,} 字节 / bytes)"
    typer.echo(json.dumps({"file": str(file), "bytes": size}) if as_json else shown)
