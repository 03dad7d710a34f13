"""A gateway to measure: ``tongyi serve`` on an empty folder, with one chapter, its pool and some members."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.rules.calendar import business_month
from scripts.retail.client import Client
from scripts.retail.service import Addresses, Service
from scripts.retail.settling import number

CHAPTER = "3101-0001"
MEMBERS = 200
FUNDS = 10**12
PATIENCE = 300.0


NO_ANCHORS = {"TONGYI_ANCHOR_INTERVAL": "86400"}
"""Settings of a gateway that takes entries and leaves them to a later one to bring onto the chain."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A running gateway, its data folder, and who is registered there."""

    data: Path
    addresses: Addresses
    client: Client
    pool: str
    members: tuple[str, ...]


class TooSlow(Exception):
    """What was waited for did not come in time."""


@contextmanager
def new_ground(data: Path) -> Iterator[Ground]:
    """Start on an empty folder, open a chapter, fill its pool, register members; stop afterwards."""
    with Service(data) as addresses, Client(addresses.gateway, addresses.platform_key) as client:
        yield prepare(data, addresses, client)


@contextmanager
def same_ground(before: Ground, settings: Mapping[str, str]) -> Iterator[Ground]:
    """Start again on the same folder with other settings; stop afterwards."""
    service = Service(before.data, settings=settings)
    with service as addresses, Client(addresses.gateway, addresses.platform_key) as client:
        yield replace(before, addresses=addresses, client=client)


def prepare(data: Path, addresses: Addresses, client: Client) -> Ground:
    """Register everybody and wait until the chain knows them."""
    pool = str(client.post("/v1/chapters", {"code": CHAPTER}, "open").require("open")["pool"])
    period = business_month(int(datetime.now(UTC).timestamp()))
    quota = {"period": period, "amount": str(FUNDS)}
    client.post(f"/v1/chapters/{CHAPTER}/quotas", quota, "quota").require("quota")
    issue = {"chapter": CHAPTER, "to": pool, "amount": str(FUNDS)}
    client.post("/v1/credits/issue", issue, "issue").require("issue")

    def join(place: int) -> str:
        body: dict[str, object] = {"chapter": CHAPTER, "kind": "member"}
        return str(client.post("/v1/members", body, f"join-{place}").require("join")["account"])

    with ThreadPoolExecutor(8) as workers:
        members = tuple(workers.map(join, range(MEMBERS)))
    wait_for(client, "settled_index")
    return Ground(data, addresses, client, pool, members)


def wait_for(client: Client, figure: str, patience: float = PATIENCE) -> None:
    """Wait until a figure of the status reaches the number of entries. Raises TooSlow."""
    deadline = time.monotonic() + patience
    while True:
        status = client.status()
        if number(status, figure) >= number(status, "entries"):
            return
        if time.monotonic() > deadline:
            raise TooSlow(f"{figure} is {number(status, figure)} of {number(status, 'entries')}")
        time.sleep(0.02)
