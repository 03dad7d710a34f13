"""Whatever a command raises: two sentences, a documented exit code, nothing private."""

from __future__ import annotations

import errno
import json
import os
import re

import httpx2
import pytest
import typer
from sqlalchemy.exc import ArgumentError, OperationalError

from chain.errors import FatalChainError, FormatError, TransientChainError
from gateway.command_failures import EXIT_CANNOT, EXIT_USAGE, CommandFailure, describe_failure
from gateway.command_line import run_app
from gateway.database_checks import DatabaseError
from gateway.ledger.faults import LedgerFault
from gateway.remote_commands import GatewayRefused
from gateway.settings import SettingRefused

SECRET = "hunter2"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ERRORS: list[tuple[Exception, int]] = [
    (CommandFailure("不行", "no", 3), 3),
    (SettingRefused("TONGYI_PORT", "more than 65535"), EXIT_USAGE),
    (DatabaseError("database url", got="mysql", want="sqlite or postgresql"), EXIT_USAGE),
    (DatabaseError("database url", got="an in-memory database", want="a file"), EXIT_USAGE),
    (DatabaseError("sqlite version", got="3.40.1", want="3.51.3 or later"), EXIT_CANNOT),
    (DatabaseError("fsync", got="off", want="on"), EXIT_CANNOT),
    (GatewayRefused(409, "proof.pending", "not yet", "尚未就绪"), 3),
    (GatewayRefused(404, "not_found", "nothing", "没有"), EXIT_CANNOT),
    (FormatError("password", "holds no password"), EXIT_CANNOT),
    (LedgerFault("log.behind_anchor", got=1, want=2), EXIT_CANNOT),
    (TransientChainError("no answer"), EXIT_CANNOT),
    (FatalChainError("another chain"), EXIT_CANNOT),
    (httpx2.ConnectError(SECRET), EXIT_CANNOT),
    (httpx2.InvalidURL(SECRET), EXIT_USAGE),
    (httpx2.UnsupportedProtocol(SECRET), EXIT_USAGE),
    (ArgumentError(SECRET), EXIT_USAGE),
    (OperationalError(SECRET, {SECRET: SECRET}, Exception(SECRET)), EXIT_CANNOT),
    (json.JSONDecodeError(SECRET, SECRET, 0), EXIT_CANNOT),
    (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), EXIT_CANNOT),
    (FileNotFoundError(2, "No such file or directory", "x.json"), EXIT_CANNOT),
    (OSError(SECRET), EXIT_CANNOT),
    (KeyError(SECRET), EXIT_CANNOT),
    (RecursionError(SECRET), EXIT_CANNOT),
]


@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_every_error_has_two_sentences_and_its_exit_code(
    error: Exception, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise error

    assert run_app(app, [], "tongyi") == code
    shown = capfd.readouterr()
    failure = describe_failure(error)
    assert (shown.out, shown.err.splitlines()[0][:2]) == ("", "✗ ")
    assert len(shown.err.splitlines()) == 1 and SECRET not in shown.err
    assert CHINESE.search(failure.zh) and not CHINESE.search(failure.en)


WORDS = re.compile(r"[a-z]{2,} [a-z]{2,}")
"""English inside a line: names of files, settings, codes and kinds of errors stand alone."""


@pytest.mark.parametrize("error", [error for error, _ in ERRORS if not isinstance(error, KeyError)])
def test_the_chinese_half_has_no_english_sentence(error: Exception) -> None:
    assert not WORDS.search(describe_failure(error).zh.replace("tongyi --debug", ""))


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EISDIR, errno.EADDRINUSE, 9_999])
def test_what_the_system_refuses_is_said_in_chinese(number: int) -> None:
    failure = describe_failure(OSError(number, os.strerror(number), "a.json"))
    assert failure.zh.startswith("a.json：") and os.strerror(number) not in failure.zh
    assert failure.en == f"a.json: {os.strerror(number)}"
    assert describe_failure(OSError(number, "no")).zh.startswith("系统拒绝：")


def test_an_unforeseen_error_names_its_kind_and_place() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0
    failure = describe_failure(caught.value)
    assert re.fullmatch(
        r"internal error \(ZeroDivisionError, test_command_failures\.py:\d+\); .*", failure.en
    )


def test_an_interrupted_command_is_no_mismatch() -> None:
    app = typer.Typer()

    @app.command()
    def wait() -> None:
        raise KeyboardInterrupt

    assert run_app(app, [], "tongyi") == 130
