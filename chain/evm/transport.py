"""JSON-RPC over HTTP to one node: bounded, matched by id, retried only where that is safe.

The node is not trusted: an answer is capped in bytes before and while it is read, its nesting is measured
before it is parsed, and every id must come back. No redirects, no proxies from the environment, no other
host.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn, cast

import httpx2

from chain.errors import FatalChainError, TransientChainError
from chain.evm.errors import MalformedAnswer, NodeRefused, NodeUnreachable

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]
"""What a node may answer; no floats, they have no place in Ethereum's JSON-RPC."""

Call = tuple[str, Sequence["Json"]]
"""Method and parameters."""

MAX_DEPTH: Final = 16
"""Deepest nesting accepted; a batch of transaction receipts needs 6."""

_TRY_AGAIN: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
_NEVER_TWICE: Final = frozenset(("eth_sendRawTransaction", "eth_sendTransaction"))
_NO_MARKS: Final = bytes(set(range(256)) - set(b'[]{}"'))


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"number {text[:20]} is not an integer")


_DECODER: Final = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number)


def nests_within(data: bytes, limit: int) -> bool:
    """Return whether the brackets of JSON text are balanced and nest at most about ``limit`` deep.

    Never false at ``limit`` or less, never true above twice that. Works at C speed: strings are cut out,
    then the innermost pairs are peeled off, one or two levels a turn. Escapes are removed first, so that an
    escaped quote does not end a string.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side are a string without brackets, or join two strings: either way nothing is lost.
    marks = data.translate(None, _NO_MARKS).replace(b'""', b"")
    rest = b"".join(marks.split(b'"')[::2])
    for _ in range(limit):
        if not rest:
            break
        rest = rest.replace(b"[]", b"").replace(b"{}", b"")
    return not rest


def parse_answer(data: bytes, method: str) -> Json:
    """Return the parsed answer of a node.

    Raises MalformedAnswer for text that is not JSON, nests deeper than about ``MAX_DEPTH`` or holds a float.
    """
    if not nests_within(data, MAX_DEPTH):
        raise MalformedAnswer(method, f"answer nests deeper than {MAX_DEPTH} or is cut off")
    try:
        parsed: Json = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer(method, "answer is not JSON") from error
    return parsed


class Transport:
    """Speaks JSON-RPC 2.0 to ``url``. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        max_bytes: int = 256 * 1024 * 1024,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``timeout`` is in seconds for each of connect, write and read; ``max_bytes`` caps one answer."""
        if not url.startswith(("http://", "https://")):
            raise FatalChainError(f"node address {url.partition(':')[0]}: is not http or https")
        self.url = url
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._sleep = sleep
        self._ids = itertools.count(1)
        self._http = httpx2.Client(
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            headers={"content-type": "application/json"},
        )

    def close(self) -> None:
        """Close the connections; the object is of no use afterwards."""
        self._http.close()

    def call(self, method: str, *params: Json) -> Json:
        """Return the result of one call.

        Raises NodeRefused where the node says no, TransientChainError where a later try may succeed and
        FatalChainError for an HTTP status that will not change. Reads are tried up to ``attempts`` times.
        """
        request_id = next(self._ids)
        body: dict[str, Json] = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
        (result,) = self._ask(method, [body], json.dumps(body).encode())
        if isinstance(result, NodeRefused):
            raise result
        return result

    def batch(self, calls: Sequence[Call]) -> list[Json | NodeRefused]:
        """Return the results of ``calls`` in their order, sent as one request.

        A call the node refused is answered by its ``NodeRefused`` as a value, so that the others keep theirs.
        Raises as ``call`` does for the request as a whole.
        """
        if not calls:
            return []
        bodies: list[dict[str, Json]] = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
            for method, params in calls
        ]
        return self._ask("batch", bodies, json.dumps(bodies).encode())

    def _ask(
        self, name: str, bodies: Sequence[Mapping[str, Json]], content: bytes
    ) -> list[Json | NodeRefused]:
        """Send ``content``, return the results of ``bodies``; try again where that does nothing twice."""
        methods = {cast(int, body["id"]): cast(str, body["method"]) for body in bodies}
        attempts = self._attempts if _NEVER_TWICE.isdisjoint(methods.values()) else 1
        for attempt in range(1, attempts + 1):
            try:
                answer = parse_answer(self._post(name, content), name)
                return _results(answer, name, methods)
            except TransientChainError:
                if attempt == attempts:
                    raise
                self._sleep(min(0.1 * 2**attempt, 2.0))
        raise AssertionError("unreachable")

    def _post(self, method: str, body: bytes) -> bytes:
        try:
            with self._http.stream("POST", self.url, content=body) as response:
                if response.status_code in _TRY_AGAIN:
                    raise NodeUnreachable(method, f"HTTP status {response.status_code}")
                if response.status_code != 200:
                    raise FatalChainError(f"{method}: HTTP status {response.status_code}")
                return self._read(method, response)
        except httpx2.HTTPError as error:
            raise NodeUnreachable(method, type(error).__name__) from error

    def _read(self, method: str, response: httpx2.Response) -> bytes:
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise MalformedAnswer(method, f"answer of {declared} bytes is above {self._max_bytes}")
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._max_bytes:
                raise MalformedAnswer(method, f"answer is above {self._max_bytes} bytes")
            parts.append(part)
        return b"".join(parts)


def _results(answer: Json, name: str, methods: Mapping[int, str]) -> list[Json | NodeRefused]:
    """Return the results in the order of ``methods`` (id to method). Raises MalformedAnswer."""
    if isinstance(answer, dict) and answer.get("id") is None and answer.get("error") is not None:
        # A node that does not even read a request refuses all of it and names no id.
        return [_refusal(answer["error"], method) for method in methods.values()]
    answers = answer if isinstance(answer, list) and name == "batch" else [answer]
    by_id: dict[int, dict[str, Json]] = {}
    for item in answers:
        request_id = item.get("id") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(request_id, int) or isinstance(request_id, bool):
            raise MalformedAnswer(name, "an answer is no object with the number of its call")
        by_id[request_id] = item
    if by_id.keys() != methods.keys() or len(answers) != len(methods):
        raise MalformedAnswer(name, "ids of the answers are not those of the calls")
    return [_result(by_id[request_id], method) for request_id, method in methods.items()]


def _result(answer: Mapping[str, Json], method: str) -> Json | NodeRefused:
    if answer.get("error") is not None:
        return _refusal(answer["error"], method)
    if "result" not in answer:
        raise MalformedAnswer(method, "answer has neither result nor error")
    return answer["result"]


def _refusal(error: Json, method: str) -> NodeRefused:
    if not isinstance(error, dict):
        raise MalformedAnswer(method, "error is not an object")
    code, message, data = error.get("code"), error.get("message"), error.get("data")
    if not isinstance(code, int) or not isinstance(message, str):
        raise MalformedAnswer(method, "error has no code and message")
    return NodeRefused(method, code, message[:500], data if isinstance(data, str) else None)
