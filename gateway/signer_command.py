"""``tongyi keys signers``: whose key is where, without opening a keystore or asking a service."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from chain.errors import NotaryError

EXIT_CANNOT = 4


def signers(
    data: Annotated[Path, typer.Option("--data", help="Folder of the gateway.")] = Path(".tongyi"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the roles, the kind of place of each one's key (keystore, environment, remote) and its address."""
    from gateway.data_folder import DataFolder
    from gateway.keys import ROLES, KeyFolder
    from gateway.settings import Settings
    from gateway.signer_places import OutsideSigners, parse_places

    try:
        places = parse_places(Settings(data=data).signers.get_secret_value(), ROLES)
        outside = OutsideSigners(places, os.environ, keep=True)
        found = KeyFolder(DataFolder(data).keys, outside=outside).list_roles()
    except (NotaryError, OSError) as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(EXIT_CANNOT) from None
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in found]))
        return
    for key in found:
        typer.echo(f"{key.role:<10} {key.kind:<12} {key.address or '-'}")
