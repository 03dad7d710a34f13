"""The trust root file: strict members, free white space, ranges that leave nothing ambiguous."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from chain.errors import FormatError
from chain.trust_root import (
    MAX_TRUST_ROOT_SIZE,
    LogKey,
    SignerSet,
    format_trust_root,
    parse_trust_root,
    trust_root_id,
)
from chain.types import Address, BlockNumber
from tests.reference.bundle_maker import (
    CHAIN_ID,
    LOG_ANCHOR,
    LOG_VKEY,
    ORIGIN,
    WITNESSES,
    make_root,
    witness_vkey,
)

ROOT = make_root()
DATA = format_trust_root(ROOT)
Json = dict[str, Any]


def test_round_trip_and_id_do_not_depend_on_white_space() -> None:
    assert parse_trust_root(DATA) == ROOT
    pretty = json.dumps(json.loads(DATA), indent=2, ensure_ascii=False).encode() + b"\n"
    assert parse_trust_root(pretty) == ROOT
    assert trust_root_id(parse_trust_root(pretty)) == sha256(DATA).digest()
    assert trust_root_id(replace(ROOT, name="other")) != trust_root_id(ROOT)


def test_keys_contracts_and_signers_are_found_by_range() -> None:
    later = LogKey(ORIGIN, LOG_VKEY, 100, None)
    root = replace(ROOT, logs=(replace(ROOT.logs[0], end=100), later))
    assert root.log_keys(ORIGIN, 99) == [LOG_VKEY]
    assert len(root.log_keys(ORIGIN, 100)) == 1
    assert root.log_keys("another", 1) == []
    assert replace(root, logs=(later,)).log_keys(ORIGIN, 99) == []
    chain = ROOT.chain(CHAIN_ID)
    assert chain is not None
    assert ROOT.chain(CHAIN_ID + 1) is None
    pin = replace(chain.contracts[0], start=BlockNumber(10), end=BlockNumber(20))
    ranged = replace(chain, contracts=(pin,))
    found = [ranged.contract("LogAnchor", Address(LOG_ANCHOR), BlockNumber(n)) for n in (9, 10, 19, 20)]
    assert found == [None, pin, pin, None]
    assert ranged.contract("TimeCredit", Address(LOG_ANCHOR), BlockNumber(10)) is None
    sets = (
        SignerSet("none", (), BlockNumber(5), BlockNumber(7)),
        SignerSet("clique", (Address(b"a" * 20),), BlockNumber(7), None),
    )
    signed = replace(chain, signers=sets)
    assert [signed.signer_set(BlockNumber(n)) for n in (4, 6, 7)] == [None, sets[0], sets[1]]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda v: v.update(extra=1), "trust root"),
        (lambda v: v.pop("required"), "trust root"),
        (lambda v: v.update(v=2), "v"),
        (lambda v: v.update(name=""), "name"),
        (lambda v: v.update(name="a\nb"), "name"),
        (lambda v: v.update(replaces=["00"]), "replaces"),
        (lambda v: v.update(logs=[]), "logs"),
        (lambda v: v["logs"][0].update(origin="elsewhere"), "logs[0].vkey"),
        (lambda v: v["logs"][0].update(vkey="nonsense"), "vkey"),
        (lambda v: v["logs"][0].update({"to": 0}), "logs[0].to"),
        (lambda v: v["logs"][0].update({"from": -1}), "logs[0].from"),
        (lambda v: v["logs"].append(v["witnesses"][0]), "logs[1]"),
        (lambda v: v["witnesses"][0].update(vkey=LOG_VKEY, name=ORIGIN), "witnesses[0].vkey"),
        (lambda v: v["witnesses"][0].update(vkey=witness_vkey(WITNESSES[1])), "witnesses[0].vkey"),
        (lambda v: v["witnesses"][0].update(independent=1), "witnesses[0].independent"),
        (lambda v: v["witnesses"][0].update(operator=None), "witnesses[0].operator"),
        (lambda v: v["chains"].append(v["chains"][0]), "chains"),
        (lambda v: v["chains"][0].update(chain_id="1"), "chains[0].chain_id"),
        (lambda v: v["chains"][0].update(genesis_hash="0x" + "00" * 32), "chains[0].genesis_hash"),
        (lambda v: v["chains"][0]["contracts"][0].update(name="Other"), "chains[0].contracts[0].name"),
        (lambda v: v["chains"][0]["contracts"][0].update(address="00"), "chains[0].contracts[0].address"),
        (lambda v: v["chains"][0]["signers"][0].update(kind="pow"), "chains[0].signers[0].kind"),
        (lambda v: v["chains"][0]["signers"][0].update(kind="none"), "chains[0].signers[0].addresses"),
        (lambda v: v["chains"][0]["signers"][0].update(addresses=[]), "chains[0].signers[0].addresses"),
        (
            lambda v: v["chains"][0]["signers"][0].update(addresses=["00" * 20] * 2),
            "chains[0].signers[0].addresses",
        ),
        (lambda v: v["chains"][0]["signers"].append(v["chains"][0]["signers"][0]), "chains[0].signers"),
        (lambda v: v["required"].update(anchor=1), "required.anchor"),
        (lambda v: v["required"].update(seals="some"), "required.seals"),
        (lambda v: v["required"].update(depth=-1), "required.depth"),
        (lambda v: v["required"].update(witness_quorum=3), "required.witness_quorum"),
    ],
)
def test_refuses_and_names_the_member(change: Callable[[Json], object], where: str) -> None:
    value = json.loads(DATA)
    change(value)
    with pytest.raises(FormatError) as caught:
        parse_trust_root(json.dumps(value).encode())
    assert caught.value.where == where


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b'{"v":1,"v":1}', b" " * (MAX_TRUST_ROOT_SIZE + 1)]
)
def test_refuses_other_files(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_trust_root(data)


def test_formatting_refuses_what_would_not_read_back() -> None:
    with pytest.raises(FormatError) as caught:
        format_trust_root(replace(ROOT, name=""))
    assert caught.value.where == "name"
    with pytest.raises(FormatError) as caught:
        format_trust_root(replace(ROOT, logs=(replace(ROOT.logs[0], end=0),)))
    assert caught.value.where == "logs[0].to"
