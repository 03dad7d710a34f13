"""COSE receipts: golden bytes, an independent COSE library, every altered byte, and the verdict on a file."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import cbor2
import pytest
from cwt import COSE, COSEKey
from cwt.exceptions import VerifyError

from chain.cbor import Tagged, format_cbor, parse_cbor
from chain.checkpoint import parse_checkpoint_text
from chain.cose_receipt import (
    MAX_PATH,
    MAX_RECEIPT_SIZE,
    build_cose_receipt,
    format_cose_receipt,
    key_thumbprint,
    parse_cose_receipt,
    sign_root,
    verify_cose_receipt,
)
from chain.errors import FormatError, VerificationError
from chain.evidence.case import checkpoint_text
from chain.trust_root import LogKey, Requirements, format_trust_root
from chain.types import LeafIndex
from chain.verify import verify_cose_file, verify_file
from gateway.verify_command import run_verify
from tests.reference import naive_tree
from tests.reference.bundle_maker import INDEX, LOG_VKEY, ORIGIN, SIZE, ed25519, make

FULL = make()
LOG = FULL.bundle.log
KEY = ed25519("log")
PUBLIC = KEY.public_key().public_bytes_raw()
PATH = LOG.path or ()
ROOT = parse_checkpoint_text(checkpoint_text(LOG.checkpoint)).root
SIGNATURE = sign_root(ORIGIN, SIZE, ROOT, KEY)
FILE = build_cose_receipt(ORIGIN, PUBLIC, (INDEX, SIZE), PATH, LOG.leaf, SIGNATURE)
LAX = replace(FULL.root, required=Requirements(False, False, "none", 0, 0))
LAX_DATA = format_trust_root(LAX)
Json = Any


def foreign_key(key: bytes = PUBLIC) -> COSEKey:
    return COSEKey.new({1: 1, 3: -8, 2: key_thumbprint(PUBLIC), -1: 6, -2: key, 4: [2]})


def test_golden_bytes_as_an_independent_cbor_library_writes_them() -> None:
    thumbprint = sha256(cbor2.dumps({1: 1, -1: 6, -2: PUBLIC})).digest()
    claims = {1: ORIGIN, 2: sha256(ORIGIN.encode()).hexdigest()}
    protected = cbor2.dumps({1: -8, 4: thumbprint, 15: claims, 395: 1, "tongyi-size": SIZE})
    signature = KEY.sign(cbor2.dumps(["Signature1", protected, b"", ROOT]))
    proof = cbor2.dumps([SIZE, INDEX, list(PATH)])
    unprotected = {396: {-1: [proof]}, "tongyi-leaf": LOG.leaf}
    assert cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected, None, signature])) == FILE
    assert len(FILE) == 629
    assert sha256(FILE).hexdigest() == "9528a73bba43c2fd420670da0c67a161cba94e3f40e09eed107568b8cf4c1549"


def test_an_independent_cose_library_verifies_it_with_the_root_it_computes() -> None:
    """The root is computed from the file by the naive tree, which shares nothing with the verifier."""
    message = cbor2.loads(FILE)
    size, index, path = cbor2.loads(message.value[1][396][-1][0])
    root = naive_tree.root_from_inclusion(index, size, naive_tree.leaf(LOG.leaf), path)
    assert root == ROOT
    cose = COSE.new()
    assert cose.decode(FILE, foreign_key(), detached_payload=root) == root
    for wrong in (bytes(32), root[::-1]):
        with pytest.raises(VerifyError):
            cose.decode(FILE, foreign_key(), detached_payload=wrong)
    with pytest.raises(VerifyError):
        thief = ed25519("thief").public_key().public_bytes_raw()
        cose.decode(FILE, foreign_key(thief), detached_payload=root)


def test_verifies_against_the_logs_key() -> None:
    receipt = verify_cose_receipt(FILE, LOG.leaf, LOG_VKEY)
    assert (receipt.origin, receipt.index, receipt.size) == (ORIGIN, INDEX, SIZE)
    assert (receipt.path, receipt.leaf, receipt.signature) == (PATH, LOG.leaf, SIGNATURE)
    assert receipt.subject == sha256(ORIGIN.encode()).hexdigest()
    assert format_cose_receipt(receipt) == FILE
    bare = format_cose_receipt(replace(receipt, leaf=None))
    assert verify_cose_receipt(bare, LOG.leaf, LOG_VKEY).leaf is None


def changed(**changes: Any) -> bytes:
    return format_cose_receipt(replace(parse_cose_receipt(FILE), **changes))


@pytest.mark.parametrize(
    "data",
    [
        changed(index=LeafIndex(INDEX - 1)),
        changed(path=PATH[:-1]),
        changed(path=(*PATH, PATH[0])),
        changed(path=PATH[::-1]),
        changed(signature=bytes(64)),
        changed(signature=sign_root(ORIGIN, SIZE, bytes(32), KEY)),
        changed(signature=sign_root(ORIGIN, SIZE, ROOT, ed25519("thief"))),
        build_cose_receipt("another.example", PUBLIC, (INDEX, SIZE), PATH, LOG.leaf, SIGNATURE),
        build_cose_receipt(ORIGIN, bytes(32), (INDEX, SIZE), PATH, LOG.leaf, SIGNATURE),
    ],
)
def test_refuses_what_does_not_hold(data: bytes) -> None:
    with pytest.raises(VerificationError):
        verify_cose_receipt(data, LOG.leaf, LOG_VKEY)


def test_refuses_another_leaf() -> None:
    with pytest.raises(VerificationError) as caught:
        verify_cose_receipt(FILE, LOG.leaf[:-1] + b"\x00", LOG_VKEY)
    assert "signature does not hold" in str(caught.value)


def remade(edit: Any) -> bytes:
    """The receipt with its four parts, headers as maps, edited and encoded anew."""
    tagged = parse_cbor(FILE)
    assert isinstance(tagged, Tagged) and isinstance(tagged.item, list)
    protected = parse_cbor(tagged.item[0])
    parts: Json = [protected, dict(tagged.item[1]), None, tagged.item[3]]
    edit(parts)
    return format_cbor(Tagged(18, [format_cbor(parts[0]), *parts[1:]]))


@pytest.mark.parametrize(
    ("edit", "where"),
    [
        (lambda p: p.append(None), "receipt.COSE_Sign1"),
        (lambda p: p.__setitem__(2, ROOT), "receipt"),
        (lambda p: p.__setitem__(3, bytes(63)), "receipt.signature"),
        (lambda p: p[0].pop(395), "receipt.protected"),
        (lambda p: p[0].update({395: 2}), "receipt.protected"),
        (lambda p: p[0].update({1: -7}), "receipt.protected"),
        (lambda p: p[0].update({2: [395]}), "receipt.protected"),
        (lambda p: p[0].update({4: b"short"}), "receipt.key id"),
        (lambda p: p[0].pop("tongyi-size"), "receipt.protected"),
        (lambda p: p[0].update({"tongyi-size": SIZE + 1}), "receipt.tree size"),
        (lambda p: p[0].update({15: {1: ORIGIN}}), "receipt.claims"),
        (lambda p: p[0][15].update({1: ""}), "receipt.issuer"),
        (lambda p: p[0][15].update({1: "a\nb"}), "receipt.issuer"),
        (lambda p: p[0][15].update({2: 5}), "receipt.subject"),
        (lambda p: p[1].update({4: b"x"}), "receipt.unprotected"),
        (lambda p: p[1].pop(396), "receipt.unprotected"),
        (lambda p: p[1].update({"tongyi-leaf": "text"}), "receipt.leaf"),
        (lambda p: p[1][396].update({-2: []}), "receipt.proofs"),
        (lambda p: p[1][396].update({-1: []}), "receipt.inclusion proofs"),
        (lambda p: p[1][396].update({-1: [5]}), "receipt.inclusion proof"),
        (lambda p: p[1][396].update({-1: [format_cbor([1, 0])]}), "receipt.inclusion proof"),
        (lambda p: p[1][396].update({-1: [format_cbor([SIZE, 0, []])]}), "receipt.path"),
        (lambda p: p[1][396].update({-1: [format_cbor([SIZE, 0, [bytes(31)]])]}), "receipt.path"),
        (lambda p: p[1][396].update({-1: [format_cbor([2**63, 0, [ROOT]])]}), "receipt.tree size"),
        (lambda p: p[1][396].update({-1: [format_cbor([SIZE, -1, [ROOT]])]}), "receipt.leaf index"),
        (lambda p: p[1][396].update({-1: [format_cbor([SIZE, 0, [ROOT] * (MAX_PATH + 1)])]}), "receipt.path"),
    ],
)
def test_form_is_closed(edit: Any, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_cose_receipt(remade(edit))
    assert caught.value.where == where


@pytest.mark.parametrize(
    "data", [b"", b"\xd2", FILE[1:], FILE[:-1], FILE + b"\x00", bytes(MAX_RECEIPT_SIZE + 1)]
)
def test_refuses_other_files(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_cose_receipt(data)


def statuses(
    data: bytes, root: bytes = LAX_DATA, leaf: bytes | None = None
) -> tuple[str, list[int], list[int]]:
    """Outcome, the steps that passed, the steps that failed."""
    verdict = verify_cose_file(data, root, leaf)
    assert [step.number for step in verdict.steps] == list(range(1, 16))
    passed = [step.number for step in verdict.steps if step.status == "passed"]
    return verdict.outcome, passed, [step.number for step in verdict.steps if step.status == "failed"]


def test_steps_of_a_file() -> None:
    assert statuses(FILE) == ("pass", [1, 6, 7], [])
    verdict = verify_file(FILE, LAX_DATA)
    assert (verdict.facts.origin, verdict.facts.index, verdict.facts.size) == (ORIGIN, INDEX, SIZE)
    codes = {step.number: step.code for step in verdict.steps}
    assert (codes[2], codes[3], codes[7], codes[8], codes[9]) == (
        "unnamed", "no_entry", "root_signed", "no_place", "no_chain",
    )  # fmt: skip
    bare = changed(leaf=None)
    assert statuses(bare) == ("mismatch", [], [1])
    assert statuses(bare, leaf=LOG.leaf) == ("pass", [1, 6, 7], [])
    assert statuses(FILE, b"{}") == ("cannot_check", [1], [])


def test_each_failure_is_at_its_steps() -> None:
    assert statuses(changed(path=PATH[:-1])) == ("mismatch", [1], [6])
    assert statuses(changed(path=PATH[::-1])) == ("mismatch", [1], [6, 7])
    assert statuses(changed(signature=bytes(64))) == ("mismatch", [1], [6, 7])
    rotated = replace(LAX, logs=(LogKey(ORIGIN, LOG_VKEY, SIZE + 1, None),))
    verdict = verify_cose_file(FILE, format_trust_root(rotated))
    assert [step.code for step in verdict.steps if step.status == "failed"] == [
        "root_unsigned",
        "key_unknown",
    ]
    assert (verdict.facts.index, verdict.facts.origin) == (None, "")


@pytest.mark.parametrize(
    "required",
    [
        Requirements(True, False, "none", 0, 0),
        Requirements(False, True, "none", 0, 0),
        Requirements(False, False, "any", 0, 0),
        Requirements(False, False, "none", 1, 0),
        Requirements(False, False, "none", 0, 1),
    ],
)
def test_what_the_format_cannot_show_and_the_root_requires(required: Requirements) -> None:
    assert statuses(FILE, format_trust_root(replace(LAX, required=required))) == (
        "cannot_check",
        [1, 6, 7],
        [],
    )


def test_a_size_that_leads_to_the_same_root_is_not_accepted() -> None:
    """The path of this leaf leads to the same root in a tree of one leaf more; only the signature knows."""
    tree = [naive_tree.leaf(b"%d" % number) for number in range(4)]
    for size in (3, 4):
        path = [tree[1], naive_tree.parent(tree[2], tree[3])]
        assert naive_tree.root_from_inclusion(0, size, tree[0], path) == naive_tree.tree_hash(tree)
    forged = remade(lambda p: p[1][396].update({-1: [format_cbor([SIZE + 1, INDEX, list(PATH)])]}))
    assert statuses(forged) == ("mismatch", [], [1])


def test_no_altered_file_is_accepted() -> None:
    chance = Random(9942)
    for at in range(len(FILE)):
        data = bytearray(FILE)
        data[at] ^= 1 << chance.randrange(8)
        assert verify_file(bytes(data), LAX_DATA).outcome == "mismatch"
    for _ in range(2_000):
        at, end = sorted((chance.randrange(len(FILE)), chance.randrange(len(FILE))))
        data = bytearray(FILE[:at] + chance.choice((b"", b"\x00", FILE[at:end] * 2)) + FILE[end:])
        if data != FILE:
            assert verify_file(bytes(data), LAX_DATA).outcome == "mismatch"


def test_the_command_verifies_a_file_offline(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file, root, strict = tmp_path / "x.cose", tmp_path / "lax.json", tmp_path / "strict.json"
    file.write_bytes(FILE)
    root.write_bytes(LAX_DATA)
    strict.write_bytes(FULL.root_data)
    assert run_verify([file], root, json=True) == 0
    line = json.loads(capfdbinary.readouterr().out)
    assert [step["number"] for step in line["steps"] if step["status"] == "passed"] == [1, 6, 7]
    assert line["steps"][6]["en"] == "The ledger's own key signed the root of this tree."
    assert run_verify([file], strict) == 4
    file.write_bytes(changed(index=LeafIndex(0)))
    assert run_verify([file], root) == 1
