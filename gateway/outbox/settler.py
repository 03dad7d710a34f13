"""Plan the windows by which the chain executes the ledger: from its cursor on, in order, without a gap.

Windows are queued behind the anchor they prove against, by the same key, so nonce order is their order on
chain and several may be on their way at once. A window that fails changes nothing on chain, but every later
one of its run fails with it: the rest of the run is withdrawn or awaited, then a new run starts from the
contract's cursor, with smaller windows and after a pause. The plan is in the rows alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import structlog
from sqlalchemy import Connection, update

from chain.evm.client import EvmClient
from chain.types import Address, TreeSize
from gateway.db import Database, fetch_all
from gateway.failpoints import step
from gateway.outbox.calls import ChainCall, TransactionState
from gateway.outbox.credit_views import load_anchored, load_cursor, load_self_custody
from gateway.outbox.order import SETTLING_KEY, before_barrier, load_unfinished
from gateway.outbox.queue import enqueue
from gateway.outbox.rows import lock_order
from gateway.outbox.sources import Leaf, LeafSource, TreeProofs
from gateway.outbox.tables import chain_transactions
from gateway.outbox.trouble import WAIT_OUT
from gateway.outbox.windows import PlannedWindow, WindowEncoder, WindowLimits, cut_window

_log = structlog.get_logger("settler")
_rows = chain_transactions.c
_QUEUED = TransactionState.QUEUED.value
_DONE = (TransactionState.MINED.value, TransactionState.FINAL.value)
_MOST_HALVINGS = 9

# By hand: the plan is read twenty times a second, and built as expressions these cost ten times more.
_WINDOWS = "FROM chain_transactions WHERE chain_id = ? AND log_id = ? AND kind = 'settle'"
_SELECT_LAST_WINDOW = f"SELECT id, run, window_end, anchored_size {_WINDOWS} ORDER BY id DESC LIMIT 1"
_SELECT_LAST_GOOD = f"SELECT run {_WINDOWS} AND state IN ('mined', 'final') ORDER BY id DESC LIMIT 1"
_SELECT_LAST_ANCHOR = """
SELECT id, anchored_size, state FROM chain_transactions
WHERE chain_id = ? AND log_id = ? AND kind = 'anchor' AND state NOT IN ('failed', 'replaced')
ORDER BY id DESC LIMIT 1"""
_COUNT_WINDOWS = f"""
SELECT (SELECT count(*) {_WINDOWS} AND state = 'queued'),
       (SELECT count(*) {_WINDOWS} AND state IN ('signed', 'sent')),
       (SELECT count(*) {_WINDOWS} AND state IN ('failed', 'replaced') AND run = ?)"""


@dataclass(frozen=True, slots=True)
class SettleSettings:
    """How to cut and pace windows.

    ``window_gas`` must fit the node's block limit (half of it at most, for others' sake); ``windows`` is how
    many may be unmined at once, ``step_windows`` how many one step plans. ``pause`` is in seconds,
    ``blocked_pause`` that between two looks at a leaf that waits for its co-signature.
    """

    window_leaves: int = 400
    window_gas: int = 15_000_000
    windows: int = 192
    step_windows: int = 12
    pause: float = 0.05
    blocked_pause: float = 1.0
    signer: str = SETTLING_KEY


@dataclass(frozen=True, slots=True)
class Plan:
    """Where planning stands, as the rows say. ``end`` and ``size`` are of the run's last window."""

    run: int
    end: int
    size: int
    last_window: int
    run_failed: bool
    queued: int
    on_their_way: int
    failed_runs: int
    anchor_id: int
    anchor_size: int
    anchor_on_its_way: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What holds settlement back: the entry at ``index`` whose call another key has not finished.

    ``seconds`` is how long operations behind it have waited; None and 0 where nothing waits.
    """

    index: int | None = None
    seconds: float = 0.0


class Settler:
    """Plans windows of one log on one chain."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        source: LeafSource,
        proofs: TreeProofs,
        *,
        chain_id: int,
        log_id: bytes,
        credit: Address,
        anchor: Address,
        clock: Callable[[], str],
        settings: SettleSettings | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._source = source
        self._chain_id = chain_id
        self._log_id = log_id
        self._credit = credit
        self._anchor = anchor
        self._clock = clock
        self._settings = settings or SettleSettings()
        self._encoder = WindowEncoder(log_id, source, proofs, self._settings.signer)
        self._blocked_at: int | None = None
        self._held_at: int | None = None
        self._held_since = 0.0
        # Pacing only: forgetting it costs one early try, or one late one.
        self._paused_for = 0
        self._least_gas = 0
        self._not_before = 0.0

    @property
    def blocked_at(self) -> int | None:
        """Index of the leaf that only a co-signature can pass, None where nothing blocks."""
        return self._blocked_at

    @property
    def held(self) -> Held:
        """Which entry's call operations wait for now, and for how long."""
        index, since = self._held_at, self._held_since
        return Held() if index is None else Held(index, time.monotonic() - since)

    def run(self, stop: threading.Event) -> None:
        """Plan until ``stop`` is set; node trouble is waited out.

        Raises:
            FatalChainError: the contracts are not those of this log.
        """
        while not stop.is_set():
            try:
                planned = self.step()
            except WAIT_OUT as error:
                _log.warning(
                    "settler waits for the node", error=type(error).__name__, reason=str(error)[:200]
                )
                stop.wait(1.0)
                continue
            if planned == 0:
                stop.wait(self._settings.pause)

    def step(self) -> int:
        """Queue the next windows that may be on their way now. Returns how many were queued.

        Raises:
            TransientChainError: the node did not answer; nothing was queued.
        """
        with self._database.reader() as connection:
            plan = self.load_plan(connection)
        if plan.run_failed and plan.queued:
            self._withdraw(plan)
            return 0
        room = self._settings.windows - plan.queued - plan.on_their_way
        if room <= 0:
            return 0
        if plan.run == 0 or plan.run_failed:
            return self._start_run(plan)
        size = max(plan.size, plan.anchor_size)
        return self._extend(plan, plan.run, plan.end, size, min(room, self._settings.step_windows))

    def load_plan(self, connection: Connection) -> Plan:
        """Return where planning stands."""
        chain_id, log_id = self._chain_id, self._log_id
        last = fetch_all(connection, _SELECT_LAST_WINDOW, chain_id, log_id)
        anchor = fetch_all(connection, _SELECT_LAST_ANCHOR, chain_id, log_id)
        window_id, run, end, size = cast("tuple[int, int, int, int]", last[0] if last else (0, 0, 0, 0))
        anchor_id, anchor_size, state = cast("tuple[int, int, str]", anchor[0] if anchor else (0, 0, "final"))
        counted = fetch_all(connection, _COUNT_WINDOWS, *(chain_id, log_id) * 3, run)
        queued, on_their_way, failed = cast("tuple[int, int, int]", counted[0])
        good = fetch_all(connection, _SELECT_LAST_GOOD, chain_id, log_id) if failed else []
        return Plan(
            run=run,
            end=end,
            size=size,
            last_window=window_id,
            run_failed=failed > 0,
            queued=queued,
            on_their_way=on_their_way,
            failed_runs=run - (cast("int", good[0][0]) if good else 0) if failed else 0,
            anchor_id=anchor_id,
            anchor_size=anchor_size,
            anchor_on_its_way=state not in _DONE,
        )

    def _withdraw(self, plan: Plan) -> None:
        """Take back the windows of a failed run that have no nonce yet: they could only fail too."""
        with self._database.writer(step("settle.withdraw")) as connection:
            connection.execute(
                update(chain_transactions)
                .where(
                    _rows.chain_id == self._chain_id,
                    _rows.log_id == self._log_id,
                    _rows.kind == "settle",
                    _rows.run == plan.run,
                    _rows.state == _QUEUED,
                )
                .values(state=TransactionState.FAILED.value, error="withdrawn: an earlier window failed")
            )

    def _start_run(self, plan: Plan) -> int:
        if plan.on_their_way:
            # Their fate is not known yet, so neither is the cursor.
            return 0
        if not self._may_start(plan):
            return 0
        cursor = load_cursor(self._client, self._credit, self._log_id)
        size = load_anchored(self._client, self._anchor, self._log_id).size
        if plan.anchor_on_its_way:
            size = max(size, plan.anchor_size)
        # The first window of a new run goes alone: it shows what was wrong before others follow it.
        most = 1 if plan.failed_runs else self._settings.step_windows
        return self._extend(plan, plan.run + 1, cursor, size, most)

    def _may_start(self, plan: Plan) -> bool:
        """Pause before a run that follows a failed one, longer each time, without holding up the caller."""
        if not plan.failed_runs:
            return True
        now = time.monotonic()
        if self._paused_for != plan.last_window:
            self._paused_for = plan.last_window
            self._not_before = now + min(0.1 * 2**plan.failed_runs, 10.0)
        return now >= self._not_before

    def _extend(self, plan: Plan, run: int, start: int, size: int, most: int) -> int:
        limits = self._limits(plan)
        barrier = self._load_barrier()
        calls: list[ChainCall] = []
        held: int | None = None
        while len(calls) < most and start < size:
            leaves = self._source.leaves(start, min(start + limits.leaves, size))
            free = before_barrier(leaves, barrier)
            if not free:
                held = barrier
                break
            window = cut_window(free, start, limits)
            if window is None:
                break
            call = self._encode(window, size, run, careful=plan.failed_runs > 0)
            # anvil puts a small transaction into the room a large one before it did not fit, and drops it for
            # its nonce: none that follows may ask for less.
            self._least_gas = max(call.gas, self._least_gas if plan.on_their_way or calls else 0)
            calls.append(replace(call, gas=self._least_gas))
            start = window.end
        else:
            self._blocked_at = None
        self._note_held(held)
        if not calls:
            return self._pass_blocked(plan, start, size) if start < size and held is None else 0
        # If we crash here, nothing is queued and the next step plans the same windows again.
        with self._database.writer(step("settle.queue")) as connection:
            lock_order(connection, self._chain_id)
            if not self._is_newest(connection, plan):
                # An anchor or window came in between: these proofs may be for a tree that is not the newest.
                return 0
            enqueue(connection, calls, chain_id=self._chain_id, reference="settle", at=self._clock())
        return len(calls)

    def _load_barrier(self) -> int | None:
        """Return the index from which on no operation may be settled yet, None where all may."""
        with self._database.reader() as connection:
            waiting = load_unfinished(connection, self._chain_id, self._settings.signer)
        return self._source.first_index(waiting) if waiting else None

    def _note_held(self, index: int | None) -> None:
        if index != self._held_at:
            self._held_since = time.monotonic()
            self._held_at = index

    def _is_newest(self, connection: Connection, plan: Plan) -> bool:
        now = self.load_plan(connection)
        return (now.run, now.last_window, now.run_failed, now.anchor_id) == (
            plan.run,
            plan.last_window,
            plan.run_failed,
            plan.anchor_id,
        )

    def _limits(self, plan: Plan) -> WindowLimits:
        """Halve windows and allow more gas for each run that failed in a row."""
        settings = self._settings
        halvings = min(plan.failed_runs, _MOST_HALVINGS)
        limits = WindowLimits(settings.window_leaves, settings.window_gas)
        if halvings:
            leaves = max(1, settings.window_leaves >> halvings)
            limits = replace(limits, leaves=leaves, gas_scale=1.0 + 0.5 * halvings)
        return limits

    def _encode(self, window: PlannedWindow, size: int, run: int, *, careful: bool) -> ChainCall:
        """Encode a window; after a failed run, ask the contract who signs for themselves."""
        if not careful:
            return self._encoder.encode(window, TreeSize(size), run, _has_evidence)
        senders = {leaf.sender for leaf in window.leaves if 2 <= leaf.kind <= 5}
        holders = load_self_custody(self._client, self._credit, sorted(senders))
        return self._encoder.encode(
            window, TreeSize(size), run, lambda leaf: 2 <= leaf.kind <= 5 and leaf.sender in holders
        )

    def _pass_blocked(self, plan: Plan, index: int, size: int) -> int:
        """A leaf cannot be opened: go on behind it once the contract passed it by co-signature."""
        if self._blocked_at != index:
            _log.error("a leaf cannot be opened; settlement waits for its co-signature", index=index)
        self._blocked_at = index
        if plan.queued or plan.on_their_way or time.monotonic() < self._not_before:
            return 0
        self._not_before = time.monotonic() + self._settings.blocked_pause
        cursor = load_cursor(self._client, self._credit, self._log_id)
        if cursor <= index:
            return 0
        return self._extend(plan, plan.run + 1, cursor, size, self._settings.step_windows)


def _has_evidence(leaf: Leaf) -> bool:
    return leaf.evidence is not None
