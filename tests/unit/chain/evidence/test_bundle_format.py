"""The bundle's bytes: one spelling, closed members, bounded sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chain.canonical import canonicalize
from chain.errors import FormatError
from chain.evidence.bundle import BUNDLE_VERSION, MAX_BUNDLE_SIZE, format_bundle, parse_bundle
from chain.types import LeafIndex
from tests.reference.bundle_maker import make

FULL = make()
DATA = FULL.data
Json = dict[str, Any]


def edited(change: Callable[[Json], object]) -> bytes:
    value = json.loads(DATA)
    change(value)
    return canonicalize(value)


def test_round_trip_of_full_and_bare_bundles() -> None:
    bare = replace(FULL.bundle, chain=None, anchor=None, outcome=None, state=None, disclosures=())
    for bundle in (FULL.bundle, bare, make("none", operation=False).bundle):
        data = format_bundle(bundle)
        assert parse_bundle(data) == bundle
        assert format_bundle(parse_bundle(data)) == data
    assert json.loads(DATA)["v"] == BUNDLE_VERSION


def test_refuses_every_missing_and_every_added_member() -> None:
    value = json.loads(DATA)
    places: list[tuple[str, ...]] = [(), ("log",), ("chain",), ("anchor",), ("outcome",), ("state",)]
    seen = 0
    for place in places:
        target = value
        for name in place:
            target = target[name]
        for name in list(target):
            kept = target.pop(name)
            with pytest.raises(FormatError):
                parse_bundle(canonicalize(value))
            target[name] = kept
            seen += 1
        target["extra"] = 1
        with pytest.raises(FormatError) as caught:
            parse_bundle(canonicalize(value))
        assert caught.value.where == (place[-1] if place else "bundle")
        del target["extra"]
    assert seen == 11 + 6 + 2 + 6 + 7 + 8
    assert parse_bundle(canonicalize(value)) == FULL.bundle


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda v: v.update(v=2), "v"),
        (lambda v: v.update(v=True), "v"),
        (lambda v: v.update(trust_root=v["trust_root"].upper()), "trust_root"),
        (lambda v: v.update(trust_root="00"), "trust_root"),
        (lambda v: v.update(salt=5), "salt"),
        (lambda v: v.update(op_salt="00" * 15), "op_salt"),
        (lambda v: v.update(disclosures=["x"] * 65), "disclosures"),
        (lambda v: v.update(disclosures=[""]), "disclosures"),
        (lambda v: v.update(disclosures="x"), "disclosures"),
        (lambda v: v["log"].update(index=-1), "log.index"),
        (lambda v: v["log"].update(index=1.5), "log.index"),
        (lambda v: v["log"].update(size=0), "log.size"),
        (lambda v: v["log"].update(leaf=v["log"]["leaf"] + "00"), "log.leaf"),
        (lambda v: v["log"].update(path=["00" * 32] * 64), "log.path"),
        (lambda v: v["log"].update(path=["00" * 31]), "log.path[0]"),
        (lambda v: v["log"].update(origin="a\u0000b"), "log.origin"),
        (lambda v: v["log"].update(checkpoint=""), "log.checkpoint"),
        (lambda v: v["chain"].update(chain_id=0), "chain.chain_id"),
        (lambda v: v["chain"].update(runs=[]), "chain.runs"),
        (lambda v: v["chain"]["runs"][0].update(headers=[]), "chain.runs[0].headers"),
        (lambda v: v["chain"]["runs"][0].update(head="00"), "chain.runs[0].head"),
        (lambda v: v["chain"]["runs"].extend(v["chain"]["runs"] * 8), "chain.runs"),
        (lambda v: v["anchor"].update(block="1000"), "anchor.block"),
        (lambda v: v["anchor"].update(contract="00" * 19), "anchor.contract"),
        (lambda v: v["anchor"].update(tx_index=2**32), "anchor.tx_index"),
        (lambda v: v["anchor"].update(receipt_proof=["0"]), "anchor.receipt_proof[0]"),
        (lambda v: v["anchor"].update(receipt_proof=[""]), "anchor.receipt_proof[0]"),
        (lambda v: v["anchor"].update(account_proof=["00"] * 66), "anchor.account_proof"),
        (lambda v: v["outcome"].update(refused=256), "outcome.refused"),
        (lambda v: v["outcome"].update(cursor="280"), "outcome.cursor"),
        (lambda v: v["state"].update(balance=123456), "state.balance"),
        (lambda v: v["state"].update(balance="0123"), "state.balance"),
        (lambda v: v["state"].update(balance=str(2**63)), "state.balance"),
        (lambda v: v["state"].update(locked="-1"), "state.locked"),
        (lambda v: v["state"].update(account="acct_00"), "account"),
        (lambda v: v.update(chain=None), "chain"),
        (lambda v: v.update(anchor=None, outcome=None, state=None), "chain"),
        (lambda v: v.update(log=[]), "log"),
    ],
)
def test_refuses_and_names_the_member(change: Callable[[Json], object], where: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_bundle(edited(change))
    assert caught.value.where == where


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        DATA + b"\n",
        b" " + DATA,
        DATA.replace(b'"v":1', b'"v": 1'),
        DATA.replace(b'"v":1', b'"v":1.0'),
        DATA.replace(b'"v":1', b'"v":1,"v":1'),
        json.dumps(json.loads(DATA)).encode(),
        b"[" * 70_000,
        b"\xff" + DATA,
        b" " * (MAX_BUNDLE_SIZE + 1),
    ],
)
def test_refuses_other_spellings(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_bundle(data)


def test_formatting_refuses_what_would_not_read_back() -> None:
    broken = replace(FULL.bundle, log=replace(FULL.bundle.log, index=LeafIndex(-1)))
    with pytest.raises(FormatError) as caught:
        format_bundle(broken)
    assert caught.value.where == "log.index"
    spaced = replace(FULL.bundle, entry=b" " + FULL.bundle.entry)
    with pytest.raises(FormatError) as caught:
        format_bundle(spaced)
    assert caught.value.reason == "has no canonical form"
