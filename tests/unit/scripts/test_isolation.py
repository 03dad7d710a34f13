"""scripts/retail/isolation.py: a process really is cut off, by either means, and says when it is not."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.retail import isolation

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def live_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def run_isolated(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from scripts.retail import isolation\n{code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def test_the_probe_finds_a_network_that_is_there(live_port: int) -> None:
    with pytest.raises(isolation.NetworkReached) as caught:
        isolation.prove_isolation("127.0.0.1", live_port)
    assert str(caught.value) == f"reached 127.0.0.1:{live_port} from the isolated process"


@pytest.mark.parametrize("means", ["isolate", "install_guard"])
def test_an_isolated_process_reaches_nothing(means: str, live_port: int) -> None:
    code = f"isolation.{means}()\nisolation.prove_isolation('127.0.0.1', {live_port})\nprint('cut off')"
    assert run_isolated(code) == "cut off"


def test_the_guard_refuses_sockets_by_name_and_cannot_be_forgotten() -> None:
    code = "isolation.install_guard()\nimport socket\nsocket.socket()"
    assert run_isolated(code) == "PermissionError: no network here: socket.__new__"
    code = "isolation.install_guard()\nimport socket\nsocket.socket(socket.AF_UNIX)\nprint('local is fine')"
    assert run_isolated(code) == "local is fine"
