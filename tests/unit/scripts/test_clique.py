"""The consortium's plan: block 0, quorums, ports, what is kept; without starting a node."""

from __future__ import annotations

import json
import re
import socket
import stat
import threading
from pathlib import Path

import pytest

from gateway.settings import Settings as GatewaySettings
from scripts import consortium, setup
from scripts.clique import ipc
from scripts.clique.network import (
    Network,
    NetworkError,
    Settings,
    build_genesis,
    free_ports,
    is_free,
    quorum,
)
from scripts.clique.node import ChainPlan, Node, NodePlan
from scripts.clique.report import CheckFailed, Report

ADDRESSES = ["0x" + "cc" * 20, "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "dd" * 20]


def test_block_0_lists_the_signers_ascending_and_gas_is_free() -> None:
    genesis = build_genesis(
        Settings(period=2, epoch=64, chain_id=777, gas_limit=5_000_000_000), ADDRESSES, 1_800
    )
    extra = bytes.fromhex(str(genesis["extraData"])[2:])
    assert extra[:32] == b"tongyi consortium".ljust(32, b"\x00")
    assert extra[32:-65] == b"".join(bytes([byte]) * 20 for byte in (0xAA, 0xBB, 0xCC, 0xDD))
    assert extra[-65:] == bytes(65)
    config = genesis["config"]
    assert isinstance(config, dict)
    assert (config["chainId"], config["clique"]) == (777, {"period": 2, "epoch": 64})
    assert config["londonBlock"] == 0 and not {"shanghaiTime", "terminalTotalDifficulty"} & set(config)
    assert (genesis["baseFeePerGas"], genesis["gasLimit"], genesis["timestamp"]) == (
        "0x0",
        hex(5_000_000_000),
        hex(1_800),
    )
    assert genesis["alloc"] == {}


def test_a_quorum_is_more_than_half() -> None:
    assert [quorum(count) for count in (4, 5, 6, 7, 21)] == [3, 3, 4, 4, 11]


def test_ports_are_free_and_distinct() -> None:
    ports = free_ports(6)
    assert len(set(ports)) == 6
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports[0]))
        taken.listen()
        assert [is_free(port) for port in ports[:2]] == [False, True]


def make_node(folder: Path, *, member: bool) -> Node:
    plan = NodePlan("node", folder, "" if member else ADDRESSES[0], 30_001, 30_002 if member else None)
    return Node(Path("/geth"), plan, ChainPlan(777, 1, 64, 9_000_000_000), folder, 4)


def test_a_validator_has_no_http_and_the_member_no_key(tmp_path: Path) -> None:
    validator = make_node(tmp_path, member=False)._command()
    member = make_node(tmp_path, member=True)._command()
    assert "--unlock" in validator and not [word for word in validator if word.startswith("--http")]
    assert "--http" in member and not {"--unlock", "--password", "--miner.etherbase"} & set(member)
    for command in (validator, member):
        assert "--allow-insecure-unlock" not in command and "--nodiscover" in command
        assert command[command.index("--gcmode") + 1] == "archive"
        assert command[command.index("--netrestrict") + 1] == "127.0.0.0/8"
        for word in ("--authrpc.addr", *(("--http.addr",) if "--http" in command else ())):
            assert command[command.index(word) + 1] == "127.0.0.1"
    assert (
        tmp_path / "geth.toml"
    ).read_text() == '[Node.P2P]\nListenAddr = "127.0.0.1:30001"\nDialRatio = 1\n'


def test_a_folder_is_used_by_one_network_at_a_time(tmp_path: Path) -> None:
    first, second = (Network(Path("/geth"), tmp_path, Settings(), print) for _ in range(2))
    first._take_lock()
    with pytest.raises(NetworkError) as caught:
        second._take_lock()
    assert str(caught.value) == f"{tmp_path}: another process runs this network"
    first.stop()
    second._take_lock()
    second.stop()


def test_a_network_is_found_again_with_its_ports_unless_they_are_taken(tmp_path: Path) -> None:
    said: list[str] = []
    network = Network(Path("/geth"), tmp_path, Settings(), said.append)
    ports = free_ports(3)
    plans = [
        NodePlan("validator-1", tmp_path / "validator-1", ADDRESSES[0], ports[0], None),
        NodePlan("member", tmp_path / "member", "", ports[1], ports[2]),
    ]
    network._save(plans)
    assert network._load() == plans
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports[2]))
        taken.listen()
        first, second = network._load()
    assert first == plans[0]
    assert (second.name, second.peer_port) == ("member", ports[1]) and second.http_port != ports[2]
    assert json.loads((tmp_path / "network.json").read_text())["nodes"][1]["http_port"] == second.http_port


def test_a_record_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text('{"v": 2}')
    with pytest.raises(NetworkError, match="not a network of version 1"):
        Network(Path("/geth"), tmp_path, Settings(), print)._load()


def answer_once(path: Path, answer: bytes) -> threading.Thread:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        channel, _ = listener.accept()
        channel.recv(1 << 16)
        channel.sendall(answer)
        channel.close()
        listener.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_a_node_is_asked_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By short names: the path of a socket may have 107 bytes.
    monkeypatch.chdir(tmp_path)
    thread = answer_once(Path("a.ipc"), b'{"jsonrpc":"2.0","id":1,"result":"0x7"}\n')
    assert ipc.ask(Path("a.ipc"), "eth_blockNumber") == "0x7"
    thread.join()
    thread = answer_once(Path("b.ipc"), b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}\n')
    with pytest.raises(ipc.NodeSaidNo) as refused:
        ipc.ask(Path("b.ipc"), "miner_start")
    thread.join()
    assert (refused.value.method, refused.value.message) == ("miner_start", "no")
    thread = answer_once(Path("c.ipc"), b'{"jsonrpc":')
    with pytest.raises(ipc.NodeSilent) as silent:
        ipc.ask(Path("c.ipc"), "eth_blockNumber")
    thread.join()
    assert silent.value.reason == "closed the connection"
    with pytest.raises(ipc.NodeSilent):
        ipc.ask(Path("none.ipc"), "eth_blockNumber")


def test_a_check_that_does_not_hold_ends_the_story() -> None:
    report = Report()
    report.require("holds", True)
    with pytest.raises(CheckFailed) as caught:
        report.require("does not", False, "3 is not 4")
    assert (caught.value.name, caught.value.reason) == ("does not", "3 is not 4")
    result = report.result(str(caught.value))
    assert (result["ok"], result["failure"]) == (False, "does not: 3 is not 4")
    assert result["checks"] == {"holds": True, "does not": False}


@pytest.mark.parametrize(
    "options", [["--validators", "3"], ["--period", "0"], ["--epoch", "0"], ["--chain-id", "0"]]
)
def test_wrong_options_are_named(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        consortium.parse(options)
    assert ended.value.code == consortium.EXIT_USAGE
    assert options[0] in capsys.readouterr().err


def test_a_missing_geth_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(consortium, "GETH", tmp_path / "geth")
    assert consortium.main([]) == consortium.EXIT_FAILED
    assert f"✗ geth: {tmp_path / 'geth'} is missing" in capsys.readouterr().err


def test_a_folder_of_ones_own_is_removed_and_a_named_one_kept(tmp_path: Path) -> None:
    with consortium.folder_of(None) as own:
        assert stat.S_IMODE(own.parent.stat().st_mode) == 0o700
    assert not own.parent.exists()
    with consortium.folder_of(tmp_path) as named:
        assert named == tmp_path
    assert tmp_path.exists()


def test_geth_is_pinned_with_the_checksums_of_all_it_is_built_from() -> None:
    folder = setup.ROOT / "scripts" / "clique" / "geth"
    assert "\tgithub.com/ethereum/go-ethereum v1.13.15 // indirect\n" in (folder / "go.mod").read_text()
    sums = (folder / "go.sum").read_text()
    assert "github.com/ethereum/go-ethereum v1.13.15 h1:U7sSGYGo4SPjP6iNIifNoyIAiNjrmQkz6EwQG+/EZWo=" in sums
    for profile, wanted in (("demo", False), ("test", True), ("consortium", True)):
        steps = setup.list_steps(setup.Paths(setup.ROOT), profile)
        assert ("geth" in [step.name for step in steps]) is wanted, profile
    assert consortium.GETH == setup.Paths(setup.ROOT).geth


def test_the_page_names_options_and_settings_that_exist() -> None:
    page = (setup.ROOT / "scripts" / "clique" / "README.md").read_text()
    commands = [line for line in page.splitlines() if "scripts/consortium" in line and line.startswith("./")]
    for line in commands:
        assert consortium.parse(line.split()[1:]) is not None
    assert len(commands) == 2
    known = set(consortium.parse([]).__dict__) | {"port"}
    assert {name.replace("-", "_") for name in re.findall(r" --([a-z][a-z-]+)", page)} <= known
    assert set(re.findall(r"TONGYI_([A-Z_]+)", page)) <= {
        name.upper() for name in GatewaySettings.model_fields
    }
