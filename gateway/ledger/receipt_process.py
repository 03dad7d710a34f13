"""The process that signs receipt texts; started by `gateway.ledger.receipts` as a file, so it imports
nothing of ours.

Standard input: the 32-byte key, then groups of ``uint32 count`` and count times ``uint16 length, text``.
Standard output: 64 bytes per text, in order. Ends with its input.
"""

from __future__ import annotations

import struct
import sys
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PREFIX = b"tongyi receipt v1\n"
_SEED_SIZE = 32
_COUNT = struct.Struct(">I")
_LENGTH = struct.Struct(">H")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Read the key, then sign groups of receipt texts until the pipe ends.

    A text that is not a receipt's ends the process: this key must sign nothing else here.
    """
    seed = requests.read(_SEED_SIZE)
    if len(seed) < _SEED_SIZE:
        # Whoever started this was killed before it said by which key.
        return
    key = Ed25519PrivateKey.from_private_bytes(seed)
    while header := requests.read(_COUNT.size):
        signatures: list[bytes] = []
        for _ in range(_COUNT.unpack(header)[0]):
            text = requests.read(_LENGTH.unpack(requests.read(_LENGTH.size))[0])
            if not text.startswith(_PREFIX):
                return
            signatures.append(key.sign(text))
        answers.write(b"".join(signatures))
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
