"""``tongyi import``: rows of a file become entries, once each, however often the import is interrupted.

Each record's idempotency key is made of the file's digest and the record's number, so sending a record
again changes nothing. After each answered batch the results are flushed, then the state file is replaced; a
crash between the two, or before either, only means that one batch is sent again and answered as replayed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chain.canonical import JsonValue
from chain.errors import FormatError
from gateway.command_failures import EXIT_CANNOT, EXIT_USAGE, describe_failure
from gateway.command_options import LOCAL, AsJson, Url
from gateway.import_judging import FormJudge
from gateway.import_mapping import RoundingRule, format_dust
from gateway.import_posting import code_of, post_patiently
from gateway.import_report import report
from gateway.import_roster import Roster, RosterSender
from gateway.import_source import FORMATS, Record, Source, load_mapping
from gateway.import_state import (
    EXIT_REFUSED,
    ImportFailure,
    State,
    load_state,
    results_path,
    save_state,
    state_path,
)
from gateway.remote_commands import check_address, read_key

BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of one request at most; the gateway takes twice as much."""
BATCH_RECORDS = 1000
LINE_BYTES = 128 * 1024
"""Bytes of one line at most; the gateway stops reading at a longer one."""
NDJSON = "application/x-ndjson"
MOST_SHOWN = 100
"""Refusals a dry run tells one by one; all are counted."""


def record_key(file_sha256: str, number: int) -> str:
    """The idempotency key of one record: the same file and record always give the same key."""
    return f"import-{file_sha256[:40]}-{number}"


def encode_line(record: Record, file_sha256: str) -> bytes:
    """One line of the batch request."""
    body = {**(record.body or {}), "idempotency_key": record_key(file_sha256, record.number)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def take_batches(records: Iterator[Record], file_sha256: str) -> Iterator[list[tuple[Record, bytes]]]:
    """Group records into requests bounded in number and bytes; a record with a fault carries no bytes."""
    batch: list[tuple[Record, bytes]] = []
    size = 0
    for record in records:
        line = b"" if record.fault else encode_line(record, file_sha256)
        if len(line) > LINE_BYTES:
            fault = FormatError("row", f"makes a line of more than {LINE_BYTES} bytes")
            record, line = replace(record, body=None, dust=0, fault=fault), b""
        if batch and (len(batch) >= BATCH_RECORDS or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((record, line))
        size += len(line)
    if batch:
        yield batch


class Sender:
    """Posts batches and repeats them until they are answered whole: their keys make that safe."""

    def __init__(self, client: httpx2.Client, key: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {key}", "content-type": NDJSON}
        self._sleep = sleep

    def send(self, lines: Sequence[bytes]) -> list[dict[str, JsonValue]]:
        """Return one answer per line, in order. Raises ImportFailure when the gateway refuses the whole."""
        if not lines:
            return []

        def lacks(response: httpx2.Response) -> str | None:
            if response.status_code >= 400:
                code = code_of(response)
                raise ImportFailure(
                    f"网关拒绝这一批：{code}", f"the gateway refuses the batch: {code}", EXIT_CANNOT
                )
            got = len(_answers(response))
            return None if got == len(lines) else f"{got} answers to {len(lines)} lines"

        def post() -> httpx2.Response:
            return self._client.post("/v1/entries/batch", content=b"".join(lines), headers=self._headers)

        return _answers(post_patiently(post, self._sleep, lacks))


def _answers(response: httpx2.Response) -> list[dict[str, JsonValue]]:
    return [json.loads(line) for line in response.content.splitlines() if line]


def format_result(record: Record, answer: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    """One line of the result file: what became of one record. Holds no value of the record itself."""
    result: dict[str, JsonValue] = {"record": record.number, "line": record.line}
    if record.fault is not None:
        fault = {"code": "import.bad_record", "where": record.fault.where, "reason": record.fault.reason}
        return {**result, "status": "refused", **fault}
    if answer is not None and "id" in answer:
        status = "replayed" if answer.get("replayed") else "accepted"
        result.update(status=status, id=answer["id"], index=answer["index"])
        if "account" in answer:
            result["account"] = answer["account"]
    elif answer:
        result.update(status="refused", code=answer.get("code"), detail=answer.get("detail"))
        if "detail_zh" in answer:
            result["detail_zh"] = answer["detail_zh"]
    else:
        result.update(status="readable")
    if record.dust:
        result["dust"] = format_dust(record.dust)
    return result


def count_result(state: State, result: Mapping[str, JsonValue], dust: int) -> State:
    """Add one result to the totals; the dust of a refused record is not counted, nothing was recorded."""
    status = result["status"]
    codes = dict(state.codes)
    if status == "refused":
        code = str(result["code"])
        codes[code] = codes.get(code, 0) + 1
    return replace(
        state,
        done=state.done + 1,
        accepted=state.accepted + (status in ("accepted", "readable")),
        replayed=state.replayed + (status == "replayed"),
        refused=state.refused + (status == "refused"),
        dust=state.dust if status == "refused" else state.dust + dust,
        codes=codes,
    )


def run_import(
    source: Source,
    state: State,
    sender: Sender | RosterSender | FormJudge | None,
    on_progress: Callable[[State], None],
    on_refused: Callable[[Mapping[str, JsonValue]], None] = lambda result: None,
) -> State:
    """Import what ``state`` has not done yet; a judge, or no sender, sends and writes nothing (dry run)."""
    records = islice(source.records(), state.done, None)
    results = results_path(source.path)
    is_dry = sender is None or isinstance(sender, FormJudge)
    if not is_dry and not results.exists():
        results.touch()
    for batch in take_batches(records, state.file_sha256):
        answers = iter(sender.send([line for _, line in batch if line]) if sender else ())
        rows = []
        for record, line in batch:
            rows.append(format_result(record, next(answers, None) if line else None))
            state = count_result(state, rows[-1], record.dust)
            if rows[-1]["status"] == "refused":
                on_refused(rows[-1])
        if not is_dry:
            state = _keep(results, rows, state, source.path)
        on_progress(state)
    return replace(state, complete=True)


def _keep(results: Path, rows: Sequence[Mapping[str, JsonValue]], state: State, file: Path) -> State:
    """Write results at the place the last state names, then the state."""
    before = load_state(state_path(file))
    with results.open("r+b") as out:
        out.truncate(before.result_bytes if before else 0)
        out.seek(0, os.SEEK_END)
        out.write(b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))
        out.flush()
        os.fsync(out.fileno())
        state = replace(state, result_bytes=out.tell())
    # If we crash here, the results of this batch are cut off and written again when it is sent again.
    save_state(state_path(file), state)
    return state


def begin(source: Source, gateway: str, resume: bool) -> State:
    """Return the state to go on from. Raises ImportFailure where that would mix two imports."""
    fresh = State(source.digest(), gateway, source.rule.value)
    known = load_state(state_path(source.path))
    if known is None:
        return fresh
    if not resume:
        name = state_path(source.path).name
        raise ImportFailure(
            f"此文件先前已开始导入：请用 --resume，或删除 {name} 后重新发送（已发送的不会重复记录）",
            f"this file was begun before: use --resume, or remove {name} to send it again "
            "(sent records are not recorded twice)",
            EXIT_USAGE,
        )
    if known.file_sha256 != fresh.file_sha256:
        raise ImportFailure(
            "文件在导入开始后已改变", "the file has changed since the import began", EXIT_USAGE
        )
    if (known.gateway, known.rounding) != (fresh.gateway, fresh.rounding):
        raise ImportFailure(
            "网关或舍入规则与开始时不同",
            "the gateway or the rounding rule is not the one it began with",
            EXIT_USAGE,
        )
    return known


def import_file(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV or NDJSON file. CSV 或 NDJSON 文件。")
    ],
    gateway: Url = LOCAL,
    key_file: Annotated[
        Path | None, typer.Option(help="File that holds the API key. 存放 API 密钥的文件。")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="csv or ndjson; else by the file's name. 格式，默认按文件名。")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="JSON template of an entry; else by the header. 记录的 JSON 模板，默认按表头。"),
    ] = None,
    rounding: Annotated[
        RoundingRule,
        typer.Option(help="What to do with amounts finer than 0.01. 如何处理小于 0.01 的金额。"),
    ] = RoundingRule.REFUSE,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Map all records and judge their form, send nothing. 读取并检查所有记录的形式，不发送。",
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier run stopped. 从上次中断处继续。")
    ] = False,
    roster: Annotated[
        bool,
        typer.Option(
            "--roster", help="Rows are members and merchants to register. 各行是要登记的会员和商家。"
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a file. Exit 0: all recorded, 1: some records refused, 2: usage, 4: cannot go on.
    导入文件。退出码：0 全部记录，1 部分被拒绝，2 用法错误，4 无法继续。
    """
    chosen = format or file.suffix.lstrip(".").replace("jsonl", "ndjson")
    if chosen not in FORMATS:
        raise ImportFailure(
            f"请用 --format csv 或 --format ndjson，不能用 {chosen!r}",
            f"say --format csv or --format ndjson, not {chosen!r}",
            EXIT_USAGE,
        )
    check_address(gateway)
    refusals: list[Mapping[str, JsonValue]] = []

    def on_refused(result: Mapping[str, JsonValue]) -> None:
        if dry_run and len(refusals) < MOST_SHOWN:
            refusals.append(result)

    try:
        template = load_mapping(mapping) if mapping is not None else None
        source = (Roster if roster else Source)(file, chosen, template, rounding)
        state = _import(source, gateway, key_file, dry_run, resume, on_refused)
    except FormatError as error:
        failure = describe_failure(error)
        raise ImportFailure(failure.zh, failure.en, EXIT_USAGE) from error
    report(state, dry_run, as_json, file, refusals)
    raise typer.Exit(EXIT_REFUSED if state.refused else 0)


def _import(
    source: Source,
    gateway: str,
    key_file: Path | None,
    dry_run: bool,
    resume: bool,
    on_refused: Callable[[Mapping[str, JsonValue]], None],
) -> State:
    total = sum(1 for _ in source.records())
    state = (
        begin(source, gateway, resume) if not dry_run else State(source.digest(), gateway, source.rule.value)
    )
    console = Console(stderr=True)
    columns = (TextColumn("import"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("import", total=total, completed=state.done)

        def show(now: State) -> None:
            progress.update(task, completed=now.done)

        if dry_run:
            # Rows of a roster were judged when they were read.
            judge = None if isinstance(source, Roster) else FormJudge()
            return run_import(source, state, judge, show, on_refused)
        if key_file is None:
            raise ImportFailure("发送需要 --key-file", "--key-file is needed to send", EXIT_USAGE)
        key = read_key(key_file)
        with httpx2.Client(base_url=gateway, timeout=60.0, follow_redirects=False) as client:
            kind = RosterSender if isinstance(source, Roster) else Sender
            state = run_import(source, state, kind(client, key, time.sleep), show, on_refused)
        save_state(state_path(source.path), state)
        return state
