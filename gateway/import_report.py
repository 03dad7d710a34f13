"""What ``tongyi import`` says at its end: totals, and of a dry run each refused record with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from chain.canonical import JsonValue
from gateway.command_words import command_reason_zh
from gateway.import_mapping import format_dust
from gateway.import_state import State, results_path


def summarize(state: State, dry_run: bool) -> dict[str, JsonValue]:
    """The totals, as ``--json`` prints them."""
    return {
        "records": state.done,
        "accepted": state.accepted,
        "replayed": state.replayed,
        "refused": state.refused,
        "codes": dict(sorted(state.codes.items())),
        "rounding": state.rounding,
        "dust": format_dust(state.dust),
        "dry_run": dry_run,
    }


def report(
    state: State, dry_run: bool, as_json: bool, file: Path, refusals: Sequence[Mapping[str, JsonValue]]
) -> None:
    """Print the totals; refusals told one by one go to standard error, or into the JSON of a dry run."""
    if as_json:
        shown: dict[str, JsonValue] = {"refusals": [dict(row) for row in refusals]} if dry_run else {}
        typer.echo(json.dumps({**summarize(state, dry_run), **shown}))
        return
    for row in refusals:
        typer.echo(format_refusal(row), err=True)
    zh, en = ("可读取", "readable") if dry_run else ("已记录", "recorded")
    typer.echo(
        f"{state.done} 条：{state.accepted} {zh}，{state.replayed} 先前已有，{state.refused} 被拒绝 / "
        f"{state.done} records: {state.accepted} {en}, {state.replayed} already there, "
        f"{state.refused} refused"
    )
    for code, count in sorted(state.codes.items()):
        typer.echo(f"  {count} × {code}")
    dust = format_dust(state.dust)
    typer.echo(f"舍入 {state.rounding}，尾差 {dust} / rounding {state.rounding}, dust {dust} coins")
    if not dry_run:
        name = results_path(file).name
        typer.echo(f"逐条结果 / each record's result: {name}")


def format_refusal(row: Mapping[str, JsonValue]) -> str:
    """Return one refused record in both languages: its place in the file, and the rule it breaks."""
    if "where" in row:
        where, reason = str(row["where"]), str(row["reason"])
        zh, en = f"{where}：{command_reason_zh(reason)}", f"{where}: {reason}"
    else:
        zh, en = str(row["detail_zh"]), str(row["detail"])
    place = f"第 {row['line']} 行，第 {row['record']} 条 / line {row['line']}, record {row['record']}"
    return f"✗ {place}: {row['code']}: {zh} / {en}"
