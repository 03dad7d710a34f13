"""Complete bundles about a made-up log on a made-up chain, each part deterministic and open to change.

``make`` returns a bundle that verifies; tests then break what they are about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, cosign, format_checkpoint, format_vkey, sign_note
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
    HeaderRun,
    LogEvidence,
    OutcomeEvidence,
    StateEvidence,
    format_bundle,
)
from chain.evidence.lock import LockEvidence
from chain.hashing import hash_leaf
from chain.merkle.prove import inclusion_proof
from chain.merkle.tree import Tree
from chain.operation import ZERO_ADDRESS
from chain.trust_root import (
    ChainPin,
    ContractPin,
    LogKey,
    Requirements,
    SignerSet,
    TrustRoot,
    Witness,
    format_trust_root,
    trust_root_id,
)
from chain.types import AccountId, Address, BlockNumber, ChapterCode, Digest, EntryId, LeafIndex, TreeSize
from tests.reference import chain_maker, naive_trie
from tests.reference.chain_maker import Block, Contract, keccak, mapping, word

ORIGIN = "log.example.org/tongyi/3101"
CHAIN_ID = 31_337
INDEX, SIZE = 211, 300
ANCHOR_BLOCK = 1_000
SETTLED = 280
COSIGNED_AT = 1_764_000_000
SENDER = AccountId("acct_" + sha256(b"sender").hexdigest()[:40])
RECEIVER = AccountId("acct_" + sha256(b"receiver").hexdigest()[:40])
SALT, OP_SALT = sha256(b"salt").digest(), sha256(b"op salt").digest()[:16]
LOG_ANCHOR, TIME_CREDIT = sha256(b"LogAnchor").digest()[:20], sha256(b"TimeCredit").digest()[:20]
ANCHORED = keccak(b"Anchored(bytes32,uint64,bytes32,uint64)")
SETTLED_TOPIC = keccak(b"Settled(bytes32,uint64,uint64,uint64)")
LOG_ID = sha256(ORIGIN.encode()).digest()
BALANCE, LOCKED, SEQUENCE = 123_456, 2_000, 17


HELD_LOCK = sha256(b"lock").digest()
"""Leaf hash of the lock that releases and cancellations made here take from."""


LOCK_TYPES = {
    OperationKind.LOCK: "credit.locked",
    OperationKind.RELEASE: "credit.released",
    OperationKind.CANCEL: "credit.cancelled",
}


@dataclass(frozen=True)
class MadeLock:
    """The lock a bundle is about: by which operation, what is left, and whether the contract has it."""

    kind: OperationKind = OperationKind.LOCK
    rest: int = 2_000
    known: bool = True

    @property
    def operation(self) -> Operation:
        sender, makes = account_address(SENDER), self.kind is OperationKind.LOCK
        receiver = ZERO_ADDRESS if self.kind is OperationKind.CANCEL else sender
        return Operation(self.kind, sender, receiver, 2_000, 0, bytes(32) if makes else HELD_LOCK)

    def slot(self, leaf: bytes) -> bytes:
        return mapping(hash_leaf(leaf) if self.kind is OperationKind.LOCK else HELD_LOCK, 8)

    def word(self) -> int:
        return int.from_bytes(account_address(SENDER), "big") | self.rest << 160 if self.known else 0

    def evidence(self, credit: Contract, leaf: bytes) -> LockEvidence:
        holder = account_address(SENDER) if self.known else ZERO_ADDRESS
        return LockEvidence(holder, self.rest if self.known else 0, credit.storage_proof(self.slot(leaf)))


def ed25519(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


LOG_VKEY = format_vkey(ORIGIN, ed25519("log").public_key())
WITNESSES = ("witness.example.org/bank", "witness.example.org/regulator")


def witness_vkey(name: str) -> str:
    return format_vkey(name, ed25519(name).public_key(), KeyKind.COSIGNER)


@dataclass(frozen=True)
class Made:
    """A bundle, the trust root it is for, and their bytes."""

    bundle: Bundle
    root: TrustRoot

    @property
    def data(self) -> bytes:
        return format_bundle(self.bundle)

    @property
    def root_data(self) -> bytes:
        return format_trust_root(self.root)


def make_root(kind: str = "clique", validators: int = 4, witnesses: int = 2, depth: int = 2) -> TrustRoot:
    """A root that requires all there is; kind ``none`` is the development root, which requires no seals."""
    signers = tuple(
        sorted(Address(chain_maker.address(chain_maker.validator(index))) for index in range(validators))
    )
    zero = BlockNumber(0)
    pins = [("LogAnchor", LOG_ANCHOR), ("TimeCredit", TIME_CREDIT)]
    return TrustRoot(
        name="test network",
        replaces=(),
        logs=(LogKey(ORIGIN, LOG_VKEY, 0, None),),
        witnesses=tuple(
            Witness(name, witness_vkey(name), name.rpartition("/")[2], name == WITNESSES[1], 0, None)
            for name in WITNESSES[:witnesses]
        ),
        chains=(
            ChainPin(
                CHAIN_ID,
                Digest(keccak(b"genesis")),
                tuple(
                    ContractPin(name, Address(where), Digest(keccak(name.encode())), zero, None)
                    for name, where in pins
                ),
                (SignerSet(kind, () if kind == "none" else signers, zero, None),),
            ),
        ),
        required=Requirements(True, True, kind, depth, witnesses),
    )


def make_entry(
    *, operation: bool = True, private: bool = True, lock: MadeLock | None = None
) -> tuple[bytes, tuple[str, ...], Operation | None]:
    """Entry bytes, the disclosures of its private fields, and its operation."""
    disclosures = (
        tuple(
            make_disclosure(sha256(b"field %d" % index).digest()[:16], name, value)
            for index, (name, value) in enumerate([("note", "谢谢你的帮助"), ("service", "repair")])
        )
        if private
        else ()
    )
    given = (
        Operation(
            OperationKind.TRANSFER, account_address(SENDER), account_address(RECEIVER), 2_000, 0, bytes(32)
        )
        if operation
        else None
    )
    type_name = "gift.sent" if operation else "purchase.recorded"
    if lock is not None:
        given, type_name = lock.operation, LOCK_TYPES[lock.kind]
    entry = build_entry(
        entry_id=EntryId("01JDCZ9Q2W3E4R5T6Y7V8A9S0D"),
        type_name=type_name,
        chapter=ChapterCode("3101-0007"),
        at="2026-11-22T05:58:57.123Z",
        actor=SENDER,
        authority="device",
        subjects={SENDER: (4, sha256(b"previous").digest()), RECEIVER: (1, bytes(32))},
        operation=given,
        public={} if operation else {"amount": "4550", "currency": "CNY"},
        sd=[disclosure_digest(item) for item in disclosures],
    )
    return encode_entry(entry), disclosures, given


def make_log(
    leaf: bytes, *, witnesses: int = 2, index: int = INDEX, size: int = SIZE
) -> tuple[LogEvidence, bytes]:
    """The leaf's place in a log of ``size`` leaves under a signed and cosigned checkpoint, and the root."""
    hashes = [hash_leaf(sha256(b"leaf %d" % number).digest()) for number in range(size)]
    hashes[index] = hash_leaf(leaf)
    tree = Tree(hashes)
    root = tree.root()
    note = sign_note(format_checkpoint(ORIGIN, size, root), ORIGIN, ed25519("log"))
    for offset, name in enumerate(WITNESSES[:witnesses]):
        note = cosign(note, name, ed25519(name), COSIGNED_AT + offset)
    path = tuple(inclusion_proof(tree, index, size))
    return LogEvidence(ORIGIN, LeafIndex(index), TreeSize(size), leaf, path, note.decode()), root


def account_word() -> int:
    return BALANCE | LOCKED << 64 | SEQUENCE << 128 | 20_000 << 168 | 55 << 184 | 0x31 << 224 | 7 << 232


def make_contracts(refused: int = 0, cursor: int = SETTLED, index: int = INDEX) -> tuple[Contract, Contract]:
    """LogAnchor and TimeCredit with a storage full of neighbours, as one block leaves them."""
    storage = {mapping(sha256(b"holder %d" % number).digest()[:20], 0): 1 + number for number in range(60)}
    storage[mapping(LOG_ID, 4)] = cursor
    storage[mapping(word(index), mapping(LOG_ID, 5))] = refused
    storage[mapping(account_address(SENDER), 0)] = account_word()
    anchor_storage = {mapping(LOG_ID, 0): SIZE}
    return (
        Contract(LOG_ANCHOR, keccak(b"LogAnchor"), anchor_storage),
        Contract(TIME_CREDIT, keccak(b"TimeCredit"), storage),
    )


def anchor_receipt(
    root: bytes, *, size: int = SIZE, log_id: bytes = LOG_ID, emitter: bytes | None = None
) -> bytes:
    settled = chain_maker.log(TIME_CREDIT, [SETTLED_TOPIC, LOG_ID], word(0) + word(SETTLED) + word(SIZE))
    anchored = chain_maker.log(emitter or LOG_ANCHOR, [ANCHORED, log_id, word(size)], root + word(100))
    return chain_maker.receipt([settled, anchored])


def make_headers(
    kind: str, validators: int, roots: list[tuple[bytes, bytes]], first: int | None = None
) -> HeaderRun:
    """A run of headers with these (state root, receipts root) pairs."""
    parent = keccak(b"parent")
    first = ANCHOR_BLOCK if first is None else first
    raws = []
    for offset, (state_root, receipts_root) in enumerate(roots):
        extra_fields = (b"\x07",) if kind != "none" else ()
        block = Block(first + offset, COSIGNED_AT + 10 + offset, state_root, receipts_root, extra_fields)
        raw, parent = chain_maker.seal(kind, block, parent, validators)
        raws.append(raw)
    return HeaderRun(tuple(raws), Digest(parent))


def make(
    kind: str = "clique",
    *,
    validators: int = 4,
    witnesses: int = 2,
    operation: bool = True,
    refused: int = 0,
    state: bool = True,
    depth: int = 2,
    index: int = INDEX,
    lock: MadeLock | None = None,
) -> Made:
    """A complete bundle: anchor in block 1000, outcome and balance in 1001, then ``depth`` more blocks."""
    root = make_root(kind, validators, witnesses, depth)
    entry, disclosures, given = make_entry(operation=operation, lock=lock)
    digest = operation_digest(given, OP_SALT) if given is not None else None
    leaf = leaf_data(entry_commitment(SALT, entry), digest)
    log, log_root = make_log(leaf, witnesses=witnesses, index=index)
    anchor_side, credit = make_contracts(refused, index=index)
    if lock is not None:
        credit.storage[lock.slot(leaf)] = lock.word()
    # Every block has a state of its own, so that a proof of one block is none of another.
    before, accounts = (chain_maker.state([anchor_side, credit], others=count) for count in (39, 40))
    first, last = chain_maker.receipt([], typed=False), chain_maker.receipt([], status=0)
    items = chain_maker.receipts([first, anchor_receipt(log_root), last])
    roots = [(naive_trie.root(before), naive_trie.root(items)), (naive_trie.root(accounts), naive_trie.EMPTY)]
    roots += [(keccak(b"later %d" % number), naive_trie.EMPTY) for number in range(depth)]
    run = make_headers(kind, validators, roots)
    block = BlockNumber(ANCHOR_BLOCK + 1)
    credit_proof = tuple(naive_trie.prove(accounts, keccak(TIME_CREDIT)))
    bundle = Bundle(
        trust_root=trust_root_id(root),
        entry=entry,
        salt=SALT,
        op_salt=OP_SALT if operation else None,
        disclosures=disclosures[:1],
        log=log,
        chain=ChainEvidence(CHAIN_ID, (run,)),
        anchor=AnchorEvidence(
            block=BlockNumber(ANCHOR_BLOCK),
            contract=Address(LOG_ANCHOR),
            tx_index=1,
            log_index=1,
            receipt_proof=tuple(naive_trie.prove(items, naive_trie.rlp.encode(1))),
            account_proof=tuple(naive_trie.prove(before, keccak(LOG_ANCHOR))),
        ),
        outcome=OutcomeEvidence(
            block=block,
            contract=Address(TIME_CREDIT),
            account_proof=credit_proof,
            cursor=SETTLED,
            cursor_proof=credit.storage_proof(mapping(LOG_ID, 4)),
            refused=refused,
            refused_proof=credit.storage_proof(mapping(word(index), mapping(LOG_ID, 5))),
        )
        if operation
        else None,
        state=StateEvidence(
            block=block,
            contract=Address(TIME_CREDIT),
            account_proof=credit_proof,
            account=SENDER,
            balance=BALANCE,
            locked=LOCKED,
            sequence=SEQUENCE,
            storage_proof=credit.storage_proof(mapping(account_address(SENDER), 0)),
        )
        if state
        else None,
        lock=None if lock is None else lock.evidence(credit, leaf),
    )
    return Made(bundle, root)


def for_root(made: Made, root: TrustRoot) -> Made:
    """The same bundle, made out to another trust root."""
    return Made(replace(made.bundle, trust_root=trust_root_id(root)), root)


def require_nothing(made: Made, depth: int = 0) -> Made:
    """The same bundle for a root that can do without anything but the log, and ``depth`` blocks."""
    required = Requirements(anchor=False, outcome=False, seals="none", depth=depth, witness_quorum=0)
    return for_root(made, replace(made.root, required=required))
