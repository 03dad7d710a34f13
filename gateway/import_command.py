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
from gateway.import_mapping import RoundingRule, format_dust
from gateway.import_posting import code_of, post_patiently
from gateway.import_roster import Roster, RosterSender
from gateway.import_source import FORMATS, Record, Source, load_mapping
from gateway.import_state import (
    EXIT_CANNOT,
    EXIT_REFUSED,
    EXIT_USAGE,
    ImportFailure,
    State,
    load_state,
    results_path,
    save_state,
    state_path,
)

BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of one request at most; the gateway takes twice as much."""
BATCH_RECORDS = 1000
LINE_BYTES = 128 * 1024
"""Bytes of one line at most; the gateway stops reading at a longer one."""
NDJSON = "application/x-ndjson"


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
                raise ImportFailure(f"the gateway refuses the batch: {code_of(response)}", EXIT_CANNOT)
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
    elif answer is not None:
        result.update(status="refused", code=answer.get("code"), detail=answer.get("detail"))
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
    sender: Sender | RosterSender | None,
    on_progress: Callable[[State], None],
) -> State:
    """Import what ``state`` has not done yet; without a sender nothing is sent or written (dry run)."""
    records = islice(source.records(), state.done, None)
    results = results_path(source.path)
    if sender is not None and not results.exists():
        results.touch()
    for batch in take_batches(records, state.file_sha256):
        answers = iter(sender.send([line for _, line in batch if line]) if sender else ())
        rows = []
        for record, line in batch:
            rows.append(format_result(record, next(answers, None) if line else None))
            state = count_result(state, rows[-1], record.dust)
        if sender is not None:
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
        hint = f"remove {state_path(source.path).name} to send it again (sent records are not recorded twice)"
        raise ImportFailure(f"this file was begun before: use --resume, or {hint}", EXIT_USAGE)
    if known.file_sha256 != fresh.file_sha256:
        raise ImportFailure("the file has changed since the import began", EXIT_USAGE)
    if (known.gateway, known.rounding) != (fresh.gateway, fresh.rounding):
        raise ImportFailure("the gateway or the rounding rule is not the one it began with", EXIT_USAGE)
    return known


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


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or NDJSON file")],
    gateway: Annotated[str, typer.Option(help="address of the gateway")] = "http://127.0.0.1:8000",
    key_file: Annotated[Path | None, typer.Option(help="file that holds the API key")] = None,
    format: Annotated[str | None, typer.Option(help="csv or ndjson; else by the file's name")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="JSON template of an entry; else by the header")
    ] = None,
    rounding: Annotated[
        RoundingRule, typer.Option(help="what to do with amounts finer than 0.01")
    ] = RoundingRule.REFUSE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="read and map all records, send nothing")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on where an earlier run stopped")] = False,
    roster: Annotated[
        bool, typer.Option("--roster", help="rows are members and merchants to register, not entries")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the totals as JSON")] = False,
) -> None:
    """Import a file. Exit 0: all recorded, 1: some records refused, 2: usage, 4: cannot go on."""
    try:
        chosen = format or file.suffix.lstrip(".").replace("jsonl", "ndjson")
        if chosen not in FORMATS:
            raise ImportFailure(f"say --format csv or --format ndjson, not {chosen!r}", EXIT_USAGE)
        template = load_mapping(mapping) if mapping is not None else None
        source = (Roster if roster else Source)(file, chosen, template, rounding)
        state = _import(source, gateway, key_file, dry_run, resume)
    except FormatError as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(EXIT_USAGE) from error
    except ImportFailure as error:
        typer.echo(f"✗ {error.reason}", err=True)
        raise typer.Exit(error.exit_code) from error
    _report(state, dry_run, as_json, file)
    raise typer.Exit(EXIT_REFUSED if state.refused else 0)


def _import(source: Source, gateway: str, key_file: Path | None, dry_run: bool, resume: bool) -> State:
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
            return run_import(source, state, None, show)
        if key_file is None:
            raise ImportFailure("--key-file is needed to send", EXIT_USAGE)
        key = key_file.read_text().strip()
        with httpx2.Client(base_url=gateway, timeout=60.0, follow_redirects=False) as client:
            kind = RosterSender if isinstance(source, Roster) else Sender
            state = run_import(source, state, kind(client, key, time.sleep), show)
        save_state(state_path(source.path), state)
        return state


def _report(state: State, dry_run: bool, as_json: bool, file: Path) -> None:
    if as_json:
        typer.echo(json.dumps(summarize(state, dry_run)))
        return
    verb = "readable" if dry_run else "recorded"
    counts = f"{state.accepted} {verb}, {state.replayed} already there, {state.refused} refused"
    typer.echo(f"{state.done} records: {counts}")
    for code, count in sorted(state.codes.items()):
        typer.echo(f"  {count} × {code}")
    typer.echo(f"rounding {state.rounding}, dust {format_dust(state.dust)} coins")
    if not dry_run:
        typer.echo(f"each record's result: {results_path(file).name}")
