"""Keep what proves each anchor while the chain still serves it: receipt, trie proofs, headers.

For every mined anchor: the block's receipts are encoded and must give the header's receipts root; the
receipt's path and the contract's account path are stored with the header, then the headers that follow up
to the finality depth. A row is complete when the last of them is there and each names the one before as its
parent. When a reorganisation moves an anchor to another block, its row and the headers above are replaced;
where the node does not prove the new block's state any more, the anchor stays without evidence.
"""

from __future__ import annotations

import threading
from itertools import pairwise

import structlog
from sqlalchemy import Connection, and_, or_, select, update

from chain.errors import FatalChainError, TransientChainError
from chain.events import Anchored, decode
from chain.evidence.rlp import format_rlp
from chain.evidence.tries_build import build_receipt_proof
from chain.evm.blocks import HEAVY_GAS, QUIET_BLOCKS, Header, Receipt, encode_receipt
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.state import fetch_proven_state
from chain.types import Address
from gateway.anchor.tables import anchor_evidence
from gateway.db import Database, execute, execute_many
from gateway.failpoints import step
from gateway.outbox.calls import TransactionState
from gateway.outbox.tables import chain_transactions
from gateway.outbox.trouble import WAIT_OUT

_log = structlog.get_logger("anchor")
_rows = chain_transactions.c
_held = anchor_evidence.c
_DONE = (TransactionState.MINED.value, TransactionState.FINAL.value)
_LATEST = 48
"""Depth of a heavy block at which its anchor's evidence waits for quiet no more: its state will be gone."""
_MOST = 256
"""Newest anchors looked at; the state that proves older ones is gone from most nodes anyway."""


_EVIDENCE_NAMES = tuple(column.name for column in anchor_evidence.c)
_EVIDENCE_KEY = ("chain_id", "log_id", "size")
_UPSERT_EVIDENCE = (
    f"INSERT INTO anchor_evidence ({', '.join(_EVIDENCE_NAMES)}) "  # noqa: S608  names are ours
    f"VALUES ({', '.join('?' * len(_EVIDENCE_NAMES))}) ON CONFLICT (chain_id, log_id, size) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _EVIDENCE_NAMES if name not in _EVIDENCE_KEY)
    + " WHERE anchor_evidence.block_hash <> excluded.block_hash"
)
_DROP_EVIDENCE = (
    "DELETE FROM anchor_evidence WHERE chain_id = ? AND log_id = ? AND size = ? AND block_hash = ? "
    "AND NOT complete AND NOT EXISTS (SELECT 1 FROM chain_transactions t "
    "WHERE t.chain_id = anchor_evidence.chain_id AND t.tx_hash = anchor_evidence.tx_hash "
    "AND t.block_hash = anchor_evidence.block_hash)"
)
_UPSERT_HEADER = (
    "INSERT INTO anchor_headers (chain_id, number, hash, parent_hash, header) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (chain_id, number) DO UPDATE SET hash = excluded.hash, parent_hash = excluded.parent_hash, "
    "header = excluded.header WHERE anchor_headers.hash <> excluded.hash"
)


class EvidenceKeeper:
    """Captures evidence of one log's anchors on one chain."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        *,
        chain_id: int,
        log_id: bytes,
        contract: Address,
        depth: int,
        pause: float = 0.5,
    ) -> None:
        """``depth`` is the number of headers that must follow an anchor's block."""
        self._database = database
        self._client = client
        self._chain_id = chain_id
        self._log_id = log_id
        self._contract = contract
        self._depth = depth
        self._pause = pause
        self._lost: set[tuple[int, bytes]] = set()

    def run(self, stop: threading.Event) -> None:
        """Capture until ``stop`` is set; node trouble is waited out.

        Raises:
            FatalChainError: the node's receipts or headers contradict each other.
        """
        while not stop.is_set():
            try:
                self.step()
            except WAIT_OUT as error:
                _log.warning(
                    "evidence waits for the node", error=type(error).__name__, reason=str(error)[:200]
                )
            stop.wait(self._pause)

    def step(self) -> int:
        """Capture new anchors and complete earlier ones. Returns how many rows became complete.

        Raises:
            TransientChainError: the node did not answer or changed its chain meanwhile.
        """
        missing = self._missing()
        head = int(self._client.block_number()) if missing else 0
        busy = bool(missing) and self._is_busy(head)
        for size, block_number, block_hash, tx_hash in missing:
            if busy and self._may_wait(block_number, head):
                continue
            try:
                self._capture(size, block_number, block_hash, tx_hash)
            except NodeRefused as refused:
                # The node keeps that state no more. Leaves below are proven by the next anchor as well.
                _log.warning("an anchor stays without evidence", size=size, reason=refused.message)
                self._lost.add((size, block_hash))
        return self._complete()

    def _is_busy(self, head: int) -> bool:
        """Return whether one of the newest blocks is full: what takes the node long would hold others up."""
        latest = self._client.headers(max(0, head - QUIET_BLOCKS + 1), head + 1)
        return any(header.gas_used > HEAVY_GAS for header in latest)

    def _may_wait(self, block_number: int, head: int) -> bool:
        """Return whether an anchor's block is so full that its evidence waits for a quieter time."""
        return head - block_number < _LATEST and self._client.header(block_number).gas_used > HEAVY_GAS

    def _missing(self) -> list[tuple[int, int, bytes, bytes]]:
        """Return the newest anchors that are mined and have no evidence, or that of another block."""
        newest = (
            select(_rows.anchored_size, _rows.block_number, _rows.block_hash, _rows.tx_hash, _rows.state)
            .where(_rows.chain_id == self._chain_id, _rows.kind == "anchor", _rows.log_id == self._log_id)
            .order_by(_rows.id.desc())
            .limit(_MOST)
            .subquery()
        )
        mine = newest.c
        held = and_(
            _held.chain_id == self._chain_id,
            _held.log_id == self._log_id,
            _held.size == mine.anchored_size,
        )
        query = (
            select(mine.anchored_size, mine.block_number, mine.block_hash, mine.tx_hash)
            .select_from(newest.outerjoin(anchor_evidence, held))
            .where(mine.state.in_(_DONE), or_(_held.size.is_(None), _held.block_hash != mine.block_hash))
            .order_by(mine.anchored_size)
        )
        with self._database.reader() as connection:
            found = [
                (
                    int(row.anchored_size or 0),
                    int(row.block_number or 0),
                    row.block_hash or b"",
                    row.tx_hash or b"",
                )
                for row in connection.execute(query)
            ]
        return [anchor for anchor in found if (anchor[0], anchor[2]) not in self._lost]

    def _capture(self, size: int, block_number: int, block_hash: bytes, tx_hash: bytes) -> None:
        values, header = self._read_evidence(size, block_number, block_hash, tx_hash)
        with self._database.writer(step("anchor.evidence")) as connection:
            self._store_evidence(connection, values, header)

    def _read_evidence(
        self, size: int, block_number: int, block_hash: bytes, tx_hash: bytes
    ) -> tuple[dict[str, object], Header]:
        """Return the row of an anchor, not complete yet, and the header of its block."""
        header = self._client.header(block_number)
        if header.hash != block_hash:
            raise TransientChainError(
                f"block {block_number}: the anchor's block is not on the chain any more"
            )
        receipts = self._client.block_receipts(block_number)
        receipt, log_index, root = self._find_event(receipts, tx_hash, size)
        got, proof = build_receipt_proof([encode_receipt(item) for item in receipts], receipt.tx_index)
        if got != header.receipts_root:
            raise FatalChainError(
                f"block {block_number}: receipts give {got.hex()}, header has {header.receipts_root.hex()}"
            )
        account = fetch_proven_state(self._client, header, self._contract, [])
        values: dict[str, object] = {
            "chain_id": self._chain_id,
            "log_id": self._log_id,
            "size": size,
            "root": root,
            "contract": bytes(self._contract),
            "tx_hash": tx_hash,
            "tx_index": receipt.tx_index,
            "log_index": log_index,
            "receipt": encode_receipt(receipt),
            "receipt_proof": format_rlp(proof),
            "block_number": block_number,
            "block_hash": block_hash,
            "header": header.raw,
            "account_proof": format_rlp(list(account.nodes)),
            "code_hash": account.code_hash,
            "complete": False,
        }
        return values, header

    def _store_evidence(self, connection: Connection, values: dict[str, object], header: Header) -> None:
        """Store a row unless the same evidence is there: of two keepers on one database one is second."""
        execute(connection, _UPSERT_EVIDENCE, *[values[name] for name in _EVIDENCE_NAMES])
        self._store_headers(connection, [header])

    def _find_event(self, receipts: list[Receipt], tx_hash: bytes, size: int) -> tuple[Receipt, int, bytes]:
        """Return the receipt, the event's position in it, and the anchored root."""
        for receipt in receipts:
            if receipt.tx_hash != tx_hash:
                continue
            for position, log in enumerate(receipt.logs):
                if log.address != self._contract:
                    continue
                event = decode(log)
                if isinstance(event, Anchored) and event.log_id == self._log_id and event.size == size:
                    return receipt, position, event.root
        raise TransientChainError(f"no event anchors size {size} in the block of its transaction")

    def _store_headers(self, connection: Connection, headers: list[Header]) -> None:
        """Store headers, replacing those of a former chain at the same heights; ascending, so that two
        keepers wait for each other instead of blocking each other.
        """
        rows = [(self._chain_id, it.number, it.hash, it.parent_hash, it.raw) for it in headers]
        execute_many(connection, _UPSERT_HEADER, rows)

    def _complete(self) -> int:
        """Store the headers that follow incomplete rows and mark those whose run is whole and linked."""
        head = int(self._client.block_number())
        query = (
            select(_held.size, _held.block_number, _held.block_hash)
            .where(
                _held.chain_id == self._chain_id,
                _held.log_id == self._log_id,
                _held.complete.is_(False),
                _held.block_number <= head - self._depth,
            )
            .order_by(_held.block_number)
            .limit(_MOST)
        )
        with self._database.reader() as connection:
            waiting = connection.execute(query).all()
        done = 0
        for size, number, block_hash in waiting:
            headers = self._client.headers(number, number + self._depth + 1)
            linked = headers[0].hash == block_hash and all(
                after.parent_hash == before.hash for before, after in pairwise(headers)
            )
            if not linked:
                self._drop(size, block_hash)
                continue
            with self._database.writer(step("anchor.complete")) as connection:
                self._store_headers(connection, headers)
                mine = and_(
                    _held.chain_id == self._chain_id,
                    _held.log_id == self._log_id,
                    _held.size == size,
                    _held.block_hash == block_hash,
                )
                connection.execute(update(anchor_evidence).where(mine).values(complete=True))
            done += 1
        return done

    def _drop(self, size: int, block_hash: bytes) -> None:
        """Remove what was read of a block that is gone, once nothing says that the anchor is in it.

        It proves nothing, and the transaction's new block may have no evidence that could replace it.
        """
        with self._database.writer() as connection:
            execute(connection, _DROP_EVIDENCE, self._chain_id, self._log_id, size, block_hash)
