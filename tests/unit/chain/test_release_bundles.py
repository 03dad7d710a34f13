"""Every bundle kept for a release still gets the verdict it got then, whatever key or contract followed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain.evidence.bundle import HeaderRun, format_bundle, parse_bundle
from chain.evidence.headers import encode_with_extra, parse_header
from chain.evidence.seals import clique_quorum
from chain.trust_root import format_trust_root, parse_trust_root, trust_root_id
from chain.types import Digest
from chain.verify import verify_bundle
from gateway.version import VERSION
from tests.fixtures.bundles.make import HERE, MOVED, describe, make_migrated, make_sealed
from tests.reference import bundle_maker as maker
from tests.reference.chain_maker import keccak

RELEASES = sorted(path for path in HERE.iterdir() if (path / "verdicts.json").exists())
KEPT = [
    (folder, name)
    for folder in RELEASES
    for name in sorted(json.loads((folder / "verdicts.json").read_text()))
]
KINDS = {
    *("gateway-entry", "gateway-operation", "gateway-lock", "gateway-balance", "gateway-refused"),
    *("gateway-rotated", "clique-operation", "clique-refused", "qbft-operation", "migrated-old"),
}
CONSORTIUM_KINDS = {
    *("entry", "issue", "transfer", "lock-open", "lock-ended", "release", "refused", "balance"),
}
SEALED = [(folder, name) for folder, name in KEPT if folder.name.endswith("-clique")]
LARGEST = 24 * 1024
"""Bytes of a bundle at most, as a rule."""


def read(folder: Path, name: str) -> tuple[bytes, bytes]:
    return tuple((folder / f"{name}.{kind}.json").read_bytes() for kind in ("bundle", "trust-root"))  # type: ignore[return-value]


@pytest.mark.parametrize(("folder", "name"), KEPT, ids=[f"{folder.name} {name}" for folder, name in KEPT])
def test_a_kept_bundle_gets_the_verdict_of_its_release(folder: Path, name: str) -> None:
    wanted: dict[str, Any] = json.loads((folder / "verdicts.json").read_text())
    bundle, root = read(folder, name)
    found = describe(verify_bundle(bundle, root))
    assert found["outcome"] == wanted[name]["outcome"]
    steps = found["steps"]
    # A step that a release did not know yet finds nothing in its bundles, and costs them nothing.
    later = {step: word for step, word in steps.items() if step not in wanted[name]["steps"]}
    assert set(later.values()) <= {"not_present none"}
    assert {step: word for step, word in steps.items() if step not in later} == wanted[name]["steps"]
    parsed = parse_trust_root(root)
    assert parse_bundle(bundle).trust_root in (trust_root_id(parsed), *parsed.replaces)


def test_this_release_has_its_folder_and_no_file_is_without_a_verdict() -> None:
    assert VERSION in {folder.name for folder in RELEASES}
    for folder in RELEASES:
        names = set(json.loads((folder / "verdicts.json").read_text()))
        assert names >= (CONSORTIUM_KINDS if folder.name.endswith("-clique") else KINDS)
        files = {path.name for path in folder.iterdir()} - {"verdicts.json"}
        assert files == {f"{name}.{kind}.json" for name in names for kind in ("bundle", "trust-root")}


@pytest.mark.parametrize(("folder", "name"), SEALED, ids=[f"{folder.name} {name}" for folder, name in SEALED])
def test_seals_of_real_validators_hold_and_no_other(folder: Path, name: str) -> None:
    """geth made these headers and seals: nothing here could make them, or mend one that was changed."""
    data, root = read(folder, name)
    facts = verify_bundle(data, root).facts
    assert facts.seal_kind == "clique" and facts.sealed is not None
    sealed, validators = facts.sealed
    assert (validators, facts.depth) == (5, 5) and clique_quorum(validators) <= sealed <= validators
    assert len(data) <= LARGEST
    bundle = parse_bundle(data)
    assert bundle.chain is not None
    run = bundle.chain.runs[-1]
    header = parse_header(run.headers[-1])
    forged = encode_with_extra(
        header, header.extra[:-65] + bytes([header.extra[-65] ^ 1]) + header.extra[-64:]
    )
    for head, step in ((run.head, "blocks"), (keccak(forged), "seals")):
        changed = HeaderRun((*run.headers[:-1], forged), Digest(head))
        chain = replace(bundle.chain, runs=(*bundle.chain.runs[:-1], changed))
        found = verify_bundle(format_bundle(replace(bundle, chain=chain)), root).failed_step
        assert found is not None and found.name == step


def test_the_kinds_of_the_consortium_say_what_became_of_them() -> None:
    folder = HERE / f"{VERSION}-clique"
    told = {}
    for name in CONSORTIUM_KINDS:
        facts = verify_bundle(*read(folder, name)).facts
        told[name] = (facts.operation, facts.outcome, facts.refused, facts.lock, facts.lock_rest)
    assert told == {
        "entry": ("", "", None, "", None),
        "issue": ("issue", "done", 0, "", None),
        "transfer": ("transfer", "done", 0, "", None),
        "lock-open": ("lock", "done", 0, "open", 70),
        "lock-ended": ("lock", "done", 0, "ended", 0),
        "release": ("release", "done", 0, "ended", 0),
        "refused": ("cancel", "refused", 13, "open", 70),
        "balance": told["balance"],
    }
    balance = verify_bundle(*read(folder, "balance")).facts
    assert (balance.balance, balance.locked) == (2_000, 70)


def test_a_byte_more_is_another_verdict() -> None:
    bundle, root = read(HERE / VERSION, "gateway-entry")
    changed = bundle.replace(b'"amount":"40000"', b'"amount":"40001"')
    assert changed != bundle
    assert verify_bundle(changed, root).outcome == "mismatch"


def test_bundles_of_a_former_root_hold_under_the_one_after_a_rotation() -> None:
    folder = HERE / VERSION
    after = read(folder, "gateway-rotated")[1]
    for name in ("entry", "operation", "lock", "balance", "refused"):
        bundle, root = read(folder, f"gateway-{name}")
        assert root != after and verify_bundle(bundle, after).outcome == "pass"
    first = read(folder, "gateway-entry")[1]
    verdict = verify_bundle(read(folder, "gateway-rotated")[0], first)
    assert [step.name for step in verdict.steps if step.status == "failed"] == [
        *("trust_root", "checkpoint", "witnesses")
    ]


def test_each_contract_counts_for_its_own_blocks_after_a_migration() -> None:
    made = make_migrated()
    old, new = made["migrated-old"], made["migrated-new"]
    assert old.root == new.root and old.bundle.log.origin == new.bundle.log.origin
    assert old.bundle.anchor is not None and new.bundle.anchor is not None
    assert old.bundle.anchor.block < MOVED < new.bundle.anchor.block
    assert old.bundle.anchor.contract != new.bundle.anchor.contract
    assert {verify_bundle(one.data, one.root_data).outcome for one in (old, new)} == {"pass"}
    before = maker.make().root
    # Who has not heard of the migration is told which step it is.
    verdict = verify_bundle(maker.for_root(new, before).data, format_trust_root(before))
    failed = [(step.name, step.code) for step in verdict.steps if step.status == "failed"]
    assert failed == [("contract", "unpinned")]


def test_the_old_contract_says_nothing_after_the_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_migrated()["migrated-old"].root
    monkeypatch.setattr(maker, "ANCHOR_BLOCK", MOVED + 1)
    late = maker.for_root(maker.make(), root)
    verdict = verify_bundle(late.data, late.root_data)
    assert [(step.name, step.code) for step in verdict.steps if step.status == "failed"] == [
        ("contract", "unpinned")
    ]


@pytest.mark.parametrize("name", sorted(make_sealed()))
def test_the_maker_still_makes_what_it_made_for_this_release(name: str) -> None:
    made = make_sealed()[name]
    assert (made.data, made.root_data) == read(HERE / VERSION, name)
