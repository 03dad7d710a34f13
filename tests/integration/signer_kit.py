"""The signing service of ``tests/fakes`` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = Path(__file__).parents[1] / "fakes" / "remote_signer_server.py"


@contextmanager
def running_signer(secret: bytes) -> Iterator[str]:
    """Run the service with this key; give its address, below which each path is a way to behave."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER)],
        env={**os.environ, "SIGNER_KEY": "0x" + secret.hex()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate(timeout=10)
