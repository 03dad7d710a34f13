"""Where a webhook may go: the form of its URL, and which addresses are reached at all.

A receiver is named by somebody outside, so a name may lead anywhere and elsewhere each time. The form is
judged when a webhook is made; addresses are judged at every attempt, on what the name resolved to just then,
and the connection goes to that very address (see `egress`). Only global unicast addresses are reached, and
those networks that the operator lists himself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from chain.errors import FormatError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS_SETTING = "TONGYI_WEBHOOK_PORTS"
EGRESS_SETTING = "TONGYI_WEBHOOK_EGRESS"
URL_LIMIT = 1_024

_BLOCKED_V4 = tuple(
    map(
        IPv4Network,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24"
        " 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 "
        "198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32".split(),
    )
)
"""IANA's special-purpose IPv4 addresses, multicast, reserved, and one cloud's metadata outside of them."""
_GLOBAL_V6 = IPv6Network("2000::/3")
_BLOCKED_V6 = tuple(map(IPv6Network, "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split()))
"""What is special within global unicast: Teredo, ORCHID, documentation, 6to4. All else outside of 2000::/3
(loopback, v4-mapped, NAT64, unique local, link-local, multicast) is not reached at all."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*")
_URL = re.compile(r"(https?)://[!-~]+")
_FORBIDDEN = re.compile(r"[\\@#<>\"{}|^`]")


class TargetRefused(FormatError):
    """A URL is none that a webhook may have; ``reason`` is an identifier, the URL is not kept."""

    def __init__(self, reason: str) -> None:
        super().__init__("url", reason)


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver's parts; ``host`` in lower case and without brackets, ``path`` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = 443 if self.scheme == "https" else 80
        return host if self.port == standard else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TargetRules:
    """What the operator allows: ports by scheme, and networks beyond the public ones."""

    ports: frozenset[tuple[str, int]]
    egress: tuple[Network, ...]

    def parse(self, url: str) -> Target:
        """Return a URL's parts. Raises TargetRefused; no name is resolved."""
        target = _split(url)
        if (target.scheme, target.port) not in self.ports:
            schemes = {scheme for scheme, _ in self.ports}
            raise TargetRefused("port" if target.scheme in schemes else "scheme")
        if (literal := _literal(target.host)) is not None and not self.reaches(literal):
            raise TargetRefused("address")
        return target

    def reaches(self, address: Address) -> bool:
        """Say whether a connection may go to this address."""
        if any(address in network for network in self.egress if network.version == address.version):
            return True
        if isinstance(address, IPv4Address):
            return not any(address in network for network in _BLOCKED_V4)
        return (
            address.scope_id is None
            and address in _GLOBAL_V6
            and not any(address in network for network in _BLOCKED_V6)
        )

    def choose(self, resolved: Sequence[str]) -> str | None:
        """Return the address to connect to, None unless every one that a name resolved to may be reached.

        A name with one forbidden address is refused whole: it would reach it another time.
        """
        try:
            addresses = [ip_address(text) for text in resolved]
        except ValueError:
            return None
        if not addresses or not all(map(self.reaches, addresses)):
            return None
        return str(addresses[0])


def _split(url: str) -> Target:
    if len(url) > URL_LIMIT or not _URL.fullmatch(url) or _FORBIDDEN.search(url):
        raise TargetRefused("form")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetRefused("form") from None
    host = (parts.hostname or "").rstrip(".")
    if _literal(host) is None and (len(host) > 253 or not _HOST.fullmatch(host)):
        raise TargetRefused("host")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def parse_rules(ports: str, egress: str) -> TargetRules:
    """Return the rules of two settings.

    ``ports`` are joined by commas, each for https, or for plain http where ``http:`` is before it; ``egress``
    are networks in CIDR form joined by commas. Raises FormatError that names the setting.
    """
    allowed = set()
    for part in ports.split(","):
        scheme, _, number = part.strip().rpartition(":")
        if scheme not in ("", "http") or not re.fullmatch("[1-9][0-9]{0,4}", number) or int(number) > 65_535:
            raise FormatError(
                PORTS_SETTING, "not ports such as 443,8443, with http: before those without TLS"
            )
        allowed.add((scheme or "https", int(number)))
    try:
        networks = tuple(ip_network(part.strip()) for part in egress.split(",") if part.strip())
    except ValueError:
        raise FormatError(EGRESS_SETTING, "not networks such as 10.20.0.0/16, joined by commas") from None
    return TargetRules(frozenset(allowed), networks)
