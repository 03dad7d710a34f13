"""A consortium of go-ethereum Clique validators here; ``scripts/consortium`` installs what it needs.

Starts five validators, or as many as are asked for, and one member node that holds no key and serves HTTP,
prints where everything is and waits for Ctrl-C or SIGTERM. With ``--selftest`` it plays what a consortium
must stand instead (see ``scripts/clique/selftest.py``). Only processes started here are ended. Progress goes
to stderr, results to stdout.

Exit codes: 0 everything did what it must; 1 it did not; 2 wrong options.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.clique import network as net
from scripts.clique.network import Network, NetworkError, Settings
from scripts.clique.node import NodeFailed

ROOT = Path(__file__).resolve().parent.parent
GETH = ROOT / ".tongyi" / "geth" / "geth"
EXIT_PASS, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Interrupted(Exception):
    """Ctrl-C or SIGTERM came before everything was up."""


@contextmanager
def ended_by_signal() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set; before anybody waits for it they raise Interrupted."""
    ended = threading.Event()

    def end(number: int, frame: object) -> None:
        if ended.is_set():
            return
        ended.set()
        raise Interrupted

    former = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def folder_of(data: Path | None) -> Iterator[Path]:
    """The folder asked for, kept; or one for this run alone, removed at its end."""
    if data is not None:
        yield data
        return
    made = Path(tempfile.mkdtemp(prefix="tongyi-consortium-"))
    try:
        yield made / "network"
    finally:
        shutil.rmtree(made, ignore_errors=True)


def describe(network: Network) -> dict[str, object]:
    """Where everything is, and what a gateway on it needs to be told."""
    member = network.member
    return {
        "rpc": network.url,
        "chain_id": network.chain.chain_id,
        "genesis_hash": network.genesis_hash,
        "folder": str(network.folder),
        "validators": [
            {
                "name": node.plan.name,
                "address": node.plan.address,
                "pid": node.pid,
                "ipc": str(node.socket_file),
            }
            for node in network.validators
        ],
        "member": {"pid": None if member is None else member.pid},
        "settings": network.settings(),
    }


def show(network: Network) -> None:
    """The same for people, on stdout."""
    print(f"\nmember's JSON-RPC 成员节点 RPC   {network.url}")
    print(f"chain id 链编号                 {network.chain.chain_id}")
    print(f"block 0 创世区块                {network.genesis_hash}")
    for node in network.validators:
        print(f"{node.plan.name} 验证节点          {node.plan.address}")
    print("\nA gateway on it, in another terminal  在另一个终端启动网关：\n")
    for name, value in network.settings().items():
        print(f"  export {name}={value}")
    print("  .venv/bin/tongyi serve --data .tongyi/on-consortium --port 8000\n")
    print("Ctrl-C stops the validators  按 Ctrl-C 停止", flush=True)


def watch(network: Network, ended: threading.Event) -> None:
    """Wait for the end; the network goes on without a validator while a quorum is left.

    Raises NodeFailed where the member ends by itself, or one validator too many.
    """
    gone: set[str] = set()
    while not ended.wait(1.0):
        for node in network.nodes:
            code = node.ended()
            if code is None or node.plan.name in gone:
                continue
            gone.add(node.plan.name)
            left = len(network.validators) - len(gone)
            if not node.validates or left < net.quorum(len(network.validators)):
                raise NodeFailed(node.plan.name, f"ended with exit code {code}", node.plan.log)
            how = f"ended with exit code {code}, {left} seal on"
            say(f"{node.plan.name} {how}  已退出，其余 {left} 个继续出块")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Start, show, wait, stop."""
    with ended_by_signal() as ended, folder_of(options.data) as folder:
        try:
            with Network(GETH, folder, settings, say) as network:
                if options.json:
                    print(json.dumps(describe(network)), flush=True)
                else:
                    show(network)
                watch(network, ended)
        except Interrupted:
            say("stopped  已停止")
        except (NodeFailed, NetworkError, TimeoutError) as error:
            say(f"✗ {error}")
            return EXIT_FAILED
    return EXIT_PASS


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; ends with exit code 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="scripts/consortium", description="Clique validators on this machine."
    )
    parser.add_argument("--data", type=Path, help="keep the network in this folder, or start it again")
    parser.add_argument("--validators", type=int, default=net.USUAL_VALIDATORS, help="how many, at least 4")
    parser.add_argument("--period", type=int, default=net.PERIOD, help="seconds between blocks")
    parser.add_argument("--epoch", type=int, default=net.EPOCH, help="blocks between two lists of signers")
    parser.add_argument("--chain-id", type=int, default=net.CHAIN_ID, help="chain id of a new network")
    parser.add_argument(
        "--selftest", action="store_true", help="play what a consortium must stand, then stop"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(argv)
    if options.validators < net.LEAST_VALIDATORS:
        parser.error(f"--validators: at least {net.LEAST_VALIDATORS}")
    if options.period < 1 or options.epoch < 1 or options.chain_id < 1:
        parser.error("--period, --epoch and --chain-id: at least 1")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``scripts/consortium``."""
    options = parse(argv)
    if not GETH.is_file():
        say(f"✗ geth: {GETH} is missing; python3 scripts/setup.py consortium builds it")
        return EXIT_FAILED
    settings = Settings(options.validators, options.chain_id, options.period, options.epoch)
    if options.selftest:
        from scripts.clique.selftest import run_selftest

        with folder_of(options.data) as folder:
            return run_selftest(GETH, folder, settings, as_json=options.json)
    return run(options, settings)


if __name__ == "__main__":
    sys.exit(main())
