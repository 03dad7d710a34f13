"""tongyi: one command line for operators, importers and verifiers.

Answers on standard output, progress on standard error. Exit codes: 0 pass, 1 mismatch, 2 usage, 3 pending,
4 cannot check or cannot run. Each command imports what it needs when it runs, so that ``verify`` needs the
pure rooms alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from chain.errors import NotaryError
from gateway.role_commands import add_role_commands
from gateway.signer_command import signers
from gateway.witness_command import witness

EXIT_PASS = 0
EXIT_MISMATCH = 1
EXIT_USAGE = 2
EXIT_PENDING = 3
EXIT_CANNOT = 4
LOCAL = "http://127.0.0.1:8000"

app = typer.Typer(
    name="tongyi", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
chain_app = typer.Typer(no_args_is_help=True, help="The embedded chain.")
mirror_app = typer.Typer()
keys_app = typer.Typer(
    no_args_is_help=True, help="API keys of a running gateway, and where the roles' EVM keys are."
)
export_app = typer.Typer(no_args_is_help=True, help="Fetch what a holder keeps.")
app.add_typer(chain_app, name="chain")
app.add_typer(mirror_app, name="mirror")
app.add_typer(keys_app, name="keys")
app.add_typer(export_app, name="export")
add_role_commands(app, mirror_app)
keys_app.command("signers")(signers)
app.command("witness")(witness)

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
    from gateway.runtime import run_gateway
    from gateway.settings import load_settings

    settings = load_settings(data, host=host, port=port, chain_url=chain_url, database_url=database_url)

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


@mirror_app.command("rebuild")
def mirror_rebuild(
    into: Annotated[str, typer.Option("--into", help="URL of an empty database to build it in.")],
    data: Data = Path(".tongyi"),
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Mirror the chain from block 0 into an empty database and compare, row for row. Exit 1: they differ."""
    from gateway.mirror_commands import run_rebuild

    try:
        comparison, block = run_rebuild(data, into, chain_url, database_url, _progress("block"))
    except (NotaryError, OSError) as error:
        raise _fail(error) from None
    found = comparison.difference
    result = {
        "equal": found is None,
        "block": block,
        "tables": comparison.rows,
        "difference": None if found is None else {"table": found.table, "key": [str(k) for k in found.key]},
    }
    if as_json:
        typer.echo(json.dumps(result))
    elif found is None:
        typer.echo(f"equal at block {block}: {sum(comparison.rows.values()):,} rows")
    else:
        typer.echo(f"✗ {found.table} differs at {found.key}")
    raise typer.Exit(EXIT_PASS if found is None else EXIT_MISMATCH)


@app.command()
def reconcile(
    data: Data = Path(".tongyi"),
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Compare every mirrored balance and their sum with the contract's storage. Exit 1: they differ."""
    from dataclasses import asdict

    from gateway.mirror_commands import run_reconcile

    try:
        result = run_reconcile(data, chain_url, database_url)
    except (NotaryError, OSError) as error:
        raise _fail(error) from None
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        typer.echo(f"block {result.block}: {result.accounts:,} accounts, supply {result.supply}")
        for item in result.mismatches:
            typer.echo(f"✗ {item.what} of {item.subject}: mirror {item.mirrored}, chain {item.on_chain}")
    raise typer.Exit(EXIT_MISMATCH if result.mismatches else EXIT_PASS)


@app.command()
def fsck(
    data: Data = Path(".tongyi"),
    database_url: DatabaseUrl = None,
    cases: Annotated[
        bool, typer.Option("--cases", help="Also build all cases from the entries again and compare them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a stopped gateway's data from its bytes up. Exit 1: something is wrong."""
    from dataclasses import asdict

    from gateway.fsck_command import run_fsck

    try:
        found = run_fsck(data, database_url, cases=cases, on_entry=_progress("entry"))
    except (NotaryError, OSError) as error:
        raise _fail(error) from None
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        typer.echo(f"{found.entries:,} entries, {found.checkpoints:,} checkpoints, {found.files:,} files")
        if found.cases is not None:
            typer.echo(f"{found.cases:,} rows of cases as the entries give them")
        for fault in found.faults:
            typer.echo(f"✗ {fault}")
    raise typer.Exit(EXIT_MISMATCH if found.faults else EXIT_PASS)


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    key_file: KeyFile,
    scope: Annotated[list[str], typer.Option("--scope", help="May be given many times.")],
    chapter: Annotated[str | None, typer.Option("--chapter", help="NNNN-NNNN; else every chapter.")] = None,
    gateway: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Make a key; its secret is printed this once."""
    from gateway.remote_commands import Remote

    try:
        made = Remote(gateway, key_file).add_key(name, scope, chapter)
    except (NotaryError, OSError) as error:
        raise _fail(error) from None
    typer.echo(json.dumps(made) if as_json else f"{made['id']}  {made['secret']}")


@keys_app.command("list")
def keys_list(key_file: KeyFile, gateway: Url = LOCAL, as_json: AsJson = False) -> None:
    """List keys, never secrets."""
    from gateway.remote_commands import Remote

    try:
        found = Remote(gateway, key_file).list_keys()
    except (NotaryError, OSError) as error:
        raise _fail(error) from None
    if as_json:
        typer.echo(json.dumps(found))
        return
    for key in found:
        ended = " (ended)" if key["revoked_at"] else ""
        typer.echo(f"{key['id']}  {key['name']}  {key['chapter'] or 'all chapters'}  {key['scopes']}{ended}")


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")], key_file: KeyFile, gateway: Url = LOCAL
) -> None:
    """End a key at once."""
    from gateway.remote_commands import Remote

    try:
        Remote(gateway, key_file).revoke_key(key_id)
    except (NotaryError, OSError) as error:
        raise _fail(error) from None


@export_app.command("evidence")
def export_evidence(
    entry_id: Annotated[str, typer.Argument(help="Id of the entry.")],
    key_file: KeyFile,
    into: Annotated[Path | None, typer.Option("--into", help="File to write; else named by the id.")] = None,
    disclose: Annotated[
        str | None, typer.Option("--disclose", help="Private fields to show, by commas; * for all.")
    ] = None,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait while it is pending.")] = 60.0,
    gateway: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Write an entry's proof file. Exit 3: still pending."""
    from gateway.remote_commands import GatewayRefused, Remote

    file = into or Path(f"{entry_id}.tongyi.json")
    try:
        size = Remote(gateway, key_file).export(entry_id, file, disclose, wait)
    except GatewayRefused as refused:
        raise _fail(refused, EXIT_PENDING if refused.code == "proof.pending" else EXIT_CANNOT) from None
    except (NotaryError, OSError) as error:
        raise _fail(error) from None
    typer.echo(json.dumps({"file": str(file), "bytes": size}) if as_json else f"{file} ({size:,} bytes)")


def _progress(what: str) -> Callable[[int], None]:
    """Return a function that shows a number on standard error, where a person watches."""

    def show(number: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} {number:,} ")
            sys.stderr.flush()

    return show


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


@app.command(context_settings=_PASS_ON, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Measure the speed table, as ./scripts/bench of the repository does, with what is installed."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "scripts" / "bench.py").is_file():
        raise _fail("the speed table needs the repository: scripts/bench.py is not beside this package")
    os.chdir(root)
    os.execv(sys.executable, [sys.executable, "-m", "scripts.bench", *context.args])  # noqa: S606


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
