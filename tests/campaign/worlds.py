"""Two records of one made-up log and chain, each with its complete bundle for the same trust root.

Parts of one therefore hold in the other's place wherever the format lets them, which is what a forger would
try first. Three witnesses cosigned; every block is sealed. A second pair is of locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from chain.checkpoint import cosign, format_checkpoint, sign_note
from chain.disclosure import disclosure_digest, make_disclosure
from chain.entry import (
    Operation,
    OperationKind,
    account_address,
    build_entry,
    encode_entry,
    entry_commitment,
    leaf_data,
    operation_digest,
)
from chain.evidence.bundle import (
    AnchorEvidence,
    Bundle,
    ChainEvidence,
    LogEvidence,
    OutcomeEvidence,
    StateEvidence,
)
from chain.hashing import hash_leaf
from chain.merkle.prove import inclusion_proof
from chain.merkle.tree import Tree
from chain.trust_root import Requirements, TrustRoot, Witness, trust_root_id
from chain.types import AccountId, Address, BlockNumber, ChapterCode, EntryId, LeafIndex, TreeSize
from tests.reference import bundle_maker as maker
from tests.reference import chain_maker, naive_trie
from tests.reference.bundle_maker import Made, MadeLock
from tests.reference.chain_maker import Contract, keccak, mapping, word

DEPTH = 2
WITNESSES = tuple(f"witness.example.org/{name}" for name in ("bank", "regulator", "university"))


@dataclass(frozen=True)
class Record:
    """What one bundle of a pair is about; ``refused`` is the contract's reason, 0 = done."""

    entry_id: str
    index: int
    amount: int
    note: str
    account: AccountId
    balance: int
    locked: int
    refused: int = 0
    lock: MadeLock | None = None

    @property
    def salt(self) -> bytes:
        return sha256(f"salt {self.entry_id}".encode()).digest()

    @property
    def operation(self) -> Operation:
        if self.lock is not None:
            return replace(self.lock.operation, amount=self.amount)
        sender, receiver = account_address(maker.SENDER), account_address(maker.RECEIVER)
        return Operation(OperationKind.TRANSFER, sender, receiver, self.amount, 0, bytes(32))

    @property
    def disclosures(self) -> tuple[str, ...]:
        return (make_disclosure(sha256(self.note.encode()).digest()[:16], "note", self.note),)

    @property
    def entry(self) -> bytes:
        return encode_entry(
            build_entry(
                entry_id=EntryId(self.entry_id),
                type_name="gift.sent" if self.lock is None else maker.LOCK_TYPES[self.lock.kind],
                chapter=ChapterCode("3101-0007"),
                at="2026-11-22T05:58:57.123Z",
                actor=maker.SENDER,
                authority="device",
                subjects={maker.SENDER: (4, self.salt), maker.RECEIVER: (1, bytes(32))},
                operation=self.operation,
                public={},
                sd=[disclosure_digest(item) for item in self.disclosures],
            )
        )

    @property
    def leaf(self) -> bytes:
        commitment = entry_commitment(self.salt, self.entry)
        return leaf_data(commitment, operation_digest(self.operation, self.salt[:16]))


RECORDS = (
    Record("01JDCZ9Q2W3E4R5T6Y7V8A9S0D", 211, 2_000, "谢谢你的帮助", maker.SENDER, 123_456, 2_000),
    Record("01JDCZ9Q2W3E4R5T6Y7V8A9S0E", 100, 777, "修好了水管", maker.RECEIVER, 4_200, 0, refused=7),
)

LOCK_RECORDS = (
    replace(RECORDS[0], lock=MadeLock(rest=700)),
    replace(RECORDS[1], refused=0, lock=MadeLock(OperationKind.RELEASE, rest=0)),
)
"""A lock of which something is left, and the release of what was left of another."""


def make_root(kind: str) -> TrustRoot:
    """A root that requires everything: anchor, outcome, seals of ``kind``, depth and three witnesses."""
    base = maker.make_root(kind, depth=DEPTH, witnesses=0)
    witnesses = tuple(
        Witness(name, maker.witness_vkey(name), name, name == WITNESSES[1], 0, None) for name in WITNESSES
    )
    required = Requirements(True, True, kind, DEPTH, len(WITNESSES))
    return replace(base, witnesses=witnesses, required=required)


def make_tree(size: int, records: Sequence[Record]) -> Tree:
    hashes = [hash_leaf(sha256(b"leaf %d" % number).digest()) for number in range(size)]
    for record in records:
        hashes[record.index] = hash_leaf(record.leaf)
    return Tree(hashes)


def make_note(root: bytes, size: int) -> str:
    text = format_checkpoint(maker.ORIGIN, size, root)
    note = sign_note(text, maker.ORIGIN, maker.ed25519("log"))
    for offset, name in enumerate(WITNESSES):
        note = cosign(note, name, maker.ed25519(name), maker.COSIGNED_AT + offset)
    return note.decode()


def make_credit(records: Sequence[Record]) -> Contract:
    storage = {mapping(sha256(b"holder %d" % number).digest()[:20], 0): 1 + number for number in range(60)}
    storage[mapping(maker.LOG_ID, 4)] = maker.SETTLED
    for record in records:
        if record.lock is not None:
            storage[record.lock.slot(record.leaf)] = record.lock.word()
        storage[mapping(word(record.index), mapping(maker.LOG_ID, 5))] = record.refused
        balance = record.balance | record.locked << 64 | maker.SEQUENCE << 128
        storage[mapping(account_address(record.account), 0)] = balance
    return Contract(maker.TIME_CREDIT, keccak(b"TimeCredit"), storage)


def make_pair(
    kind: str = "clique", records: Sequence[Record] = RECORDS, size: int = maker.SIZE
) -> tuple[Made, Made]:
    """Both bundles and their common trust root: anchor in block 1000, outcomes and balances in 1001."""
    root, tree, credit = make_root(kind), make_tree(size, records), make_credit(records)
    anchor_side = maker.make_contracts()[0]
    before, after = (chain_maker.state([anchor_side, credit], others=count) for count in (39, 40))
    event = maker.anchor_receipt(tree.root(), size=size)
    items = chain_maker.receipts([chain_maker.receipt([], typed=False), event])
    roots = [(naive_trie.root(before), naive_trie.root(items)), (naive_trie.root(after), naive_trie.EMPTY)]
    roots += [(keccak(b"later %d" % number), naive_trie.EMPTY) for number in range(DEPTH)]
    chain = ChainEvidence(maker.CHAIN_ID, (maker.make_headers(kind, 4, roots),))
    anchor = AnchorEvidence(
        block=BlockNumber(maker.ANCHOR_BLOCK),
        contract=Address(maker.LOG_ANCHOR),
        tx_index=1,
        log_index=1,
        receipt_proof=tuple(naive_trie.prove(items, naive_trie.rlp.encode(1))),
        account_proof=tuple(naive_trie.prove(before, keccak(maker.LOG_ANCHOR))),
    )
    account_proof = tuple(naive_trie.prove(after, keccak(maker.TIME_CREDIT)))
    note = make_note(tree.root(), size)

    def bundle(record: Record) -> Made:
        path = tuple(inclusion_proof(tree, record.index, size))
        log = LogEvidence(maker.ORIGIN, LeafIndex(record.index), TreeSize(size), record.leaf, path, note)
        return Made(
            Bundle(
                trust_root=trust_root_id(root),
                entry=record.entry,
                salt=record.salt,
                op_salt=record.salt[:16],
                disclosures=record.disclosures,
                log=log,
                chain=chain,
                anchor=anchor,
                outcome=make_outcome(record, credit, account_proof),
                state=make_state(record, credit, account_proof),
                lock=None if record.lock is None else record.lock.evidence(credit, record.leaf),
            ),
            root,
        )

    return bundle(records[0]), bundle(records[1])


def make_outcome(record: Record, credit: Contract, account_proof: tuple[bytes, ...]) -> OutcomeEvidence:
    refused_slot = mapping(word(record.index), mapping(maker.LOG_ID, 5))
    return OutcomeEvidence(
        block=BlockNumber(maker.ANCHOR_BLOCK + 1),
        contract=Address(maker.TIME_CREDIT),
        account_proof=account_proof,
        cursor=maker.SETTLED,
        cursor_proof=credit.storage_proof(mapping(maker.LOG_ID, 4)),
        refused=record.refused,
        refused_proof=credit.storage_proof(refused_slot),
    )


def make_state(record: Record, credit: Contract, account_proof: tuple[bytes, ...]) -> StateEvidence:
    return StateEvidence(
        block=BlockNumber(maker.ANCHOR_BLOCK + 1),
        contract=Address(maker.TIME_CREDIT),
        account_proof=account_proof,
        account=record.account,
        balance=record.balance,
        locked=record.locked,
        sequence=maker.SEQUENCE,
        storage_proof=credit.storage_proof(mapping(account_address(record.account), 0)),
    )
