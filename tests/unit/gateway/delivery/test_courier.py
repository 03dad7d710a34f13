"""At least once, in order, one subscription's trouble never another's, and nothing lost without a trace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook

from chain.event_chain import stream_start, verify_events
from gateway.auth_tables import api_keys
from gateway.db import Database
from gateway.delivery.courier import Courier
from gateway.delivery.egress import AttemptFailed, Request
from gateway.delivery.queue import DeliveryQueue, Item
from gateway.delivery.schedule import PAUSES
from gateway.delivery.subscriptions import Owner
from tests.unit.gateway.delivery.mirrored import AT, FIRST, SECOND
from tests.unit.gateway.delivery.post_office import ATTEMPTS, OWNER, PostOffice

ALL = Owner("key_all", None, manages=True)


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Iterator[PostOffice]:
    made = PostOffice(database, tmp_path)
    yield made
    made.close()


def sequences(office: PostOffice) -> list[int]:
    return [json.loads(one.body)["data"]["seq"] for one in office.way.requests]


def test_events_come_in_order_once_acknowledged_and_the_consumer_proves_it(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1, 2, 3)
    office.mirrored.tell(20, 4, chapter=SECOND)
    office.mirrored.tell(30, 5)
    office.deliver()
    assert sequences(office) == [1, 2, 3, 4]
    assert office.deliver() == []
    events = [json.loads(one.body)["data"] for one in office.way.requests]
    assert [event["entry"] for event in events] == ["entry-1", "entry-2", "entry-3", "entry-5"]
    assert verify_events(stream_start(office.mirrored.events.stream(FIRST)), events).seq == 4
    shown = office.subscriptions.get(OWNER, webhook)
    assert (shown["next_seq"], shown["delivered_seq"], shown["failure"]) == (5, 4, None)


def test_a_message_is_one_of_standard_webhooks_by_another_hands_library(office: PostOffice) -> None:
    office.now = time.time()
    webhook, secret = office.subscribe()
    office.mirrored.tell(1, 2)
    office.deliver()
    (request,) = office.way.requests
    assert request.headers["webhook-id"] == webhook.replace("whk_", "msg_") + "_1"
    body = Webhook(secret).verify(request.body, dict(request.headers))
    assert (body["type"], body["timestamp"]) == ("operation.done", AT)
    assert body["data"] == office.mirrored.events.events((0, 0), 1, FIRST)[0]


def test_a_subscription_begins_with_the_next_event_or_where_it_says(office: PostOffice) -> None:
    office.mirrored.tell(1, 1, 2, 3)
    later, _ = office.subscribe()
    earlier, _ = office.subscribe(start=2)
    office.mirrored.tell(20, 4)
    assert [name for name, _ in office.deliver(later)] == [later.replace("whk_", "msg_") + "_4"]
    office.way.requests.clear()
    office.deliver(earlier)
    assert sequences(office) == [2, 3, 4]


def test_a_crash_between_answer_and_cursor_sends_the_same_message_again(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1, 2)

    def die(queue: DeliveryQueue, item: Item) -> None:
        raise OperationalError("UPDATE", {}, Exception("killed"))

    with monkeypatch.context() as patch:
        patch.setattr(DeliveryQueue, "acknowledged", die)
        with pytest.raises(OperationalError):
            office.deliver()
    assert office.subscriptions.get(OWNER, webhook)["delivered_seq"] == 0
    office.now += 60
    office.deliver()
    first, again, second = office.way.requests
    assert (first.body, first.headers["webhook-id"]) == (again.body, again.headers["webhook-id"])
    assert int(again.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    assert sequences(office) == [1, 1, 2] and second.headers["webhook-id"] != first.headers["webhook-id"]


def test_a_dead_receiver_moves_nothing_and_hinders_nobody(office: PostOffice) -> None:
    dead, _ = office.subscribe(url="https://dead.example/")
    well, _ = office.subscribe(url="https://well.example/")
    office.mirrored.tell(1, 1, 2)
    office.way.answer = lambda one: AttemptFailed("target.unreachable") if "dead" in one.url else 200
    office.deliver()
    assert [url for _, url in office.deliver()] == []
    shown = office.subscriptions.get(OWNER, dead)
    assert (shown["delivered_seq"], shown["attempts"], shown["failure"]) == (0, 1, "target.unreachable")
    assert office.subscriptions.get(OWNER, well)["delivered_seq"] == 2
    figures = office.queue.figures()
    assert (figures.failing, figures.dead_letters) == (1, 0)
    assert figures.oldest_seconds == 3_600


def test_pauses_are_the_standards_and_the_last_try_makes_a_dead_letter(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1, 2)
    office.way.answer = lambda one: 500 if json.loads(one.body)["data"]["seq"] == 1 else 200
    for attempt in range(ATTEMPTS - 1):
        assert len(office.deliver()) == 1
        office.now += PAUSES[attempt] - 0.1
        assert office.deliver() == []
        office.now += 0.1
    office.deliver()
    office.deliver()
    assert sequences(office) == [1] * ATTEMPTS + [2]
    shown = office.subscriptions.get(OWNER, webhook)
    assert (shown["next_seq"], shown["delivered_seq"], shown["dead_letters"]) == (3, 0, 1)
    (dead,) = office.subscriptions.dead(OWNER, webhook, 0, 9)
    assert (dead["seq"], dead["state"], dead["failure"], dead["failure_status"], dead["attempts"]) == (
        1, "dead", "answer.status", 500, ATTEMPTS,
    )  # fmt: skip
    assert office.queue.figures().dead_letters == 1
    office.way.answer = lambda one: 200
    assert office.deliver() == []
    assert office.subscriptions.replay(OWNER, webhook, None)["dead_letters"] == 1
    office.deliver()
    assert sequences(office)[-1] == 1
    shown = office.subscriptions.get(OWNER, webhook)
    assert (shown["delivered_seq"], shown["dead_letters"], shown["next_seq"]) == (2, 0, 3)
    assert len({one.body for one in office.way.requests if one.headers["webhook-id"].endswith("_1")}) == 1


def test_a_replayed_dead_letter_that_fails_again_is_dead_again(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1)
    office.way.answer = lambda one: 503
    for _ in range(2):
        for _ in range(ATTEMPTS):
            office.deliver()
            office.now += 100_000
        assert office.subscriptions.dead(OWNER, webhook, 0, 9)[0]["state"] == "dead"
        assert office.deliver() == []
        office.subscriptions.replay(OWNER, webhook, None)
    assert len(office.way.requests) == 2 * ATTEMPTS


def test_sending_again_from_a_number_keeps_ids_and_clears_dead_letters(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1, 2, 3)
    office.way.answer = lambda one: 500 if json.loads(one.body)["data"]["seq"] == 2 else 200
    for _ in range(ATTEMPTS + 1):
        office.deliver()
        office.now += 100_000
    office.way.answer = lambda one: 200
    office.way.requests.clear()
    office.subscriptions.replay(OWNER, webhook, 2)
    assert [name[-2:] for name, _ in office.deliver()] == ["_2", "_3"]
    shown = office.subscriptions.get(OWNER, webhook)
    assert (shown["delivered_seq"], shown["dead_letters"]) == (3, 0)


def test_an_attempt_that_was_under_way_leaves_no_trace_on_what_was_changed(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1, 2, 3)
    office.deliver()
    office.mirrored.tell(20, 4)

    def change(one: Request) -> int:
        office.way.answer = lambda one: 200
        office.subscriptions.replay(OWNER, webhook, 1)
        return 200

    office.way.answer = change
    office.deliver()
    assert sequences(office) == [1, 2, 3, 4, 1, 2, 3, 4]


def test_a_failure_of_an_attempt_from_before_a_change_counts_for_nothing(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1)

    def change(one: Request) -> int:
        office.subscriptions.replay(OWNER, webhook, 1)
        return 410

    office.way.answer = change
    office.deliver()
    shown = office.subscriptions.get(OWNER, webhook)
    assert (shown["state"], shown["attempts"], shown["failure"]) == ("active", 0, None)


def test_gone_disables_and_sending_again_begins_anew(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1)
    office.way.answer = lambda one: 410
    assert len(office.deliver()) == 1
    office.now += 100_000
    assert office.deliver() == []
    shown = office.subscriptions.get(OWNER, webhook)
    assert (shown["state"], shown["reason"], shown["delivered_seq"]) == ("disabled", "gone", 0)
    office.way.answer = lambda one: 200
    office.mirrored.tell(20, 2)
    # The first event was never taken: it is still the next one.
    with pytest.raises(Exception, match=r"webhook\.sequence"):
        office.subscriptions.replay(OWNER, webhook, 2)
    assert office.subscriptions.replay(OWNER, webhook, 1)["state"] == "active"
    office.deliver()
    assert sequences(office) == [1, 1, 2]


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 404, 429, 500, 100])
def test_only_2xx_is_an_acknowledgement(office: PostOffice, status: int) -> None:
    webhook, _ = office.subscribe()
    office.mirrored.tell(1, 1)
    office.way.answer = lambda one: status
    office.deliver()
    shown = office.subscriptions.get(OWNER, webhook)
    assert (shown["delivered_seq"], shown["failure"], shown["failure_status"]) == (0, "answer.status", status)


def test_a_rotated_secret_signs_beside_the_former_one_for_a_day(office: PostOffice) -> None:
    office.now = time.time()
    webhook, old = office.subscribe()
    new = str(office.subscriptions.rotate(OWNER, webhook)["secret"])
    office.mirrored.tell(1, 1, 2)
    office.deliver()
    for request in office.way.requests:
        for secret in (old, new):
            Webhook(secret).verify(request.body, dict(request.headers))
    office.now += 86_401
    office.mirrored.tell(20, 3)
    office.deliver()
    assert len(office.way.requests[-1].headers["webhook-signature"].split()) == 1
    third, fourth = (office.subscriptions.rotate(OWNER, webhook)["secret"] for _ in range(2))
    office.mirrored.tell(40, 4)
    office.deliver()
    assert len(office.way.requests[-1].headers["webhook-signature"].split()) == 2
    assert len({old, new, third, fourth}) == 4


def test_secrets_are_not_in_sql_and_gone_with_the_vaults_key(office: PostOffice) -> None:
    import base64

    webhook, secret = office.subscribe()
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    with office.database.reader() as connection:
        for table in ("webhooks", "webhook_secrets"):
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}"):
                assert raw not in b"|".join(bytes(v) for v in row if isinstance(v, bytes | memoryview))
                assert secret not in "|".join(map(str, row))
    office.secrets.destroy(webhook)
    office.mirrored.tell(1, 1)
    office.deliver()
    assert office.way.requests == []
    assert office.subscriptions.get(OWNER, webhook)["failure"] == "secret.lost"
    office.subscriptions.rotate(OWNER, webhook)
    office.now += 10
    office.deliver()
    assert sequences(office) == [1]


def test_a_subscription_ends_with_its_key_and_passes_to_the_one_that_replaces_it(office: PostOffice) -> None:
    first, _ = office.subscribe()
    second, _ = office.subscribe(Owner("key_b", FIRST, manages=False))
    office.key("key_c", replaces="key_b")
    with office.database.writer() as connection:
        ended = update(api_keys).where(api_keys.c.id.in_(("key_a", "key_b")))
        connection.execute(ended.values(revoked_at="2026-11-22T00:00:00.000Z"))
    office.mirrored.tell(1, 1)
    assert [name for name, _ in office.deliver()] == [second.replace("whk_", "msg_") + "_1"]
    assert office.subscriptions.get(OWNER, first)["reason"] == "key_ended"
    assert office.subscriptions.get(Owner("key_c", FIRST, manages=False), second)["state"] == "active"


def test_a_key_without_the_scope_hears_nothing(office: PostOffice) -> None:
    office.key("key_w", scopes="entries:write")
    webhook, _ = office.subscribe(Owner("key_w", FIRST, manages=False))
    office.mirrored.tell(1, 1)
    assert office.deliver() == []
    assert office.subscriptions.get(Owner("key_w", FIRST, manages=False), webhook)["reason"] == "key_ended"


def test_the_stream_of_all_chapters_goes_to_keys_for_all(office: PostOffice) -> None:
    webhook, _ = office.subscribe(ALL)
    office.mirrored.tell(1, 1)
    office.mirrored.tell(20, 2, chapter=SECOND)
    office.deliver(webhook)
    assert [json.loads(one.body)["data"]["entry"] for one in office.way.requests] == ["entry-1", "entry-2"]


def test_the_loop_outlives_every_trouble_and_ends_when_told(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.courier.TROUBLE_SECONDS", 0.01)
    monkeypatch.setattr("gateway.delivery.courier.PAUSE_SECONDS", 0.01)
    office.subscribe()
    office.mirrored.tell(1, 1, 2)
    troubles: list[Exception] = [
        OperationalError("SELECT", {}, Exception("gone")), ValueError("a defect"),
        OperationalError("SELECT", {}, Exception("gone")), KeyError("another"),
    ]  # fmt: skip
    due, take = office.queue.due, office.queue.take

    class Troubled:
        """The queue, with trouble first in one place, then in the other."""

        def due(self) -> list[str]:
            if len(troubles) > 2:
                raise troubles.pop()
            return due()

        def take(self, webhook: str) -> Item | None:
            if troubles:
                raise troubles.pop()
            return take(webhook)

        def __getattr__(self, name: str) -> Any:
            return getattr(office.queue, name)

    @asynccontextmanager
    async def open_way() -> Any:
        yield office.way

    queue: Any = Troubled()
    stop = threading.Event()
    loop = threading.Thread(target=Courier(queue, open_way, lambda: office.now).run, args=(stop,))
    loop.start()
    deadline = time.monotonic() + 20
    while len(office.way.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    loop.join(10)
    assert not loop.is_alive() and troubles == []
    assert sequences(office) == [1, 2]
