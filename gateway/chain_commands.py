"""``tongyi deploy`` and ``tongyi chain up``: the chain's side of a data folder, without the gateway."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from chain.evm.client import EvmClient
from chain.evm.deployment import Deployment
from chain.evm.local import LocalChain
from chain.evm.recursion import reset_recursion_limit
from gateway.bootstrap import ensure_deployment, ensure_trust_root
from gateway.data_folder import DataFolder
from gateway.db import Database, migrate, sqlite_url
from gateway.keys import KeyFolder
from gateway.ledger.genesis import open_log
from gateway.ledger.service import system_clock
from gateway.settings import Settings


def run_deploy(data: Path, chain_url: str | None) -> Deployment:
    """Deploy the contracts of a data folder, or check those it has; return where they are.

    Raises:
        NotaryError: the folder is in use, or the chain is not the one it belongs to.
    """
    settings = Settings(data=data)
    folder = DataFolder(data)
    reset_recursion_limit()
    with ExitStack() as stack:
        folder.lock()
        stack.callback(folder.unlock)
        url = chain_url or settings.chain_url
        if url is None:
            chain = LocalChain(folder.chain, block_time=settings.block_time)
            stack.callback(chain.stop)
            url = chain.start()
        client = EvmClient(url)
        stack.callback(client.close)
        secret = settings.database_url
        database = Database(secret.get_secret_value() if secret else sqlite_url(folder.database))
        stack.callback(database.close)
        migrate(database)
        keys = KeyFolder(folder.keys)
        identity = keys.log_identity(settings.origin)
        root = open_log(
            database, identity, clock=system_clock, entropy=os.urandom, chain_id=client.chain_id()
        )
        deployment = ensure_deployment(folder, client, keys, identity, root)
        ensure_trust_root(folder, identity, deployment, settings.finality_depth)
    return deployment


def run_chain(data: Path, block_time: float, on_ready: Callable[[Mapping[str, object]], None]) -> None:
    """Run the embedded chain of a data folder until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = DataFolder(data)
    folder.lock()
    try:
        with LocalChain(folder.chain, block_time=block_time) as chain:
            on_ready({"rpc": chain.url, "pid": chain.pid})
            stop.wait()
    finally:
        folder.unlock()
