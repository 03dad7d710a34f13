"""The transport against a server that answers whatever a hostile or broken node could."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import FatalChainError
from chain.evm.errors import MalformedAnswer, NodeRefused, NodeUnreachable
from chain.evm.transport import MAX_DEPTH, Transport, nests_within, parse_answer

Answer = Callable[[object], tuple[int, bytes]]


@dataclass
class Node:
    """A server whose next answers are set by the test; ``requests`` is what it was sent."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[object] = field(default_factory=list)


@pytest.fixture
def node() -> Iterator[Node]:
    """Run the server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(request)
            status, content = (state.answers.pop(0) if len(state.answers) > 1 else state.answers[0])(request)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", state.url + "/elsewhere")
            if not content.startswith(b"no length"):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Node(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def transport(node: Node) -> Iterator[Transport]:
    """A transport that does not wait between tries."""
    made = Transport(node.url, timeout=5.0, max_bytes=100_000, sleep=lambda _: None)
    yield made
    made.close()


def result(value: object) -> Answer:
    return lambda request: (
        200,
        json.dumps({"jsonrpc": "2.0", "id": identity(request), "result": value}).encode(),
    )


def identity(request: object) -> object:
    assert isinstance(request, dict)
    return request["id"]


def raw(content: bytes, status: int = 200) -> Answer:
    return lambda _: (status, content)


def test_result_is_given_and_the_request_is_json_rpc(node: Node, transport: Transport) -> None:
    node.answers = [result({"a": [1, "0x2", None, True]})]
    assert transport.call("eth_x", "0x1", {"k": []}) == {"a": [1, "0x2", None, True]}
    assert node.requests == [{"jsonrpc": "2.0", "id": 1, "method": "eth_x", "params": ["0x1", {"k": []}]}]


def test_refusal_carries_code_message_and_data(node: Node, transport: Transport) -> None:
    error = {"code": 3, "message": "execution reverted", "data": "0x08c379a0"}
    node.answers = [lambda request: (200, json.dumps({"id": identity(request), "error": error}).encode())]
    with pytest.raises(NodeRefused) as refused:
        transport.call("eth_call")
    assert (refused.value.method, refused.value.code) == ("eth_call", 3)
    assert (refused.value.message, refused.value.data) == ("execution reverted", "0x08c379a0")
    assert len(node.requests) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b'{"id": 1, "result": "cut o',
        b'{"id": 99, "result": 1}',
        b'{"result": 1}',
        b'{"id": true, "result": 1}',
        b'{"id": [1], "result": 1}',
        b'{"id": 1}',
        b'{"id": 1, "result": 1.5}',
        b'{"id": 1, "result": NaN}',
        b'{"id": 1, "result": 1' + b"0" * 5000 + b"}",
        b'{"id": 1, "error": "text"}',
        b'{"id": 1, "error": {"code": "x", "message": 1}}',
        b'{"id": 1, "result": "\xff"}',
        b"[]",
        b"3",
        b'{"id": 1, "result": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"id": 1, "result": ' + b"[" * 70_000,
        b'{"id": 1, "result": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"id": 1, "result": "' + b"x" * 100_000 + b'"}',
    ],
)
def test_malformed_answer_is_refused_after_all_tries(
    node: Node, transport: Transport, content: bytes
) -> None:
    node.answers = [raw(content)]
    with pytest.raises(MalformedAnswer) as error:
        transport.call("eth_x")
    assert error.value.method == "eth_x"
    assert len(node.requests) == 4


def test_answer_above_the_cap_names_both_sizes(node: Node, transport: Transport) -> None:
    node.answers = [raw(b" " * 100_001)]
    with pytest.raises(MalformedAnswer, match="100001 bytes is above 100000"):
        transport.call("eth_x")
    node.answers = [raw(b"no length" + b" " * 100_001)]
    with pytest.raises(MalformedAnswer, match="is above 100000 bytes"):
        transport.call("eth_x")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_status_that_says_later_is_tried_again(node: Node, transport: Transport, status: int) -> None:
    node.answers = [raw(b"", status), raw(b"", status), result("0x1")]
    assert transport.call("eth_x") == "0x1"
    node.answers = [raw(b"", status)]
    with pytest.raises(NodeUnreachable, match=str(status)):
        transport.call("eth_x")


@pytest.mark.parametrize("status", [302, 400, 401, 404])
def test_other_status_is_fatal_and_no_redirect_is_followed(
    node: Node, transport: Transport, status: int
) -> None:
    node.answers = [raw(b"{}", status)]
    with pytest.raises(FatalChainError, match=str(status)):
        transport.call("eth_x")
    assert len(node.requests) == 1


def test_sending_is_never_repeated(node: Node, transport: Transport) -> None:
    node.answers = [raw(b"", 503)]
    with pytest.raises(NodeUnreachable):
        transport.call("eth_sendRawTransaction", "0x00")
    assert len(node.requests) == 1
    with pytest.raises(NodeUnreachable):
        transport.batch([("eth_chainId", ()), ("eth_sendRawTransaction", ("0x00",))])
    assert len(node.requests) == 2


def test_waits_grow_and_are_bounded(node: Node) -> None:
    waits: list[float] = []
    transport = Transport(node.url, attempts=8, sleep=waits.append)
    node.answers = [raw(b"", 503)]
    with pytest.raises(NodeUnreachable):
        transport.call("eth_x")
    transport.close()
    assert waits == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]


def test_no_node_is_unreachable(node: Node) -> None:
    transport = Transport("http://127.0.0.1:1", sleep=lambda _: None)
    with pytest.raises(NodeUnreachable):
        transport.call("eth_x")
    transport.close()
    with pytest.raises(FatalChainError, match="is not http"):
        Transport("file:///etc/passwd")


def test_hanging_node_is_left_after_the_timeout(node: Node) -> None:
    def hang(_: object) -> tuple[int, bytes]:
        time.sleep(1.0)
        return 200, b"{}"

    node.answers = [hang]
    transport = Transport(node.url, timeout=0.1, attempts=1)
    with pytest.raises(NodeUnreachable, match="ReadTimeout"):
        transport.call("eth_x")
    transport.close()


def test_environment_proxy_is_not_used(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    transport = Transport(node.url, attempts=1)
    node.answers = [result(1)]
    assert transport.call("eth_x") == 1
    transport.close()


def batch_answer(change: Callable[[list[dict[str, object]]], object]) -> Answer:
    def answer(request: object) -> tuple[int, bytes]:
        assert isinstance(request, list)
        replies = [{"jsonrpc": "2.0", "id": call["id"], "result": call["method"]} for call in request]
        return 200, json.dumps(change(replies)).encode()

    return answer


CALLS = [("eth_a", ()), ("eth_b", ()), ("eth_c", ())]


def test_batch_is_matched_by_id_not_by_place(node: Node, transport: Transport) -> None:
    node.answers = [batch_answer(lambda replies: replies[::-1])]
    assert transport.batch(CALLS) == ["eth_a", "eth_b", "eth_c"]
    assert transport.batch([]) == []


def test_refused_call_of_a_batch_leaves_the_others(node: Node, transport: Transport) -> None:
    def refuse_second(replies: list[dict[str, object]]) -> object:
        return [replies[0], {"id": replies[1]["id"], "error": {"code": -5, "message": "no"}}, replies[2]]

    node.answers = [batch_answer(refuse_second)]
    first, second, third = transport.batch(CALLS)
    assert (first, third) == ("eth_a", "eth_c")
    assert isinstance(second, NodeRefused) and (second.method, second.code) == ("eth_b", -5)


@pytest.mark.parametrize(
    "change",
    [
        lambda replies: replies[:2],
        lambda replies: [*replies, replies[0]],
        lambda replies: [replies[0], replies[0], replies[2]],
        lambda replies: [{**replies[0], "id": 99}, *replies[1:]],
        lambda replies: [{**replies[0], "id": [1]}, *replies[1:]],
        lambda replies: [{**replies[0], "id": True}, *replies[1:]],
        lambda replies: [1, 2, 3],
        lambda replies: replies[0],
        lambda replies: "text",
    ],
)
def test_batch_with_other_ids_is_refused(
    node: Node, transport: Transport, change: Callable[[list[dict[str, object]]], object]
) -> None:
    node.answers = [batch_answer(change)]
    with pytest.raises(MalformedAnswer):
        transport.batch(CALLS)


def test_batch_refused_as_a_whole_refuses_each(node: Node, transport: Transport) -> None:
    node.answers = [raw(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"too many"}}')]
    answers = transport.batch(CALLS)
    assert [answer.code for answer in answers if isinstance(answer, NodeRefused)] == [-32600] * 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('[]{}"\\ab', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=30,
)


def depth_of(value: object) -> int:
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if members is None else 1 + max(map(depth_of, members), default=0)


@settings(max_examples=300, deadline=None)
@given(JSON, st.booleans())
def test_depth_scan_is_exact_enough_whatever_strings_hold(value: object, indent: bool) -> None:
    text = json.dumps(value, indent=1 if indent else None).encode()
    depth = depth_of(value)
    assert nests_within(text, depth)
    assert parse_answer(text, "x") == value if depth <= MAX_DEPTH else True
    if depth > 1:
        assert not nests_within(text, (depth - 1) // 2)


def test_depth_scan_is_fast() -> None:
    log = {"topics": ["0x" + "ab" * 32] * 4, "data": "0x" + "cd" * 256, "blockHash": "0x" + "ef" * 32}
    text = json.dumps({"id": 1, "result": [log] * 20_000}).encode()
    begun = time.perf_counter()
    assert nests_within(text, MAX_DEPTH)
    assert len(text) / (time.perf_counter() - begun) > 50e6
