"""A consortium's network: keys, block 0, folders and ports in one folder, started and stopped as a whole.

``network.json`` says what the network is; the folder beside it holds each node's own folder, which only this
user can read. Every validator is a peer of every other one and of the member; the member serves HTTP.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from scripts.clique.node import ChainPlan, Node, NodePlan, init_chain, make_key, wait_until

VERSION = 1
LEAST_VALIDATORS = 4
USUAL_VALIDATORS = 5
"""Four may stand still for good when one ends (see README.md, section 5)."""
"""Fewer would not go on when one of them is away."""
CHAIN_ID = 20262
PERIOD = 1
EPOCH = 30_000
GAS_LIMIT = 10_000_000_000
"""So high that no block uses half of it: above that the base fee would leave zero and never come back."""
_VANITY = b"tongyi consortium".ljust(32, b"\x00")
_SEAL = bytes(65)


class NetworkError(Exception):
    """The folder holds no network, another one, or one that is in use."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a new network is made with."""

    validators: int = USUAL_VALIDATORS
    chain_id: int = CHAIN_ID
    period: int = PERIOD
    epoch: int = EPOCH
    gas_limit: int = GAS_LIMIT


def quorum(validators: int) -> int:
    """Return how many distinct signers bury a block for good (EIP-225): more than half of them."""
    return validators // 2 + 1


def build_genesis(settings: Settings, addresses: Sequence[str], at: int) -> dict[str, object]:
    """Return block 0 as geth reads it: sealed by these addresses, gas free of charge, London's rules."""
    forks = ("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg")
    config: dict[str, object] = {f"{name}Block": 0 for name in (*forks, "istanbul", "berlin", "london")}
    config |= {
        "chainId": settings.chain_id,
        "clique": {"period": settings.period, "epoch": settings.epoch},
    }
    signers = b"".join(sorted(bytes.fromhex(address[2:]) for address in addresses))
    return {
        "config": config,
        "timestamp": hex(at),
        "extraData": "0x" + (_VANITY + signers + _SEAL).hex(),
        "gasLimit": hex(settings.gas_limit),
        "difficulty": "0x1",
        "baseFeePerGas": "0x0",
        "alloc": {},
    }


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody has at this moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def is_free(port: int) -> bool:
    """Say whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Network:
    """All nodes of one folder; a context manager: leaving it stops every process it started."""

    def __init__(self, geth: Path, folder: Path, settings: Settings, say: Callable[[str], None]) -> None:
        """``settings`` make a new network; a folder that holds one keeps its own. ``say`` shows progress."""
        self._geth = geth
        self.folder = folder.resolve()
        self._settings = settings
        self._say = say
        self._lock: IO[bytes] | None = None
        self._sockets: Path | None = None
        self.chain = ChainPlan(settings.chain_id, settings.period, settings.epoch, settings.gas_limit)
        self.validators: list[Node] = []
        self.member: Node | None = None
        self.genesis_hash = ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def nodes(self) -> list[Node]:
        """All nodes: validators, then the member."""
        return [*self.validators, *([self.member] if self.member is not None else [])]

    @property
    def addresses(self) -> list[str]:
        """Addresses of the validators, ascending: the order in which they take turns."""
        return sorted(node.plan.address for node in self.validators)

    @property
    def url(self) -> str:
        """The member's HTTP address."""
        port = self.member.plan.http_port if self.member is not None else None
        if port is None:
            raise NetworkError("not started")
        return f"http://127.0.0.1:{port}"

    def settings(self) -> dict[str, str]:
        """What a gateway on this network is told: final is a block with a whole round of validators on it."""
        return {
            "TONGYI_CHAIN_URL": self.url,
            "TONGYI_VALIDATORS": "clique:" + ",".join(self.addresses),
            "TONGYI_FINALITY_DEPTH": str(len(self.validators)),
            "TONGYI_ANCHOR_INTERVAL": "1",
        }

    def start(self) -> None:
        """Make or find the network, start all nodes, join them and begin to seal.

        Raises NetworkError, NodeFailed or TimeoutError.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._take_lock()
        plans = self._load() if (self.folder / "network.json").exists() else self._make()
        sockets = self._sockets = self._make_sockets()
        nodes = [Node(self._geth, plan, self.chain, sockets, len(plans) - 1) for plan in plans]
        for node in nodes:
            node.start()
            kind = "validator 验证节点" if node.validates else "member 成员节点"
            self._say(f"{kind} {node.plan.name} {node.plan.address} pid {node.pid}")
        self.validators = [node for node in nodes if node.validates]
        (self.member,) = [node for node in nodes if not node.validates]
        self.genesis_hash = str(block_of(nodes[0], 0)["hash"])
        self.connect(nodes)
        for node in self.validators:
            node.seal(True)
        before = height(self.member)
        wait_until("a new block at the member", lambda: height(self.gateway_node) > before, 60.0)

    def stop(self) -> None:
        """Stop every node, the member first; safe to call twice. Ends nothing that was not started here."""
        for node in [*self.nodes[::-1]]:
            node.stop()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            (self.folder / "sockets").unlink(missing_ok=True)
            self._sockets = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def connect(self, nodes: Sequence[Node]) -> None:
        """Make all of these nodes peers of each other and wait until they are. Raises TimeoutError.

        Each calls those after it: were both to call, each might drop the call that the other one keeps. A
        node calls another one again only 35 seconds after it last did, so that a line just cut comes back
        sooner when the order is turned round.
        """
        for node in nodes:
            for other in nodes:
                if other is not node:
                    # Trusted: the number of calls a node takes is not used up by some of its peers.
                    node.ask("admin_addTrustedPeer", other.enode)
        for place, node in enumerate(nodes):
            for other in nodes[place + 1 :]:
                node.ask("admin_addPeer", other.enode)
        wait_until("nodes are peers", lambda: all(peers_of(n) >= _ids(nodes, n) for n in nodes), 60.0)

    def part(self, one: Sequence[Node], two: Sequence[Node]) -> None:
        """Cut every line between two groups of nodes and wait until none is left. Raises TimeoutError."""

        def apart() -> bool:
            for here in one:
                for there in two:
                    here.ask("admin_removePeer", there.enode)
                    there.ask("admin_removePeer", here.enode)
            cut = [(here, there) for here in one for there in two]
            return not any(node_id(t) in peers_of(h) or node_id(h) in peers_of(t) for h, t in cut)

        wait_until("the groups are apart", apart, 30.0)

    def restart(self, node: Node) -> None:
        """Start a node that was ended, join it to the others that run, and let a validator seal again."""
        node.start()
        self.connect([node, *(other for other in self.nodes if other.pid is not None and other is not node)])
        if node.validates:
            node.seal(True)

    @property
    def gateway_node(self) -> Node:
        """The member: the node that gateways ask. Raises NetworkError where it is not started."""
        if self.member is None:
            raise NetworkError("not started")
        return self.member

    def _make_sockets(self) -> Path:
        """Make the folder of this run's sockets, open to this user alone; remove that of a run cut short.

        Not in the network's folder, since the path of a socket may have no more than 107 bytes.
        """
        link = self.folder / "sockets"
        if link.is_symlink():
            shutil.rmtree(link.readlink(), ignore_errors=True)
            link.unlink()
        made = Path(tempfile.mkdtemp(prefix="tongyi-", dir="/tmp"))
        link.symlink_to(made)
        return made

    def _take_lock(self) -> None:
        lock = (self.folder / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise NetworkError(f"{self.folder}: another process runs this network") from None
        self._lock = lock

    def _make(self) -> list[NodePlan]:
        """Make keys, block 0 and folders of a new network."""
        count = self._settings.validators
        ports = free_ports(count + 2)
        names = [*(f"validator-{number}" for number in range(1, count + 1)), "member"]
        plans = []
        for name, port in zip(names, ports, strict=False):
            folder = self.folder / name
            if folder.exists():
                # Left by a run that did not come to the end of making the network: its keys count nowhere.
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
            address = "" if name == "member" else make_key(self._geth, folder)
            plans.append(NodePlan(name, folder, address, port, ports[-1] if name == "member" else None))
        genesis = self.folder / "genesis.json"
        addresses = [plan.address for plan in plans if plan.address]
        made = build_genesis(self._settings, addresses, int(time.time()))
        genesis.write_text(json.dumps(made, indent=1) + "\n")
        self._say(f"block 0 for {count} validators, made here  已为 {count} 个验证节点生成创世区块")
        for plan in plans:
            init_chain(self._geth, plan, genesis)
        self._save(plans)
        return plans

    def _save(self, plans: Sequence[NodePlan]) -> None:
        nodes = [
            {"name": p.name, "address": p.address, "peer_port": p.peer_port, "http_port": p.http_port}
            for p in plans
        ]
        chain = {name: getattr(self.chain, name) for name in ("chain_id", "period", "epoch", "gas_limit")}
        part = self.folder / "network.json.part"
        part.write_text(json.dumps({"v": VERSION, **chain, "nodes": nodes}, indent=1) + "\n")
        # If we crash here, there is no network yet, or the old record still stands.
        os.replace(part, self.folder / "network.json")

    def _load(self) -> list[NodePlan]:
        """Find the network of an earlier run; ports that somebody else has by now are chosen anew."""
        path = self.folder / "network.json"
        record = json.loads(path.read_text())
        if record.get("v") != VERSION:
            raise NetworkError(f"{path}: not a network of version {VERSION}")
        self.chain = ChainPlan(record["chain_id"], record["period"], record["epoch"], record["gas_limit"])
        plans = [
            NodePlan(it["name"], self.folder / it["name"], it["address"], it["peer_port"], it["http_port"])
            for it in record["nodes"]
        ]
        self._say(f"the network of {path.parent} again  重新启动已有网络")
        fresh = iter(free_ports(len(plans) + 1))
        kept = []
        for plan in plans:
            peer_port = plan.peer_port if is_free(plan.peer_port) else next(fresh)
            http_port = plan.http_port
            if http_port is not None and not is_free(http_port):
                http_port = next(fresh)
            kept.append(replace(plan, peer_port=peer_port, http_port=http_port))
        self._save(kept)
        return kept


def node_id(node: Node) -> str:
    """The public key by which peers know a node: the user part of its address."""
    return node.enode.removeprefix("enode://").partition("@")[0]


def peers_of(node: Node) -> set[str]:
    """The public keys of a node's present peers."""
    found = node.ask("admin_peers")
    peers = found if isinstance(found, list) else []
    return {str(peer["enode"]).removeprefix("enode://").partition("@")[0] for peer in peers}


def height(node: Node) -> int:
    """The number of a node's newest block."""
    return int(str(node.ask("eth_blockNumber")), 16)


def block_of(node: Node, number: int | str) -> dict[str, object]:
    """A block as a node has it, without its transactions' fields; empty where it has none."""
    found = node.ask("eth_getBlockByNumber", hex(number) if isinstance(number, int) else number, False)
    return found if isinstance(found, dict) else {}


def weight(node: Node) -> int:
    """Total difficulty of a node's chain: the heavier one wins."""
    return int(str(block_of(node, "latest")["totalDifficulty"]), 16)


def _ids(nodes: Sequence[Node], own: Node) -> set[str]:
    return {node_id(node) for node in nodes if node is not own}
