"""``tongyi deploy`` and ``tongyi chain up``: the chain's side of a data folder, without the gateway."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from chain.evm.deployment import Deployment
from chain.evm.local import LocalChain
from chain.evm.recursion import reset_recursion_limit
from gateway.data_folder import DataFolder
from gateway.ground import open_ground
from gateway.settings import load_settings


def run_deploy(data: Path | None, chain_url: str | None) -> Deployment:
    """Deploy the contracts of a data folder, or check those it has; return where they are.

    Raises:
        NotaryError: the folder is in use, or the chain is not the one it belongs to.
    """
    settings = load_settings(data, chain_url=chain_url)
    reset_recursion_limit()
    with ExitStack() as stack:
        return open_ground(settings, stack, shared=False).deployment


def run_chain(
    data: Path | None, block_time: float | None, on_ready: Callable[[Mapping[str, object]], None]
) -> None:
    """Run the embedded chain of a data folder until SIGTERM or SIGINT.

    Raises:
        SettingRefused: ``block_time``, or the environment's, is no number above zero.
    """
    settings = load_settings(data, block_time=block_time)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = DataFolder(settings.data)
    folder.lock()
    try:
        with LocalChain(folder.chain, block_time=settings.block_time) as chain:
            on_ready({"rpc": chain.url, "pid": chain.pid})
            stop.wait()
    finally:
        folder.unlock()
