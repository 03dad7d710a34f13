"""A node as a child process of ours: started, its address read from its output, ended by its process id."""

from __future__ import annotations

import re
import subprocess
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from chain.evm.errors import LocalChainError

_LISTENING: Final = re.compile(r"(?:Listening on |server at )(?:http://)?([\[\]\w.:]+?):(\d+)/?\s*$")


class NodeProcess:
    """A node as a child process: its address is read from what it prints, then its output is only drained."""

    def __init__(
        self, command: list[str], *, cwd: Path | None = None, keep_open: tuple[int, ...] = ()
    ) -> None:
        """Start ``command`` and wait for its address; raises LocalChainError where it never listens."""
        self._last_words: deque[str] = deque(maxlen=20)
        self.process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=keep_open,
            start_new_session=True,
        )
        self._url = ""
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._drain, name="node output", daemon=True)
        self._reader.start()
        if not self._listening.wait(60.0) or not self._url:
            self.end()
            raise LocalChainError("node did not start: " + " | ".join(self._last_words))

    @property
    def url(self) -> str:
        """Address of the node, always on 127.0.0.1."""
        return self._url

    def _drain(self) -> None:
        output: IO[str] | None = self.process.stdout
        for line in output or ():
            self._last_words.append(line.strip())
            found = None if self._url else _LISTENING.search(line.strip())
            if found:
                host, port = found.groups()
                if host != "127.0.0.1":
                    self._last_words.append(f"refused: listens on {host}, not on 127.0.0.1 alone")
                    break
                self._url = f"http://127.0.0.1:{port}"
                self._listening.set()
        self._listening.set()

    def end(self, timeout: float = 30.0) -> None:
        """Ask the process to stop and wait; kill it after ``timeout`` seconds."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self._reader.join(5.0)
        if self.process.stdout is not None:
            self.process.stdout.close()


class LocalNode:
    """A node that is started and stopped here: subclasses do both and keep it in ``_node``."""

    _node: NodeProcess | None = None

    def start(self) -> str:
        """Start the node and return its address. Raises LocalChainError."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the node; safe to call twice."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Process id of the node. Raises LocalChainError where it is not started."""
        return self._started().process.pid

    @property
    def url(self) -> str:
        """Address of the node. Raises LocalChainError where it is not started."""
        return self._started().url

    def _started(self) -> NodeProcess:
        if self._node is None:
            raise LocalChainError("not started")
        return self._node

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
