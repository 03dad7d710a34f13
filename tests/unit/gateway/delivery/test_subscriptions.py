"""Whose subscriptions are whose, and every refusal with its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.db import Database
from gateway.delivery.subscriptions import Owner
from gateway.errors import Refusal
from tests.unit.gateway.delivery.mirrored import FIRST, SECOND
from tests.unit.gateway.delivery.post_office import OWNER, URL, PostOffice

MANAGER = Owner("key_m", FIRST, manages=True)
OTHERS = Owner("key_o", SECOND, manages=True)
PLATFORM = Owner("key_p", None, manages=True)
NEIGHBOUR = Owner("key_b", FIRST, manages=False)


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Iterator[PostOffice]:
    made = PostOffice(database, tmp_path)
    yield made
    made.close()


def refused(of: Any, *given: Any) -> tuple[str, dict[str, object]]:
    with pytest.raises(Refusal) as caught:
        of(*given)
    return caught.value.code, dict(caught.value.fields)


def test_a_view_says_where_it_stands_and_the_secret_once(office: PostOffice) -> None:
    made = office.subscriptions.create(OWNER, URL, None, b"r" * 32)
    secret = made.pop("secret")
    assert str(secret).startswith("whsec_") and len(str(secret)) == 50
    assert made == office.subscriptions.get(OWNER, str(made["id"]))
    assert made == {
        "id": made["id"], "url": URL, "chapter": "3101-0001", "stream": "log.example/test#3101-0001",
        "created_at": "2026-11-18T11:06:40.000Z", "state": "active", "reason": None, "next_seq": 1,
        "delivered_seq": 0, "attempts": 0, "next_attempt_at": None, "failure": None, "failure_status": None,
        "dead_letters": 0,
    }  # fmt: skip


def test_others_do_not_know_it_exists(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    seen = office.subscriptions
    for owner in (OWNER, MANAGER, PLATFORM):
        assert [one["id"] for one in seen.list_all(owner)] == [webhook]
    for owner in (NEIGHBOUR, OTHERS):
        assert seen.list_all(owner) == []
        for name in (webhook, "whk_0000000000000000"):
            for ask in (seen.get, seen.delete, seen.rotate):
                assert refused(ask, owner, name) == ("webhook.unknown", {})
            assert refused(seen.replay, owner, name, 1) == ("webhook.unknown", {})
            assert refused(seen.dead, owner, name, 0, 9) == ("webhook.unknown", {})
    assert seen.get(OWNER, webhook)["state"] == "active"


def test_a_deleted_one_is_gone_with_its_address_and_its_secret(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    office.subscriptions.delete(OWNER, webhook)
    assert refused(office.subscriptions.get, OWNER, webhook) == ("webhook.unknown", {})
    office.mirrored.tell(1, 1)
    assert office.deliver() == [] and office.deliver(webhook) == []
    with office.database.reader() as connection:
        assert connection.exec_driver_sql("SELECT url FROM webhooks").scalars().all() == [""]
        assert office.secrets.load(connection, webhook, office.now) == []


def test_a_key_has_so_many_and_no_more(office: PostOffice) -> None:
    first, _ = office.subscribe()
    office.subscribe()
    assert refused(office.subscribe) == ("webhook.limited", {"limit": 2})
    office.subscribe(NEIGHBOUR)
    office.subscriptions.delete(OWNER, first)
    office.subscribe()


def test_a_repeat_makes_no_second_one(office: PostOffice) -> None:
    made = office.subscriptions.create(OWNER, URL, None, b"r" * 32)
    again = (office.subscriptions.create, OWNER, URL, None, b"r" * 32)
    assert refused(*again) == ("webhook.made_already", {"webhook": made["id"]})
    other = (office.subscriptions.create, OWNER, "https://other.example/", None, b"r" * 32)
    assert refused(*other) == ("idempotency.key_reused", {})


@pytest.mark.parametrize("start", [0, 3, 9])
def test_one_begins_where_there_is_an_event(office: PostOffice, start: int) -> None:
    office.mirrored.tell(1, 1, 2)
    office.mirrored.tell(20, 3, chapter=SECOND)
    assert refused(office.subscribe, OWNER, URL, start) == ("webhook.sequence", {"last": 2})


def test_a_target_is_judged_before_anything_is_kept(office: PostOffice) -> None:
    assert refused(office.subscribe, OWNER, "https://127.0.0.1/") == ("webhook.target", {"reason": "address"})
    assert refused(office.subscribe, OWNER, "http://a.example/") == ("webhook.target", {"reason": "scheme"})
    assert office.subscriptions.list_all(OWNER) == []


def test_without_dead_letters_nothing_is_sent_again(office: PostOffice) -> None:
    webhook, _ = office.subscribe()
    assert refused(office.subscriptions.replay, OWNER, webhook, None) == ("webhook.nothing_dead", {})
    assert refused(office.subscriptions.replay, OWNER, webhook, 2) == ("webhook.sequence", {"last": 1})
