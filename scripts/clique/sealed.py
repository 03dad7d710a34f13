"""Proof files from a sealed chain: one of every kind, checked without a network, then with forged seals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chain.evidence.bundle import Bundle, HeaderRun, format_bundle, parse_bundle
from chain.evidence.headers import encode_with_extra, parse_header
from chain.evidence.seals import clique_signer
from chain.evidence.steps import StepNumber
from chain.hashing import keccak256
from chain.trust_root import TrustRoot, format_trust_root, parse_trust_root, trust_root_id
from chain.types import Address, BlockNumber
from chain.verify import Verdict, verify_bundle
from scripts.clique.report import Report
from scripts.retail.client import Client
from scripts.retail.offline import flip_all, verify_offline

SEED = 225
_SEAL = 65


@dataclass(frozen=True, slots=True)
class Sample:
    """Entries by kind of proof file, and an account with a balance and locked coins."""

    entries: Mapping[str, str]
    account: str


def fetch_kinds(client: Client, sample: Sample, folder: Path) -> dict[str, Path]:
    """Write one proof file of every kind."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / f"{kind}.proof.json" for kind in (*sample.entries, "balance-and-lock")}
    for kind, entry in sample.entries.items():
        files[kind].write_bytes(client.get_proof(entry))
    files["balance-and-lock"].write_bytes(client.get_bytes(f"/v1/accounts/{sample.account}/proof"))
    return files


def check_kinds(report: Report, files: Mapping[str, Path], root_file: Path, live: str, depth: int) -> None:
    """All files pass in a process without a network, by seals of a quorum, and fail with one bit flipped."""
    found = verify_offline(list(files.values()), root_file, live)
    report.counts["isolation"] = found.isolation
    passed = found.outcomes["pass"] == len(files) and found.exit_code == 0
    report.require(
        "every kind of proof file passes offline", passed, f"{found.outcomes} {found.failed_steps}"
    )
    root = root_file.read_bytes()
    for kind, file in files.items():
        verdict = verify_bundle(file.read_bytes(), root)
        facts = verdict.facts
        sealed = facts.sealed or (0, 0)
        enough = facts.seal_kind == "clique" and sealed[0] > sealed[1] // 2 and (facts.depth or 0) >= depth
        report.require(f"{kind}: sealed by a quorum under {depth} blocks", enough, f"{facts}")
    bad = verify_offline(
        flip_all(list(files.values()), files["purchase"].parent / "flipped", SEED), root_file, live
    )
    report.require(
        "one flipped bit is refused",
        bad.outcomes["mismatch"] == len(files),
        f"{bad.outcomes} {bad.failed_steps}",
    )


def check_forgeries(report: Report, file: Path, root_file: Path) -> None:
    """A seal with one byte flipped fails, and so does one of a validator that is not pinned."""
    bundle, root = parse_bundle(file.read_bytes()), parse_trust_root(root_file.read_bytes())
    forged = verify_bundle(format_bundle(flip_seal(bundle)), format_trust_root(root))
    fails_at(report, "a flipped seal byte", forged, StepNumber.BLOCKS)
    forged = verify_bundle(format_bundle(flip_last_seal(bundle)), format_trust_root(root))
    fails_at(report, "a flipped seal byte under a hash made to fit", forged, StepNumber.SEALS)
    stranger = without(root, clique_signer(parse_header(last_run(bundle).headers[-1])))
    moved = replace(bundle, trust_root=trust_root_id(stranger))
    forged = verify_bundle(format_bundle(moved), format_trust_root(stranger))
    fails_at(report, "a seal of nobody pinned", forged, StepNumber.SEALS)


def fails_at(report: Report, name: str, verdict: Verdict, step: StepNumber) -> None:
    """The verdict is a mismatch and this step is the one that failed."""
    failed = [one.number for one in verdict.steps if one.status == "failed"]
    report.require(f"{name} fails at step {int(step)}", failed[:1] == [step], f"{verdict.outcome} {failed}")


def last_run(bundle: Bundle) -> HeaderRun:
    """The headers of the highest block a bundle speaks of."""
    if bundle.chain is None:
        raise ValueError("the bundle has no chain")
    return bundle.chain.runs[-1]


def flip_seal(bundle: Bundle) -> Bundle:
    """Flip one bit in the seal of the first header; hashes stay as they are named."""
    run = last_run(bundle)
    return _with_last(bundle, replace(run, headers=(_flip(run.headers[0]), *run.headers[1:])))


def flip_last_seal(bundle: Bundle) -> Bundle:
    """Flip one bit in the seal of the last header and name its new hash as the head."""
    run = last_run(bundle)
    last = _flip(run.headers[-1])
    return _with_last(bundle, HeaderRun((*run.headers[:-1], last), keccak256(last)))


def without(root: TrustRoot, signer: Address) -> TrustRoot:
    """The trust root with another address in the place of one validator."""
    (chain,) = root.chains
    sets = []
    for pinned in chain.signers:
        others = [one for one in pinned.addresses if one != signer]
        sets.append(replace(pinned, addresses=tuple(sorted([*others, Address(keccak256(signer)[12:])]))))
    return replace(root, chains=(replace(chain, signers=tuple(sets)),))


def signers_of(headers: Sequence[bytes]) -> list[Address]:
    """Who sealed each of these headers."""
    return [clique_signer(parse_header(raw)) for raw in headers]


def anchor_block(file: Path) -> BlockNumber:
    """The block that holds a proof file's anchor."""
    anchor = parse_bundle(file.read_bytes()).anchor
    if anchor is None:
        raise ValueError("the bundle has no anchor")
    return anchor.block


def _flip(raw: bytes) -> bytes:
    header = parse_header(raw)
    changed = bytearray(header.extra)
    changed[-_SEAL] ^= 1
    return encode_with_extra(header, bytes(changed))


def _with_last(bundle: Bundle, run: HeaderRun) -> Bundle:
    if bundle.chain is None:
        raise ValueError("the bundle has no chain")
    return replace(bundle, chain=replace(bundle.chain, runs=(*bundle.chain.runs[:-1], run)))
