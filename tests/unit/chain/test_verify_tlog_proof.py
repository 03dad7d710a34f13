"""``.tlog-proof`` files through the same numbered steps: what such a file can show, and what it cannot."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chain.proof_file import TlogProof, format_tlog_proof
from chain.trust_root import LogKey, Requirements, format_trust_root
from chain.verify import verify_file, verify_tlog_proof_file
from tests.reference.bundle_maker import INDEX, LOG_VKEY, ORIGIN, SIZE, WITNESSES, make

FULL = make()
LOG = FULL.bundle.log
PROOF = TlogProof(LOG.index, LOG.path, LOG.checkpoint.encode(), LOG.leaf)
FILE = format_tlog_proof(PROOF)
ROOT = replace(FULL.root, required=Requirements(False, False, "none", 0, 2))
ROOT_DATA = format_trust_root(ROOT)


def statuses(
    data: bytes, root: bytes = ROOT_DATA, leaf: bytes | None = None
) -> tuple[str, list[int], list[int]]:
    """Outcome, the steps that passed, the steps that failed."""
    verdict = verify_tlog_proof_file(data, root, leaf)
    assert [step.number for step in verdict.steps] == list(range(1, 16))
    passed = [step.number for step in verdict.steps if step.status == "passed"]
    return verdict.outcome, passed, [step.number for step in verdict.steps if step.status == "failed"]


def test_shows_format_inclusion_checkpoint_and_witnesses() -> None:
    assert statuses(FILE) == ("pass", [1, 6, 7, 8], [])
    facts = verify_file(FILE, ROOT_DATA).facts
    assert (facts.origin, facts.index, facts.size, facts.witnesses) == (ORIGIN, INDEX, SIZE, WITNESSES)
    assert (facts.entry_id, facts.operation) == ("", "")
    bare = format_tlog_proof(replace(PROOF, extra=None))
    assert statuses(bare, leaf=LOG.leaf) == ("pass", [1, 6, 7, 8], [])


def test_required_chain_evidence_is_missing_for_good() -> None:
    for required in (
        Requirements(True, False, "none", 0, 0),
        Requirements(False, True, "none", 0, 0),
        Requirements(False, False, "any", 0, 0),
        Requirements(False, False, "none", 1, 0),
    ):
        root = format_trust_root(replace(ROOT, required=required))
        assert statuses(FILE, root) == ("cannot_check", [1, 6, 7, 8], [])


def test_each_failure_is_its_own_step() -> None:
    other_leaf = LOG.leaf[:-1] + bytes([LOG.leaf[-1] ^ 1])
    assert statuses(FILE, leaf=other_leaf) == ("mismatch", [1, 7, 8], [6])
    assert statuses(format_tlog_proof(replace(PROOF, path=PROOF.path[:-1])))[2] == [6]
    rotated = replace(ROOT, logs=(LogKey(ORIGIN, LOG_VKEY, SIZE + 1, None),))
    assert statuses(FILE, format_trust_root(rotated))[2] == [7]
    text = LOG.checkpoint
    at = text.index(WITNESSES[0]) + len(WITNESSES[0]) + 40
    bad = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    assert statuses(format_tlog_proof(replace(PROOF, checkpoint=bad.encode())))[2] == [8]


@pytest.mark.parametrize(
    "data",
    [
        b"c2sp.org/tlog-proof@v1",
        FILE[:40],
        format_tlog_proof(replace(PROOF, extra=None)),
        format_tlog_proof(replace(PROOF, extra=b"x" * 65)),
        format_tlog_proof(replace(PROOF, extra=LOG.leaf + b"\x00")),
        format_tlog_proof(replace(PROOF, checkpoint=b"\xff\n\n\xff\n")),
        format_tlog_proof(replace(PROOF, checkpoint=b"no note")),
        format_tlog_proof(replace(PROOF, checkpoint=b"a\n1\nAA==\n\n\xe2\x80\x94 a AAAA\n")),
    ],
)
def test_other_forms_fail_at_the_format(data: bytes) -> None:
    assert statuses(data) == ("mismatch", [], [1])


def test_an_unusable_trust_root_cannot_check() -> None:
    assert statuses(FILE, b"{}") == ("cannot_check", [1], [])


def test_no_altered_file_is_accepted() -> None:
    chance = random.Random(6)
    accepted = 0
    for _ in range(1_500):
        changed = bytearray(FILE)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        accepted += verify_file(bytes(changed), ROOT_DATA).outcome == "pass"
    assert accepted == 0
