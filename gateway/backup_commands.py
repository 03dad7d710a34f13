"""``tongyi backup`` and ``tongyi restore`` on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.command_options import AsJson, Data, DatabaseUrl, show_progress

if TYPE_CHECKING:
    from gateway.backup.manifest import Manifest, Part

Parts = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        help="database, log, documents, keys, vault or chain; may be given many times. "
        "备份的部分，可多次给出。",
    ),
]


def backup(
    to: Annotated[Path, typer.Option("--to", help="New folder for the copy. 存放副本的新目录。")],
    part: Parts = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Copy a gateway's data, running or not: database, log and documents, unless parts are named.
    备份网关数据，运行中亦可；默认备份数据库、日志和文件。

    keys sign and vault opens private fields: each only when named, to be kept by its own rule. chain (the
    embedded one) only of a stopped gateway. 密钥与保险库须指名并分别保管；内置链须先停止网关。
    """
    from gateway.backup.making import make_backup
    from gateway.backup.manifest import USUAL, Part
    from gateway.data_folder import DataFolder
    from gateway.data_present import present_database, require_gateway
    from gateway.db import Database
    from gateway.settings import load_settings

    parts = _read_parts(part) or list(USUAL)
    settings = load_settings(data, database_url=database_url)
    folder = DataFolder(settings.data)
    require_gateway(folder)
    url = present_database(settings)
    with ExitStack() as stack:
        if Part.CHAIN in parts:
            folder.lock(create=False)
            stack.callback(folder.unlock)
        database = stack.enter_context(closing(Database(url, pool_size=2)))
        manifest = make_backup(folder, database, to.absolute(), parts, show_progress("row"))
    _tell(manifest, parts, as_json, "已备份 / copied", {"to": str(to)})


def restore(
    source: Annotated[Path, typer.Option("--from", help="Folder of a backup. 备份所在目录。")],
    part: Parts = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move what is there aside. 将已有内容移到一旁。")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the backup. 仅检查备份。")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup back into a folder that no gateway uses; all its parts unless some are named.
    将备份恢复到未在使用的目录；默认恢复其全部内容。

    A gateway started on it signs nothing before its log holds what the chain and the witnesses have of it.
    网关启动后，在日志不少于链上锚定与见证之前不签署任何内容。
    """
    from gateway.backup.restoring import check_backup, restore_backup
    from gateway.data_folder import DataFolder
    from gateway.db import Database
    from gateway.settings import load_settings

    parts = _read_parts(part)
    if check:
        manifest, chosen = check_backup(source, parts)
        _tell(manifest, chosen, as_json, "备份完好 / the backup is whole", {})
        return
    settings = load_settings(data, database_url=database_url)
    with ExitStack() as stack:
        secret, server = settings.database_url, None
        if secret is not None:
            server = stack.enter_context(closing(Database(secret.get_secret_value(), pool_size=2)))
        manifest, aside = restore_backup(
            source.absolute(),
            DataFolder(settings.data),
            parts,
            show_progress("row"),
            server=server,
            replace=replace,
        )
    chosen = parts or _read_parts(list(manifest.parts))
    _tell(manifest, chosen, as_json, "已恢复 / restored", {"replaced": str(aside) if aside else None})


def _read_parts(names: Sequence[str] | None) -> list[Part]:
    from gateway.backup.manifest import Part
    from gateway.command_failures import EXIT_USAGE, CommandFailure

    for name in names or ():
        if name not in list(Part):
            known = ", ".join(Part)
            raise CommandFailure(
                f"--part {name}：不是 {known} 之一", f"--part {name}: is none of {known}", EXIT_USAGE
            )
    return [part for part in Part if part in (names or ())]


def _tell(
    manifest: Manifest, parts: Sequence[str], as_json: bool, done: str, more: dict[str, str | None]
) -> None:
    size = sum(file.size for part in parts for file in manifest.parts[part])
    if as_json:
        told = {"origin": manifest.origin, "made_at": manifest.made_at, "entries": manifest.entries}
        answer = {**told, "size": manifest.size, "root": manifest.root, "parts": list(parts), "bytes": size}
        typer.echo(json.dumps({**answer, **more}))
        return
    typer.echo(f"{done}: {', '.join(parts)}, {size:,} bytes")
    typer.echo(
        f"{manifest.made_at} {manifest.origin}：{manifest.entries:,} 条记录，检查点 {manifest.size:,} / "
        f"{manifest.entries:,} entries, checkpoint {manifest.size:,}"
    )
    if more.get("replaced"):
        typer.echo(f"原有内容在 / what was there is in: {more['replaced']}")
