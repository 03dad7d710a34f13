"""The command line of the process roles: `tongyi api | sequencer | mirror | outbox | anchor`.

They need PostgreSQL and a chain that runs already; with anything else they end at once with exit code 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from chain.errors import NotaryError

EXIT_USAGE = 2
EXIT_CANNOT = 4

Data = Annotated[Path, typer.Option("--data", help="Folder of the gateway, the same for all its processes.")]
ChainUrl = Annotated[str | None, typer.Option("--chain-url", help="JSON-RPC address of a running chain.")]
DatabaseUrl = Annotated[str | None, typer.Option("--database-url", help="PostgreSQL URL.")]

_HELP = {
    "sequencer": "Lead the log: give every entry its place, sign checkpoints; others stand by.",
    "outbox": "Lead the outbox: settle and send transactions; others stand by.",
    "anchor": "Lead the anchors: post checkpoints and keep their evidence; others stand by.",
}


def add_role_commands(app: typer.Typer, mirror_app: typer.Typer) -> None:
    """Add one command for each role, and the one for HTTP; the mirror's is its group without a command."""
    app.command("api")(api)
    mirror_app.callback(invoke_without_command=True)(mirror)
    for name, text in _HELP.items():
        app.command(name, help=text)(_role_command(name))


def mirror(
    context: typer.Context,
    data: Data = Path(".tongyi"),
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Lead the mirror: follow the chain into SQL; others stand by. Or one of its commands."""
    if context.invoked_subcommand is None:
        _run("mirror", data, chain_url, database_url)


def api(
    data: Data = Path(".tongyi"),
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Answer HTTP beside separate processes; prints one JSON line when ready. Several may run."""
    from gateway.settings import load_settings

    settings = load_settings(data, host=host, port=port, chain_url=chain_url, database_url=database_url)
    secret = settings.database_url
    _require("api", settings.chain_url, secret.get_secret_value() if secret else None)
    from gateway.api_role import run_api

    try:
        run_api(settings, _print_line)
    except (NotaryError, OSError) as error:
        raise _failed(error, EXIT_CANNOT) from None


def _role_command(name: str) -> Callable[..., None]:
    def run(
        data: Data = Path(".tongyi"), chain_url: ChainUrl = None, database_url: DatabaseUrl = None
    ) -> None:
        _run(name, data, chain_url, database_url)

    return run


def _run(name: str, data: Path, chain_url: str | None, database_url: str | None) -> None:
    from gateway.settings import load_settings

    settings = load_settings(data, host="127.0.0.1", port=0, chain_url=chain_url, database_url=database_url)
    secret = settings.database_url
    _require(name, settings.chain_url, secret.get_secret_value() if secret else None)
    from gateway.leadership import Role
    from gateway.roles import run_role

    try:
        run_role(Role(name), settings, _print_line)
    except (NotaryError, OSError) as error:
        raise _failed(error, EXIT_CANNOT) from None


def _require(name: str, chain_url: str | None, database_url: str | None) -> None:
    """End with exit code 2 unless the process has what several processes can share."""
    if database_url is None or not database_url.startswith("postgres"):
        got = "none was given" if database_url is None else "this is another database"
        raise _failed(
            f"--database-url: tongyi {name} needs PostgreSQL, {got}; SQLite serves tongyi serve alone",
            EXIT_USAGE,
        )
    if chain_url is None:
        raise _failed(f"--chain-url: tongyi {name} needs a running chain (tongyi chain up)", EXIT_USAGE)


def _print_line(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _failed(error: Exception | str, code: int) -> typer.Exit:
    typer.echo(f"✗ {error}", err=True)
    return typer.Exit(code)
