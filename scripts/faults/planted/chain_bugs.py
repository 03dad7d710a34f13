"""Bugs towards the chain: mirror, outbox and settlement."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from chain.errors import FatalChainError
from chain.evm.blocks import Header
from chain.evm.client import EvmClient
from chain.types import Address
from gateway.db import execute
from gateway.mirror import receipts, source, write
from gateway.mirror.ahead import Loaded
from gateway.mirror.follower import Follower, Progress
from gateway.mirror.movements import Movements
from gateway.mirror.write import Cursor
from gateway.outbox import settler, submitter, watcher
from gateway.outbox.calls import ChainCall
from gateway.outbox.queue import enqueue
from gateway.outbox.signing import SigningDesk
from scripts.faults.planted.planting import Fire, put


def round_balances(fire: Fire) -> None:
    """Mirrored balances change by whole tenths of a coin."""
    change = Movements._change

    def rounded(self: Movements, address: bytes, balance: int, locked: int) -> None:
        if balance % 10:
            fire()
        change(self, address, balance // 10 * 10, locked)

    put(Movements, "_change", rounded)


def move_cursor_first(fire: Fire) -> None:
    """The mirror's cursor is committed, and then the rows of its blocks."""
    store, move = Follower._store, write._move_cursor

    def store_late(self: Follower, cursor: Cursor | None, loaded: Loaded) -> None:
        last = loaded.headers[-1]
        with self._database.writer() as connection:
            move(connection, self._chain_id, cursor, Cursor(self._genesis, last.number, last.hash))
        fire()
        store(self, cursor, loaded)

    def stay(*_: object) -> None:
        return None

    put(Follower, "_store", store_late)
    put(write, "_move_cursor", stay)


def skip_parent_hash(fire: Fire) -> None:
    """Blocks that do not follow the mirrored ones are stored behind them."""

    def go_on(self: Follower, cursor: Cursor, _: int, above: Sequence[Header]) -> Progress:
        if not above:
            return Progress.BEHIND
        fire()
        self._store(cursor, Loaded(list(above), self._source.load(above)))
        return Progress.STORED

    put(Follower, "_rewind", go_on)
    put(source, "check_links", lambda _: None)


def keep_balances(fire: Fire) -> None:
    """What a reorganisation takes back stays in the mirrored balances."""

    def keep(*_: object) -> None:
        fire()

    put(write, "_undo_operations", keep)


def trust_receipts(fire: Fire) -> None:
    """Receipts are not held against their header's root."""
    check: Callable[..., None] = receipts._check_root

    def pass_all(client: EvmClient, header: Header, encoded: Sequence[bytes]) -> None:
        try:
            check(client, header, encoded)
        except FatalChainError:
            fire()

    put(receipts, "_check_root", pass_all)


def trust_counts(fire: Fire) -> None:
    """Whatever a node counts of a key's transactions is proven."""

    def prove(_: EvmClient, __: Address) -> int:
        fire()
        return sys.maxsize

    put(watcher, "load_proven_nonce", prove)
    put(submitter, "load_proven_nonce", prove)


def lower_nonces(fire: Fire) -> None:
    """A key's next nonce follows a lower count of the node's."""
    register = SigningDesk.register_key

    def follow(self: SigningDesk, role: str, count: int, prove: Callable[[Address], int]) -> int:
        known = register(self, role, count, prove)
        if count < known:
            fire()
            with self._database.writer() as connection:
                lower = "UPDATE chain_signers SET next_nonce = ? WHERE chain_id = ? AND address = ?"
                execute(connection, lower, count, self._chain_id, bytes(self._signers[role].address))
        return known

    put(SigningDesk, "register_key", follow)


def settle_twice(fire: Fire) -> None:
    """The first window is queued a second time, as another call."""
    done: list[bool] = []

    def queue(connection: Any, calls: Sequence[ChainCall], **rest: Any) -> None:
        if not done:
            done.append(True)
            fire()
            calls = [*calls, calls[-1]]
        enqueue(connection, calls, **rest)

    put(settler, "enqueue", queue)
