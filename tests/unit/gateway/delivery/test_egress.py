"""The way out against real sockets: 0 connections to what is forbidden, TLS of the name, limits that hold.

Loopback stands for both worlds: 127.0.0.2 is listed by the operator and so plays the public receiver,
127.0.0.1 is what must never be reached.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.delivery.egress import AttemptFailed, Egress, Request, SystemResolver
from gateway.delivery.targets import parse_rules

NAME = "receiver.example"


class Receiver:
    """A server on one loopback address that counts connections and keeps what it was sent."""

    def __init__(self, host: str, tls: ssl.SSLContext | None = None, *, port: int = 0) -> None:
        receiver = self
        self.connections, self.asked = 0, list[tuple[str, str, bytes]]()
        self.respond: Callable[[BaseHTTPRequestHandler], None] = lambda handler: receiver.say(handler, 204)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.asked.append((self.headers["host"], self.path, body))
                receiver.respond(self)

            def log_message(self, *of: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def get_request(self) -> tuple[object, object]:  # type: ignore[override]
                accepted = super().get_request()
                receiver.connections += 1
                return accepted

            def handle_error(self, *of: object) -> None:
                pass

        self.server = Server((host, port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = int(self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @staticmethod
    def say(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server with a certificate for ``name`` and of a client that trusts it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


def two_on_one_port() -> tuple[Receiver, Receiver]:
    """Return receivers on 127.0.0.2 and 127.0.0.1; a port that somebody has on one of them is not taken."""
    for _ in range(20):
        first = Receiver("127.0.0.2")
        try:
            return first, Receiver("127.0.0.1", port=first.port)
        except OSError:
            first.close()
    raise AssertionError("no port is free on both addresses")


@pytest.fixture
def both() -> Iterator[tuple[Receiver, Receiver]]:
    made = two_on_one_port()
    yield made
    for one in made:
        one.close()


@pytest.fixture
def receiver(both: tuple[Receiver, Receiver]) -> Receiver:
    return both[0]


@pytest.fixture
def forbidden(both: tuple[Receiver, Receiver]) -> Receiver:
    """What must not be reached, on the same port of 127.0.0.1."""
    return both[1]


class Names:
    """A resolver whose answers a test gives, one list an attempt, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = [*answers], list[str]()

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise OSError("no such name")
        return answer


def send(
    port: int,
    names: object,
    *,
    scheme: str = "http",
    times: int = 1,
    tls: ssl.SSLContext | None = None,
    timeout: float = 5.0,
    host: str = NAME,
) -> list[int | str]:
    """Make attempts; return each one's status, or the code of what went wrong."""
    ports = f"{port}" if scheme == "https" else f"443,http:{port}"
    request = Request(f"{scheme}://{host}:{port}/hook?x=1", {"webhook-id": "m", "x-own": "1"}, b"{}")

    async def run() -> list[int | str]:
        found: list[int | str] = []
        rules = parse_rules(ports, "127.0.0.2/32")
        async with Egress(rules, names, timeout=timeout, tls=tls) as egress:  # type: ignore[arg-type]
            for _ in range(times):
                try:
                    found.append(await egress.post(request))
                except AttemptFailed as failure:
                    found.append(failure.code)
        return found

    return asyncio.run(run())


def test_a_name_is_resolved_once_and_its_address_is_connected_to(receiver: Receiver) -> None:
    names = Names(["127.0.0.2"])
    assert send(receiver.port, names) == [204]
    assert names.asked == [NAME]
    assert receiver.asked == [(f"{NAME}:{receiver.port}", "/hook?x=1", b"{}")]


def test_a_name_that_is_rebound_never_reaches_what_is_forbidden(
    receiver: Receiver, forbidden: Receiver
) -> None:
    assert forbidden.port == receiver.port
    names = Names(["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2", "127.0.0.1"], ["::ffff:127.0.0.2"])
    assert send(receiver.port, names, times=4) == [204, *["target.address"] * 3]
    assert (receiver.connections, forbidden.connections) == (1, 0)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254"]
)
def test_no_connection_to_a_forbidden_address(forbidden: Receiver, address: str) -> None:
    assert send(forbidden.port, Names([address])) == ["target.address"]
    assert forbidden.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "localhost"])
def test_the_systems_resolver_is_judged_alike(forbidden: Receiver, host: str) -> None:
    resolver = SystemResolver()
    assert send(forbidden.port, resolver, host=host)[0] in ("target.address", "target.unresolved")
    resolver.close()
    assert forbidden.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(
    receiver: Receiver, forbidden: Receiver, status: int
) -> None:
    place = f"http://127.0.0.1:{forbidden.port}/"
    receiver.respond = lambda handler: Receiver.say(handler, status, location=place)
    assert send(receiver.port, Names(["127.0.0.2"])) == [status]
    assert (receiver.connections, forbidden.connections) == (1, 0)


def test_a_proxy_of_the_environment_is_not_used(
    receiver: Receiver, forbidden: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{forbidden.port}")
    assert send(receiver.port, Names(["127.0.0.2"])) == [204]
    assert forbidden.connections == 0


def test_tls_is_of_the_name_while_the_connection_is_to_the_address(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, NAME)
    seen: list[str | None] = []
    server.sni_callback = lambda _, name, __: seen.append(name)
    receiver = Receiver("127.0.0.2", server)
    try:
        assert send(receiver.port, Names(["127.0.0.2"]), scheme="https", tls=client) == [204]
    finally:
        receiver.close()
    assert seen == [NAME]
    assert receiver.asked[0][0] == f"{NAME}:{receiver.port}"


def test_a_certificate_of_another_name_or_of_nobody_known_is_refused(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "other.example")
    receiver = Receiver("127.0.0.2", server)
    try:
        for trust in (client, None):
            assert send(receiver.port, Names(["127.0.0.2"]), scheme="https", tls=trust) == ["target.tls"]
    finally:
        receiver.close()
    assert receiver.asked == []


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer a byte at a time, for ever."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@pytest.mark.parametrize("respond", [drip, lambda handler: time.sleep(1.5)], ids=["drip", "silent"])
def test_a_slow_receiver_has_one_deadline_for_all(
    receiver: Receiver, respond: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    receiver.respond = respond
    begun = time.monotonic()
    assert send(receiver.port, Names(["127.0.0.2"]), timeout=0.5) == ["target.timeout"]
    assert time.monotonic() - begun < 1.4


def test_of_an_endless_answer_a_little_is_read(receiver: Receiver) -> None:
    sent = 0

    def flood(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        try:
            while sent < 2**26:
                sent += handler.wfile.write(b"x" * 65_536)
        except OSError:
            pass

    receiver.respond = flood
    assert send(receiver.port, Names(["127.0.0.2"])) == [200]
    assert sent < 2**25


def test_each_failure_has_its_name(receiver: Receiver) -> None:
    assert send(receiver.port, Names([])) == ["target.unresolved"]
    assert send(1, Names(["127.0.0.2"])) == ["target.unreachable"]
    receiver.respond = lambda handler: handler.connection.close()
    assert send(receiver.port, Names(["127.0.0.2"])) == ["target.unreachable"]


def test_what_is_refused_by_its_form_resolves_nothing() -> None:
    names = Names(["127.0.0.2"])
    assert send(81, names, host="user@a.example") == ["target.form"]
    assert names.asked == []


def test_headers_are_the_ones_given(receiver: Receiver) -> None:
    seen: dict[str, str] = {}

    def keep(handler: BaseHTTPRequestHandler) -> None:
        seen.update({name.lower(): value for name, value in handler.headers.items()})
        Receiver.say(handler, 200, **{"set-cookie": "a=b"})

    receiver.respond = keep
    send(receiver.port, Names(["127.0.0.2"]), times=2)
    assert (seen["webhook-id"], seen["x-own"], seen["connection"]) == ("m", "1", "close")
    assert "cookie" not in seen and "authorization" not in seen
    assert receiver.connections == 2
