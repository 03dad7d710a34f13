"""The chain of a stream of events: how a consumer proves that nothing is missing and nothing came twice.

Every event names its ``stream``, its sequence ``seq`` in it (from 1, dense) and ``prev``, the hash of the
event before it there; FORMATS.md has the bytes. A number alone shows a gap; the hash also shows that two
consumers of one stream were told the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from chain.canonical import JsonValue, canonicalize
from chain.errors import VerificationError
from chain.hashing import sha256
from chain.types import Digest

START_PREFIX = b"tongyi events v1\n"
"""What the name of a stream is hashed behind to give ``prev`` of its first event."""

Link = Literal["gap", "repeat", "fork"]


class EventChainError(VerificationError):
    """An event does not follow the one before.

    ``link`` says how: ``gap`` (events are missing in between), ``repeat`` (this number was had already) or
    ``fork`` (the number is next, and its ``prev`` is of another event than the one that was had).
    """

    def __init__(self, link: Link, *, got: object, want: object) -> None:
        super().__init__("events", link, got=got, want=want)
        self.link = link


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a consumer has come in ``stream``: the number and the hash of the last event it had."""

    stream: str
    seq: int
    hash: Digest


def stream_start(stream: str) -> Reached:
    """Return where a consumer of the whole stream begins, before its first event."""
    return Reached(stream, 0, sha256(START_PREFIX + stream.encode()))


def hash_event(event: Mapping[str, JsonValue]) -> Digest:
    """Return SHA-256 of the event's canonical JSON (RFC 8785), with ``stream``, ``seq`` and ``prev``."""
    return sha256(canonicalize(dict(event)))


def follow(reached: Reached, event: Mapping[str, JsonValue]) -> Reached:
    """Return the place behind ``event``, which must be the next one of the stream.

    1. It names the stream. 2. Its number is one more. 3. Its ``prev`` is the hash of the event before.
    Who begins in the middle of a stream takes its first event's (seq - 1, prev) as what was reached.

    Raises:
        EventChainError: it is another one; a consumer that may be told an event again drops a ``repeat``.
        VerificationError: it is of another stream, or has no number.
    """
    # 1. The stream.
    if event.get("stream") != reached.stream:
        raise VerificationError("events", "of another stream", got=event.get("stream"), want=reached.stream)
    # 2. The number.
    number = event.get("seq")
    if not isinstance(number, int) or isinstance(number, bool):
        raise VerificationError("events", "has no number")
    if number != reached.seq + 1:
        raise EventChainError("repeat" if number <= reached.seq else "gap", got=number, want=reached.seq + 1)
    # 3. The hash of the one before.
    if event.get("prev") != reached.hash.hex():
        raise EventChainError("fork", got=event.get("prev"), want=reached.hash.hex())
    return Reached(reached.stream, number, hash_event(event))


def verify_events(reached: Reached, events: Iterable[Mapping[str, JsonValue]]) -> Reached:
    """Return the place behind ``events``, each of which follows the one before; raises as `follow` does."""
    for event in events:
        reached = follow(reached, event)
    return reached
