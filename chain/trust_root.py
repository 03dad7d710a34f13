"""The trust root: what a verifier already believes before it opens a bundle. FORMATS.md section 8. Pure.

It is a file the verifier has from elsewhere, never taken from a bundle or a gateway: whose keys count, for
which sizes and blocks, who runs them, and which parts of a bundle must be there. Every range is half-open;
a null end is open. Must not read files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from chain.canonical import JsonValue, canonicalize, parse_json
from chain.checkpoint import KeyKind, parse_vkey
from chain.errors import FormatError
from chain.evidence.headers import SEAL_KINDS
from chain.evidence.schema import (
    read_bytes,
    read_choice,
    read_end,
    read_flag,
    read_integer,
    read_list,
    read_object,
    read_text,
)
from chain.hashing import sha256
from chain.types import Address, BlockNumber, Digest

TRUST_ROOT_VERSION = 1

MAX_TRUST_ROOT_SIZE = 1 << 20
"""Bytes of a trust root at most."""

CONTRACTS = ("LogAnchor", "TimeCredit", "SeatRegistry", "RuleBook")
"""Contracts that can be pinned. A bundle proves the code of the first two; the others are for readers."""

REQUIRED_SEALS = (*SEAL_KINDS, "any")
"""``required.seals``: none at all, one kind, or whichever kind is pinned for the block."""

_MAX_LIST = 1024
_MAX_TEXT = 256
_MAX_VALIDATORS = 1024


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key of a log for checkpoints of size ``start`` up to but not including ``end``."""

    origin: str
    vkey: str
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness key for cosignatures made from ``start`` until before ``end`` (Unix seconds), and who runs
    it.
    """

    name: str
    vkey: str
    operator: str
    independent: bool
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class ContractPin:
    """Where a contract stands from block ``start`` until before ``end``, and the keccak-256 of its code
    there.
    """

    name: str
    address: Address
    code_hash: Digest
    start: BlockNumber
    end: BlockNumber | None


@dataclass(frozen=True, slots=True)
class SignerSet:
    """Who may seal blocks ``start`` until before ``end``, and how; no addresses for kind ``none``."""

    kind: str
    addresses: tuple[Address, ...]
    start: BlockNumber
    end: BlockNumber | None


@dataclass(frozen=True, slots=True)
class ChainPin:
    """A chain by id and genesis, with its contracts and signer sets."""

    chain_id: int
    genesis_hash: Digest
    contracts: tuple[ContractPin, ...]
    signers: tuple[SignerSet, ...]

    def contract(self, name: str, address: Address, block: BlockNumber) -> ContractPin | None:
        """Return the pin of contract ``name`` at ``address`` that holds at ``block``."""
        for pin in self.contracts:
            if pin.name == name and pin.address == address and _within(block, pin.start, pin.end):
                return pin
        return None

    def signer_set(self, block: BlockNumber) -> SignerSet | None:
        """Return the signer set pinned for ``block``."""
        return next((item for item in self.signers if _within(block, item.start, item.end)), None)


@dataclass(frozen=True, slots=True)
class Requirements:
    """Parts a bundle must have. ``outcome`` concerns entries with an operation; ``depth`` counts following
    blocks; ``witness_quorum`` counts distinct witness names.
    """

    anchor: bool
    outcome: bool
    seals: str
    depth: int
    witness_quorum: int


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """All of it. ``replaces`` are the ids of earlier trust roots whose bundles this one takes as well."""

    name: str
    replaces: tuple[Digest, ...]
    logs: tuple[LogKey, ...]
    witnesses: tuple[Witness, ...]
    chains: tuple[ChainPin, ...]
    required: Requirements

    def log_keys(self, origin: str, size: int) -> list[str]:
        """Return the vkeys pinned for checkpoints of this size of the log ``origin``."""
        return [key.vkey for key in self.logs if key.origin == origin and _within(size, key.start, key.end)]

    def receipt_keys(self, origin: str, index: int) -> list[str]:
        """Return the vkeys whose receipt for a leaf of the log ``origin`` counts: the one in force when the
        leaf came, and every later one, which repeats the promise.
        """
        first = index + 1
        return [
            key.vkey for key in self.logs if key.origin == origin and (key.end is None or key.end > first)
        ]

    def chain(self, chain_id: int) -> ChainPin | None:
        """Return the pinned chain with this id."""
        return next((chain for chain in self.chains if chain.chain_id == chain_id), None)


@lru_cache(maxsize=8)
def parse_trust_root(data: bytes) -> TrustRoot:
    """Return the trust root of a file. Inverse of :func:`format_trust_root`.

    White space is free, as people edit this file; members are not. The last few are kept: one verifier
    judges many files by one root. Raises FormatError naming the member.
    """
    if len(data) > MAX_TRUST_ROOT_SIZE:
        raise FormatError("trust root", f"longer than {MAX_TRUST_ROOT_SIZE} bytes")
    names = ("v", "name", "replaces", "logs", "witnesses", "chains", "required")
    members = read_object(parse_json(data), "trust root", names)
    read_integer(members["v"], "v", least=TRUST_ROOT_VERSION, most=TRUST_ROOT_VERSION)
    replaces = read_list(members["replaces"], "replaces", _MAX_LIST)
    logs = read_list(members["logs"], "logs", _MAX_LIST, least=1)
    witnesses = read_list(members["witnesses"], "witnesses", _MAX_LIST)
    chains = read_list(members["chains"], "chains", _MAX_LIST)
    root = TrustRoot(
        name=read_text(members["name"], "name", _MAX_TEXT),
        replaces=tuple(Digest(read_bytes(item, "replaces", 32)) for item in replaces),
        logs=tuple(_parse_log(item, f"logs[{n}]") for n, item in enumerate(logs)),
        witnesses=tuple(_parse_witness(item, f"witnesses[{n}]") for n, item in enumerate(witnesses)),
        chains=tuple(_parse_chain(item, f"chains[{n}]") for n, item in enumerate(chains)),
        required=_parse_required(members["required"]),
    )
    if len({chain.chain_id for chain in root.chains}) != len(root.chains):
        raise FormatError("chains", "a chain id appears twice")
    if root.required.witness_quorum > len({witness.name for witness in root.witnesses}):
        raise FormatError("required.witness_quorum", "more than there are witnesses")
    return root


def format_trust_root(root: TrustRoot) -> bytes:
    """Return the canonical bytes of a trust root. Inverse of :func:`parse_trust_root`.

    Raises FormatError where the result could not be parsed again.
    """
    required = root.required
    value: dict[str, JsonValue] = {
        "v": TRUST_ROOT_VERSION,
        "name": root.name,
        "replaces": [item.hex() for item in root.replaces],
        "logs": [
            {"origin": key.origin, "vkey": key.vkey, "from": key.start, "to": key.end} for key in root.logs
        ],
        "witnesses": [_format_witness(witness) for witness in root.witnesses],
        "chains": [_format_chain(chain) for chain in root.chains],
        "required": {
            "anchor": required.anchor,
            "outcome": required.outcome,
            "seals": required.seals,
            "depth": required.depth,
            "witness_quorum": required.witness_quorum,
        },
    }
    data = canonicalize(value)
    if parse_trust_root(data) != root:
        raise FormatError("trust root", "has no canonical form")
    return data


@lru_cache(maxsize=8)
def trust_root_id(root: TrustRoot) -> Digest:
    """Return the id by which bundles name a trust root: SHA-256 of its canonical bytes."""
    return sha256(format_trust_root(root))


def _parse_log(value: JsonValue, where: str) -> LogKey:
    members = read_object(value, where, ("origin", "vkey", "from", "to"))
    origin = read_text(members["origin"], f"{where}.origin", _MAX_TEXT)
    start = read_integer(members["from"], f"{where}.from")
    vkey = _vkey(members["vkey"], where, origin, KeyKind.LOG)
    return LogKey(origin, vkey, start, read_end(members["to"], f"{where}.to", start))


def _parse_witness(value: JsonValue, where: str) -> Witness:
    members = read_object(value, where, ("name", "vkey", "operator", "independent", "from", "to"))
    name = read_text(members["name"], f"{where}.name", _MAX_TEXT)
    start = read_integer(members["from"], f"{where}.from")
    return Witness(
        name=name,
        vkey=_vkey(members["vkey"], where, name, KeyKind.COSIGNER),
        operator=read_text(members["operator"], f"{where}.operator", _MAX_TEXT),
        independent=read_flag(members["independent"], f"{where}.independent"),
        start=start,
        end=read_end(members["to"], f"{where}.to", start),
    )


def _format_witness(witness: Witness) -> JsonValue:
    return {
        "name": witness.name,
        "vkey": witness.vkey,
        "operator": witness.operator,
        "independent": witness.independent,
        "from": witness.start,
        "to": witness.end,
    }


def _parse_chain(value: JsonValue, where: str) -> ChainPin:
    members = read_object(value, where, ("chain_id", "genesis_hash", "contracts", "signers"))
    contracts = read_list(members["contracts"], f"{where}.contracts", _MAX_LIST)
    signers = read_list(members["signers"], f"{where}.signers", _MAX_LIST)
    sets = tuple(_parse_signers(item, f"{where}.signers[{n}]") for n, item in enumerate(signers))
    for before, after in pairwise(sets):
        # One block, one set: otherwise the weaker of two would count.
        if before.end is None or before.end > after.start:
            raise FormatError(f"{where}.signers", "ranges overlap or do not ascend")
    return ChainPin(
        chain_id=read_integer(members["chain_id"], f"{where}.chain_id", least=1),
        genesis_hash=Digest(read_bytes(members["genesis_hash"], f"{where}.genesis_hash", 32)),
        contracts=tuple(_parse_contract(item, f"{where}.contracts[{n}]") for n, item in enumerate(contracts)),
        signers=sets,
    )


def _format_chain(chain: ChainPin) -> JsonValue:
    contracts: list[JsonValue] = [
        {
            "name": pin.name,
            "address": pin.address.hex(),
            "code_hash": pin.code_hash.hex(),
            "from": pin.start,
            "to": pin.end,
        }
        for pin in chain.contracts
    ]
    signers: list[JsonValue] = [
        {
            "kind": item.kind,
            "addresses": [address.hex() for address in item.addresses],
            "from": item.start,
            "to": item.end,
        }
        for item in chain.signers
    ]
    return {
        "chain_id": chain.chain_id,
        "genesis_hash": chain.genesis_hash.hex(),
        "contracts": contracts,
        "signers": signers,
    }


def _parse_contract(value: JsonValue, where: str) -> ContractPin:
    members = read_object(value, where, ("name", "address", "code_hash", "from", "to"))
    start, end = _blocks(members, where)
    return ContractPin(
        name=read_choice(members["name"], f"{where}.name", CONTRACTS),
        address=Address(read_bytes(members["address"], f"{where}.address", 20)),
        code_hash=Digest(read_bytes(members["code_hash"], f"{where}.code_hash", 32)),
        start=start,
        end=end,
    )


def _parse_signers(value: JsonValue, where: str) -> SignerSet:
    members = read_object(value, where, ("kind", "addresses", "from", "to"))
    items = read_list(members["addresses"], f"{where}.addresses", _MAX_VALIDATORS)
    addresses = tuple(Address(read_bytes(item, f"{where}.addresses", 20)) for item in items)
    kind = read_choice(members["kind"], f"{where}.kind", SEAL_KINDS)
    if len(set(addresses)) != len(addresses) or (kind == "none") != (not addresses):
        raise FormatError(f"{where}.addresses", "not distinct, or not empty exactly for kind none")
    start, end = _blocks(members, where)
    return SignerSet(kind, addresses, start, end)


def _parse_required(value: JsonValue) -> Requirements:
    members = read_object(value, "required", ("anchor", "outcome", "seals", "depth", "witness_quorum"))
    return Requirements(
        anchor=read_flag(members["anchor"], "required.anchor"),
        outcome=read_flag(members["outcome"], "required.outcome"),
        seals=read_choice(members["seals"], "required.seals", REQUIRED_SEALS),
        depth=read_integer(members["depth"], "required.depth"),
        witness_quorum=read_integer(members["witness_quorum"], "required.witness_quorum"),
    )


def _blocks(members: dict[str, JsonValue], where: str) -> tuple[BlockNumber, BlockNumber | None]:
    start = read_integer(members["from"], f"{where}.from")
    end = read_end(members["to"], f"{where}.to", start)
    return BlockNumber(start), None if end is None else BlockNumber(end)


def _vkey(value: JsonValue, where: str, name: str, kind: KeyKind) -> str:
    text = read_text(value, f"{where}.vkey", 1024)
    key = parse_vkey(text)
    if key.name != name or key.kind is not kind:
        raise FormatError(f"{where}.vkey", f"not a key of type {kind:#04x} under this name")
    return text


def _within(value: int, start: int, end: int | None) -> bool:
    return start <= value and (end is None or value < end)
