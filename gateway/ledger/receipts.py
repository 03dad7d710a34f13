"""Receipts for committed entries, many at a time: signed in a process of their own, so that the sequencer
goes on.

A signature takes as long as recording the entry does. The child gets the key over its own pipe, never by
argument or environment, signs receipt texts and nothing else, and ends with its pipe. Without it, signing
happens here.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from chain.receipt import receipt_text
from gateway.ledger.identity import LogIdentity

WORTHWHILE = 32
"""Receipts from which on a trip to the other process pays."""

SIGNATURE_SIZE = 64
_COUNT = struct.Struct(">I")
_LENGTH = struct.Struct(">H")

Promise = tuple[int, bytes, str]
"""Index, leaf hash and time of one entry."""


class ReceiptSigner:
    """Signs receipts of one log. For one thread at a time."""

    def __init__(self, identity: LogIdentity) -> None:
        self._identity = identity
        self._name = json.dumps(identity.origin)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the signing process."""
        self._child = subprocess.Popen(  # noqa: S603  our own file
            [sys.executable, "-I", str(Path(__file__).with_name("receipt_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Signals for the gateway's group are the gateway's to answer; the child ends with its pipe.
            start_new_session=True,
        )
        try:
            self._pipes()[0].write(self._identity.key.private_bytes_raw())
        except OSError:
            self.stop()

    def stop(self) -> None:
        """End the signing process."""
        child, self._child = self._child, None
        if child is not None:
            for pipe in (child.stdin, child.stdout):
                try:
                    if pipe is not None:
                        pipe.close()
                except OSError:
                    continue
            child.wait()

    def receipts(self, promises: Sequence[Promise]) -> list[bytes]:
        """Return the receipt JSON of each promise, in order. Requires the entries to be committed.

        Ed25519 signatures follow from key and text, so an entry's receipt is the same bytes each time.
        """
        texts = [receipt_text(self._identity.origin, *promise).encode("ascii") for promise in promises]
        signatures = self._sign(texts)
        return [
            (
                f'{{"at":"{at}","index":{index},"leaf_hash":"{leaf_hash.hex()}","origin":{self._name},'
                f'"signature":"{b64encode(signature).decode("ascii")}","v":1}}'
            ).encode("ascii")
            for (index, leaf_hash, at), signature in zip(promises, signatures, strict=True)
        ]

    def _sign(self, texts: list[bytes]) -> list[bytes]:
        if self._child is not None and len(texts) >= WORTHWHILE:
            try:
                return self._sign_outside(texts)
            except OSError:
                # The process is gone. What it did not answer is signed here, and so is all that follows.
                self.stop()
        return [self._identity.key.sign(text) for text in texts]

    def _sign_outside(self, texts: list[bytes]) -> list[bytes]:
        into, out = self._pipes()
        into.write(_COUNT.pack(len(texts)) + b"".join([_LENGTH.pack(len(text)) + text for text in texts]))
        into.flush()
        answer = out.read(SIGNATURE_SIZE * len(texts))
        if len(answer) != SIGNATURE_SIZE * len(texts):
            raise BrokenPipeError("signing process")
        return [answer[start : start + SIGNATURE_SIZE] for start in range(0, len(answer), SIGNATURE_SIZE)]

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise BrokenPipeError("signing process")
        return child.stdin, child.stdout
