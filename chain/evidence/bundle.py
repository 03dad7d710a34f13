"""The proof bundle, ``application/vnd.tongyi.proof+json``: its bytes and its parts. FORMATS.md section 8.
Pure.

The schema is closed and its bytes are canonical, so a bundle has one spelling. Nothing in it is a claim that
the verifier cannot check: a transaction is named by its place in the block, which the receipt proof fixes,
not by a hash that the proof does not hold. Must not judge: that is the business of ``chain.verify``.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.canonical import JsonValue, canonicalize, parse_json
from chain.errors import FormatError
from chain.evidence.lock import LockEvidence, format_lock, parse_lock
from chain.evidence.schema import (
    read_balance,
    read_blobs,
    read_bytes,
    read_integer,
    read_list,
    read_object,
    read_text,
)
from chain.operation import account_address, account_id
from chain.types import AccountId, Address, BlockNumber, Digest, LeafIndex, NodeHash, TreeSize

MEDIA_TYPE = "application/vnd.tongyi.proof+json"

BUNDLE_VERSION = 1

MAX_BUNDLE_SIZE = 1 << 20
"""Bytes of a bundle at most."""

MAX_RUNS = 8
MAX_HEADERS = 512
MAX_PATH = 63
MAX_DISCLOSURES = 64
MAX_NODES = 65
"""Nodes of one trie proof: 64 nibbles and the end."""

MAX_BLOB = 1 << 18
_MAX_NOTE = 65_536
_MEMBERS = "v trust_root entry salt op_salt disclosures log chain anchor outcome state".split()
_LATER_MEMBERS = ("lock",)
"""Members that a bundle has only where they say something, so that bundles made before have their bytes."""

_MAX_DISCLOSURE = 8_192
_MAX_ORIGIN = 256


@dataclass(frozen=True, slots=True)
class LogEvidence:
    """Where the leaf stands in the log: ``leaf`` is the 65 bytes of leaf data, ``checkpoint`` a signed
    note. ``path`` is None where the holder leaves it out.
    """

    origin: str
    index: LeafIndex
    size: TreeSize
    leaf: bytes
    path: tuple[NodeHash, ...] | None
    checkpoint: str


@dataclass(frozen=True, slots=True)
class HeaderRun:
    """Consecutive block headers as RLP, oldest first; ``head`` is the hash of the last one."""

    headers: tuple[bytes, ...]
    head: Digest


@dataclass(frozen=True, slots=True)
class ChainEvidence:
    """The headers every other section refers to by block number. Runs ascend and do not overlap."""

    chain_id: int
    runs: tuple[HeaderRun, ...]


@dataclass(frozen=True, slots=True)
class AnchorEvidence:
    """The event by which ``LogAnchor`` took the checkpoint: event ``log_index`` of receipt ``tx_index``."""

    block: BlockNumber
    contract: Address
    tx_index: int
    log_index: int
    receipt_proof: tuple[bytes, ...]
    account_proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OutcomeEvidence:
    """What ``TimeCredit`` had done with the operation by ``block``; ``refused`` is the reason, 0 = done."""

    block: BlockNumber
    contract: Address
    account_proof: tuple[bytes, ...]
    cursor: int
    cursor_proof: tuple[bytes, ...]
    refused: int
    refused_proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StateEvidence:
    """An account's balance and locked amount (hundredths) and sequence in ``TimeCredit`` at ``block``."""

    block: BlockNumber
    contract: Address
    account_proof: tuple[bytes, ...]
    account: AccountId
    balance: int
    locked: int
    sequence: int
    storage_proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One record and all that proves it.

    ``entry`` are canonical bytes; a section that is None is not there.
    """

    trust_root: Digest
    entry: bytes
    salt: bytes | None
    op_salt: bytes | None
    disclosures: tuple[str, ...]
    log: LogEvidence
    chain: ChainEvidence | None = None
    anchor: AnchorEvidence | None = None
    outcome: OutcomeEvidence | None = None
    state: StateEvidence | None = None
    lock: LockEvidence | None = None


def parse_bundle(data: bytes) -> Bundle:
    """Return the bundle of its canonical bytes. Inverse of :func:`format_bundle`.

    Raises FormatError naming the member. Does not look inside the entry, the note, headers or proofs.
    """
    if len(data) > MAX_BUNDLE_SIZE:
        raise FormatError("bundle", f"longer than {MAX_BUNDLE_SIZE} bytes")
    value = parse_json(data)
    later = tuple(name for name in _LATER_MEMBERS if isinstance(value, dict) and name in value)
    members = read_object(value, "bundle", (*_MEMBERS, *later))
    if canonicalize(value) != data:
        raise FormatError("bundle", "not canonical JSON")
    read_integer(members["v"], "v", least=BUNDLE_VERSION, most=BUNDLE_VERSION)
    salt, op_salt = members["salt"], members["op_salt"]
    disclosures = read_list(members["disclosures"], "disclosures", MAX_DISCLOSURES)
    bundle = Bundle(
        trust_root=Digest(read_bytes(members["trust_root"], "trust_root", 32)),
        entry=canonicalize(members["entry"]),
        salt=None if salt is None else read_bytes(salt, "salt", 32),
        op_salt=None if op_salt is None else read_bytes(op_salt, "op_salt", 16),
        disclosures=tuple(read_text(item, "disclosures", _MAX_DISCLOSURE) for item in disclosures),
        log=_parse_log(members["log"]),
        chain=None if members["chain"] is None else _parse_chain(members["chain"]),
        anchor=None if members["anchor"] is None else _parse_anchor(members["anchor"]),
        outcome=None if members["outcome"] is None else _parse_outcome(members["outcome"]),
        state=None if members["state"] is None else _parse_state(members["state"]),
        lock=parse_lock(members["lock"], MAX_NODES, MAX_BLOB) if later else None,
    )
    uses_chain = any(section is not None for section in (bundle.anchor, bundle.outcome, bundle.state))
    if uses_chain != (bundle.chain is not None):
        raise FormatError("chain", "present exactly where anchor, outcome or state is")
    if bundle.lock is not None and bundle.outcome is None:
        raise FormatError("lock", "without the outcome at whose block it is read")
    return bundle


def format_bundle(bundle: Bundle) -> bytes:
    """Return the canonical bytes of a bundle. Inverse of :func:`parse_bundle`.

    Raises FormatError where the result could not be parsed again (an exporter's fault, found before it is
    handed out).
    """
    log = bundle.log
    value: dict[str, JsonValue] = {
        "v": BUNDLE_VERSION,
        "trust_root": bundle.trust_root.hex(),
        "entry": parse_json(bundle.entry),
        "salt": None if bundle.salt is None else bundle.salt.hex(),
        "op_salt": None if bundle.op_salt is None else bundle.op_salt.hex(),
        "disclosures": list(bundle.disclosures),
        "log": {
            "origin": log.origin,
            "index": log.index,
            "size": log.size,
            "leaf": log.leaf.hex(),
            "path": None if log.path is None else _hex(log.path),
            "checkpoint": log.checkpoint,
        },
        "chain": None if bundle.chain is None else _format_chain(bundle.chain),
        "anchor": None if bundle.anchor is None else _format_anchor(bundle.anchor),
        "outcome": None if bundle.outcome is None else _format_outcome(bundle.outcome),
        "state": None if bundle.state is None else _format_state(bundle.state),
    }
    if bundle.lock is not None:
        value["lock"] = format_lock(bundle.lock)
    data = canonicalize(value)
    if parse_bundle(data) != bundle:
        raise FormatError("bundle", "has no canonical form")
    return data


def _parse_log(value: JsonValue) -> LogEvidence:
    members = read_object(value, "log", ("origin", "index", "size", "leaf", "path", "checkpoint"))
    path = None if members["path"] is None else read_list(members["path"], "log.path", MAX_PATH)
    return LogEvidence(
        origin=read_text(members["origin"], "log.origin", _MAX_ORIGIN),
        index=LeafIndex(read_integer(members["index"], "log.index")),
        size=TreeSize(read_integer(members["size"], "log.size", least=1)),
        leaf=read_bytes(members["leaf"], "log.leaf", 65),
        path=None
        if path is None
        else tuple(NodeHash(read_bytes(item, f"log.path[{n}]", 32)) for n, item in enumerate(path)),
        checkpoint=read_text(members["checkpoint"], "log.checkpoint", _MAX_NOTE, lines=True),
    )


def _parse_chain(value: JsonValue) -> ChainEvidence:
    members = read_object(value, "chain", ("chain_id", "runs"))
    runs = []
    for number, item in enumerate(read_list(members["runs"], "chain.runs", MAX_RUNS, least=1)):
        where = f"chain.runs[{number}]"
        run = read_object(item, where, ("headers", "head"))
        headers = read_blobs(run["headers"], f"{where}.headers", MAX_HEADERS, MAX_BLOB, least=1)
        runs.append(HeaderRun(headers, Digest(read_bytes(run["head"], f"{where}.head", 32))))
    return ChainEvidence(read_integer(members["chain_id"], "chain.chain_id", least=1), tuple(runs))


def _format_chain(chain: ChainEvidence) -> JsonValue:
    runs: list[JsonValue] = [{"headers": _hex(run.headers), "head": run.head.hex()} for run in chain.runs]
    return {"chain_id": chain.chain_id, "runs": runs}


def _parse_anchor(value: JsonValue) -> AnchorEvidence:
    names = ("block", "contract", "tx_index", "log_index", "receipt_proof", "account_proof")
    members = read_object(value, "anchor", names)
    return AnchorEvidence(
        block=_block(members["block"], "anchor"),
        contract=_contract(members["contract"], "anchor"),
        tx_index=read_integer(members["tx_index"], "anchor.tx_index", most=2**32 - 1),
        log_index=read_integer(members["log_index"], "anchor.log_index", most=2**32 - 1),
        receipt_proof=_nodes(members["receipt_proof"], "anchor.receipt_proof"),
        account_proof=_nodes(members["account_proof"], "anchor.account_proof"),
    )


def _format_anchor(anchor: AnchorEvidence) -> JsonValue:
    return {
        "block": anchor.block,
        "contract": anchor.contract.hex(),
        "tx_index": anchor.tx_index,
        "log_index": anchor.log_index,
        "receipt_proof": _hex(anchor.receipt_proof),
        "account_proof": _hex(anchor.account_proof),
    }


def _parse_outcome(value: JsonValue) -> OutcomeEvidence:
    names = ("block", "contract", "account_proof", "cursor", "cursor_proof", "refused", "refused_proof")
    members = read_object(value, "outcome", names)
    return OutcomeEvidence(
        block=_block(members["block"], "outcome"),
        contract=_contract(members["contract"], "outcome"),
        account_proof=_nodes(members["account_proof"], "outcome.account_proof"),
        cursor=read_integer(members["cursor"], "outcome.cursor"),
        cursor_proof=_nodes(members["cursor_proof"], "outcome.cursor_proof"),
        refused=read_integer(members["refused"], "outcome.refused", most=255),
        refused_proof=_nodes(members["refused_proof"], "outcome.refused_proof"),
    )


def _format_outcome(outcome: OutcomeEvidence) -> JsonValue:
    return {
        "block": outcome.block,
        "contract": outcome.contract.hex(),
        "account_proof": _hex(outcome.account_proof),
        "cursor": outcome.cursor,
        "cursor_proof": _hex(outcome.cursor_proof),
        "refused": outcome.refused,
        "refused_proof": _hex(outcome.refused_proof),
    }


def _parse_state(value: JsonValue) -> StateEvidence:
    names = (
        "block",
        "contract",
        "account_proof",
        "account",
        "balance",
        "locked",
        "sequence",
        "storage_proof",
    )
    members = read_object(value, "state", names)
    return StateEvidence(
        block=_block(members["block"], "state"),
        contract=_contract(members["contract"], "state"),
        account_proof=_nodes(members["account_proof"], "state.account_proof"),
        account=account_id(account_address(AccountId(read_text(members["account"], "state.account", 64)))),
        balance=read_balance(members["balance"], "state.balance"),
        locked=read_balance(members["locked"], "state.locked"),
        sequence=read_integer(members["sequence"], "state.sequence"),
        storage_proof=_nodes(members["storage_proof"], "state.storage_proof"),
    )


def _format_state(state: StateEvidence) -> JsonValue:
    return {
        "block": state.block,
        "contract": state.contract.hex(),
        "account_proof": _hex(state.account_proof),
        "account": state.account,
        "balance": str(state.balance),
        "locked": str(state.locked),
        "sequence": state.sequence,
        "storage_proof": _hex(state.storage_proof),
    }


def _block(value: JsonValue, where: str) -> BlockNumber:
    return BlockNumber(read_integer(value, f"{where}.block"))


def _contract(value: JsonValue, where: str) -> Address:
    return Address(read_bytes(value, f"{where}.contract", 20))


def _nodes(value: JsonValue, where: str) -> tuple[bytes, ...]:
    return read_blobs(value, where, MAX_NODES, MAX_BLOB)


def _hex(items: tuple[bytes, ...] | tuple[NodeHash, ...]) -> list[JsonValue]:
    return [item.hex() for item in items]
