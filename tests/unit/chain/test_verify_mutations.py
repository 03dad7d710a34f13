"""Thousands of altered bundles: none accepted with any claim changed, none that raises. Seeded."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chain.canonical import canonicalize
from chain.verify import verify_bundle
from tests.reference.bundle_maker import Made, make

CASES = {
    "clique": make(),
    "refused": make(refused=7),
    "qbft": make("qbft"),
    "unsealed": make("none", witnesses=0),
    "plain": make("none", witnesses=1, operation=False, state=False),
}
FLIPS = 500
EDITS = 700
HEX = "0123456789abcdef"

Json = Any


def places(value: Json, parent: Json = None, key: Any = None) -> Iterator[tuple[Json, Any]]:
    """Every (container, key) below ``value``."""
    if parent is not None:
        yield parent, key
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield from places(member, value, name)


def edit(value: Json, chance: random.Random, donor: Json) -> str:
    """Change one place of a bundle's JSON value; return what was done."""
    parent, key = chance.choice(list(places(value)))
    old = parent[key]
    kind = chance.choice(["value", "value", "remove", "double", "null", "swap", "donor", "type"])
    if kind == "value":
        parent[key] = other_value(old, chance)
    elif kind == "remove":
        del parent[key]
    elif kind == "double" and isinstance(parent, list):
        parent.insert(key, json.loads(json.dumps(old)))
    elif kind == "null":
        parent[key] = None
    elif kind == "swap" and isinstance(parent, list) and len(parent) > 1:
        other = chance.randrange(len(parent))
        parent[key], parent[other] = parent[other], old
    elif kind == "donor":
        parent[key] = chance.choice([p[k] for p, k in places(donor)])
    else:
        parent[key] = chance.choice([0, 1, "", [], {}, True, "00", 2**53 - 1, 1.5, [old], {"v": old}])
    return kind


def other_value(old: Json, chance: random.Random) -> Json:
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return chance.choice([old + 1, max(old - 1, 0), old * 2, 0, chance.randrange(2**40)])
    if isinstance(old, str) and old:
        at = chance.randrange(len(old))
        letter = chance.choice(HEX if set(old) <= set(HEX) else HEX + "ABCxyz-_ \n0189é")
        return old[:at] + letter + chance.choice(["", old[at:], old[at + 1 :], old[at + 1 :], old[at + 1 :]])
    return [] if isinstance(old, list) else {} if isinstance(old, dict) else 1


def flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def refused(made: Made, data: bytes) -> bool:
    """Whether an altered bundle is not accepted, or says nothing but what the unaltered one says."""
    verdict = verify_bundle(data, made.root_data)
    if verdict.outcome != "pass":
        return True
    # A part that was taken away entirely is a claim fewer, never another claim.
    want = verify_bundle(made.data, made.root_data).facts
    return all(
        getattr(verdict.facts, name) in (getattr(want, name), None, "", ())
        for name in type(want).__dataclass_fields__
    )


@pytest.mark.parametrize("name", CASES)
def test_no_flipped_bit_is_accepted(name: str) -> None:
    made, chance = CASES[name], random.Random(f"flip {name}")
    data = made.data
    accepted = 0
    for _ in range(FLIPS):
        mutated = flip(data, chance)
        accepted += mutated != data and verify_bundle(mutated, made.root_data).outcome == "pass"
    assert accepted == 0


@pytest.mark.parametrize("name", CASES)
def test_no_edited_structure_is_accepted_with_a_claim_changed(name: str) -> None:
    made, chance = CASES[name], random.Random(f"edit {name}")
    data, donor = made.data, json.loads(make("clique", refused=9, validators=5).data)
    seen: Counter[str] = Counter()
    wrong = []
    for _ in range(EDITS):
        value = json.loads(data)
        kind = edit(value, chance, donor)
        mutated = canonicalize(value)
        if mutated == data:
            continue
        seen[kind] += 1
        if not refused(made, mutated):
            wrong.append(kind)
    assert wrong == []
    assert min(seen.values()) > 10 and len(seen) == 7


def test_only_these_parts_can_be_left_out_and_only_whole() -> None:
    """An edit that still passes took an optional part away: disclosures, or the balance."""
    for made in CASES.values():
        value = json.loads(made.data)
        for parent, key in list(places(value)):
            kept = parent[key]
            parent[key] = [] if isinstance(kept, list) else None
            verdict = verify_bundle(canonicalize(value), made.root_data)
            if kept not in (None, []):
                assert verdict.outcome != "pass" or key in ("disclosures", "state"), key
            parent[key] = kept


def test_every_byte_of_a_small_bundle() -> None:
    """One flipped bit in each byte of a bundle, every byte in turn."""
    made = CASES["plain"]
    data = made.data
    accepted = []
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        if verify_bundle(bytes(changed), made.root_data).outcome == "pass":
            accepted.append(at)
    assert accepted == []


def test_a_hostile_trust_root_never_raises() -> None:
    made, chance = CASES["clique"], random.Random("root")
    outcomes = Counter(verify_bundle(made.data, flip(made.root_data, chance)).outcome for _ in range(FLIPS))
    assert outcomes["cannot_check"] and outcomes["mismatch"]
    assert outcomes["pass"] == 0


def test_a_full_bundle_takes_at_most_sixty_milliseconds_and_24_kilobytes() -> None:
    for made in CASES.values():
        data, root = made.data, made.root_data
        verify_bundle(data, root)
        spent = []
        for _ in range(5):
            start = time.perf_counter()
            verify_bundle(data, root)
            spent.append(time.perf_counter() - start)
        assert min(spent) <= 0.060
        assert len(data) <= 24 * 1024
