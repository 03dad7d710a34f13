"""tongyi: one command line for operators, importers and verifiers. 供运营、导入和核验使用的命令行。

Answers on standard output, progress on standard error, in Chinese and English.
结果写到标准输出，进度写到标准错误。
"""

# Each command imports what it needs when it runs, so that ``verify`` needs the pure rooms alone.

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from gateway.backup_commands import backup, restore
from gateway.check_commands import add_check_commands
from gateway.command_failures import EXIT_USAGE, CommandFailure
from gateway.command_line import DEBUG, EXIT_CODES, run_app, run_nested
from gateway.command_options import AsJson, ChainUrl, Data, DatabaseUrl, Host, Port
from gateway.key_commands import export_app, keys_app
from gateway.recover_command import recover
from gateway.role_commands import add_role_commands
from gateway.rotate_command import rotate_app
from gateway.version import VERSION
from gateway.witness_command import witness

app = typer.Typer(
    name="tongyi",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=__doc__,
    epilog=EXIT_CODES,
)
chain_app = typer.Typer(no_args_is_help=True, help="The embedded chain. 内置链。")
mirror_app = typer.Typer()
app.add_typer(chain_app, name="chain")
app.add_typer(mirror_app, name="mirror")
keys_app.add_typer(rotate_app, name="rotate")
app.add_typer(keys_app, name="keys")
app.add_typer(export_app, name="export")
add_role_commands(app, mirror_app)
add_check_commands(app, mirror_app)
app.command("witness")(witness)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("recover")(recover)

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tongyi {VERSION}")
        raise typer.Exit


@app.callback()
def tongyi(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Print the version. 显示版本。"
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(DEBUG, help="Show the traceback of an error. 出错时显示调用栈。"),
    ] = False,
) -> None:
    # Its help is the application's; ``run_app`` looks for --debug itself.
    return


@app.command()
def serve(
    data: Data = None,
    port: Port = None,
    host: Host = None,
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the whole gateway; prints one JSON line when ready and drains on SIGTERM.
    运行整个网关；就绪时输出一行 JSON，收到 SIGTERM 后处理完再退出。
    """
    from gateway.runtime import run_gateway
    from gateway.settings import load_settings

    settings = load_settings(data, host=host, port=port, chain_url=chain_url, database_url=database_url)

    def ready(line: Mapping[str, object]) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    run_gateway(settings, ready)


@app.command()
def verify(
    files: Annotated[list[str], typer.Argument(help="Proof files. 证明文件。")],
    trust_root: Annotated[
        Path | None,
        typer.Option("--trust-root", help="The trust root you already have. 您已有的信任根文件。"),
    ] = None,
    as_json: AsJson = False,
    lang: Annotated[str, typer.Option("--lang", help="zh, en or both. 输出语言。")] = "both",
) -> None:
    """Check proof files offline. Exit 0 pass, 1 mismatch, 2 usage, 3 pending, 4 cannot check.
    离线核验证明文件。退出码：0 通过，1 不符，2 用法错误，3 待定，4 无法核验。
    """
    from gateway.verify_command import run_verify

    if lang not in ("zh", "en", "both"):
        raise CommandFailure("--lang 为 zh、en 或 both", "--lang is zh, en or both", EXIT_USAGE)
    if files[0] == "statement":
        raise CommandFailure(
            "本版本不能核验对账单；请逐条核验其记录的证明文件（名为 statement 的文件写作 ./statement）",
            "statements cannot be checked by this version; check the proof file of each of its entries "
            "(a file of the name statement is given as ./statement)",
        )
    chosen = cast(Literal["zh", "en", "both"], lang)
    raise typer.Exit(run_verify([Path(file) for file in files], trust_root, json=as_json, lang=chosen))


@app.command()
def deploy(data: Data = None, chain_url: ChainUrl = None, as_json: AsJson = False) -> None:
    """Deploy the contracts of a data folder, or check those it has. 部署数据目录的合约，或检查已有的合约。"""
    from gateway.chain_commands import run_deploy

    deployment = run_deploy(data, chain_url)
    addresses = {name: "0x" + found.address.hex() for name, found in deployment.contracts.items()}
    if as_json:
        typer.echo(json.dumps({"chain_id": deployment.chain_id, "contracts": addresses}))
        return
    for name, address in addresses.items():
        typer.echo(f"{name:<12} {address}")


@chain_app.command("up")
def chain_up(
    data: Data = None,
    block_time: Annotated[
        float | None,
        typer.Option(
            "--block-time",
            help="Seconds between blocks; else TONGYI_BLOCK_TIME. 出块间隔秒数，默认 TONGYI_BLOCK_TIME。",
        ),
    ] = None,
) -> None:
    """Run the embedded chain alone until SIGTERM; prints one JSON line with its address.
    单独运行内置链，直到 SIGTERM；输出一行含其地址的 JSON。
    """
    from gateway.chain_commands import run_chain

    run_chain(data, block_time, lambda line: typer.echo(json.dumps(line)))


@app.command("import", context_settings=_PASS_ON, add_help_option=False)
def import_rows(context: typer.Context) -> None:
    """Record the rows of a CSV or NDJSON file, with progress and resume. 导入 CSV 或 NDJSON 文件，可续传。"""
    from gateway.import_command import import_file

    _run_other(import_file, "tongyi import", context.args)


@app.command(context_settings=_PASS_ON, add_help_option=False)
def doctor(context: typer.Context) -> None:
    """Say what is missing on this machine and how to get it. 说明本机缺少什么以及如何补齐。"""
    from gateway.doctor_command import doctor as run_doctor

    _run_other(run_doctor, "tongyi doctor", context.args)


def _run_other(command: Callable[..., None], name: str, arguments: list[str]) -> None:
    """Run a command that another module describes, with the arguments left."""
    other = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    other.command()(command)
    run_nested(other, arguments, name)


@app.command(context_settings=_PASS_ON, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Measure the speed table, as ./scripts/bench of the repository does. 测量速度表，同 ./scripts/bench。"""
    root = Path(__file__).resolve().parents[1]
    if not (root / "scripts" / "bench.py").is_file():
        raise CommandFailure(
            "速度表需要代码仓库：此安装旁没有 scripts/bench.py",
            "the speed table needs the repository: scripts/bench.py is not beside this package",
        )
    os.chdir(root)
    os.execv(sys.executable, [sys.executable, "-m", "scripts.bench", *context.args])  # noqa: S606


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run_app(app, sys.argv[1:], "tongyi"))


if __name__ == "__main__":
    main()
