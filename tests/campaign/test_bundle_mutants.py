"""Thirty thousand altered bundles: none accepted with a claim changed, none that crashes the verifier."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from chain.evidence import verify_record
from tests.campaign import bundle_edits
from tests.campaign.bundle_edits import BundleWorld, look, mutate, try_bundles

MUTANTS = 10_000
"""Of each world."""

EDITS = (
    "flip byte insert delete truncate extend slices graft value drop null type nest twin donor rlp add "
    "shuffle cut double join reverse splice note"
).split()


@pytest.fixture(scope="module", params=sorted(bundle_edits.WORLDS))
def world(request: pytest.FixtureRequest) -> BundleWorld:
    return BundleWorld(request.param)


def test_none_is_accepted_and_none_crashes(world: BundleWorld) -> None:
    tally = try_bundles(world, "ci", 0, MUTANTS)
    assert (tally.tried, tally.accepted, tally.crashed) == (MUTANTS, [], [])
    assert set(tally.kinds) == {*EDITS, "forged entry", "forged headers"}
    assert min(tally.kinds.values()) > MUTANTS / 200
    # What may be left out or written in another order makes some of them pass, with nothing untrue in them.
    assert 0 < tally.harmless < MUTANTS / 20


def test_every_field_has_its_turn(world: BundleWorld) -> None:
    assert all(MUTANTS / 10 > len(fields) * 5 for fields in world.paths)
    for own, fields in enumerate(world.paths):
        assert (("lock", "rest") in fields) == (world.kind == "locks")
        assert ("entry", "op", "amount") in fields and ("chain", "runs", 0, "headers", 3) in fields
        assert all(look(world.values[own], path) is not fields for path in fields)


def test_the_same_seed_gives_the_same_mutants(world: BundleWorld) -> None:
    first, second = ([mutate(world, n, chance) for n in range(50)] for chance in (Random(1), Random(1)))
    assert first == second
    assert len({data for _, data in first}) > 35


def test_a_verifier_that_skips_a_check_is_found_out(
    world: BundleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Anything:
        def __ne__(self, other: object) -> bool:
            return False

    monkeypatch.setattr(verify_record, "entry_commitment", lambda salt, entry: Anything())
    tally = try_bundles(world, "flaw", 0, 1_000)
    assert len(tally.accepted) > 5


def test_a_verifier_that_raises_is_found_out(world: BundleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise IndexError("broken")

    monkeypatch.setattr(bundle_edits, "verify_bundle", broken)
    tally = try_bundles(world, "flaw", 0, 10)
    assert len(tally.crashed) == 10 and "IndexError" in tally.crashed[0]
