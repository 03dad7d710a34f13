"""One stream: what it sends, when it is silent, how many there may be, and everything that ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.types import Message

from gateway.api import event_stream
from gateway.api.event_stream import HEARTBEAT, OPENING, EventStream, Reader, format_event, tell
from gateway.api.streams import Streams
from gateway.auth import Caller, Principal, Scope
from gateway.errors import Refusal

READER = Principal("key_1", "reader", frozenset({Scope.EVENTS_READ}), "3101-0007")
SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}}


class FakeFeed:
    """Gives one page after the other, then nothing; ``asked`` are the chapters it was asked for."""

    def __init__(self, *pages: list[int]) -> None:
        self.pages = [*pages]
        self.asked: list[int | None] = []
        self.fails = False
        self.told = (0, 0)

    def events(self, after: tuple[int, int], limit: int, chapter: int | None) -> list[dict[str, Any]]:
        self.asked.append(chapter)
        if self.fails:
            raise OperationalError("SELECT", {}, Exception("gone"))
        assert after == self.told
        page = self.pages.pop(0) if self.pages else []
        self.told = (page[-1], 0) if page else after
        return [{"cursor": f"{n}:0"} for n in page]


class FakeKeyring:
    """Knows one key, as long as it does."""

    def __init__(self) -> None:
        self.principal: Principal | None = READER

    async def identify(self, header: bytes | None, address: str) -> Caller:
        return Caller(address, self.principal, sent_key=True)


class World:
    """Services of one stream, and what came out of it."""

    def __init__(self, *pages: list[int], limit: int = 2) -> None:
        self.feed, self.keyring, self.streams = FakeFeed(*pages), FakeKeyring(), Streams(limit)
        self.parts: list[bytes] = []

    async def read(self, until: Callable[[World], None]) -> None:
        """Collect parts until the stream ends; ``until`` is called after each and may bring that about."""
        async with asyncio.timeout(5):
            reader = Reader(READER, b"Bearer x", "127.0.0.1")
            services: Any = SimpleNamespace(events=self.feed, keyring=self.keyring, streams=self.streams)
            async for part in tell(services, reader, (0, 0)):
                self.parts.append(part)
                until(self)

    def run(self, until: Callable[[World], None]) -> list[bytes]:
        asyncio.run(self.read(until))
        return self.parts


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)


def after(count: int, what: Callable[[World], None]) -> Callable[[World], None]:
    return lambda world: what(world) if len(world.parts) >= count else None


def close(world: World) -> None:
    world.streams.close()


def test_events_come_with_their_cursors_as_ids_then_a_heartbeat() -> None:
    world = World([1, 2], [3])
    parts = world.run(after(4, close))
    first = format_event({"cursor": "1:0"}) + format_event({"cursor": "2:0"})
    assert parts == [OPENING, first, format_event({"cursor": "3:0"}), HEARTBEAT]
    assert set(world.feed.asked) == {31_010_007}


def test_an_event_is_one_id_and_one_line_of_data() -> None:
    event: dict[str, Any] = {"cursor": "12:3", "entry": "x\ny", "kind": "交易"}
    lines = format_event(event).decode().split("\n")
    assert (lines[0], lines[2:]) == ("id: 12:3", ["", ""])
    assert json.loads(lines[1].removeprefix("data: ")) == event


def test_a_full_page_is_followed_by_the_next_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "POLL_SECONDS", 60.0)
    monkeypatch.setattr(event_stream, "PAGE", 2)
    assert len(World([1, 2], [3, 4], [5]).run(after(4, close))) == 4


@pytest.mark.parametrize("principal", [None, Principal("key_1", "reader", frozenset({Scope.ADMIN}), None)])
def test_a_revoked_or_changed_key_reads_no_further(principal: Principal | None) -> None:
    def end(world: World) -> None:
        world.keyring.principal = principal
        world.feed.pages.append([9])

    assert World([1]).run(after(2, end)) == [OPENING, format_event({"cursor": "1:0"})]


def test_a_database_that_does_not_answer_ends_the_stream() -> None:
    def fail(world: World) -> None:
        world.feed.fails = True

    assert World([1]).run(after(2, fail)) == [OPENING, format_event({"cursor": "1:0"})]


def test_a_key_has_so_many_streams_and_no_more() -> None:
    streams = Streams(2)
    with streams.slot("a"), streams.slot("a"), streams.slot("b"):
        with pytest.raises(Refusal) as refused, streams.slot("a"):
            raise AssertionError("a third stream")
        assert (refused.value.code, refused.value.fields, refused.value.status) == (
            "streams.limited",
            {"limit": 2},
            429,
        )
        with streams.slot("b"):
            pass
    with streams.slot("a"), streams.slot("a"):
        pass


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0.01)


def test_the_slot_is_held_while_sending_and_free_when_the_reader_leaves() -> None:
    async def run() -> list[str]:
        streams, sent, begun = Streams(1), [], asyncio.Event()

        async def send(message: Message) -> None:
            sent.append(message["type"])
            begun.set()

        async def leave() -> Message:
            await begun.wait()
            with pytest.raises(Refusal):
                await EventStream(endless(), streams, "a")(SCOPE, leave, refused)
            return {"type": "http.disconnect"}

        async def refused(message: Message) -> None:
            raise AssertionError("a refused stream sends nothing")

        async with asyncio.timeout(5):
            await EventStream(endless(), streams, "a")(SCOPE, leave, send)
            with streams.slot("a"):
                return sent

    assert asyncio.run(run())[:2] == ["http.response.start", "http.response.body"]


def test_a_reader_that_leaves_before_the_first_byte_frees_its_slot() -> None:
    async def run() -> None:
        streams = Streams(1)

        async def leave() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            await asyncio.sleep(1)

        await EventStream(endless(), streams, "a")(SCOPE, leave, send)
        with streams.slot("a"):
            pass

    asyncio.run(run())


def test_rest_ends_at_once_after_the_end() -> None:
    async def run() -> tuple[bool, bool, bool]:
        streams = Streams(1)
        before = await streams.rest(0.01)
        asyncio.get_running_loop().call_later(0.01, streams.close)
        return before, await streams.rest(5), await streams.rest(0)

    assert asyncio.run(run()) == (False, True, True)
