"""The .tlog-proof file."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.base64_text import encode_base64
from chain.checkpoint import KeyKind, cosign, format_checkpoint, format_vkey, sign_note
from chain.errors import FormatError, VerificationError
from chain.hashing import hash_leaf
from chain.merkle.prove import inclusion_proof
from chain.merkle.tree import Tree
from chain.proof_file import TlogProof, format_tlog_proof, parse_tlog_proof, verify_tlog_proof

LEAVES = [bytes([number]) * 65 for number in range(5)]
TREE = Tree(hash_leaf(leaf) for leaf in LEAVES)
LOG = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
LOG_VKEY = format_vkey("log.example", LOG.public_key())
WITNESSES = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (2, 3)]
WITNESS_VKEYS = [format_vkey(f"w{n}", key.public_key(), KeyKind.COSIGNER) for n, key in enumerate(WITNESSES)]
NOTE = sign_note(format_checkpoint("log.example", 5, TREE.root()), "log.example", LOG)
PROOF = TlogProof(3, tuple(inclusion_proof(TREE, 3, 5)), NOTE)  # type: ignore[arg-type]


def test_the_file_is_what_the_specification_says() -> None:
    lines = ["c2sp.org/tlog-proof@v1", "index 3", *(encode_base64(node) for node in PROOF.path), "", ""]
    assert format_tlog_proof(PROOF) == "\n".join(lines).encode() + NOTE
    extra = TlogProof(PROOF.index, PROOF.path, NOTE, b"\0x")
    assert format_tlog_proof(extra).split(b"\n")[1:3] == [b"extra AHg=", b"index 3"]
    for proof in (PROOF, extra, TlogProof(0, (), NOTE, b"")):  # type: ignore[arg-type]
        assert parse_tlog_proof(format_tlog_proof(proof)) == proof


def test_a_leaf_and_nothing_else_is_included() -> None:
    checkpoint = verify_tlog_proof(format_tlog_proof(PROOF), LEAVES[3], [LOG_VKEY])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == ("log.example", 5, TREE.root())
    for leaf in (LEAVES[2], b"", LEAVES[3] + b"\0"):
        with pytest.raises(VerificationError) as caught:
            verify_tlog_proof(format_tlog_proof(PROOF), leaf, [LOG_VKEY])
        assert (caught.value.step, caught.value.reason) == ("inclusion", "root differs")


def test_witness_quorum_counts_known_keys_once() -> None:
    note = NOTE
    for number, key in enumerate(WITNESSES):
        note = cosign(cosign(note, f"w{number}", key, 5), f"w{number}", key, 6)
    proof = format_tlog_proof(TlogProof(PROOF.index, PROOF.path, note))
    assert verify_tlog_proof(proof, LEAVES[3], [LOG_VKEY, *WITNESS_VKEYS], witness_quorum=2).size == 5
    for vkeys, quorum, got in (([LOG_VKEY, *WITNESS_VKEYS], 3, 2), ([LOG_VKEY, WITNESS_VKEYS[0]], 2, 1)):
        with pytest.raises(VerificationError) as caught:
            verify_tlog_proof(proof, LEAVES[3], vkeys, witness_quorum=quorum)
        assert (caught.value.step, caught.value.got, caught.value.want) == ("witnesses", got, quorum)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "proof file"),
        (b"x" * 1_100_001, "proof file"),
        (b"c2sp.org/tlog-proof@v1\n\n" + NOTE, "index"),
        (b"c2sp.org/tlog-proof@v1\nextra AA==\n\n" + NOTE, "index"),
        (b"c2sp.org/tlog-proof@v2\nindex 3\n\n" + NOTE, "proof file"),
        (b"\xffc2sp.org/tlog-proof@v1\nindex 3\n\n" + NOTE, "proof file"),
        (b"c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\n" + NOTE, "index"),
        (b"c2sp.org/tlog-proof@v1\nindex 3\nAAAA\n\n" + NOTE, "node 0"),
        (
            b"c2sp.org/tlog-proof@v1\nindex 3"
            + (b"\n" + encode_base64(bytes(32)).encode()) * 64
            + b"\n\n"
            + NOTE,
            "path",
        ),
    ],
)
def test_malformed_files(data: bytes, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_tlog_proof(data)
    assert caught.value.where == where


def test_the_largest_index_is_refused_by_its_checkpoint() -> None:
    proof = format_tlog_proof(TlogProof(2**63 - 1, PROOF.path, NOTE))  # type: ignore[arg-type]
    with pytest.raises(VerificationError) as caught:
        verify_tlog_proof(proof, LEAVES[3], [LOG_VKEY])
    assert (caught.value.reason, caught.value.want) == ("index is not below size", 5)
