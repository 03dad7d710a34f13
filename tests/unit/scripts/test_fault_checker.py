"""The campaign's checker by itself: its trees, notes and receipts are those of the specifications."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, format_vkey
from chain.hashing import hash_leaf
from chain.merkle.tree import Tree
from chain.receipt import format_receipt, sign_receipt
from gateway.ledger.identity import LogIdentity
from scripts.faults import onchain
from scripts.faults.checker import read_tiles, sum_movements
from scripts.faults.client import Accounts, Journal, draw_request, order_of
from scripts.faults.journals import read_journals
from scripts.faults.onchain import Outcome
from scripts.faults.tree import NoCheckpoint, leaf_hash, open_checkpoint, receipt_holds, roots_at

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
