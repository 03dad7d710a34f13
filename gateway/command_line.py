"""Where every command of ``tongyi`` is run from: what it raises becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile

import typer

from gateway.command_failures import EXIT_CANNOT, EXIT_PASS, EXIT_USAGE, Failure, describe_failure

DEBUG = "--debug"
INTERRUPTED = 130

EXIT_CODES = (
    "退出码：0 通过，1 不符，2 用法错误，3 待定，4 无法核验或无法运行。 "
    "Exit codes: 0 pass, 1 mismatch, 2 usage, 3 pending, 4 cannot check or cannot run."
)


def run_app(app: typer.Typer, arguments: Sequence[str], name: str) -> int:
    """Run a command line and return its exit code; errors go to standard error, in both languages.

    With ``--debug`` before the command the traceback of an error stands before its sentence.
    """
    debug = DEBUG in takewhile(lambda argument: argument.startswith("-"), arguments)
    try:
        return _exit_code(app(args=list(arguments), prog_name=name, standalone_mode=False))
    except typer.Abort:
        say(Failure("已中断", "interrupted"))
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; nothing more can be said, also not when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CANNOT
    except Exception as error:
        if _is_usage(error):
            return _say_usage(error)
        if debug:
            traceback.print_exc()
        failure = describe_failure(error)
        say(failure)
        return failure.exit_code


def run_nested(app: typer.Typer, arguments: Sequence[str], name: str) -> None:
    """Run a command that another module describes, within a running one. Raises typer.Exit."""
    raise typer.Exit(_exit_code(app(args=list(arguments), prog_name=name, standalone_mode=False)))


def say(failure: Failure) -> None:
    """Write a failure to standard error, whatever letters the terminal has."""
    sys.stderr.flush()
    sys.stderr.buffer.write(f"{failure}\n".encode("utf-8", "backslashreplace"))
    sys.stderr.buffer.flush()


def _exit_code(result: object) -> int:
    return result if isinstance(result, int) else EXIT_PASS


def _is_usage(error: Exception) -> bool:
    """Say whether the command line itself was not understood."""
    return isinstance(error, typer.BadParameter) or (
        getattr(error, "exit_code", None) == EXIT_USAGE and hasattr(error, "format_message")
    )


def _say_usage(error: Exception) -> int:
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    kind, context = type(error).__name__, getattr(error, "ctx", None)
    if kind == "NoArgsIsHelpError":
        # The help itself.
        typer.echo(message, err=True)
        return EXIT_USAGE
    if context is not None:
        typer.echo(context.get_usage(), err=True)
        typer.echo(f"用法见 / for help: {context.command_path} --help", err=True)
    say(Failure(_usage_zh(kind, message, error), message))
    return EXIT_USAGE


def _usage_zh(kind: str, message: str, error: Exception) -> str:
    option = getattr(error, "option_name", None)
    parameter = getattr(error, "param", None)
    named = option or (parameter.get_error_hint() if parameter is not None else "")
    if kind == "NoSuchOption":
        return f"没有选项 {named}"
    if kind == "MissingParameter":
        return f"缺少 {named}"
    if message.startswith("No such command"):
        return "没有此命令"
    if message.startswith("Got unexpected extra"):
        return "参数过多"
    if named:
        return f"{named} 的值不被接受"
    return "用法不对"
