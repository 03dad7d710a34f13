"""Witness policies: the C2SP tlog-policy file, and whether a set of cosigners meets its quorum. Pure.

A policy says which logs and witnesses count and how many cosignatures are enough. Who runs a witness is not
in the format, so it stands in a comment line of our own, which every other reader skips:
``#operator <witness name> independent|own <who runs it>``. Must not read files or keys.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from chain.checkpoint import KeyKind, parse_vkey
from chain.errors import FormatError

MAX_POLICY_SIZE = 1 << 20
"""Bytes of a policy file at most."""

MAX_NAMES = 1024
"""Logs, and witnesses and groups together, at most; the specification asks for 32 of each at least."""

NO_QUORUM = "none"
"""The predefined name of a quorum that asks for nothing."""

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}\Z")
_OPERATOR = "#operator"
_SIDES = {"independent": True, "own": False}


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that counts; its vkey's name is its origin."""

    vkey: str
    url: str | None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness that counts. ``name`` is the policy's own; ``url`` its submission prefix, where it is known.

    ``operator`` is who runs it, empty where the file does not say; ``independent`` whether that is somebody
    else than who runs the log.
    """

    name: str
    vkey: str
    url: str | None
    operator: str = ""
    independent: bool = False


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """Met when at least ``threshold`` of ``members``, witnesses or groups, are."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """A parsed policy. ``groups`` are in file order, so each comes after its members.

    Names hold octets that are no UTF-8 as lone surrogates, so that different octets are different names.
    """

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: str

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Say whether the witnesses whose vkeys are ``cosigned`` meet the quorum; other vkeys say nothing."""
        if self.quorum == NO_QUORUM:
            return True
        met = {witness.name for witness in self.witnesses if witness.vkey in cosigned}
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum in met

    def least(self) -> int:
        """Return with how many witnesses at least the quorum can be met."""
        needed = {witness.name: 1 for witness in self.witnesses} | {NO_QUORUM: 0}
        for group in self.groups:
            # No name is in two groups, so what members need adds up.
            needed[group.name] = sum(sorted(needed[name] for name in group.members)[: group.threshold])
        return needed[self.quorum]

    def counted(self) -> tuple[PolicyWitness, ...]:
        """Return the witnesses that the quorum rests on, directly or through groups, in file order."""
        wanted = {self.quorum}
        for group in reversed(self.groups):
            if group.name in wanted:
                wanted.update(group.members)
        return tuple(witness for witness in self.witnesses if witness.name in wanted)

    def log_vkeys(self) -> dict[str, tuple[str, ...]]:
        """Return the vkeys of every log, by origin."""
        found: dict[str, tuple[str, ...]] = {}
        for log in self.logs:
            origin = parse_vkey(log.vkey).name
            found[origin] = (*found.get(origin, ()), log.vkey)
        return found


def parse_policy(data: bytes) -> WitnessPolicy:
    """Return the policy of a file.

    1. only allowed octets, every line ended; 2. every line is one of the five forms; 3. names are defined
    before use, once, and are a member once; 4. no key stands twice; 5. exactly one quorum.

    Raises FormatError whose ``where`` is ``policy line <n>``, or ``policy`` for the file as a whole.
    """
    if len(data) > MAX_POLICY_SIZE:
        raise FormatError("policy", f"longer than {MAX_POLICY_SIZE} bytes")
    reader = _Reader()
    if data and not data.endswith(b"\n"):
        raise FormatError(f"policy line {data.count(bytes((10,))) + 1}", "does not end in a newline")
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            reader.read(line)
        except _Fault as fault:
            raise FormatError(f"policy line {number}", str(fault)) from None
    return reader.result()


class _Fault(Exception):
    """What is wrong with one line."""


@dataclass(slots=True)
class _Reader:
    """What the lines read so far define."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: dict[str, PolicyWitness] = field(default_factory=dict)
    groups: dict[str, PolicyGroup] = field(default_factory=dict)
    keys: set[tuple[KeyKind, bytes]] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    quorum: str | None = None

    def read(self, line: bytes) -> None:
        if _FORBIDDEN.search(line):
            raise _Fault("holds a control character")
        text = line.decode("utf-8", "surrogateescape").strip(" \t")
        words = _SPACE.split(text)
        if words[0] == _OPERATOR:
            self._operator(text)
        elif text and not text.startswith("#"):
            read = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum}
            if words[0] not in read:
                raise _Fault("is no log, witness, group or quorum line")
            read[words[0]](words[1:])

    def result(self) -> WitnessPolicy:
        if self.quorum is None:
            raise FormatError("policy", "has no quorum line")
        return WitnessPolicy(
            tuple(self.logs), tuple(self.witnesses.values()), tuple(self.groups.values()), self.quorum
        )

    def _log(self, words: Sequence[str]) -> None:
        if len(words) not in (1, 2):
            raise _Fault("is not: log <vkey> [<url>]")
        if len(self.logs) == MAX_NAMES:
            raise _Fault(f"more than {MAX_NAMES} logs")
        self._key(words[0], KeyKind.LOG)
        self.logs.append(PolicyLog(words[0], words[1] if len(words) == 2 else None))

    def _witness(self, words: Sequence[str]) -> None:
        if len(words) not in (2, 3):
            raise _Fault("is not: witness <name> <vkey> [<url>]")
        self._new(words[0])
        self._key(words[1], KeyKind.COSIGNER)
        self.witnesses[words[0]] = PolicyWitness(words[0], words[1], words[2] if len(words) == 3 else None)

    def _group(self, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise _Fault("is not: group <name> all|any|<k> <name>...")
        name, rule, members = words[0], words[1], tuple(words[2:])
        self._new(name)
        threshold = {"any": 1, "all": len(members)}.get(rule)
        if threshold is None:
            if not _NUMBER.match(rule) or int(rule) > len(members):
                raise _Fault(f"the threshold is not all, any or 1 to {len(members)}")
            threshold = int(rule)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise _Fault("a member is not defined on a line before")
            if member in self.used:
                raise _Fault("a member is in a group already")
            self.used.add(member)
        self.groups[name] = PolicyGroup(name, threshold, members)

    def _quorum(self, words: Sequence[str]) -> None:
        if len(words) != 1:
            raise _Fault("is not: quorum <name>|none")
        if self.quorum is not None:
            raise _Fault("is a second quorum line")
        name = words[0]
        if name != NO_QUORUM and name not in self.witnesses and name not in self.groups:
            raise _Fault("the quorum's name is not defined on a line before")
        self.quorum = name

    def _operator(self, text: str) -> None:
        words = _SPACE.split(text, maxsplit=3)
        if len(words) != 4 or words[2] not in _SIDES:
            raise _Fault(f"is not: {_OPERATOR} <witness name> independent|own <who runs it>")
        name, operator = words[1], words[3]
        if name not in self.witnesses:
            raise _Fault("the operator's witness is not defined on a line before")
        if name in self.told:
            raise _Fault("the witness has an operator already")
        if len(operator) > 256 or any("\ud800" <= letter <= "\udfff" for letter in operator):
            raise _Fault("the operator is longer than 256 characters or not UTF-8")
        self.told.add(name)
        held = self.witnesses[name]
        self.witnesses[name] = PolicyWitness(name, held.vkey, held.url, operator, _SIDES[words[2]])

    def _new(self, name: str) -> None:
        if name == NO_QUORUM:
            raise _Fault(f"the name {NO_QUORUM} is predefined")
        if name in self.witnesses or name in self.groups:
            raise _Fault("the name is defined already")
        if len(self.witnesses) + len(self.groups) == MAX_NAMES:
            raise _Fault(f"more than {MAX_NAMES} witnesses and groups")

    def _key(self, vkey: str, kind: KeyKind) -> None:
        try:
            key = parse_vkey(vkey)
        except FormatError as error:
            raise _Fault(str(error)) from None
        if key.kind is not kind:
            raise _Fault(f"the key is of type {key.kind:#04x}, wants {kind:#04x}")
        # Keys under other names are the same key here: one holder must not count twice.
        if (kind, key.public_key) in self.keys:
            raise _Fault("the key stands on a line before")
        self.keys.add((kind, key.public_key))
