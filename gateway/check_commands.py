"""``tongyi fsck``, ``reconcile`` and ``mirror rebuild`` on the command line: their output and exit code."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.command_failures import EXIT_MISMATCH, EXIT_PASS
from gateway.command_options import AsJson, ChainUrl, Data, DatabaseUrl, show_progress


def add_check_commands(app: typer.Typer, mirror_app: typer.Typer) -> None:
    """Add the commands that hold one store of a gateway against another."""
    app.command()(fsck)
    app.command()(reconcile)
    mirror_app.command("rebuild")(rebuild)


def rebuild(
    into: Annotated[
        str,
        typer.Option("--into", help="URL of an empty database to build it in. 用于重建的空数据库的 URL。"),
    ],
    data: Data = None,
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Mirror the chain from block 0 into an empty database and compare, row for row. Exit 1: they differ.
    从第 0 块起把链镜像到空数据库并逐行比较；不同则退出码为 1。
    """
    from gateway.mirror_commands import run_rebuild

    comparison, block = run_rebuild(data, into, chain_url, database_url, show_progress("block"))
    found = comparison.difference
    result = {
        "equal": found is None,
        "block": block,
        "tables": comparison.rows,
        "difference": None if found is None else {"table": found.table.name, "key": found.shown_key},
    }
    if as_json:
        typer.echo(json.dumps(result))
    elif found is None:
        rows = sum(comparison.rows.values())
        typer.echo(f"第 {block} 块处相同，共 {rows:,} 行 / equal at block {block}: {rows:,} rows")
    else:
        typer.echo(f"✗ {found.place}：不同 / differs")
    raise typer.Exit(EXIT_PASS if found is None else EXIT_MISMATCH)


def reconcile(
    data: Data = None,
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Compare every mirrored balance and their sum with the contract's storage. Exit 1: they differ.
    把镜像中的每个余额及其总和与合约存储比较；不同则退出码为 1。
    """
    from gateway.mirror_commands import run_reconcile

    result = run_reconcile(data, chain_url, database_url)
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        typer.echo(
            f"第 {result.block} 块：{result.accounts:,} 个账户，总量 {result.supply} / "
            f"block {result.block}: {result.accounts:,} accounts, supply {result.supply}"
        )
        for item in result.mismatches:
            typer.echo(
                f"✗ {item.subject} {item.what}：镜像 {item.mirrored}，链上 {item.on_chain} / "
                f"{item.what} of {item.subject}: mirror {item.mirrored}, chain {item.on_chain}"
            )
    raise typer.Exit(EXIT_MISMATCH if result.mismatches else EXIT_PASS)


def fsck(
    data: Data = None,
    database_url: DatabaseUrl = None,
    cases: Annotated[
        bool,
        typer.Option(
            "--cases",
            help="Also build accounts, balances and all cases from the entries again and compare. "
            "并从记录重建账户、余额和所有事项加以比较。",
        ),
    ] = False,
    chain_url: ChainUrl = None,
    embedded_chain: Annotated[
        bool,
        typer.Option(
            "--embedded-chain",
            help="Also compare with a copy of the folder's own chain. 并与目录中内置链的副本比较。",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a stopped gateway's data from its bytes up; changes nothing. Exit 1: something is wrong.
    从字节起检查已停止的网关的数据，不作任何改动；有错则退出码为 1。

    The first difference of every pair of stores is named. 指出每对存储之间的首个差异。
    """
    from gateway.fsck_command import PAIR_WORDS, run_fsck

    found = run_fsck(
        data, database_url, cases=cases, on_entry=show_progress("entry"), chain_url=chain_url,
        embedded_chain=embedded_chain,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        typer.echo(
            f"{found.entries:,} 条记录，{found.checkpoints:,} 个检查点，{found.files:,} 个文件 / "
            f"{found.entries:,} entries, {found.checkpoints:,} checkpoints, {found.files:,} files"
        )
        if found.cases is not None:
            typer.echo(
                f"事项的 {found.cases:,} 行与记录相符 / "
                f"{found.cases:,} rows of cases as the entries give them"
            )
        for pair, difference in found.pairs.items():
            said = "相符 / agree" if difference is None else f"首个差异 / first difference: {difference}"
            typer.echo(f"{'✗' if difference else '✓'} {PAIR_WORDS[pair]} / {pair}: {said}")
        for fault in found.faults:
            typer.echo(f"✗ 有误 / wrong: {fault}")
    raise typer.Exit(EXIT_MISMATCH if found.faults else EXIT_PASS)
