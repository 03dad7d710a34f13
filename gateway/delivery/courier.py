"""The courier: sends each subscription its events, one after the other, each until it is acknowledged.

At least once: the cursor goes on after the answer, so whoever is killed in between sends the same bytes
under the same ``webhook-id`` again. Every subscription is a task of its own; a receiver that is slow, dead
or hostile costs its own attempts and nothing else, and no trouble here ever stops the gateway.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

import structlog
from sqlalchemy.exc import DBAPIError

from gateway.delivery.egress import AttemptFailed, Request
from gateway.delivery.queue import DeliveryQueue, Item
from gateway.delivery.signing import message_id, sign_message
from gateway.telemetry import fault_place

_log = structlog.get_logger("delivery")

PAUSE_SECONDS = 0.2
"""Between two looks for what is due."""
TROUBLE_SECONDS = 2.0
IN_A_ROW = 50
"""Events of one subscription that are sent before it is looked at anew."""
AT_ONCE = 256
"""Subscriptions that are served at the same time."""


class Way(Protocol):
    """What sends: `egress.Egress`, or a test's own."""

    async def post(self, request: Request) -> int:
        """Send a request and return the answer's status. Raises AttemptFailed."""
        ...


class Courier:
    """Delivers what the queue says is due; `run` in a thread, or `deliver` one subscription."""

    def __init__(
        self,
        queue: DeliveryQueue,
        open_way: Callable[[], AbstractAsyncContextManager[Way]],
        now: Callable[[], float],
    ) -> None:
        """``open_way`` is called within the event loop that uses it; ``now`` gives Unix seconds."""
        self._queue = queue
        self._open_way = open_way
        self._now = now
        self._busy: dict[str, asyncio.Task[None]] = {}

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set; what is on its way then is sent again by whoever follows."""
        while not stop.is_set():
            try:
                asyncio.run(self._serve(stop))
            except DBAPIError as error:
                _log.warning("delivery waits for the database", error=type(error).__name__)
            except Exception as error:
                # A defect here must not stop the ledger, as one of the other loops would.
                _log.error("delivery failed", error=type(error).__name__, place=fault_place(error))
            self._busy.clear()
            stop.wait(TROUBLE_SECONDS)

    async def _serve(self, stop: threading.Event) -> None:
        async with self._open_way() as way:
            try:
                while not stop.is_set():
                    for webhook in await asyncio.to_thread(self._queue.due):
                        if webhook not in self._busy and len(self._busy) < AT_ONCE:
                            self._busy[webhook] = asyncio.create_task(self._deliver_guarded(way, webhook))
                    self._busy = {name: task for name, task in self._busy.items() if not task.done()}
                    await asyncio.sleep(PAUSE_SECONDS)
            finally:
                for task in self._busy.values():
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _deliver_guarded(self, way: Way, webhook: str) -> None:
        try:
            await self.deliver(way, webhook)
        except DBAPIError as error:
            _log.warning("delivery waits for the database", webhook=webhook, error=type(error).__name__)
            await asyncio.sleep(TROUBLE_SECONDS)
        except Exception as error:
            place = fault_place(error)
            _log.error("delivery failed", webhook=webhook, error=type(error).__name__, place=place)
            await asyncio.sleep(TROUBLE_SECONDS)

    async def deliver(self, way: Way, webhook: str) -> None:
        """Send the subscription's items until one fails, none is left, or others should have their turn."""
        for _ in range(IN_A_ROW):
            item = await asyncio.to_thread(self._queue.take, webhook)
            if item is None:
                return
            try:
                await self._attempt(way, item)
            except AttemptFailed as failure:
                _log.info(
                    "not delivered", webhook=webhook, seq=item.seq, attempt=item.attempts + 1,
                    reason=failure.code, status=failure.status,
                )  # fmt: skip
                await asyncio.to_thread(self._queue.failed, item, failure)
                return
            # If we crash here, the receiver has the event and the cursor is before it: it is sent once more,
            # under the same webhook-id and number, and the receiver drops it by either.
            await asyncio.to_thread(self._queue.acknowledged, item)

    async def _attempt(self, way: Way, item: Item) -> None:
        if not item.secrets:
            raise AttemptFailed("secret.lost")
        at = int(self._now())
        headers = sign_message(item.secrets, message_id(item.webhook, item.seq), at, item.body)
        headers |= {"content-type": "application/json", "user-agent": "tongyi-notary"}
        status = await way.post(Request(item.url, headers, item.body))
        if not 200 <= status < 300:
            raise AttemptFailed("answer.status", status)
