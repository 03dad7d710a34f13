"""Vectors for ``.tlog-proof`` files."""

from __future__ import annotations

from collections.abc import Iterator

from chain.base64_text import encode_base64
from chain.checkpoint import format_checkpoint, sign_note
from chain.errors import NotaryError
from chain.merkle.prove import inclusion_proof
from chain.proof_file import TlogProof, format_tlog_proof, verify_tlog_proof
from chain.types import LeafIndex
from scripts.vectors_notes import (
    COSIGNED,
    LEAVES,
    LOG_KEY,
    LOG_VKEY,
    NOTE,
    ORIGIN,
    OTHER_VKEY,
    TREE,
    WITNESS_VKEY,
    Case,
    VectorFile,
    list_vkeys,
)


def build_proof_file_vectors() -> Iterator[tuple[str, VectorFile]]:
    """Yield (path below tests/vectors, file) of ``proof_file``."""
    yield "proof_file/sound-proof-files.json", _proof_files("Proof files that hold.", *_sound_proofs())
    for name, what, cases in _broken_proofs():
        yield f"proof_file/{name}.json", _broken_proof_files(what, *cases)


def _proof(index: int = 6, checkpoint: str = COSIGNED, extra: bytes | None = None) -> str:
    path = tuple(inclusion_proof(TREE, index, TREE.size))
    return format_tlog_proof(TlogProof(LeafIndex(index), path, checkpoint.encode(), extra)).decode()


def _proof_case(
    proof: str, *, leaf: int = 6, vkeys: tuple[str, ...] = (LOG_VKEY, WITNESS_VKEY), quorum: int = 0
) -> Case:
    return {
        "proof": proof,
        "leaf_data": LEAVES[leaf].hex(),
        "vkeys": list(vkeys),
        "witness_quorum": quorum,
    }


def _verify_case(case: Case) -> Case:
    quorum = case["witness_quorum"]
    checkpoint = verify_tlog_proof(
        str(case["proof"]).encode(),
        bytes.fromhex(str(case["leaf_data"])),
        list_vkeys(case),
        witness_quorum=quorum if isinstance(quorum, int) else 0,
    )
    return {**case, "origin": checkpoint.origin, "size": int(checkpoint.size), "root": checkpoint.root.hex()}


def _proof_files(what: str, *cases: Case) -> VectorFile:
    return {"what": what, "valid": True, "cases": [_verify_case(case) for case in cases]}


def _broken_proof_files(what: str, *cases: Case) -> VectorFile:
    for case in cases:
        try:
            _verify_case(case)
        except NotaryError:
            continue
        raise AssertionError(f"holds: {what}")
    return {"what": what, "valid": False, "cases": list(cases)}


def _sound_proofs() -> Iterator[Case]:
    yield _proof_case(_proof())
    yield _proof_case(_proof(), quorum=1)
    yield _proof_case(_proof(extra=b"not authenticated"))
    yield _proof_case(_proof(0), leaf=0)
    yield _proof_case(_proof(10), leaf=10)
    yield _proof_case(_proof(checkpoint=NOTE), vkeys=(LOG_VKEY,))


def _broken_proofs() -> Iterator[tuple[str, str, list[Case]]]:
    sound = _proof()
    lines = sound.split("\n")
    yield "other-leaf", "The leaf data is another's.", [_proof_case(sound, leaf=leaf) for leaf in (5, 7, 0)]
    yield (
        "changed-index",
        "The index is another leaf's.",
        [_proof_case(sound.replace("index 6", f"index {index}")) for index in (0, 5, 7, 10, 11, 2**53)],
    )
    yield (
        "malformed-index",
        "The index is not a plain decimal.",
        [
            _proof_case(sound.replace("index 6", f"index {wrong}"))
            for wrong in ("", "06", "+6", "-6", "6 ", "0x6", "６")
        ]
        + [_proof_case(sound.replace("index 6", wrong)) for wrong in ("index", "Index 6", "6")],
    )
    yield (
        "changed-path",
        "The path is not the leaf's.",
        [
            _proof_case("\n".join(changed))
            for changed in (
                lines[:2] + lines[3:],
                [*lines[:2], lines[2], *lines[2:]],
                [*lines[:2], lines[3], lines[2], *lines[4:]],
                [*lines[:2], encode_base64(bytes(32)), *lines[3:]],
                lines[:2] + lines[6:],
            )
        ],
    )
    yield (
        "malformed-path",
        "A node is not canonical base64 of 32 bytes.",
        [
            _proof_case(sound.replace(lines[2], wrong))
            for wrong in (
                "x",
                lines[2][:-1],
                lines[2] + " ",
                encode_base64(bytes(31)),
                encode_base64(bytes(33)),
            )
        ],
    )
    yield (
        "malformed-header",
        "The first line is not the format's.",
        [
            _proof_case(sound.replace(lines[0], wrong))
            for wrong in ("", "c2sp.org/tlog-proof@v2", "c2sp.org/tlog-proof", lines[0] + " ", " " + lines[0])
        ],
    )
    yield (
        "malformed-extra",
        "The extra line is broken or out of place.",
        [
            _proof_case(sound.replace("index 6", wrong))
            for wrong in (
                "extra !\nindex 6",
                "index 6\nextra AAAA",
                "extra AAAA\nextra AAAA\nindex 6",
                "extra\nindex 6",
            )
        ],
    )
    yield (
        "broken-lines",
        "Lines are missing or end otherwise.",
        [
            _proof_case(wrong)
            for wrong in ("", "\n\n", sound.replace("\n", "\r\n"), sound.replace("\n\n", "\n"), NOTE)
        ]
        + [_proof_case(sound[:-1]), _proof_case(sound + "x"), _proof_case(sound + "\n")],
    )
    yield (
        "too-few-witnesses",
        "Fewer known witnesses cosigned than asked.",
        [
            _proof_case(sound, quorum=2),
            _proof_case(sound, vkeys=(LOG_VKEY,), quorum=1),
            _proof_case(_proof(checkpoint=NOTE), quorum=1),
        ],
    )
    yield (
        "unknown-log",
        "No known log signed the checkpoint.",
        [_proof_case(sound, vkeys=vkeys) for vkeys in ((), (OTHER_VKEY,), (WITNESS_VKEY,))],
    )
    older = sign_note(format_checkpoint(ORIGIN, 10, TREE.root(10)), ORIGIN, LOG_KEY).decode()
    yield "other-checkpoint", "The checkpoint is of another size.", [_proof_case(_proof(checkpoint=older))]
