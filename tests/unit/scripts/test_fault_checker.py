"""The campaign's checker by itself: its trees, notes and receipts are those of the specifications."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, format_vkey
from chain.event_chain import hash_event, stream_start
from chain.hashing import hash_leaf
from chain.merkle.prove import inclusion_proof
from chain.merkle.tree import Tree
from chain.proof_file import TlogProof, format_tlog_proof
from chain.receipt import format_receipt, sign_receipt
from chain.types import LeafIndex
from gateway.ledger.identity import LogIdentity
from scripts.faults import onchain
from scripts.faults.client import Accounts, Journal, draw_request, order_of
from scripts.faults.derived import find_without_right, sum_movements
from scripts.faults.journals import read_journals
from scripts.faults.onchain import Outcome
from scripts.faults.published import read_bundles, read_tiles
from scripts.faults.shown import find_false_proofs, find_false_verdicts, find_gaps
from scripts.faults.tree import NoCheckpoint, fold_path, leaf_hash, open_checkpoint, receipt_holds, roots_at

ORIGIN = "log.example/torture"


@pytest.fixture
def identity() -> LogIdentity:
    return LogIdentity(ORIGIN, Ed25519PrivateKey.generate())


def test_roots_are_those_of_rfc_9162() -> None:
    data = [bytes([number]) * 3 for number in range(70)]
    leaves = [leaf_hash(one) for one in data]
    assert leaves == [hash_leaf(one) for one in data]
    roots = roots_at(leaves, [*range(71), 99])
    assert set(roots) == set(range(1, 71))
    for size, root in roots.items():
        assert root == Tree([hash_leaf(one) for one in data[:size]]).root(), size


def test_a_checkpoint_is_opened_by_the_logs_key_alone(identity: LogIdentity) -> None:
    root = Tree([hash_leaf(b"a")]).root()
    note = identity.sign_checkpoint(1, root)
    opened = open_checkpoint(note, identity.vkey)
    assert (opened.origin, opened.size, opened.root) == (ORIGIN, 1, root)
    other = LogIdentity(ORIGIN, Ed25519PrivateKey.generate())
    for false, vkey in ((note.replace(b"\n1\n", b"\n2\n"), identity.vkey), (note, other.vkey)):
        with pytest.raises(NoCheckpoint):
            open_checkpoint(false, vkey)


def test_a_receipt_holds_for_its_own_text_alone(identity: LogIdentity) -> None:
    leaf = hash_leaf(b"a")
    receipt: dict[str, object] = dict(
        format_receipt(sign_receipt(ORIGIN, 7, leaf, "2027-01-01T00:00:00.000Z", identity.key))
    )
    vkey = format_vkey(ORIGIN, identity.key.public_key(), KeyKind.LOG)
    assert receipt_holds(receipt, vkey)
    assert not receipt_holds({**receipt, "index": 8}, vkey)
    assert not receipt_holds({**receipt, "signature": base64.b64encode(bytes(64)).decode()}, vkey)


def outcome(kind: int, sender: int, receiver: int, moved: int, *, done: bool = True) -> Outcome:
    return Outcome(0, b"", done, kind, f"{sender:040x}", f"{receiver:040x}", moved, moved, 1, "0x")


def test_what_accounts_hold_follows_from_what_was_done() -> None:
    a, b = bytes(19) + b"\x0a", bytes(19) + b"\x0b"
    outcomes = [
        outcome(onchain.ISSUE, 0, 10, 100),
        outcome(2, 10, 11, 30),
        outcome(2, 10, 11, 5, done=False),
        outcome(onchain.LOCK, 11, 10, 7),
        outcome(onchain.RELEASE, 11, 10, 7),
        outcome(onchain.BURN, 11, 0, 10),
    ]
    assert sum_movements(outcomes) == {a: 70, b: 20}


def test_journals_are_read_up_to_a_line_that_was_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "client-0.ndjson")
    journal.write({"ask": "k", "order": order_of("k"), "kind": "issue", "body": {}})
    journal.write({"unknown": "k", "why": "ConnectionResetError"})
    journal.write({"ok": "k", "answer": {"id": "A", "index": 1}})
    journal.write({"ok": "k", "answer": {"id": "B", "index": 2}})
    journal.close()
    with (tmp_path / "client-0.ndjson").open("ab") as file:
        file.write(json.dumps({"refused": "k2"}).encode()[:5])
    told = read_journals(tmp_path)
    assert list(told.asked) == ["k"] and told.refused == {} and told.twice == ["k"]


def test_requests_follow_from_seed_and_number() -> None:
    accounts = Accounts("3101-0007", "acct_p", ["acct_a", "acct_b", "acct_c"])
    drawn = [draw_request(accounts, "s", number) for number in range(200)]
    assert drawn == [draw_request(accounts, "s", number) for number in range(200)]
    assert {request.kind for request in drawn} == {"issue", "transfer", "record"}
    assert len({request.order for request in drawn}) == 200


@pytest.mark.parametrize("size", [3, 256, 300])
def test_tiles_are_read_full_or_in_part(tmp_path: Path, size: int) -> None:
    hashes = [os.urandom(32) for _ in range(size)]
    tiles = tmp_path / "tile" / "0"
    for first in range(0, size, 256):
        part = hashes[first : first + 256]
        path = tiles / f"{first // 256:03d}"
        if len(part) < 256:
            path = path.with_name(f"{path.name}.p") / str(len(part))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(part))
    assert read_tiles(tmp_path, size) == hashes


def test_bundles_are_read_in_part(tmp_path: Path) -> None:
    folder = tmp_path / "tile" / "entries"
    (folder / "000.p").mkdir(parents=True)
    (folder / "000.p" / "2").write_bytes(b"\0\x03abc\0\x01d")
    assert read_bundles(tmp_path, 2) == [b"abc", b"d"]
    assert read_bundles(tmp_path, 1) == []


def test_a_path_leads_to_the_root_from_its_own_index_alone() -> None:
    for size in range(1, 34):
        tree = Tree([hash_leaf(bytes([number])) for number in range(size)])
        for index in range(size):
            path = list(inclusion_proof(tree, index, size))
            leaf = leaf_hash(bytes([index]))
            assert fold_path(index, size, leaf, path) == tree.root()
            assert fold_path(index ^ 1, size, leaf, path) != tree.root() or size == 1
            assert fold_path(index, size, leaf, [*path, bytes(32)]) is None


def test_a_proof_is_held_to_its_leaf_and_to_what_was_signed(identity: LogIdentity) -> None:
    data = [bytes([1]) + bytes([number]) * 64 for number in range(5)]
    leaves = [hash_leaf(one) for one in data]
    tree = Tree(leaves)
    note = identity.sign_checkpoint(5, tree.root())

    def shown(index: int, of: int, path: int) -> dict[str, object]:
        proof = TlogProof(LeafIndex(index), tuple(inclusion_proof(tree, path, 5)), note, data[of])
        return {"proof": format_tlog_proof(proof).decode(), "of": index}

    def found(proof: dict[str, object]) -> list[str]:
        return list(find_false_proofs([proof], leaves, [identity.vkey]))

    assert [found(shown(index, index, index)) for index in range(5)] == [[]] * 5
    assert found(shown(2, 2, 3)) == ["the proof of entry 2 does not lead to the root of 5"]
    assert found(shown(2, 3, 2)) == ["the proof of entry 2 is of another leaf, at 2"]
    other = LogIdentity(ORIGIN, Ed25519PrivateKey.generate())
    assert list(find_false_proofs([shown(2, 2, 2)], leaves, [other.vkey])) == [
        "the proof of entry 2 is none: not signed by the log"
    ]


def test_a_verdict_is_a_mismatch_for_what_is_forged_and_for_nothing_else() -> None:
    said = [
        ("pass", False),
        ("cannot_check", False),
        ("mismatch", True),
        ("mismatch", False),
        ("pending", True),
    ]
    verdicts = [{"verdict": verdict, "forged": forged, "of": 1} for verdict, forged in said]
    assert list(find_false_verdicts(verdicts)) == [
        "the honest proof of entry 1 was called mismatch",
        "the forged proof of entry 1 was called pending",
    ]


def test_a_listener_hears_each_event_behind_the_one_before() -> None:
    stream, events = f"{ORIGIN}#all", list[dict[str, object]]()
    before = bytes(stream_start(stream).hash)
    for seq in range(1, 5):
        event: dict[str, object] = {"stream": stream, "seq": seq, "prev": before.hex(), "type": "x\u00e9"}
        events.append(event)
        before = bytes(hash_event(event))  # type: ignore[arg-type]
    assert list(find_gaps({"a": [events[0], *events], "b": events[:4]}, 4)) == []
    assert list(find_gaps({"a": [events[0], events[2]]}, 4)) == ["a heard event 3 after 1"]
    assert list(find_gaps({"a": events[:3]}, 4)) == ["a heard 3 of 4 events"]
    forked = [events[0], {**events[1], "type": "y"}, *events[2:]]
    assert list(find_gaps({"a": forked}, 4)) == ["a heard an event 3 that does not follow the one before"]


def test_a_frozen_account_neither_gives_nor_takes_until_it_is_unfrozen() -> None:
    def body(kind: str, sender: str | None, receiver: str | None) -> dict[str, object]:
        return {"type": "x", "public": {}, "op": {"kind": kind, "from": sender, "to": receiver}}

    def rights(name: str, send: bool, receive: bool) -> dict[str, object]:
        public = {"account": "a", "may_send": send, "may_receive": receive}
        return {"type": f"member.{name}", "public": public, "op": None}

    bodies = [
        body("transfer", "a", "b"), rights("frozen", False, True), body("transfer", "b", "a"),
        body("transfer", "a", "b"), body("burn", "a", None), rights("frozen", True, False),
        body("issue", None, "a"), body("lock", "a", "a"), rights("unfrozen", True, True),
        body("issue", None, "a"),
    ]  # fmt: skip
    assert list(find_without_right(bodies)) == [
        "entry 3: a frozen account gives",
        "entry 6: a frozen account takes",
    ]
