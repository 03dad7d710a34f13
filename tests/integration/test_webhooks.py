"""Webhooks against real processes: a receiver with another hand's library, kills on both sides."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chain.event_chain import stream_start, verify_events
from chain.evm.local import LocalChain
from tests.databases import fresh_postgres
from tests.integration.roles_kit import ROLES, Town
from tests.integration.serving import Serving
from tests.integration.webhook_receiver import Receiver

CHAPTER = "3106-0001"


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver(tmp_path / "receiver").start()
    monkeypatch.setenv("TONGYI_WEBHOOK_PORTS", f"443,http:{made.port}")
    monkeypatch.setenv("TONGYI_WEBHOOK_EGRESS", "127.0.0.1/32")
    yield made
    made.stop()


@pytest.fixture
def gateway(receiver: Receiver, tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path / "data").start()
    yield made
    assert made.stop() == 0


def subscribe(gateway: Serving, receiver: Receiver) -> tuple[httpx2.Client, dict[str, Any]]:
    """Make a key for the chapter's events and a webhook of it; the receiver knows the secret."""
    body = {"name": "reader", "scopes": ["events:read"], "chapter": CHAPTER}
    client = gateway.new_client(gateway.post("/v1/keys", body).json()["secret"])
    made = gateway.post("/v1/webhooks", {"url": receiver.url}, client=client)
    assert made.status_code == 201, made.text
    hook: dict[str, Any] = made.json()
    receiver.know(hook["secret"])
    return client, hook


def give(gateway: Serving, pool: str, count: int) -> list[str]:
    body = {"chapter": CHAPTER, "to": pool, "amount": "1"}
    return [gateway.made("/v1/credits/issue", body)["id"] for _ in range(count)]


def told(messages: list[dict[str, Any]]) -> list[Any]:
    return [message["body"]["data"] for message in messages]


def metric(gateway: Serving, name: str) -> float:
    lines = gateway.client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"tongyi_{name} ")).split()[1])


def wait_delivered(client: httpx2.Client, hook: dict[str, Any], seq: int) -> dict[str, Any]:
    until = time.monotonic() + 40
    while True:
        shown: dict[str, Any] = client.get(f"/v1/webhooks/{hook['id']}").json()
        if shown["delivered_seq"] == seq:
            return shown
        assert time.monotonic() < until, shown
        time.sleep(0.05)


def test_events_reach_a_receiver_once_in_order_and_again_after_a_kill_on_either_side(
    gateway: Serving, receiver: Receiver
) -> None:
    pool = gateway.open_chapter(CHAPTER, fill=0)
    client, hook = subscribe(gateway, receiver)
    given = give(gateway, pool, 3)
    messages = receiver.wait(3)
    assert [event["entry"] for event in told(messages)] == given
    assert {message["verified"] for message in messages} == {1}
    assert told(messages) == client.get("/v1/events").json()["events"]
    assert verify_events(stream_start(hook["stream"]), told(messages)).seq == 3
    wait_delivered(client, hook, 3)
    # The gateway is killed between the receiver's taking an event and its answer.
    receiver.hold(True)
    given += give(gateway, pool, 2)
    receiver.wait(4)
    assert gateway.process is not None
    gateway.process.kill()
    gateway.process.wait(30)
    assert gateway.process.stdout is not None
    gateway.process.stdout.close()
    gateway.client.close()
    receiver.hold(False)
    client.close()
    gateway.start()
    messages = receiver.wait(6)
    assert [event["seq"] for event in told(messages)] == [1, 2, 3, 4, 4, 5]
    assert messages[3]["body"] == messages[4]["body"] and messages[3]["id"] == messages[4]["id"]
    assert [event["entry"] for event in told(messages[:4] + messages[5:])] == given
    assert verify_events(stream_start(hook["stream"]), told(messages[:4] + messages[5:])).seq == 5
    # The receiver is away: the cursor waits, the gateway is as ready as before.
    wait_delivered(gateway.client, hook, 5)
    receiver.stop()
    given += give(gateway, pool, 1)
    until = time.monotonic() + 30
    while metric(gateway, "delivery_failed") != 1:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert gateway.client.get("/readyz").status_code == 200
    shown = gateway.client.get(f"/v1/webhooks/{hook['id']}").json()
    assert (shown["delivered_seq"], shown["failure"]) == (5, "target.unreachable")
    assert metric(gateway, "delivery_oldest_seconds") > 0
    receiver.start()
    assert told(receiver.wait(7))[-1]["entry"] == given[-1]
    wait_delivered(gateway.client, hook, 6)
    assert metric(gateway, "delivery_failed") == metric(gateway, "delivery_oldest_seconds") == 0
    log = gateway.log()
    assert "not delivered" in log and "not-for-logs" not in log and hook["secret"] not in log
    assert "delivery failed" not in log


def test_secrets_and_replays_through_the_api(gateway: Serving, receiver: Receiver) -> None:
    pool = gateway.open_chapter(CHAPTER, fill=0)
    client, hook = subscribe(gateway, receiver)
    path = f"/v1/webhooks/{hook['id']}"
    give(gateway, pool, 2)
    receiver.wait(2)
    new = gateway.post(path + "/secret", {}, client=client)
    assert (new.status_code, new.json()["id"]) == (201, hook["id"])
    receiver.know(hook["secret"], new.json()["secret"])
    wait_delivered(client, hook, 2)
    again = gateway.post(path + "/replay", {"from": 2}, client=client)
    assert (again.status_code, again.json()["next_seq"]) == (200, 2)
    messages = receiver.wait(3)
    assert messages[1]["id"] == messages[2]["id"] and messages[1]["body"] == messages[2]["body"]
    assert [message["verified"] for message in messages] == [1, 1, 2]
    key = gateway.fresh_key()
    body = {"url": receiver.url, "from": 1}
    made = gateway.post("/v1/webhooks", body, key=key, client=client)
    repeat = gateway.post("/v1/webhooks", body, key=key, client=client)
    assert (repeat.status_code, repeat.json()["code"]) == (409, "webhook.made_already")
    assert repeat.json()["webhook"] == made.json()["id"]
    refusals = {
        "https://10.0.0.1/": (422, "webhook.target"),
        "http://127.0.0.2/": (422, "webhook.target"),
        "https://user:secret@receiver.example/": (422, "webhook.target"),
    }
    for url, want in refusals.items():
        refused = gateway.post("/v1/webhooks", {"url": url}, client=client)
        assert (refused.status_code, refused.json()["code"]) == want
        assert url not in refused.text
    dead = gateway.post(path + "/replay", {}, client=client)
    assert (dead.status_code, dead.json()["code"]) == (409, "webhook.nothing_dead")
    assert client.get(path + "/dead-letters").json() == {"dead_letters": [], "next": None}
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["code"] == "webhook.unknown"
    files = [file for file in gateway.data.glob("*.sqlite3*") if not file.name.startswith("vault")]
    kept = b"".join(file.read_bytes() for file in files)
    assert hook["id"].encode() in kept
    for secret in (hook["secret"], new.json()["secret"]):
        assert secret.encode() not in kept
        assert base64.b64decode(secret.removeprefix("whsec_")) not in kept
    client.close()


def test_as_a_role_another_process_goes_on_where_a_killed_one_was(
    postgres_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    with (
        fresh_postgres(postgres_url) as url,
        LocalChain(tmp_path / "chain", block_time=0.5) as chain,
    ):
        town = Town(tmp_path / "data", ("--database-url", url, "--chain-url", chain.url))
        started = [town.start(name) for name in ROLES]
        api = town.start_api()
        for one in started:
            one.wait_state("leading")
        standby = town.start("delivery")
        standby.wait_state("standby")
        pool = api.open_chapter(CHAPTER, fill=0)
        client, hook = subscribe(api, receiver)
        give(api, pool, 2)
        receiver.wait(2)
        wait_delivered(client, hook, 2)
        started[ROLES.index("delivery")].kill()
        give(api, pool, 2)
        standby.wait_state("leading")
        assert [event["seq"] for event in told(receiver.wait(4))] == [1, 2, 3, 4]
        assert verify_events(stream_start(hook["stream"]), told(receiver.messages)).seq == 4
        assert metric(api, "delivery_dead_letters") == 0
        client.close()
        assert set(town.end()) == {0}
