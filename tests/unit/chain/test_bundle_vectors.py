"""The bundle vectors: what is committed is what the maker makes, and the verifier ends as every case says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chain.canonical import canonicalize
from chain.verify import verify_bundle
from tests.reference.bundle_vectors import FOLDER, apply, build_vectors

CASES: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text())["cases"]


def test_committed_vectors_are_the_generated_ones() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == build_vectors()


def test_at_least_four_in_five_are_refused_and_every_step_fails_somewhere() -> None:
    assert sum(case["outcome"] != "pass" for case in CASES) >= 0.8 * len(CASES)
    assert {case["failed_step"] for case in CASES} == {None, *range(1, 16)}
    assert {case["outcome"] for case in CASES} == {"pass", "pending", "cannot_check", "mismatch"}
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    bundle = (FOLDER / f"{case['base']}.bundle.json").read_bytes()
    root = (FOLDER / f"{case['base']}.trust-root.json").read_bytes()
    verdict = verify_bundle(canonicalize(apply(bundle, case["set"])), root)
    failed = verdict.failed_step
    assert (verdict.outcome, None if failed is None else failed.number) == (
        case["outcome"],
        case["failed_step"],
    )
