"""The proof file and the trust root as JSON Schema (their text is FORMATS.md section 8), and a verdict."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chain.evidence.bundle import MAX_DISCLOSURES, MAX_HEADERS, MAX_NODES, MAX_PATH, MAX_RUNS
from gateway.response_schemas.base import Answer, ClosedAnswer, Coins, Count, Hex
from gateway.response_schemas.entries import Entry
from gateway.schemas import Account, Code, Hex32

Address = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Salt16 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Leaf = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{130}$")]
Nodes = Annotated[list[Hex], Field(max_length=MAX_NODES)]
ChainId = Annotated[int, Field(ge=1)]


class LogSection(ClosedAnswer):
    """Where the leaf stands in the log: path to the root of a signed checkpoint."""

    origin: str
    index: Count
    size: Annotated[int, Field(ge=1)]
    leaf: Leaf
    path: Annotated[list[Hex32], Field(max_length=MAX_PATH)]
    checkpoint: str


class HeaderRun(ClosedAnswer):
    """Consecutive block headers (RLP), oldest first; ``head`` is the hash of the last."""

    headers: Annotated[list[Hex], Field(min_length=1, max_length=MAX_HEADERS)]
    head: Hex32


class ChainSection(ClosedAnswer):
    """The headers that the other sections name by block."""

    chain_id: ChainId
    runs: Annotated[list[HeaderRun], Field(min_length=1, max_length=MAX_RUNS)]


class AnchorSection(ClosedAnswer):
    """The event by which LogAnchor took the checkpoint."""

    block: Count
    contract: Address
    tx_index: Count
    log_index: Count
    receipt_proof: Nodes
    account_proof: Nodes


class OutcomeSection(ClosedAnswer):
    """What TimeCredit had done by ``block``; ``refused`` is the reason, 0 is done."""

    block: Count
    contract: Address
    account_proof: Nodes
    cursor: Count
    cursor_proof: Nodes
    refused: Annotated[int, Field(ge=0, le=255)]
    refused_proof: Nodes


class StateSection(ClosedAnswer):
    """An account's balance, locked amount and sequence in TimeCredit at ``block``."""

    block: Count
    contract: Address
    account_proof: Nodes
    account: Account
    balance: Coins
    locked: Coins
    sequence: Count
    storage_proof: Nodes


class LockSection(ClosedAnswer):
    """What is left of the lock the entry makes or takes from, at the outcome's block; a null holder: none."""

    holder: Account | None
    rest: Coins
    storage_proof: Nodes


class ProofFile(ClosedAnswer):
    """One record and all that proves it, in canonical bytes; a section that is null is not there.

    ``lock`` is left out instead.
    """

    v: Literal[1]
    trust_root: Hex32
    entry: Entry
    salt: Hex32
    op_salt: Salt16 | None
    disclosures: Annotated[list[str], Field(max_length=MAX_DISCLOSURES)]
    log: LogSection
    chain: ChainSection | None
    anchor: AnchorSection | None
    outcome: OutcomeSection | None
    state: StateSection | None
    lock: LockSection | None = None


class RootRange(ClosedAnswer):
    """A half-open range of sizes, seconds or blocks; a null end is open."""

    start: Count = Field(alias="from")
    end: Count | None = Field(alias="to")


class RootLog(RootRange):
    """A log's key for checkpoints of these sizes."""

    origin: str
    vkey: str


class RootWitness(RootRange):
    """A witness key for cosignatures of these Unix seconds, and who runs it."""

    name: str
    vkey: str
    operator: str
    independent: bool


class RootContract(RootRange):
    """Where a contract stands in these blocks, and the keccak-256 of its code."""

    name: Code
    address: Address
    code_hash: Hex32


class RootSigners(RootRange):
    """Who may seal these blocks."""

    kind: Literal["none", "clique", "qbft"]
    addresses: list[Address]


class RootChain(ClosedAnswer):
    """A chain by id and genesis."""

    chain_id: ChainId
    genesis_hash: Hex32
    contracts: list[RootContract]
    signers: list[RootSigners]


class RootRequired(ClosedAnswer):
    """The parts a proof file must have."""

    anchor: bool
    outcome: bool
    seals: Literal["none", "clique", "qbft", "any"]
    depth: Count
    witness_quorum: Count


class TrustRoot(ClosedAnswer):
    """What a verifier already believes; compare it with the one you have, never take it from here."""

    v: Literal[1]
    name: str
    replaces: list[Hex32]
    logs: Annotated[list[RootLog], Field(min_length=1)]
    witnesses: list[RootWitness]
    chains: list[RootChain]
    required: RootRequired


class VerdictStep(Answer):
    """How one numbered step of the verification ended."""

    number: Annotated[int, Field(ge=1)]
    name: str
    status: Literal["passed", "failed", "not_present"]
    code: str
    detail: str
    zh: Annotated[str, Field(description="How it ended, in Chinese.")]
    en: Annotated[str, Field(description="How it ended, in English.")]


class VerdictWords(Answer):
    """The outcome and what is said next to every verdict, one sentence each."""

    zh: list[str]
    en: list[str]


class Verdict(Answer):
    """What the numbered verification found against this gateway's trust root."""

    outcome: Literal["pass", "mismatch", "pending", "cannot_check"]
    trust_root: Hex32
    trust_root_name: str
    steps: list[VerdictStep]
    words: VerdictWords
