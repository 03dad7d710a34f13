"""gateway/import_command.py: batches, answers, interruption and resumption, against a fake that can fail."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import typer

from gateway import import_command as command
from gateway.command_line import run_app
from gateway.import_command import NDJSON, Sender, begin, encode_line, record_key, run_import, take_batches
from gateway.import_mapping import RoundingRule
from gateway.import_source import Record, Source
from gateway.import_state import ImportFailure, State, load_state, results_path, save_state, state_path

SHA = "ab" * 32


@dataclass
class FakeGateway:
    """Records by key like the real one; faults strike before (``lost``) or after (``kept``) it records."""

    faults: list[str] = field(default_factory=list)
    stored: dict[str, dict[str, object]] = field(default_factory=dict)
    requests: int = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        assert request.headers["content-type"] == NDJSON
        assert request.headers["authorization"] == "Bearer secret"
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "lost":
            raise httpx2.ConnectError("down")
        if fault == "busy":
            return httpx2.Response(429, json={"code": "rate.limited"}, headers={"retry-after": "3"})
        if fault == "auth":
            return httpx2.Response(401, json={"code": "auth.invalid"})
        answers = [self.record(json.loads(line)) for line in request.content.splitlines()]
        if fault == "kept":
            raise httpx2.ReadError("cut")
        if fault == "short":
            answers.pop()
        return httpx2.Response(200, content=b"".join(json.dumps(a).encode() + b"\n" for a in answers))

    def record(self, body: dict[str, object]) -> dict[str, object]:
        key = str(body["idempotency_key"])
        if body.get("type") == "bad":
            return {
                "code": "entry.unknown_type",
                "detail": "The entry type is not in the registry.",
                "line": 1,
            }
        if key in self.stored:
            return {**self.stored[key], "replayed": True}
        self.stored[key] = {"id": f"E{len(self.stored)}", "index": len(self.stored), "state": "accepted"}
        return self.stored[key]

    def sender(self, slept: list[float] | None = None) -> Sender:
        transport = httpx2.MockTransport(self)
        client = httpx2.Client(transport=transport, base_url="http://gateway")
        return Sender(client, "secret", (slept if slept is not None else []).append)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "BATCH_RECORDS", 2)


def make_source(tmp_path: Path, *types: str) -> Source:
    path = tmp_path / "in.csv"
    path.write_text("type\n" + "".join(f"{name}\n" for name in types))
    return Source(path, "csv", None, RoundingRule.REFUSE)


def ignore(state: State) -> None:
    del state


def results_of(source: Source) -> list[dict[str, object]]:
    return [json.loads(line) for line in results_path(source.path).read_text().splitlines()]


def test_keys_depend_on_file_and_record_alone() -> None:
    assert record_key(SHA, 7) == f"import-{SHA[:40]}-7"
    line = json.loads(encode_line(Record(7, 9, {"type": "x"}), SHA))
    assert line == {"type": "x", "idempotency_key": record_key(SHA, 7)}


def test_batches_are_bounded_in_number_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "BATCH_RECORDS", 3)
    monkeypatch.setattr(command, "BATCH_BYTES", 400)
    records = [Record(n, n, {"type": "x" * (10 if n < 7 else 150)}) for n in range(1, 9)]
    batches = [[record.number for record, _ in batch] for batch in take_batches(iter(records), SHA)]
    assert batches == [[1, 2, 3], [4, 5, 6], [7], [8]]


def test_a_line_the_gateway_would_not_read_is_refused_here() -> None:
    (batch,) = take_batches(iter([Record(1, 1, {"type": "x" * 140_000})]), SHA)
    ((record, line),) = batch
    assert line == b"" and record.fault is not None
    assert record.fault.reason == "makes a line of more than 131072 bytes"


def test_every_record_gets_its_result(tmp_path: Path, small_batches: None) -> None:
    source, gateway = make_source(tmp_path, "a", "bad", "c"), FakeGateway()
    state = run_import(source, begin(source, "g", False), gateway.sender(), ignore)
    assert (state.done, state.accepted, state.replayed, state.refused) == (3, 2, 0, 1)
    assert state.codes == {"entry.unknown_type": 1} and state.complete
    assert results_of(source) == [
        {"record": 1, "line": 2, "status": "accepted", "id": "E0", "index": 0},
        {
            "record": 2,
            "line": 3,
            "status": "refused",
            "code": "entry.unknown_type",
            "detail": "The entry type is not in the registry.",
        },
        {"record": 3, "line": 4, "status": "accepted", "id": "E1", "index": 1},
    ]


@pytest.mark.parametrize("fault", ["lost", "kept", "short", "busy"])
def test_an_unanswered_batch_is_repeated_and_recorded_once(
    tmp_path: Path, small_batches: None, fault: str
) -> None:
    source, gateway = make_source(tmp_path, "a", "b", "c"), FakeGateway([fault])
    slept: list[float] = []
    state = run_import(source, begin(source, "g", False), gateway.sender(slept), ignore)
    assert slept == [3.0 if fault == "busy" else 1.0]
    assert gateway.requests == 3
    assert len(gateway.stored) == 3
    assert state.accepted + state.replayed == 3
    assert state.replayed == {"lost": 0, "busy": 0, "kept": 2, "short": 2}[fault]


def test_a_gateway_that_never_answers_is_given_up(tmp_path: Path) -> None:
    source, gateway = make_source(tmp_path, "a"), FakeGateway(["lost"] * 10)
    with pytest.raises(ImportFailure) as caught:
        run_import(source, begin(source, "g", False), gateway.sender(), ignore)
    assert caught.value.exit_code == 4
    assert caught.value.reason == "gave up after 6 attempts: ConnectError; continue with --resume"
    assert gateway.requests == 6


def test_a_refused_key_ends_at_once(tmp_path: Path) -> None:
    source, gateway = make_source(tmp_path, "a"), FakeGateway(["auth"])
    with pytest.raises(ImportFailure) as caught:
        run_import(source, begin(source, "g", False), gateway.sender(), ignore)
    assert caught.value.reason == "the gateway refuses the batch: auth.invalid"
    assert gateway.requests == 1


def stop_at(wanted: int) -> Callable[[State], None]:
    def on_progress(state: State) -> None:
        if state.done >= wanted:
            raise KeyboardInterrupt

    return on_progress


def test_an_interrupted_import_goes_on_where_it_stopped(tmp_path: Path, small_batches: None) -> None:
    source, gateway = make_source(tmp_path, *"abcde"), FakeGateway()
    with pytest.raises(KeyboardInterrupt):
        run_import(source, begin(source, "g", False), gateway.sender(), stop_at(2))
    assert (gateway.requests, len(gateway.stored)) == (1, 2)
    state = run_import(source, begin(source, "g", True), gateway.sender(), ignore)
    assert (state.done, state.accepted, state.replayed, gateway.requests) == (5, 5, 0, 3)
    assert [row["record"] for row in results_of(source)] == [1, 2, 3, 4, 5]


def test_a_crash_between_results_and_state_repeats_one_batch_only(
    tmp_path: Path, small_batches: None
) -> None:
    source, gateway = make_source(tmp_path, *"abcd"), FakeGateway()
    with pytest.raises(KeyboardInterrupt):
        run_import(source, begin(source, "g", False), gateway.sender(), stop_at(2))
    # What a crash leaves behind: the second batch is recorded and half its results are written.
    gateway.record({"type": "c", "idempotency_key": record_key(source.digest(), 3)})
    with results_path(source.path).open("a") as out:
        out.write('{"record": 3, "half')
    state = run_import(source, begin(source, "g", True), gateway.sender(), ignore)
    assert (state.accepted, state.replayed, len(gateway.stored)) == (3, 1, 4)
    assert [(row["record"], row["status"]) for row in results_of(source)] == [
        (1, "accepted"),
        (2, "accepted"),
        (3, "replayed"),
        (4, "accepted"),
    ]


@pytest.mark.parametrize(
    ("change", "resume", "reason"),
    [
        ("nothing", False, "this file was begun before: use --resume"),
        ("file", True, "the file has changed since the import began"),
        ("gateway", True, "the gateway or the rounding rule is not the one it began with"),
    ],
)
def test_two_imports_are_never_mixed(tmp_path: Path, change: str, resume: bool, reason: str) -> None:
    source = make_source(tmp_path, "a")
    save_state(state_path(source.path), begin(source, "g", False))
    if change == "file":
        source.path.write_text("type\nb\n")
    with pytest.raises(ImportFailure) as caught:
        begin(source, "other" if change == "gateway" else "g", resume)
    assert caught.value.reason.startswith(reason)
    assert caught.value.exit_code == 2


def test_the_state_file_reads_back(tmp_path: Path) -> None:
    state = State(SHA, "g", "floor", 3, 1, 1, 1, -5, 77, False, {"x": 1})
    save_state(tmp_path / "s", state)
    assert load_state(tmp_path / "s") == state
    (tmp_path / "s").write_text('{"a": 1}')
    with pytest.raises(ImportFailure):
        load_state(tmp_path / "s")


def run_cli(*argv: str | Path) -> tuple[int, str, str]:
    app = typer.Typer()
    app.command()(command.import_file)
    out, err = io.BytesIO(), io.BytesIO()
    with (
        redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)) as one,
        redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)) as two,
    ):
        exit_code = run_app(app, [str(part) for part in argv], "tongyi import")
        one.flush()
        two.flush()
    return exit_code, out.getvalue().decode(), err.getvalue().decode()


GIFTS = (
    "type,chapter,op.kind,op.from,op.to,op.amount:coins\n"
    + ("gift.sent,3101-0001,transfer,acct_" + "1" * 40 + ",acct_" + "2" * 40 + ",{}\n") * 2
)


def test_a_dry_run_sends_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(GIFTS.format("1.005", "2.00"))
    exit_code, out, _ = run_cli(path, "--dry-run", "--json", "--rounding", "half-up")
    assert exit_code == 0
    assert json.loads(out) == {
        "records": 2,
        "accepted": 2,
        "replayed": 0,
        "refused": 0,
        "codes": {},
        "rounding": "half-up",
        "dust": "-0.005",
        "dry_run": True,
        "refusals": [],
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv"]


def test_a_dry_run_finds_bad_records(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(GIFTS.format("1.00", "1.005"))
    exit_code, out, err = run_cli(path, "--dry-run")
    assert exit_code == 1
    assert out.splitlines()[:2] == [
        "2 条：1 可读取，0 先前已有，1 被拒绝 / 2 records: 1 readable, 0 already there, 1 refused",
        "  1 × import.bad_record",
    ]
    assert err.splitlines() == [
        "✗ 第 3 行，第 2 条 / line 3, record 2: import.bad_record: "
        "op.amount：小于百分之一；选择舍入规则后方可接受"
        " / op.amount: is finer than a hundredth; choose a rounding rule to take it"
    ]


def test_a_dry_run_judges_the_form_as_the_gateway_does(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("nonsense,header\n1,2\n")
    exit_code, out, err = run_cli(path, "--dry-run", "--json")
    assert (exit_code, json.loads(out)["codes"]) == (1, {"entry.unknown_field": 1})
    assert json.loads(out)["refusals"] == [
        {
            "record": 1,
            "line": 2,
            "status": "refused",
            "code": "entry.unknown_field",
            "detail": "The field header is not part of this request.",
            "detail_zh": "字段 header 不属于此请求。",
        }
    ]
    exit_code, _, err = run_cli(path, "--dry-run")
    assert (exit_code, err.strip()) == (
        1,
        "✗ 第 2 行，第 1 条 / line 2, record 1: entry.unknown_field: 字段 header 不属于此请求。"
        " / The field header is not part of this request.",
    )


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (
            "in.txt",
            [],
            "请用 --format csv 或 --format ndjson，不能用 'txt' / "
            "say --format csv or --format ndjson, not 'txt'",
        ),
        ("in.csv", [], "发送需要 --key-file / --key-file is needed to send"),
        *(
            (
                "in.csv",
                ["--gateway", address],
                "--gateway：不是 http://主机:端口 形式的地址 / --gateway: not an address such as http://host:port",
            )
            for address in ("nonsense", "ftp://a", "http://", "http://a:99999", "http://[::1", "http://a:x")
        ),
    ],
)
def test_usage_errors_exit_2(tmp_path: Path, name: str, options: list[str], words: str) -> None:
    path = tmp_path / name
    path.write_text("type\nx\n")
    exit_code, _, err = run_cli(path, *options)
    assert (exit_code, err.strip()) == (2, f"✗ {words}")
