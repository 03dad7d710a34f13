"""``tongyi witness``: run a C2SP tlog-witness for one or more logs."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from chain.errors import FormatError, NotaryError
from gateway.command_failures import EXIT_CANNOT, EXIT_USAGE, describe_failure
from gateway.command_line import say


def witness(
    data: Annotated[
        Path, typer.Option("--data", help="Folder of this witness alone. 本见证方专用的数据目录。")
    ] = Path(".tongyi-witness"),
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", help="Policy file whose log lines are witnessed. 策略文件，见证其中 log 行的日志。"
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option("--log", help="Key of a log to witness; many times. 要见证的日志公钥，可多次给出。"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name in signatures, kept from the first start. 签名中的名称，首次启动后不变。"
        ),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one. 端口，0 取空闲端口。")
    ] = 0,
    host: Annotated[str, typer.Option("--host", help="Address to listen on. 监听地址。")] = "127.0.0.1",
    as_json: Annotated[
        bool, typer.Option("--json", help="Say in one JSON line when ready. 就绪时输出一行 JSON。")
    ] = False,
) -> None:
    """Witness logs: cosign a checkpoint only if it extends what was cosigned before (C2SP tlog-witness).
    为日志作见证：只联署由先前联署的检查点延伸而来的检查点，因此日志无法改写历史或给不同的人看不同的内容。

    Needs no chain and no ledger. Whoever runs it should not be whoever runs the log.
    不需要链，也不需要账本数据库；运行者不应是日志的运行者。
    """
    from gateway.settings import load_settings
    from gateway.telemetry import configure_logging
    from gateway.witness.process import WitnessProcess, WitnessSettings, read_logs

    try:
        settings = WitnessSettings(data, read_logs(policy, log or ()), name, host, port)
    except (FormatError, OSError) as error:
        raise _failed(error, EXIT_USAGE) from None
    configure_logging(load_settings(data).log_level)
    try:
        process = WitnessProcess(settings)
    except (NotaryError, OSError) as error:
        raise _failed(error, EXIT_CANNOT) from None
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: process.stop())
        process.run(lambda line: _say(line, as_json=as_json))
    finally:
        process.close()


def _say(line: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(line), flush=True)
        return
    print(f"{line['witness']}  {line['vkey']}", flush=True)


def _failed(error: Exception, code: int) -> typer.Exit:
    say(describe_failure(error))
    return typer.Exit(code)
