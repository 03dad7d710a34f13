"""Commands of ``tongyi`` against a real gateway: their answers, their exit codes, what they refuse."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from gateway.db import Database, execute, sqlite_url
from tests.integration.command_kit import tongyi
from tests.integration.serving import Serving

COMMANDS = (
    *("serve", "verify", "deploy", "reconcile", "fsck", "import", "doctor", "recover", "witness"),
    *("backup", "restore"),
    *("chain up", "mirror rebuild", "keys add", "keys list", "keys revoke", "keys signers"),
    *("keys rotate api", "keys rotate log", "keys rotate witness", "keys rotate witness-entry"),
    "keys rotate signer",
    *("export evidence", "api", "sequencer", "mirror", "outbox", "anchor", "delivery"),
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_the_version_is_the_packages() -> None:
    done = tongyi("--version")
    assert (done.returncode, done.stdout) == (0, f"tongyi {version('tongyi-notary')}\n")


def test_the_help_gives_the_exit_codes_and_every_command_in_both_languages() -> None:
    done = tongyi("--help", env={"COLUMNS": "400"})
    assert "Exit codes: 0 pass, 1 mismatch, 2 usage, 3 pending, 4 cannot" in done.stdout
    assert "退出码：0 通过，1 不符，2 用法错误，3 待定，4 无法核验或无法运行" in done.stdout
    named = re.split(r"\n│ (?=[a-z])", done.stdout.partition("─ Commands ")[2])[1:]
    assert len(named) >= 18 and all(map(CHINESE.search, named)), named


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = tongyi(*command.split(), "--help")
    assert done.returncode == 0 and "usage: " in done.stdout.casefold()
    assert CHINESE.search(done.stdout)


GATEWAY = ("--gateway", "http://127.0.0.1:1")
KEY = ("--key-file", "key")
REFUSALS: dict[str, tuple[str | tuple[str, ...], int, str, str]] = {
    # name: arguments (and NAME=value of the environment before them), exit code, Chinese, English
    "port too high": ("serve --port 99999", 2, "--port：大于 65535", "--port: more than 65535"),
    "port below 0": ("serve --port -1", 2, "--port：小于 0", "--port: less than 0"),
    "api port": ("api --port 99999", 2, "--port：大于 65535", "--port: more than 65535"),
    "port in the environment": (
        "TONGYI_PORT=70000 serve", 2, "TONGYI_PORT：大于 65535", "TONGYI_PORT: more than 65535",
    ),
    "block time below 0": (
        "TONGYI_BLOCK_TIME=-3 serve", 2, "TONGYI_BLOCK_TIME：不大于 0", "TONGYI_BLOCK_TIME: not more than 0",
    ),
    "depth is no number": (
        "TONGYI_FINALITY_DEPTH=x serve", 2, "TONGYI_FINALITY_DEPTH：不是整数",
        "TONGYI_FINALITY_DEPTH: not an integer",
    ),
    "start is no time": (
        "TONGYI_SIMULATION_START=garbage fsck", 2,
        "TONGYI_SIMULATION_START：不是 2027-01-01T00:00:00Z 这样的时间",
        "TONGYI_SIMULATION_START: not a time such as 2027-01-01T00:00:00Z",
    ),
    "log level": (
        "TONGYI_LOG_LEVEL=loud serve", 2,
        "TONGYI_LOG_LEVEL：不是下列之一：DEBUG、INFO、WARNING、ERROR 或 CRITICAL",
        "TONGYI_LOG_LEVEL: not one of DEBUG, INFO, WARNING, ERROR or CRITICAL",
    ),
    "chain's block time": (
        "chain up --block-time -4", 2, "--block-time：不大于 0", "--block-time: not more than 0",
    ),
    "chain's block time is no number": (
        "chain up --block-time nan", 2, "--block-time：数字不是有限值", "--block-time: number is not finite",
    ),
    "database does not answer": (
        "serve --data made --database-url postgresql://user:hunter2@127.0.0.1:1/x", 4,
        "数据库无法打开或使用（OperationalError）",
        "the database cannot be opened or used (OperationalError)",
    ),
    "signers of no role": (
        "TONGYI_SIGNERS=https://u:hunter2@kms.example/ serve --data none", 2,
        "TONGYI_SIGNERS：所写角色不是下列之一：deployer",
        "TONGYI_SIGNERS: names a role that is none of deployer",
    ),
    "signers of another form": (
        "TONGYI_SIGNERS=hq=http://u:hunter2@kms serve --data none", 2,
        "TONGYI_SIGNERS：hq：既不是 env:NAME", "TONGYI_SIGNERS: hq: is neither env:NAME",
    ),
    "a key for the name of its variable": (
        f"TONGYI_SIGNERS=hq=env:{'beef' * 16} serve --data none", 2,
        "TONGYI_SIGNERS：hq：env: 之后应为变量名，而此处的内容可能就是密钥本身",
        "TONGYI_SIGNERS: hq: env: names a variable, and this could be a key itself",
    ),
    "validators": (
        "TONGYI_VALIDATORS=poa:0x11 serve --data none", 2,
        "TONGYI_VALIDATORS：开头不是下列之一加冒号：clique, qbft",
        "TONGYI_VALIDATORS: does not begin with one of clique, qbft and a colon",
    ),
    "validator's address": (
        "TONGYI_VALIDATORS=qbft:0x11 deploy --data none", 2,
        "TONGYI_VALIDATORS：有地址不是 0x 加 40 位十六进制数字",
        "TONGYI_VALIDATORS: an address is not 0x and 40 hex digits",
    ),
    "origin": (
        "TONGYI_ORIGIN=a+b serve --data none", 2, "TONGYI_ORIGIN：不是 1 至 255 个字母、数字或 . _ : / -",
        "TONGYI_ORIGIN: not 1 to 255 letters, digits and . _ : / -",
    ),
    "origin in Chinese": (
        "TONGYI_ORIGIN=同益 deploy --data none", 2, "TONGYI_ORIGIN：不是 1 至 255 个字母、数字或 . _ : / -",
        "TONGYI_ORIGIN: not 1 to 255 letters, digits and . _ : / -",
    ),
    "policy that is not there": (
        "TONGYI_WITNESS_POLICY=nope serve --data none", 2,
        "TONGYI_WITNESS_POLICY：无法读取（No such file or directory）",
        "TONGYI_WITNESS_POLICY: cannot be read: No such file or directory",
    ),
    "policy of another form": (
        "TONGYI_WITNESS_POLICY=in.csv serve --data none", 2,
        "TONGYI_WITNESS_POLICY：策略文件第 1 行不符合格式", "TONGYI_WITNESS_POLICY: policy line 1: is no log",
    ),
    "policy that is empty": (
        "TONGYI_WITNESS_POLICY=in.empty serve --data none", 2,
        "TONGYI_WITNESS_POLICY：策略文件没有 quorum 行", "TONGYI_WITNESS_POLICY: policy: has no quorum line",
    ),
    "chain of another scheme": (
        "serve --data none --chain-url ftp://x", 2, "--chain-url：不是 http://主机:端口 形式的地址",
        "--chain-url: not an address such as http://host:port",
    ),
    "chain of another scheme in the environment": (
        "TONGYI_CHAIN_URL=ftp://u:hunter2@x deploy --data none", 2,
        "TONGYI_CHAIN_URL：不是 http://主机:端口 形式的地址",
        "TONGYI_CHAIN_URL: not an address such as http://host:port",
    ),
    "database url": (
        "fsck --data whole --database-url foo", 2, "不是数据库 URL", "not the URL of a database",
    ),
    "database url with a port in letters": (
        "serve --data none --database-url postgresql://hunter2:x/db", 2, "不是数据库 URL",
        "not the URL of a database",
    ),
    "database url with such a port for fsck": (
        "fsck --data whole --database-url postgresql://u:hunter2@h:x/db", 2, "不是数据库 URL",
        "not the URL of a database",
    ),
    "serve on another database": (
        "serve --data none --database-url mysql://u:hunter2@a/b", 2,
        "数据库 URL 为 mysql，应为 sqlite 或 postgresql",
        "database url: got mysql, want sqlite or postgresql",
    ),
    "another database": (
        "fsck --data whole --database-url mysql://a/b", 2, "数据库 URL 为 mysql，应为 sqlite 或 postgresql",
        "database url: got mysql, want sqlite or postgresql",
    ),
    "fsck of a typo": ("fsck --data typo", 4, "没有此数据目录", "there is no such data folder"),
    "fsck of an empty folder": (
        "fsck --data empty", 4, "不是网关的数据目录（缺少 log.json）",
        "holds no gateway's data (log.json is missing)",
    ),
    "fsck without its database": ("fsck --data whole", 4, "没有数据库", "there is no database"),
    "fsck with a file missing": (
        "fsck --data whole --database-url sqlite:///none.sqlite3", 4, "没有数据库", "there is no database",
    ),
    "signers of a typo": ("keys signers --data typo", 4, "没有此数据目录", "there is no such data folder"),
    "signers of an empty folder": (
        "keys signers --data empty", 4, "不是网关的数据目录（缺少 log.json）",
        "holds no gateway's data (log.json is missing)",
    ),
    "rebuild of a typo": (
        "mirror rebuild --into foo --chain-url http://127.0.0.1:1 --data typo", 4, "没有此数据目录",
        "there is no such data folder",
    ),
    "rebuild without a chain": (
        "mirror rebuild --into foo", 2, "--chain-url：必须给出",
        "--chain-url is needed",
    ),
    "gateway does not answer": (
        ("keys", "list", *KEY, *GATEWAY), 4, "对方没有应答（ConnectError）",
        "the other side does not answer (ConnectError)",
    ),
    "export from nowhere": (
        ("export", "evidence", "x", *KEY, *GATEWAY), 4, "对方没有应答（ConnectError）",
        "the other side does not answer (ConnectError)",
    ),
    "gateway is no address": (
        "keys list --key-file key --gateway nonsense", 2, "--gateway：不是 http://主机:端口 形式的地址",
        "--gateway: not an address such as http://host:port",
    ),
    "import to no address": (
        "import in.csv --key-file key --gateway nonsense", 2, "--gateway：不是 http://主机:端口 形式的地址",
        "--gateway: not an address such as http://host:port",
    ),
    "binary key": (
        ("keys", "list", "--key-file", "binary"), 4, "不是 API 密钥文件",
        "binary: holds no API key",
    ),
    "empty key": (
        ("keys", "list", "--key-file", "in.empty"), 4, "不是 API 密钥文件",
        "in.empty: holds no API key",
    ),
    "no key": (
        ("keys", "list", "--key-file", "typo"), 4, "typo：没有这个文件或目录",
        "typo: No such file or directory",
    ),
    "import with a binary key": (
        "import in.csv --key-file binary", 4, "不是 API 密钥文件", "binary: holds no API key",
    ),
    "import with a folder as key": (
        "import in.csv --key-file empty", 4, "empty：是目录，不是文件", "empty: Is a directory",
    ),
    "import with a folder as mapping": (
        "import in.csv --mapping empty --key-file key", 4, "empty：是目录，不是文件",
        "empty: Is a directory",
    ),
    "import with a binary mapping": (
        "import in.csv --mapping binary --key-file key", 2, "不是 UTF-8", "not UTF-8",
    ),
    "import of a binary file": (
        "import binary --format csv --key-file key", 2,
        "binary：不是 UTF-8 文本",
        "binary: is not UTF-8 text",
    ),
    "statements": (
        "verify statement in.csv", 4, "本版本不能核验对账单", "statements cannot be checked by this version",
    ),
    "recovery of a typo": (
        "recover --data typo", 4, "没有此数据目录", "there is no such data folder",
    ),
    "proof file that is not there": (
        "verify nope.json", 4, "✗ nope.json：没有这个文件或目录",
        "nope.json: No such file or directory",
    ),
    "trust root that is not there": (
        "verify in.csv --trust-root nope.json", 4,
        "✗ 读不到信任根：nope.json：没有这个文件或目录",
        "cannot read the trust root: nope.json: No such file or directory",
    ),
    "language": ("verify in.csv --lang fr", 2, "--lang 为 zh、en 或 both", "--lang is zh, en or both"),
    "unknown option": ("serve --colour", 2, "没有选项 --colour", "No such option: --colour"),
    "unknown command": ("dance", 2, "没有此命令", "No such command 'dance'"),
    "nothing to verify": ("verify", 2, "缺少 'files'", "Missing argument 'files'"),
    "host": (
        "serve --host 192.0.2.1 --data made", 4,
        "--host 192.0.2.1 --port 0：无法监听此地址（Cannot assign requested address）",
        "--host 192.0.2.1 --port 0: this address cannot be listened on (Cannot assign requested address)",
    ),
}  # fmt: skip


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_command_says_why_in_both_languages(name: str, tmp_path: Path) -> None:
    given, code, chinese, english = REFUSALS[name]
    arguments = list(given.split() if isinstance(given, str) else given)
    env = {}
    while "=" in arguments[0]:
        variable, _, value = arguments.pop(0).partition("=")
        env[variable] = value
    (tmp_path / "empty").mkdir()
    (tmp_path / "whole" / "keys").mkdir(parents=True)
    for file, content in {
        "key": b"ty_live_" + b"a" * 32,
        "binary": bytes(range(128, 256)),
        "in.csv": b"type\nx\n",
        "in.empty": b"",
        "whole/keys/log.json": b"{}",
        "whole/keys/password": b"x",
    }.items():
        (tmp_path / file).write_bytes(content)
    before = files_below(tmp_path)
    done = tongyi(*arguments, cwd=tmp_path, env=env)
    assert done.returncode == code, done.stderr
    assert chinese in done.stderr and english in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and "hunter2" not in done.stderr and "beefbeef" not in done.stderr
    if "made" not in arguments or name == "host":
        assert files_below(tmp_path) == before


def test_a_debug_switch_shows_the_traceback(tmp_path: Path) -> None:
    done = tongyi("--debug", "fsck", "--data", str(tmp_path / "typo"))
    assert done.returncode == 4 and "Traceback" in done.stderr and "✗ " in done.stderr


class Garbage(BaseHTTPRequestHandler):
    """Answers like a broken proxy: by the first part of the path a status and a body that is no problem."""

    def do_GET(self) -> None:
        status, body = {"/a": (502, b"<html>"), "/b": (200, b"[1]"), "/c": (302, b"")}[self.path[:2]]
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("a", "HTTP 502：应答并非来自网关 / HTTP 502: the answer is not a gateway's"),
        ("b", "应答并非来自网关，请核对 --gateway / the answer is not a gateway's: check --gateway"),
        ("c", "应答并非来自网关，请核对 --gateway / the answer is not a gateway's: check --gateway"),
    ],
)
def test_an_answer_of_something_else_is_said_to_be_one(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "key").write_text("ty_live_" + "a" * 32)
    with HTTPServer(("127.0.0.1", 0), Garbage) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/{place}"
        done = tongyi("keys", "list", "--key-file", str(tmp_path / "key"), "--gateway", address)
        server.shutdown()
    assert (done.returncode, done.stderr.strip()) == (4, f"✗ {words}")


def test_the_environment_is_heeded_and_an_option_wins(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        env = {"TONGYI_PORT": port, "TONGYI_DATA": str(tmp_path / "data"), "TONGYI_HOST": "127.0.0.1"}
        done = tongyi("serve", cwd=tmp_path, env=env)
        assert done.returncode == 4 and f"--host 127.0.0.1 --port {port}: this address" in done.stderr
        # Found out before anything was made: no folder, no chain, no contracts.
        assert files_below(tmp_path) == set()
        done = tongyi("serve", "--host", "127.0.0.2", "--port", "x", env=env)
        assert done.returncode == 2
        done = tongyi("keys", "signers", env=env)
        assert done.returncode == 4 and f"{tmp_path / 'data'}: there is no" in done.stderr
        done = tongyi("keys", "signers", "--data", str(tmp_path), env=env)
        assert done.returncode == 4 and f"{tmp_path}: holds no gateway's data" in done.stderr


def test_unknown_options_are_usage_errors() -> None:
    assert tongyi("verify").returncode == 2
    assert tongyi("serve", "--colour").returncode == 2
    assert tongyi("dance").returncode == 2


def test_keys_are_made_listed_and_ended(serving: Serving) -> None:
    reach = ("--key-file", str(serving.data / "platform_key"), "--gateway", serving.url)
    made = json.loads(tongyi("keys", "add", "till", "--scope", "entries:read", *reach, "--json").stdout)
    with serving.new_client(made["secret"]) as client:
        assert client.get("/v1/entries").status_code == 200
        listed = tongyi("keys", "list", *reach)
        assert made["id"] in listed.stdout and made["secret"] not in listed.stdout
        rotation = ("keys", "rotate", "api", "--id", made["id"], "--overlap", "600", *reach)
        rotated = json.loads(tongyi(*rotation, "--json").stdout)
        assert (rotated["replaces"], rotated["id"] == made["id"]) == (made["id"], False)
        again = tongyi(*rotation)
        assert (again.returncode, again.stderr.split("：")[0]) == (4, "✗ key.ending")
        assert f"{made['id']}  till" in tongyi("keys", "list", *reach).stdout
        for secret in (made["secret"], rotated["secret"]):
            with serving.new_client(secret) as beside:
                assert beside.get("/v1/entries").status_code == 200
        ended = tongyi("keys", "revoke", made["id"], "--reason", "compromised", *reach, "--json")
        assert (ended.returncode, json.loads(ended.stdout)) == (0, {"id": made["id"], "revoked": True})
        assert client.get("/v1/entries").status_code == 401
    refused = tongyi("keys", "revoke", made["id"], *reach)
    assert (refused.returncode, refused.stderr.strip()) == (
        4,
        "✗ not_found：此地址没有内容。 / not_found: There is nothing here.",
    )


def test_evidence_is_exported_and_verified(
    serving: Serving, new_chapter: Callable[[], str], tmp_path: Path
) -> None:
    chapter = new_chapter()
    pool = serving.open_chapter(chapter, fill=0)
    entry = serving.made("/v1/credits/issue", {"chapter": chapter, "to": pool, "amount": "5"})
    reach = ("--key-file", str(serving.data / "platform_key"), "--gateway", serving.url)
    file = tmp_path / "proof.json"
    assert (
        tongyi("export", "evidence", entry["id"], "--into", str(file), "--wait", "0", *reach).returncode == 3
    )
    assert tongyi("export", "evidence", entry["id"], "--into", str(file), *reach).returncode == 0
    assert tongyi("verify", str(file), "--trust-root", serving.ready["trust_root"]).returncode == 0
    assert tongyi("verify", str(file), "--trust-root", str(file)).returncode == 4


def test_the_mirror_is_rebuilt_equal_and_reconciles(serving: Serving, tmp_path: Path) -> None:
    reach = ("--data", str(serving.data), "--chain-url", serving.ready["rpc"], "--json")
    into = sqlite_url(tmp_path / "fresh.sqlite3")
    done = tongyi("mirror", "rebuild", "--into", into, *reach)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["equal"] and result["tables"]["mirror_blocks"] > 0
    again = tongyi("mirror", "rebuild", "--into", into, *reach)
    assert again.returncode == 4 and "already mirrors" in again.stderr and "已镜像" in again.stderr
    for into, code in (("foo", 2), ("sqlite:////dev/null/x", 4), (sqlite_url(tmp_path), 4)):
        failed = tongyi("mirror", "rebuild", "--into", into, *reach)
        assert (failed.returncode, failed.stdout) == (code, ""), failed.stderr
        assert "数据库" in failed.stderr and "database" in failed.stderr and "Traceback" not in failed.stderr
    reconciled = json.loads(tongyi("reconcile", *reach).stdout)
    assert reconciled["mismatches"] == [] and reconciled["logs"] == 1


def test_one_process_per_folder(serving: Serving) -> None:
    second = tongyi("serve", "--data", str(serving.data))
    assert second.returncode == 4 and "another process" in second.stderr
    assert tongyi("fsck", "--data", str(serving.data)).returncode == 4


def fsck(data: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = tongyi("fsck", "--data", str(data), "--json", *options)
    return done.returncode, json.loads(done.stdout)


def test_fsck_finds_every_change_of_a_stopped_gateways_data(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    gateway = Serving(tmp_path_factory.mktemp("fsck") / "data").start()
    gateway.open_chapter("3103-0001")
    member = gateway.join("3103-0001")
    public = {"kind": "ordinary", "receipt": "a1" * 32}
    body = {"type": "membership.opened", "chapter": "3103-0001", "subjects": [member], "public": public}
    opened = gateway.made("/v1/entries", body)["id"]
    entry = gateway.made("/v1/credits/issue", {"chapter": "3103-0001", "to": member, "amount": "5"})
    gateway.wait_state(entry["id"], "final")
    assert gateway.stop() == 0
    code, found = fsck(gateway.data)
    assert (code, found["faults"]) == (0, []) and found["entries"] == entry["index"] + 1

    tiles = [path for path in (gateway.data / "log" / "tile" / "0").rglob("*") if path.is_file()]
    tile = max(tiles, key=lambda path: path.stat().st_size)
    good = tile.read_bytes()
    tile.write_bytes(good[:5] + bytes((good[5] ^ 1,)) + good[6:])
    assert "has other bytes" in fsck(gateway.data)[1]["faults"][0]
    tile.write_bytes(good)

    note = gateway.data / "log" / "checkpoint"
    kept = note.read_bytes()
    note.write_bytes(kept.replace(b"tongyi", b"tongyj", 1))
    assert fsck(gateway.data)[1]["faults"] == ["published checkpoint: is not the newest stored one"]
    note.write_bytes(kept)

    database = Database(sqlite_url(gateway.data / "gateway.sqlite3"), pool_size=1)
    code, found = fsck(gateway.data, "--cases")
    assert (code, found["faults"], found["cases"]) == (0, [], 4)
    with database.writer() as connection:
        execute(connection, "UPDATE cases SET state = 'split' WHERE kind = 'fee'")
    named = f"cases fee {opened}: is not what the entries give: state"
    pairs = {**found["pairs"], "entries and cases": named}
    assert fsck(gateway.data, "--cases") == (1, {**found, "cases": 0, "faults": [named], "pairs": pairs})
    code, fewer = fsck(gateway.data)
    assert (code, fewer["cases"], set(fewer["pairs"].values())) == (0, None, {None})
    assert set(found["pairs"]) - set(fewer["pairs"]) == {
        "entries and registers", "entries and cases", "entries and running sums",
    }  # fmt: skip
    with database.writer() as connection:
        execute(connection, "UPDATE cases SET state = 'paid' WHERE kind = 'fee'")
        execute(connection, "UPDATE tallies SET amount = 501 WHERE name = 'coins.issued'")
    code, found = fsck(gateway.data, "--cases")
    assert (code, found["cases"], len(found["faults"])) == (1, 4, 1)
    month = r"running sum 3103-0001 20\d\d-\d\d coins\.issued: is not what the entries give"
    assert re.fullmatch(month, found["faults"][0])
    with database.writer() as connection:
        execute(connection, "UPDATE entries SET body = replace(body, '500', '501') WHERE log_index = 3")
    code, found = fsck(gateway.data)
    assert (code, found["faults"]) == (1, ["entry 3: its leaf does not commit to it"])
    with database.writer() as connection:
        execute(connection, "DELETE FROM entries WHERE log_index = 4")
    database.close()
    assert "entry 4: is missing" in fsck(gateway.data)[1]["faults"]
