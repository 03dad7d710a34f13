"""Altered bundles, seeded: every field in turn, every class of byte, edits of the structure, parts of another
record in place of one's own, and forgeries that repair whatever a forger can recompute.

*Accepted* is a mutant that passes although any claim in it is not one of the true ones: another entry,
another disclosure, another fact about the record, or a balance that neither account has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from random import Random
from typing import Any

import rlp
from eth_hash.auto import keccak

from chain.canonical import canonicalize
from chain.entry import entry_commitment
from chain.verify import Verdict, verify_bundle
from tests.campaign.proof_edits import Tally
from tests.campaign.worlds import LOCK_RECORDS, RECORDS, make_pair
from tests.reference.bundle_maker import Made

Json = Any
Path = tuple[str | int, ...]
STATE_FACTS = ("account", "balance", "locked", "sequence", "state_block")
STEPS = 15
WORLDS = {
    "clique": ("clique", RECORDS),
    "qbft": ("qbft", RECORDS),
    "locks": ("clique", LOCK_RECORDS),
}
"""Pairs of records to alter: seals of either kind, and locks in place of gifts."""
BYTE_CLASSES = (
    b"0123456789", b"abcdef", b"ABCDEF", b"ghijklmnopqrstuvwxyz", b'"', b"{}[]", b",:", b"\\/", b" \t\r\n",
    b"\x00\x01\x1f\x7f", b"\x80\xbf", b"\xc3\xe2\xed\xf0\xff", b"+-.eE_=", b"\xe2\x80\x94", b"\xef\xbb\xbf",
)  # fmt: skip
VALUES: tuple[Json, ...] = (
    None, True, False, 0, 1, -1, 2**53 - 1, 2**53, 2**64, 1.5, 1e300, "", "0", "00", "null", "\u0000",
    "\u2028", "é", [], {}, [[]], [None], {"v": 1}, "00" * 32, "ff" * 32, "00" * 20,
)  # fmt: skip


def paths(value: Json, path: Path = ()) -> Iterator[Path]:
    """The way to every member below ``value``, lists and objects included."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield (*path, name)
        yield from paths(member, (*path, name))


def look(value: Json, path: Path) -> Json:
    for name in path:
        value = value[name]
    return value


class BundleWorld:
    """Two records' bundles for one trust root, and all that is true of either."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        pair = make_pair(*WORLDS[kind])
        self.root = pair[0].root_data
        self.data = tuple(made.data for made in pair)
        self.values = tuple(json.loads(data) for data in self.data)
        self.paths = tuple(tuple(paths(value)) for value in self.values)
        self.claims = [self._claims(made) for made in pair]
        self.states = {tuple(item) for item in self._states(pair)}

    def _claims(self, made: Made) -> tuple[bytes, frozenset[str], dict[str, Any]]:
        verdict = verify_bundle(made.data, made.root_data)
        if verdict.outcome != "pass":
            raise AssertionError("the unaltered bundle does not verify")
        return made.bundle.entry, frozenset(made.bundle.disclosures), asdict(verdict.facts)

    def _states(self, pair: tuple[Made, Made]) -> Iterator[list[Any]]:
        for _, _, facts in self.claims:
            yield [facts[name] for name in STATE_FACTS]

    def is_true(self, data: bytes, verdict: Verdict) -> bool:
        """Whether all that a passing mutant says is true of one of the two records."""
        value, facts = json.loads(data), asdict(verdict.facts)
        state = tuple(facts.pop(name) for name in STATE_FACTS)
        if state not in self.states and any(item not in (None, "") for item in state):
            return False
        entry, shown = canonicalize(value["entry"]), set(value["disclosures"])
        for true_entry, true_shown, true_facts in self.claims:
            if entry == true_entry and shown <= true_shown:
                return all(got in (true_facts[name], (), "", None) for name, got in facts.items())
        return False


def other_text(old: str, chance: Random) -> str:
    """A text near ``old``: a character changed, gone, doubled or moved, or its end cut off."""
    at = chance.randrange(len(old) or 1)
    letter = chance.choice("0123456789abcdef" if chance.random() < 0.7 else "ghzAF+/=-_ \n\u2014\u00e9\x00")
    return chance.choice(
        (
            old[:at] + letter + old[at + 1 :],
            old[:at] + letter + old[at + 1 :],
            old[:at] + letter + old[at:],
            old[:at] + old[at + 1 :],
            old[:at],
            old + old[:at],
            old[at:] + old[:at],
            old.upper(),
            old[::-1],
        )
    )


def other_value(old: Json, chance: Random) -> Json:
    """A value of the same type."""
    if isinstance(old, str):
        return other_text(old, chance)
    if isinstance(old, int) and not isinstance(old, bool):
        return chance.choice((old + 1, old - 1, old * 2, 0, old ^ 1 << chance.randrange(40)))
    if isinstance(old, list):
        return chance.choice((old[::-1], old[:-1], old[1:], old * 2, [old], []))
    if isinstance(old, dict):
        names = list(old)
        return {name: old[mate] for name, mate in zip(names, chance.sample(names, len(names)), strict=True)}
    return chance.choice(VALUES)


def edit_rlp(old: str, chance: Random) -> str:
    """RLP in hex with one of its items changed and everything encoded anew; a plain edit where it is none."""
    try:
        items = rlp.decode(bytes.fromhex(old))
        place = chance.randrange(len(items))
        item = items[place]
        if isinstance(item, bytes) and item:
            at = chance.randrange(len(item))
            items[place] = item[:at] + bytes([item[at] ^ 1 << chance.randrange(8)]) + item[at + 1 :]
        else:
            items = items[:place] + items[place + 1 :]
        return str(rlp.encode(items).hex())
    except (ValueError, TypeError, rlp.exceptions.RLPException):
        return other_text(old, chance)


def edit_field(value: Json, path: Path, chance: Random, donor: Json) -> str:
    """Change the member at ``path``; return the name of the edit."""
    parent, key = look(value, path[:-1]), path[-1]
    old = parent[key]
    kind = chance.choice(
        ("value", "value", "value", "drop", "null", "type", "nest", "twin", "twin", "donor", "rlp", "add")
    )
    if kind == "drop":
        del parent[key]
    elif kind == "null":
        parent[key] = None
    elif kind == "type":
        parent[key] = chance.choice(VALUES)
    elif kind == "nest":
        parent[key] = chance.choice(([old], {"v": old}, [[old]], {str(key): old}))
    elif kind == "twin":
        try:
            parent[key] = look(donor, path)
        except (KeyError, IndexError, TypeError):
            parent[key] = donor
    elif kind == "donor":
        parent[key] = look(donor, chance.choice(tuple(paths(donor))))
    elif kind == "rlp" and isinstance(old, str):
        parent[key] = edit_rlp(old, chance)
    elif kind == "add" and isinstance(parent, list):
        parent.insert(chance.randrange(len(parent) + 1), old)
    elif kind == "add":
        parent[chance.choice(("x", "", "v ", "V", "path", "zz"))] = old
    else:
        parent[key] = other_value(old, chance)
    return kind


def splice(value: Json, chance: Random, donor: Json) -> str:
    """Put whole parts of the other record's bundle in place of one's own."""
    for name in chance.sample(tuple(value), chance.randrange(1, 6)):
        if isinstance(value[name], dict) and chance.random() < 0.6:
            for inner in chance.sample(tuple(value[name]), chance.randrange(1, len(value[name]) + 1)):
                value[name][inner] = donor[name][inner]
        else:
            value[name] = donor[name]
    return "splice"


def reorder(value: Json, chance: Random, donor: Json) -> str:
    """Shuffle, cut, double or join one of the lists."""
    lists = [path for path in paths(value) if isinstance(look(value, path), list) and look(value, path)]
    items = look(value, chance.choice(lists))
    mates = look(donor, chance.choice(lists))
    kind = chance.choice(("shuffle", "cut", "double", "join", "reverse"))
    if kind == "shuffle":
        chance.shuffle(items)
    elif kind == "cut":
        del items[chance.randrange(len(items)) :]
    elif kind == "double":
        items.insert(chance.randrange(len(items)), chance.choice(items))
    elif kind == "join":
        items.extend(mates if isinstance(mates, list) else [mates])
    else:
        items.reverse()
    return kind


def edit_note(value: Json, chance: Random, donor: Json) -> str:
    """Change lines of the signed checkpoint."""
    lines = value["log"]["checkpoint"].split("\n")
    at, mate = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(mate, lines[at])
    elif kind == 2:
        lines[at], lines[mate] = lines[mate], lines[at]
    elif kind == 3:
        lines[at] = other_text(lines[at], chance)
    else:
        lines[at] = str(int(lines[1]) + chance.choice((1, -1, 1000))) if lines[1].isdecimal() else ""
    value["log"]["checkpoint"] = "\n".join(lines)
    return "note"


def forge(value: Json, chance: Random, donor: Json) -> str:
    """Change a claim and repair what anybody can recompute: the leaf's commitment, or the headers' links."""
    if chance.random() < 0.5:
        entry = value["entry"]
        path = chance.choice(tuple(paths(entry)))
        parent = look(entry, path[:-1])
        old = parent[path[-1]]
        parent[path[-1]] = "" if old is None else other_value(old, chance)
        commitment = entry_commitment(bytes.fromhex(value["salt"]), canonicalize(entry))
        value["log"]["leaf"] = value["log"]["leaf"][:2] + commitment.hex() + value["log"]["leaf"][66:]
        return "forged entry"
    headers, start = value["chain"]["runs"][0]["headers"], chance.randrange(4)
    headers[start] = edit_rlp(headers[start], chance)
    for at in range(start + 1, len(headers)):
        items = rlp.decode(bytes.fromhex(headers[at]))
        items[0] = keccak(bytes.fromhex(headers[at - 1]))
        headers[at] = rlp.encode(items).hex()
    value["chain"]["runs"][0]["head"] = keccak(bytes.fromhex(headers[-1])).hex()
    return "forged headers"


def edit_bytes(data: bytes, chance: Random, donor: bytes) -> tuple[str, bytes]:
    """Change the file's bytes, whatever they mean."""
    at, mate = sorted((chance.randrange(len(data)), chance.randrange(len(data))))
    letter = bytes([chance.choice(chance.choice(BYTE_CLASSES))])
    kind = chance.choice(
        ("flip", "flip", "byte", "byte", "insert", "delete", "truncate", "extend", "slices", "graft")
    )
    if kind == "flip":
        return kind, data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind == "byte":
        return kind, data[:at] + letter + data[at + 1 :]
    if kind == "insert":
        return kind, data[:at] + letter * chance.choice((1, 2, 64)) + data[at:]
    if kind == "delete":
        return kind, data[:at] + data[at + chance.choice((1, 2, 64)) :]
    if kind == "truncate":
        return kind, data[:at]
    if kind == "extend":
        return kind, data + chance.choice((letter, data, b"\n", donor[at:]))
    if kind == "slices":
        return kind, data[:at] + data[mate:] + data[at:mate]
    return kind, data[:at] + donor[at:]


STRUCTURE: tuple[Callable[[Json, Random, Json], str], ...] = (splice, splice, reorder, edit_note, forge)


def mutate(world: BundleWorld, number: int, chance: Random) -> tuple[str, bytes]:
    """Mutant ``number`` of the world. Of five, two change a field (every field in turn), one the bytes, two
    the structure.
    """
    own = number // 5 & 1
    data, donor = world.data[own], world.values[1 - own]
    kind = number % 5
    if kind == 0:
        return edit_bytes(data, chance, world.data[1 - own])
    value = json.loads(data)
    if kind <= 2:
        fields = world.paths[own]
        name = edit_field(value, fields[(number // 5) % len(fields)], chance, donor)
    else:
        name = chance.choice(STRUCTURE)(value, chance, donor)
    try:
        return name, canonicalize(value)
    except Exception:  # a value that has no canonical form travels as plain JSON
        return name, json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def try_bundles(world: BundleWorld, seed: str, start: int, count: int) -> Tally:
    """Verify mutants ``start`` to ``start + count``; the same seed gives the same ones."""
    chance, tally = Random(f"{seed} {world.kind} {start}"), Tally()
    number = start
    while tally.tried < count:
        kind, data = mutate(world, number, chance)
        number += 1
        if data in world.data:
            continue
        tally.count(kind)
        try:
            verdict = verify_bundle(data, world.root)
            if len(verdict.steps) != STEPS:
                tally.crashed.append(f"{seed} {start} #{tally.tried}: {kind}: {len(verdict.steps)} steps")
            if verdict.outcome == "pass":
                if world.is_true(data, verdict):
                    tally.harmless += 1
                else:
                    tally.accepted.append(f"{seed} {start} #{tally.tried}: {kind}")
        except Exception as error:
            tally.crashed.append(f"{seed} {start} #{tally.tried}: {kind}: {error!r}")
    return tally
