"""``tongyi keys signers``: whose key is where, without opening a keystore or asking a service."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import typer

from gateway.command_options import AsJson, Data


def signers(data: Data = None, as_json: AsJson = False) -> None:
    """List the roles, the kind of place of each one's key (keystore, environment, remote) and its address.
    列出各角色、其密钥的位置（密钥文件、环境变量、远程服务）和地址。
    """
    from gateway.data_folder import DataFolder
    from gateway.data_present import require_gateway
    from gateway.keys import ROLES, KeyFolder
    from gateway.settings import load_settings
    from gateway.signer_places import OutsideSigners, parse_places

    settings = load_settings(data)
    folder = DataFolder(settings.data)
    require_gateway(folder)
    places = parse_places(settings.signers.get_secret_value(), ROLES)
    outside = OutsideSigners(places, os.environ, keep=True)
    found = KeyFolder(folder.keys, outside=outside).list_roles()
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in found]))
        return
    for key in found:
        typer.echo(f"{key.role:<10} {key.kind:<12} {key.address or '-'}")
