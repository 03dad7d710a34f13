"""Putting a holder's bundle together: the record, its place in the anchored log, and what the contract did
with it.

Everything in a bundle is checked by whoever verifies it, so nothing is verified again here. Parts come from
SQL, the log view and, for the outcome, from state proofs at the newest block that has enough blocks on top
of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Protocol

from sqlalchemy import select

from chain.checkpoint import select_signatures
from chain.disclosure import disclosure_digest, verify_disclosures
from chain.entry import operation_digest, parse_entry
from chain.errors import ChainError, FatalChainError, FormatError
from chain.evidence.bundle import (
    AnchorEvidence,
    Bundle,
    ChainEvidence,
    HeaderRun,
    LogEvidence,
    OutcomeEvidence,
    StateEvidence,
    format_bundle,
)
from chain.evidence.layout import (
    account_key,
    cursor_key,
    lock_key,
    parse_account_slot,
    parse_lock_slot,
    refused_key,
)
from chain.evidence.lock import LockEvidence, lock_of
from chain.evidence.rlp import parse_rlp_list
from chain.evm.blocks import AccountProof
from chain.evm.client import EvmClient
from chain.evm.state import fetch_proven_state
from chain.types import AccountId, Address, BlockNumber, Digest, LeafIndex, NodeHash, TreeSize
from gateway.anchor.tables import anchor_evidence, anchor_headers
from gateway.db import Database
from gateway.errors import Refusal
from gateway.evidence.records import Record
from gateway.ledger.tables import checkpoints

_CACHED_BUNDLES = 2_048


class Paths(Protocol):
    """What is needed of the log view."""

    def inclusion_proof(self, index: LeafIndex, size: TreeSize) -> list[bytes]:
        """Return the path of leaf ``index`` in the tree of ``size``."""
        ...

    def leaf_hash(self, index: LeafIndex) -> bytes:
        """Return the hash of a published leaf as the tree has it."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """Which log and contracts bundles speak of, and how deep a block must lie.

    ``vkeys`` are the keys the trust root pins for the log and its witnesses: a bundle carries signatures of
    no others, as nobody could check them.
    """

    origin: str
    log_id: Digest
    chain_id: int
    anchor_contract: Address
    credit_contract: Address
    trust_root: Digest
    depth: int
    vkeys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Anchor:
    """One complete row of anchor evidence."""

    size: int
    block: int
    section: AnchorEvidence


class BundleAssembler:
    """Builds bundles of one log on one chain; a final one's parts are kept for the next who asks."""

    def __init__(
        self,
        database: Database,
        client: EvmClient,
        paths: Paths,
        subject: Subject,
        disclosures: Callable[[Record], Sequence[str]],
    ) -> None:
        """``disclosures`` gives all private fields of a record that can still be opened."""
        self._database = database
        self._client = client
        self._paths = paths
        self._subject = subject
        self._disclosures = disclosures
        self._lock = Lock()
        self._final: OrderedDict[int, Bundle] = OrderedDict()

    def assemble(self, record: Record, disclose: Sequence[str] | None) -> bytes:
        """Return the bundle's bytes; ``disclose`` names the private fields to show, None shows all.

        Raises:
            Refusal: ``proof.pending`` until the entry is final, ``disclosure.unknown`` for a name it has not,
                ``entry.unknown`` after erasure, ``chain.unavailable`` while the node does not answer,
                ``log.damaged`` where what is stored is not what the log signed.
        """
        self._check(record)
        try:
            bundle = self._known(record.index) or self._build(record)
        except FatalChainError:
            raise
        except ChainError:
            raise Refusal("chain.unavailable") from None
        return format_bundle(replace(bundle, disclosures=self._chosen(record, disclose)))

    def assemble_state(self, record: Record, account: Address) -> bytes:
        """Return a bundle of ``record`` (an entry of the account) with the account's balance at a final
        block.

        Raises:
            Refusal: as for `assemble`.
        """
        self._check(record)
        try:
            bundle = self._known(record.index) or self._build(record)
            block = self._final_block()
            return format_bundle(self._with_state(bundle, account, block))
        except FatalChainError:
            raise
        except ChainError:
            raise Refusal("chain.unavailable") from None

    def log_evidence(self, record: Record, least: int = 0) -> LogEvidence:
        """Return the record's place in the tree of the first anchor that covers it, as its bundle has it, or
        in the first of ``least`` leaves or more.

        Raises:
            Refusal: ``proof.pending`` until there is one; ``log.damaged``.
        """
        self._check(record)
        return self._log(record, self._anchor(record.index, least).size)

    def _check(self, record: Record) -> None:
        """Pass where the stored entry and its operands are those of the leaf in the tree, if it is there yet.

        Raises Refusal ``log.damaged``.
        """
        try:
            if self._paths.leaf_hash(record.index) != record.leaf_hash:
                raise Refusal("log.damaged")
        except FormatError:
            # In no checkpoint yet: there is no proof of it either.
            return
        if record.body is not None and not (record.is_whole and _operands_hold(record, record.body)):
            raise Refusal("log.damaged")

    def _known(self, index: int) -> Bundle | None:
        with self._lock:
            return self._final.get(index)

    def _build(self, record: Record) -> Bundle:
        if record.body is None or record.salt is None:
            raise Refusal("entry.unknown")
        anchor = self._anchor(record.index)
        log = self._log(record, anchor.size)
        blocks = [anchor.block]
        outcome = lock = None
        if record.acts:
            about = lock_of(parse_entry(record.body).operation, record.leaf_hash)
            outcome, lock = self._outcome(record, about)
            blocks.append(outcome.block)
        bundle = Bundle(
            trust_root=self._subject.trust_root,
            entry=record.body,
            salt=record.salt,
            op_salt=record.op_salt,
            disclosures=(),
            log=log,
            chain=ChainEvidence(self._subject.chain_id, self._runs(blocks)),
            anchor=anchor.section,
            outcome=outcome,
            lock=lock,
        )
        if lock is not None:
            # What is left of a lock changes later: whoever asks again gets the newest final block's word.
            return bundle
        with self._lock:
            self._final[record.index] = bundle
            while len(self._final) > _CACHED_BUNDLES:
                self._final.popitem(last=False)
        return bundle

    def _anchor(self, index: int, least: int = 0) -> _Anchor:
        """Return the first anchor of ``least`` or more that covers the leaf and has its following headers."""
        held = anchor_evidence.c
        wanted = (
            select(anchor_evidence)
            .where(
                held.chain_id == self._subject.chain_id,
                held.log_id == bytes(self._subject.log_id),
                held.size > index,
                held.size >= least,
                held.complete,
            )
            .order_by(held.size)
            .limit(1)
        )
        with self._database.reader() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise Refusal("proof.pending", state="logged", want="final")
        section = AnchorEvidence(
            block=BlockNumber(row.block_number),
            contract=Address(row.contract),
            tx_index=row.tx_index,
            log_index=row.log_index,
            receipt_proof=_nodes(row.receipt_proof),
            account_proof=_nodes(row.account_proof),
        )
        return _Anchor(row.size, row.block_number, section)

    def _log(self, record: Record, size: int) -> LogEvidence:
        with self._database.reader() as connection:
            note = connection.execute(
                select(checkpoints.c.note).where(checkpoints.c.size == size)
            ).scalar_one()
        path = self._paths.inclusion_proof(record.index, TreeSize(size))
        return LogEvidence(
            origin=self._subject.origin,
            index=record.index,
            size=TreeSize(size),
            leaf=record.leaf_data,
            path=tuple(map(NodeHash, path)),
            checkpoint=select_signatures(note, self._subject.vkeys).decode(),
        )

    def _final_block(self) -> BlockNumber:
        """Return the newest block with enough blocks on top of it."""
        return BlockNumber(max(0, self._client.block_number() - self._subject.depth))

    def _outcome(self, record: Record, about: bytes | None) -> tuple[OutcomeEvidence, LockEvidence | None]:
        """Return what became of the operation and, of the same block, of the lock it is ``about``."""
        block = self._final_block()
        keys = [cursor_key(self._subject.log_id), refused_key(self._subject.log_id, record.index)]
        proof = self._state(block, keys if about is None else [*keys, lock_key(about)])
        cursor, refused, *locks = proof.storage
        if cursor.value <= record.index:
            raise Refusal("proof.pending", state="anchored", want="final")
        outcome = OutcomeEvidence(
            block=block,
            contract=self._subject.credit_contract,
            account_proof=proof.nodes,
            cursor=cursor.value,
            cursor_proof=cursor.nodes,
            refused=refused.value,
            refused_proof=refused.nodes,
        )
        if not locks:
            return outcome, None
        slot = parse_lock_slot(locks[0].value)
        return outcome, LockEvidence(slot.holder, slot.rest, locks[0].nodes)

    def _state(self, block: BlockNumber, keys: Sequence[bytes]) -> AccountProof:
        """Return slots of the credit contract at a block, proven against that block's header."""
        header = self._client.header(block)
        return fetch_proven_state(self._client, header, self._subject.credit_contract, keys)

    def _with_state(self, bundle: Bundle, account: Address, block: BlockNumber) -> Bundle:
        proof = self._state(block, [account_key(account)])
        held = parse_account_slot(proof.storage[0].value)
        state = StateEvidence(
            block=block,
            contract=self._subject.credit_contract,
            account_proof=proof.nodes,
            account=AccountId("acct_" + account.hex()),
            balance=held.balance,
            locked=held.locked,
            sequence=held.sequence,
            storage_proof=proof.storage[0].nodes,
        )
        blocks = [section.block for section in (bundle.anchor, bundle.outcome, state) if section is not None]
        chain = ChainEvidence(self._subject.chain_id, self._runs(blocks))
        return replace(bundle, chain=chain, state=state)

    def _runs(self, blocks: Sequence[int]) -> tuple[HeaderRun, ...]:
        """Return the headers of each block and of those on top of it, ranges that touch joined into one
        run."""
        depth = self._subject.depth
        spans: list[list[int]] = []
        for block in sorted(set(blocks)):
            if spans and block <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], block + depth + 1)
            else:
                spans.append([block, block + depth + 1])
        return tuple(self._run(first, end) for first, end in spans)

    def _run(self, first: int, end: int) -> HeaderRun:
        stored = self._stored_headers(first, end)
        if len(stored) == end - first:
            return HeaderRun(tuple(raw for raw, _ in stored), Digest(stored[-1][1]))
        headers = self._client.headers(first, end)
        return HeaderRun(tuple(header.raw for header in headers), headers[-1].hash)

    def _stored_headers(self, first: int, end: int) -> list[tuple[bytes, bytes]]:
        kept = anchor_headers.c
        wanted = (
            select(kept.header, kept.hash)
            .where(kept.chain_id == self._subject.chain_id, kept.number >= first, kept.number < end)
            .order_by(kept.number)
        )
        with self._database.reader() as connection:
            return [(row.header, row.hash) for row in connection.execute(wanted)]

    def _chosen(self, record: Record, names: Sequence[str] | None) -> tuple[str, ...]:
        held = tuple(self._disclosures(record))
        if names is None:
            return held
        by_name = {disclosure_name(text): text for text in held}
        if any(name not in by_name for name in names):
            raise Refusal("disclosure.unknown")
        return tuple(by_name[name] for name in names)


def disclosure_name(text: str) -> str:
    """Return the name of the private field a disclosure of ours opens."""
    return next(iter(verify_disclosures({"_sd": [disclosure_digest(text)]}, [text])))


def _operands_hold(record: Record, body: bytes) -> bool:
    """Whether the stored salt opens the leaf's digest of the operation that the entry orders."""
    operation, digest = parse_entry(body).operation, record.leaf_data[33:]
    if operation is None or record.op_salt is None:
        return operation is None and not record.acts
    return operation_digest(operation, record.op_salt) == digest


def _nodes(stored: bytes) -> tuple[bytes, ...]:
    """Return trie nodes stored as an RLP list of byte strings."""
    return tuple(item for item in parse_rlp_list(stored) if isinstance(item, bytes))
