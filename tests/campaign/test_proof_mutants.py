"""A million altered Merkle proofs: none accepted unless it is true to the last node, none that crashes."""

from __future__ import annotations

import pytest

from tests.campaign import proof_edits
from tests.campaign.proof_edits import ProofWorld, accepts, try_proofs

MUTANTS = 1_000_000
WORLD = ProofWorld()


def test_none_is_accepted_and_none_crashes() -> None:
    tally = try_proofs(WORLD, "ci", MUTANTS)
    assert (tally.tried, tally.accepted, tally.crashed) == (MUTANTS, [], [])
    assert len(tally.kinds) == 17
    assert min(tally.kinds.values()) > MUTANTS / 100
    assert tally.harmless < MUTANTS / 1_000


def test_the_unaltered_ones_hold() -> None:
    assert all(accepts(proof) and WORLD.is_true(proof) for proof in WORLD.pool)
    assert {proof.inclusion for proof in WORLD.pool} == {True, False}


@pytest.mark.parametrize("name", ["verify_inclusion", "verify_consistency"])
def test_a_verifier_that_accepts_all_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_edits, name, lambda *args: None)
    tally = try_proofs(WORLD, "flaw", 2_000)
    assert len(tally.accepted) + len(tally.crashed) > 500


def test_a_verifier_that_raises_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise TypeError("broken")

    monkeypatch.setattr(proof_edits, "verify_inclusion", broken)
    monkeypatch.setattr(proof_edits, "verify_consistency", broken)
    assert len(try_proofs(WORLD, "flaw", 10).crashed) == 10
