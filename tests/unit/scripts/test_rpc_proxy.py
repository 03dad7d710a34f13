"""The proxy that lies: what it does to answers, and what it leaves alone."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.faults.lies import ASKED, list_cells
from scripts.faults.nonces import LOST, Lossy
from scripts.faults.onchain import keccak256
from scripts.faults.rpc_proxy import ANY, CONNECTION_RULES, Ask, Lie, Proxy
from scripts.faults.told_lies import TOLD
from scripts.faults.two_nodes import answered_by

HEAD = 100


class Node(BaseHTTPRequestHandler):
    """Answers every call by its method's name, and the head by a number."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        calls = asked if isinstance(asked, list) else [asked]
        answers = [{"jsonrpc": "2.0", "id": one["id"], "result": self.result(one["method"])} for one in calls]
        body = json.dumps(answers if isinstance(asked, list) else answers[0]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @staticmethod
    def result(method: str) -> str:
        return hex(HEAD) if method == "eth_blockNumber" else method

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Node) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def asking(proxy: Proxy) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def ask(proxy: Proxy, *methods: str) -> tuple[int, bytes]:
    calls = [{"jsonrpc": "2.0", "id": at, "method": name, "params": []} for at, name in enumerate(methods)]
    with asking(proxy) as connection:
        connection.request("POST", "/", json.dumps(calls if len(calls) > 1 else calls[0]))
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_there_are_cells_for_every_rule_and_method() -> None:
    cells = {(cell.name, cell.method) for cell in list_cells()}
    assert len(cells) == len(CONNECTION_RULES) * len(ASKED) + len(TOLD)
    assert len(cells) >= 60


def test_an_honest_proxy_changes_nothing(node: str) -> None:
    with Proxy(node) as proxy:
        status, body = ask(proxy, "eth_call", "eth_blockNumber")
    assert status == 200
    assert [one["result"] for one in json.loads(body)] == ["eth_call", hex(HEAD)]
    assert proxy.fired == 0


def test_a_lie_hits_its_method_alone_and_is_counted(node: str) -> None:
    stale = next(
        cell for cell in list_cells() if (cell.name, cell.method) == ("stale head", "eth_blockNumber")
    )
    with Proxy(node) as proxy:
        proxy.lie(stale)
        assert json.loads(ask(proxy, "eth_call")[1])["result"] == "eth_call"
        assert proxy.fired == 0
        _, body = ask(proxy, "eth_call", "eth_blockNumber")
        assert [one["result"] for one in json.loads(body)] == ["eth_call", hex(HEAD - 3)]
        assert proxy.fired == 1
        proxy.be_honest()
        assert json.loads(ask(proxy, "eth_blockNumber")[1])["result"] == hex(HEAD)
        assert proxy.fired == 1


def test_another_node_answers_whatever_is_asked(node: str) -> None:
    stale = next(cell for cell in list_cells() if cell.name == "stale head")
    with Proxy(node) as other, Proxy(node) as proxy:
        other.lie(stale)
        proxy.lie(Lie("other", ANY, answered_by(other.url)))
        assert json.loads(ask(proxy, "eth_blockNumber")[1])["result"] == hex(HEAD - 3)
        assert json.loads(ask(proxy, "eth_call")[1])["result"] == "eth_call"
        assert (proxy.fired, other.fired) == (2, 1)


@pytest.mark.parametrize(("rule", "status"), [("429", 429), ("503", 503)])
def test_a_busy_node_says_so(node: str, rule: str, status: int) -> None:
    with Proxy(node) as proxy:
        proxy.lie(Lie(rule, "eth_call", CONNECTION_RULES[rule]))
        assert ask(proxy, "eth_call")[0] == status


@pytest.mark.parametrize("rule", ["dropped before", "dropped after"])
def test_a_dropped_request_has_no_answer(node: str, rule: str) -> None:
    with Proxy(node) as proxy:
        proxy.lie(Lie(rule, "eth_call", CONNECTION_RULES[rule]))
        with pytest.raises(http.client.RemoteDisconnected):
            ask(proxy, "eth_call")
        assert proxy.fired == 1


@pytest.mark.parametrize("rule", ["not JSON", "cut off"])
def test_what_is_not_json_is_none(node: str, rule: str) -> None:
    with Proxy(node) as proxy:
        proxy.lie(Lie(rule, "eth_call", CONNECTION_RULES[rule]))
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
            json.loads(ask(proxy, "eth_call")[1])


def test_lost_sends_are_taken_or_unheard_and_never_both() -> None:
    passed: list[int] = []

    def pass_on(content: bytes) -> bytes:
        calls = json.loads(content)
        passed.extend(call["id"] for call in calls)
        return json.dumps([{"jsonrpc": "2.0", "id": one["id"], "result": "0xaa"} for one in calls]).encode()

    calls = [
        {"jsonrpc": "2.0", "id": at, "method": "eth_sendRawTransaction", "params": [f"0x{at:04x}"]}
        for at in range(1_000)
    ]
    lossy = Lossy("seed")
    body = lossy(Ask("eth_sendRawTransaction", calls, json.dumps(calls).encode(), pass_on)).body
    answers = json.loads(body or b"")
    assert [one["id"] for one in answers] == list(range(1_000))
    assert len(passed) == 1_000 - lossy.dropped
    assert sum("error" in one for one in answers) == lossy.unacknowledged
    for one in answers:
        if one["id"] not in passed:
            assert one["result"] == "0x" + keccak256(one["id"].to_bytes(2, "big")).hex()
    assert abs(lossy.dropped - 1_000 * LOST) < 30 and abs(lossy.unacknowledged - 1_000 * LOST) < 30
