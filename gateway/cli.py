"""``tongyi``: one command line for operators, importers and verifiers.

Answers on standard output, progress on standard error. Exit codes: 0 pass, 1 mismatch, 2 usage, 3 pending,
4 cannot check or cannot run. Each command imports what it needs when it runs, so that ``verify`` needs the
pure rooms alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from chain.errors import NotaryError

EXIT_USAGE = 2
EXIT_CANNOT = 4

app = typer.Typer(
    name="tongyi", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
chain_app = typer.Typer(no_args_is_help=True, help="The embedded chain.")
mirror_app = typer.Typer(no_args_is_help=True, help="The SQL mirror of the chain.")
keys_app = typer.Typer(no_args_is_help=True, help="API keys of a running gateway.")
export_app = typer.Typer(no_args_is_help=True, help="Fetch what a holder keeps.")
app.add_typer(chain_app, name="chain")
app.add_typer(mirror_app, name="mirror")
app.add_typer(keys_app, name="keys")
app.add_typer(export_app, name="export")

Data = Annotated[Path, typer.Option("--data", help="Folder that holds everything of one gateway.")]
ChainUrl = Annotated[
    str | None, typer.Option("--chain-url", help="JSON-RPC address of a running chain; else an embedded one.")
]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", help="PostgreSQL or SQLite URL; else SQLite in the folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Url = Annotated[str, typer.Option("--gateway", help="Address of the gateway.")]
KeyFile = Annotated[Path, typer.Option("--key-file", help="File that holds an API key.")]

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _fail(error: Exception | str, code: int = EXIT_CANNOT) -> typer.Exit:
    typer.echo(f"✗ {error}", err=True)
    return typer.Exit(code)


@app.command()
def serve(
    data: Data = Path(".tongyi"),
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Run the whole gateway; prints one JSON line when ready and drains on SIGTERM."""
    from pydantic import SecretStr

    from gateway.runtime import run_gateway
    from gateway.settings import Settings

    settings = Settings(data=data, host=host, port=port)
    if chain_url is not None:
        settings = settings.model_copy(update={"chain_url": chain_url})
    if database_url is not None:
        settings = settings.model_copy(update={"database_url": SecretStr(database_url)})

    def ready(line: Mapping[str, object]) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    try:
        run_gateway(settings, ready)
    except (NotaryError, OSError) as error:
        raise _fail(error) from None


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Proof files.")],
    trust_root: Annotated[
        Path | None, typer.Option("--trust-root", help="The trust root you already have.")
    ] = None,
    as_json: AsJson = False,
    lang: Annotated[str, typer.Option("--lang", help="zh, en or both.")] = "both",
) -> None:
    """Check proof files offline. Exit 0 pass, 1 mismatch, 2 usage, 3 pending, 4 cannot check."""
    from gateway.verify_command import run_verify

    if lang not in ("zh", "en", "both"):
        raise _fail("--lang is zh, en or both", EXIT_USAGE)
    chosen = cast(Literal["zh", "en", "both"], lang)
    raise typer.Exit(run_verify(files, trust_root, json=as_json, lang=chosen))


@app.command()
def deploy(data: Data = Path(".tongyi"), chain_url: ChainUrl = None, as_json: AsJson = False) -> None:
    """Deploy the contracts of a data folder, or check those it has."""
    from gateway.chain_commands import run_deploy

    try:
        deployment = run_deploy(data, chain_url)
    except (NotaryError, OSError) as error:
        raise _fail(error) from None
    addresses = {name: "0x" + found.address.hex() for name, found in deployment.contracts.items()}
    if as_json:
        typer.echo(json.dumps({"chain_id": deployment.chain_id, "contracts": addresses}))
        return
    for name, address in addresses.items():
        typer.echo(f"{name:<12} {address}")


@chain_app.command("up")
def chain_up(
    data: Data = Path(".tongyi"),
    block_time: Annotated[float, typer.Option("--block-time", help="Seconds between blocks.")] = 1.0,
) -> None:
    """Run the embedded chain alone until SIGTERM; prints one JSON line with its address."""
    from gateway.chain_commands import run_chain

    try:
        run_chain(data, block_time, lambda line: typer.echo(json.dumps(line)))
    except (NotaryError, OSError) as error:
        raise _fail(error) from None


@app.command("import", context_settings=_PASS_ON, add_help_option=False)
def import_rows(context: typer.Context) -> None:
    """Record the rows of a CSV or NDJSON file, with progress and resume."""
    from gateway.import_command import import_file

    _run_other(import_file, "tongyi import", context.args)


@app.command(context_settings=_PASS_ON, add_help_option=False)
def doctor(context: typer.Context) -> None:
    """Say what is missing on this machine and how to get it."""
    from gateway.doctor_command import doctor as run_doctor

    _run_other(run_doctor, "tongyi doctor", context.args)


def _run_other(command: Callable[..., None], name: str, arguments: list[str]) -> None:
    """Run a command that another module describes, with the arguments left."""
    other = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    other.command()(command)
    other(args=arguments, prog_name=name)


@app.command()
def bench(
    as_json: AsJson = False,
) -> None:
    """Say how to run the speed table (it needs the repository, not only the package)."""
    text = "run ./scripts/bench in the repository"
    typer.echo(json.dumps({"run": "./scripts/bench"}) if as_json else text)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
