"""Every vector has the verdict it says, in our code and, for proofs, in the naive reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chain.canonical import JsonError, canonicalize, parse_json
from chain.checkpoint import open_checkpoint
from chain.entry import (
    encode_entry,
    entry_commitment,
    leaf_data,
    operation_digest,
    operation_from_entry,
    parse_entry,
    parse_leaf_data,
)
from chain.errors import FormatError, NotaryError, VerificationError
from chain.hashing import hash_leaf
from chain.merkle.verify import root_from_window, verify_consistency, verify_inclusion
from chain.proof_file import verify_tlog_proof
from scripts.gen_vectors import MUST_FAIL, build_vectors, find_differences
from tests.reference import naive_tree as naive

VECTORS = Path(__file__).parents[2] / "vectors"
Case = dict[str, Any]


def load(folder: str) -> list[tuple[str, bool, Case]]:
    """(file name, must hold, case) of every case of a folder."""
    found = []
    for path in sorted((VECTORS / folder).glob("*.json")):
        file = json.loads(path.read_text())
        found.extend((path.name, file["valid"], case) for case in file["cases"])
    return found


def unhex(items: list[str]) -> list[bytes]:
    return [bytes.fromhex(item) for item in items]


def holds(
    refusal: type[Exception], check: Callable[..., object], *arguments: object, **named: object
) -> bool:
    try:
        check(*arguments, **named)
    except refusal:
        return False
    return True


def test_generator_writes_what_is_there() -> None:
    assert find_differences(build_vectors(), VECTORS) == []


FOLDERS = ("inclusion", "consistency", "window", "checkpoint", "proof_file", "canonical", "entry")


@pytest.mark.parametrize("folder", FOLDERS)
def test_four_in_five_must_fail(folder: str) -> None:
    cases = load(folder)
    assert sum(not valid for _, valid, _ in cases) >= MUST_FAIL * len(cases)
    assert any(valid for _, valid, _ in cases)


def test_inclusion() -> None:
    for name, valid, case in load("inclusion"):
        index, size, leaf = case["index"], case["size"], bytes.fromhex(case["leaf_hash"])
        proof, root = unhex(case["proof"]), bytes.fromhex(case["root"])
        ours = holds(VerificationError, verify_inclusion, index, size, leaf, proof, root)
        try:
            reference = naive.root_from_inclusion(index, size, leaf, proof) == root
        except ValueError:
            reference = False
        assert (ours, reference) == (valid, valid), (name, case)


def test_consistency() -> None:
    for name, valid, case in load("consistency"):
        sizes = (case["size1"], case["size2"])
        roots = (bytes.fromhex(case["root1"]), bytes.fromhex(case["root2"]))
        proof = unhex(case["proof"])
        ours = holds(VerificationError, verify_consistency, *sizes, proof, *roots)
        try:
            reference = naive.roots_from_consistency(*sizes, proof, roots[0]) == roots
        except ValueError:
            reference = False
        assert (ours, reference) == (valid, valid), (name, case)


def test_window() -> None:
    for name, valid, case in load("window"):
        parts = (unhex(case["leaf_hashes"]), unhex(case["left"]), unhex(case["right"]))
        verdicts = []
        for rebuild in (root_from_window, naive.root_from_window):
            try:
                root = rebuild(case["start"], *parts, case["size"])
            except (VerificationError, ValueError):
                root = b""
            verdicts.append(root == bytes.fromhex(case["root"]))
        assert verdicts == [valid, valid], (name, case)


def test_checkpoint() -> None:
    for name, valid, case in load("checkpoint"):
        note = case["note"].encode() if "note" in case else bytes.fromhex(case["note_hex"])
        if valid:
            opened = open_checkpoint(note, case["vkeys"])
            want = (case["origin"], case["size"], bytes.fromhex(case["root"]))
            assert (opened.origin, opened.size, opened.root) == want
        else:
            assert not holds(NotaryError, open_checkpoint, note, case["vkeys"]), (name, case)


def test_proof_file() -> None:
    for name, valid, case in load("proof_file"):
        proof, leaf = case["proof"].encode(), bytes.fromhex(case["leaf_data"])
        quorum = case["witness_quorum"]
        if valid:
            opened = verify_tlog_proof(proof, leaf, case["vkeys"], witness_quorum=quorum)
            want = (case["origin"], case["size"], bytes.fromhex(case["root"]))
            assert (opened.origin, opened.size, opened.root) == want
        else:
            arguments = (proof, leaf, case["vkeys"])
            assert not holds(NotaryError, verify_tlog_proof, *arguments, witness_quorum=quorum), (name, case)


def test_canonical() -> None:
    for name, valid, case in load("canonical"):
        data = case["input"].encode() if "input" in case else bytes.fromhex(case["input_hex"])
        if valid:
            output = canonicalize(parse_json(data))
            assert output == case["output"].encode()
            assert canonicalize(parse_json(output)) == output
        else:
            with pytest.raises(JsonError) as caught:
                parse_json(data)
            assert caught.value.code == case["code"], (name, case)


def test_entry() -> None:
    for name, valid, case in load("entry"):
        data = case["entry"].encode()
        if not valid:
            with pytest.raises(FormatError) as caught:
                parse_entry(data)
            assert caught.value.where == case["where"], (name, case)
            continue
        operation = parse_entry(data).operation
        value = parse_json(data)
        assert isinstance(value, dict)
        assert encode_entry(value) == data
        assert operation_from_entry(value) == operation
        commitment = entry_commitment(bytes.fromhex(case["salt"]), data)
        digest = None
        if operation is not None:
            digest = operation_digest(operation, bytes.fromhex(case["op_salt"]))
        assert commitment.hex() == case["commitment"]
        assert (None if digest is None else digest.hex()) == case["operation_digest"]
        leaf = leaf_data(commitment, digest)
        assert leaf.hex() == case["leaf_data"]
        assert hash_leaf(leaf).hex() == case["leaf_hash"]
        assert parse_leaf_data(leaf) == (commitment, digest)
