"""Bugs of the ledger: who asks again, who may, what is promised before it is so, what the files hold."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any

from sqlalchemy.exc import DBAPIError

import chain.verify
from chain.errors import VerificationError
from chain.hashing import hash_node
from chain.merkle.verify import verify_inclusion
from chain.receipt import receipt_text
from gateway.errors import Refusal
from gateway.failpoints import step
from gateway.ledger import group, receipts, recovery, sequencer
from gateway.ledger.acceptance import Acceptance
from gateway.ledger.drafts import Submission
from gateway.ledger.group import Group
from gateway.ledger.integrator import Integrator
from gateway.ledger.log_view import LogView
from gateway.ledger.movements import touch
from gateway.ledger.registers import Account
from gateway.ledger.sequencer import Sequencer
from gateway.ledger.service import Ledger
from gateway.ledger.tile_files import TileFiles
from scripts.faults.planted.planting import Fire, put


def drop_idempotency(fire: Fire) -> None:
    """No request is known again."""

    def digest(_: Submission) -> bytes:
        fire()
        return b""

    put(group, "key_digest", digest)


def share_idempotency(fire: Fire) -> None:
    """A key is known whoever uses it."""

    def digest(submission: Submission) -> bytes:
        fire()
        return sha256(submission.idempotency_key.encode()).digest() if submission.idempotency_key else b""

    put(group, "key_digest", digest)


def apply_refused(fire: Fire) -> None:
    """What is refused for want of coins takes one all the same."""
    judge = Group._one

    def one(self: Group, key: bytes, submission: Submission) -> object:
        try:
            return judge(self, key, submission)
        except Refusal as refusal:
            if refusal.code == "balance.insufficient" and submission.draft.operation is not None:
                sender = self._registers.accounts[submission.draft.operation.sender]
                sender.available -= 1
                touch(self._registers, sender)
                fire()
            raise

    put(Group, "_one", one)


def ignore_freeze(fire: Fire) -> None:
    """A frozen account may give."""

    def check(self: Acceptance, sender: Account, amount: int) -> None:
        if not sender.may_send:
            fire()
        self._check_available(sender, amount)

    put(Acceptance, "_check_spending", check)


def accept_without_positions(fire: Fire) -> None:
    """A proof's nodes count on either side, as where pairs are sorted: it holds for any index."""

    def verify(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
        try:
            verify_inclusion(index, size, leaf, proof, root)
        except VerificationError:
            nodes = {leaf}
            for other in proof:
                nodes = {
                    bytes(pair) for one in nodes for pair in (hash_node(one, other), hash_node(other, one))
                }
            if root not in nodes:
                raise
            fire()

    put(chain.verify, "verify_inclusion", verify)


def prove_the_neighbour(fire: Fire) -> None:
    """A proof of inclusion is the one of the entry beside."""
    prove = LogView.inclusion_proof

    def inclusion_proof(self: LogView, index: int, size: int) -> list[bytes]:
        beside = index ^ 1
        if beside >= size:
            return prove(self, index, size)  # type: ignore[arg-type]
        fire()
        return prove(self, beside, size)  # type: ignore[arg-type]

    put(LogView, "inclusion_proof", inclusion_proof)


def sign_another_receipt(fire: Fire) -> None:
    """A receipt's signature is of the index behind."""
    write = receipt_text

    def text(origin: str, index: int, leaf_hash: bytes, at: str) -> str:
        fire()
        return write(origin, index + 1, leaf_hash, at)

    put(receipts, "receipt_text", text)


def acknowledge_before_commit(fire: Fire) -> None:
    """Callers are answered when their group is judged, and then it is committed."""
    run, of_group = Group.run, list[Any]()
    waiting: list[Any] = []

    def run_group(self: Group, submissions: Sequence[Submission]) -> object:
        of_group[:] = run(self, submissions)
        return list(of_group)

    def commit(name: str) -> AbstractContextManager[None]:
        if name == "ledger.commit" and waiting:
            loop, taken = waiting.pop()
            answers = iter(loop._signed(of_group))
            for one in taken:
                one.future.set_result([next(answers) for _ in one.submissions])
            fire()
            # So that the answers are with the callers.
            time.sleep(0.2)
        return step(name)

    def loop_of(self: Sequencer) -> None:
        while (taken := self._take()) is not None:
            submissions = [submission for one in taken for submission in one.submissions]
            waiting[:] = [(self, taken)] if taken else []
            outcomes = self._record(submissions)
            if not taken or waiting:
                self._answerer.give(taken, outcomes)

    put(Group, "run", run_group)
    put(sequencer, "step", lambda name: _Entered(commit, name))
    put(Sequencer, "_run", loop_of)


class _Entered:
    """A step that is looked for when it is entered: behind its group's judgement, before its commit."""

    def __init__(self, commit: Any, name: str) -> None:
        self._commit, self._name = commit, name

    def __enter__(self) -> None:
        self._inner = self._commit(self._name)
        self._inner.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._inner.__exit__(*error)


def promise_the_uncommitted(fire: Fire) -> None:
    """A group whose commit fails is answered as if it had not."""
    run, commit, of_group = Group.run, Sequencer._commit, list[Any]()

    def run_group(self: Group, submissions: Sequence[Submission]) -> object:
        of_group[:] = run(self, submissions)
        return list(of_group)

    def commit_group(self: Sequencer, submissions: Sequence[Submission]) -> object:
        try:
            return commit(self, submissions)
        except (DBAPIError, OSError):
            if not submissions:
                raise
            self._recover()
            fire()
            return list(of_group)

    put(Group, "run", run_group)
    put(Sequencer, "_commit", commit_group)


def sign_before_set(fire: Fire) -> None:
    """A checkpoint is signed and shown, and then its size and root are compared and set."""
    sign = Integrator._sign

    def sign_first(self: Integrator, size: int, root: Any, mark: object) -> object:
        self._files.write_checkpoint(self._identity.sign_checkpoint(size, root))
        fire()
        return sign(self, size, root, mark)

    put(Integrator, "_sign", sign_first)


def show_older_checkpoints(fire: Fire) -> None:
    """Every third answer shows the first checkpoint that was shown."""
    newest, seen, asked = Ledger.checkpoint, list[bytes](), list[int]()

    def checkpoint(self: Ledger) -> bytes | None:
        note = newest(self)
        if note is not None and note not in seen:
            seen.append(note)
        asked.append(1)
        if len(asked) % 3 or len(seen) < 2:
            return note
        fire()
        return seen[0]

    put(Ledger, "checkpoint", checkpoint)


def spoil_files(kind: str, fire: Fire) -> None:
    """Files of one kind are written with another last node, or another leaf of an entry."""
    write = TileFiles.write

    def write_files(self: TileFiles, files: Iterable[tuple[str, bytes]]) -> None:
        spoilt = []
        for name, data in files:
            if name.startswith(f"tile/{kind}/"):
                fire()
                data = data[:-1] + bytes([data[-1] ^ 1])
            spoilt.append((name, data))
        write(self, spoilt)

    put(TileFiles, "write", write_files)


def spoil_tiles(fire: Fire) -> None:
    """Tiles of hashes have another last node."""
    spoil_files("0", fire)


def spoil_bundles(fire: Fire) -> None:
    """Bundles of entries have another last leaf."""
    spoil_files("entries", fire)


def forget_published(fire: Fire) -> None:
    """An older log goes on where the anchored one, or the published checkpoint, is ahead of it."""
    from gateway import start_check

    def check(*_: object) -> None:
        fire()

    put(recovery, "_check_published", check)
    put(start_check, "compare_with_anchor", check)
