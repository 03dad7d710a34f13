"""The only way out to receivers: resolve once, judge every address, connect to the one that was judged.

The connection is made to the address, never to the name, so that a name cannot lead elsewhere in between; TLS
(SNI, certificate) and the Host header are of the name. No redirects, no proxies of the environment, no
cookies, no connection kept; an answer's body is read up to a limit and thrown away.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType

import httpx2

from chain.errors import NotaryError
from gateway.delivery.targets import Target, TargetRefused, TargetRules

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer's body that are read at most."""
RESOLVER_THREADS = 32

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Gives a host name's addresses; raises OSError where it has none."""


class AttemptFailed(NotaryError):
    """An attempt was not acknowledged. ``code`` is an identifier, ``status`` the answer's where one came.

    Neither URL nor answer is kept.
    """

    def __init__(self, code: str, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class SystemResolver:
    """The system's resolver in threads of its own, so that slow names hold up nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, "resolver")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of ``host``."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def close(self) -> None:
        """Take no more names; those asked for are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: the same bytes at every attempt, but for the headers' time."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Egress:
    """Sends requests under the operator's rules. An async context; for one event loop."""

    def __init__(
        self,
        rules: TargetRules,
        resolve: Resolve,
        *,
        timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``timeout`` is that of a whole attempt in seconds; ``tls`` the system's trust unless given."""
        self._rules = rules
        self._resolve = resolve
        self._timeout = timeout
        self._client = httpx2.AsyncClient(
            verify=tls or httpx2.create_ssl_context(),
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            timeout=timeout,
            # One connection serves one name alone: two names may share an address, and TLS is of the name.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Egress:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(self, request: Request) -> int:
        """Send one request and return its answer's status, whatever it is.

        Raises AttemptFailed where there is no answer, or where nothing may be sent.
        """
        try:
            async with asyncio.timeout(self._timeout):
                target = self._rules.parse(request.url)
                return await self._send(target, await self._place(target), request)
        except TargetRefused as error:
            raise AttemptFailed(f"target.{error.reason}") from None
        except (TimeoutError, httpx2.TimeoutException):
            raise AttemptFailed("target.timeout") from None
        except httpx2.HTTPError as error:
            is_tls = isinstance(error.__cause__, ssl.SSLError) or "SSL" in str(error)
            raise AttemptFailed("target.tls" if is_tls else "target.unreachable") from None

    async def _place(self, target: Target) -> str:
        """Return the address to connect to."""
        try:
            resolved = await self._resolve(target.host, target.port)
        except (OSError, UnicodeError):
            raise AttemptFailed("target.unresolved") from None
        chosen = self._rules.choose(resolved)
        if chosen is None:
            raise AttemptFailed("target.address")
        return chosen

    async def _send(self, target: Target, place: str, request: Request) -> int:
        host = f"[{place}]" if ":" in place else place
        pinned = f"{target.scheme}://{host}:{target.port}{target.path}"
        headers = {**request.headers, "host": target.authority, "connection": "close"}
        sending = self._client.stream(
            "POST", pinned, headers=headers, content=request.body, extensions={"sni_hostname": target.host}
        )
        async with sending as answer:
            left = ANSWER_LIMIT
            async for part in answer.aiter_raw():
                left -= len(part)
                if left <= 0:
                    break
            return answer.status_code
