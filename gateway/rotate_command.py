"""``tongyi keys rotate``: a key gives way to a new one, and the log says so."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.command_failures import EXIT_PENDING
from gateway.command_options import LOCAL, AsJson, ChainUrl, Data, DatabaseUrl, Url

rotate_app = typer.Typer(
    no_args_is_help=True,
    help="Replace a key of a stopped gateway, an API key also of a running one; a ledger entry says which "
    "and why. 更换已停止网关的密钥（API 密钥也可在运行中更换）；更换的对象与原因记入账本。",
)


Reason = Annotated[
    str,
    typer.Option(
        "--reason", help="scheduled, compromised, custody or retired. 定期、疑似泄露、换保管人或弃用。"
    ),
]


@rotate_app.command("log")
def log(
    reason: Reason = "scheduled",
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


@rotate_app.command("api")
def api(
    key_id: Annotated[str, typer.Option("--id", help="Id of the key. 密钥编号。")],
    reason: Reason = "scheduled",
    overlap: Annotated[
        int,
        typer.Option(
            "--overlap",
            min=0,
            max=2_592_000,
            help="Seconds that the old key counts beside the new one. 旧密钥与新密钥并行有效的秒数。",
        ),
    ] = 0,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            help="File with an administrator's API key: ask the running gateway. "
            "存放管理员 API 密钥的文件：向运行中的网关申请。",
        ),
    ] = None,
    gateway: Url = LOCAL,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Give an API key's holder a new one, of the same scopes and chapter; its secret is printed this once.
    With --key-file the running gateway is asked; else the data of a stopped one is changed.
    为 API 密钥的持有人换上权限与分会相同的新密钥，其内容仅显示这一次。
    给出 --key-file 时向运行中的网关申请；否则直接处理已停止网关的数据。
    """
    from gateway.api_key_rotation import run_rotate_api
    from gateway.remote_commands import Remote

    if key_file is None:
        done = asdict(run_rotate_api(data, database_url, key_id, reason, overlap))
    else:
        done = dict(Remote(gateway, key_file).rotate_key(key_id, reason, overlap))
    if as_json:
        typer.echo(json.dumps(done))
        return
    end = done["ends_at"] or "立即 / at once"
    typer.echo(f"{done['replaces']}  失效 / ends: {end}\n→ {done['id']}  {done['secret']}")


@rotate_app.command("signer")
def signer(
    role: Annotated[
        str,
        typer.Option(
            "--role", help="Whose key, as `tongyi keys signers` lists them. 角色，见 `tongyi keys signers`。"
        ),
    ],
    reason: Reason = "scheduled",
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            help="0x and the new key's address, where TONGYI_SIGNERS already names its place. "
            "新密钥的地址（0x 开头），用于 TONGYI_SIGNERS 已写明新位置的情况。",
        ),
    ] = None,
    data: Data = None,
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Give a role a new key on chain, and record it; the old key has no rights afterwards. Run it again after
    a crash, or where it says that a grant is pending (exit code 3).
    为链上的角色换上新密钥并记入账本，旧密钥此后没有任何权限。
    中断后，或提示授权尚待生效（退出码 3）时，请再次运行。
    """
    from gateway.signer_rotation import run_rotate_signer

    done = run_rotate_signer(data, chain_url, database_url, role, reason, address)
    pending = done.state == "pending"
    if as_json:
        typer.echo(json.dumps(asdict(done)))
    else:
        told = f"第 {done.index} 条记录 / entry {done.index}"
        if pending:
            told = (
                f"{done.until} 生效，届时再次运行；此前由旧密钥行事 / "
                f"pending until {done.until}: run again after; the old key acts until then"
            )
        typer.echo(f"{told}\n{done.old_address}\n→ {done.new_address}")
    if pending:
        raise typer.Exit(EXIT_PENDING)


@rotate_app.command("witness")
def witness(
    data: Annotated[
        Path, typer.Option("--data", help="Folder of the stopped witness. 已停止的见证方的数据目录。")
    ] = Path(".tongyi-witness"),
    as_json: AsJson = False,
) -> None:
    """Give a witness a new key, in its own folder; what it cosigned last stays known. Hand both lines to the
    log's operator, who enters them with `tongyi keys rotate witness-entry`.
    在见证方自己的数据目录中换上新密钥，已联署到哪里仍然记得。
    请把两行公钥交给日志运行者，由其用 `tongyi keys rotate witness-entry` 记入账本。
    """
    from gateway.witness_rotation import run_rotate_witness

    done = run_rotate_witness(data)
    typer.echo(json.dumps(asdict(done)) if as_json else f"{done.old_vkey}\n→ {done.new_vkey}")


@rotate_app.command("witness-entry")
def witness_entry(
    old: Annotated[str, typer.Option("--old", help="The witness's key until now. 见证方原来的公钥。")],
    new: Annotated[str, typer.Option("--new", help="Its new key. 见证方的新公钥。")],
    reason: Reason = "scheduled",
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Record a witness's new key in the log of a stopped gateway. The trust root is followed by one with both
    keys and their times; the policy file needs the new key before the gateway starts again.
    把见证方的新密钥记入已停止网关的账本。信任根由含两把密钥及其时段的新信任根接续；
    网关再次启动前，请把策略文件中的公钥换成新的。
    """
    from gateway.witness_rotation import WitnessKeys, run_record_witness

    done = run_record_witness(data, database_url, WitnessKeys(old, new), reason)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    typer.echo(f"第 {done.index} 条记录 / entry {done.index}\n{done.old_vkey}\n→ {done.new_vkey}")
