"""A receiver of webhooks as a process of its own: verifies every message by the `standardwebhooks` library.

Run with a folder. ``secrets`` in it has one secret a line; ``hold`` delays answers while it is there; every
message is a line of ``messages``, written before it is answered. Prints its port.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

HOLD_SECONDS = 30.0


def verifies(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    """Say whether a message is signed with the secret."""
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def main(folder: Path, port: int) -> None:
    """Receive until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            secrets = (folder / "secrets").read_text().split()
            good = [secret for secret in secrets if verifies(secret, body, headers)]
            line = {"id": headers["webhook-id"], "verified": len(good), "body": json.loads(body)}
            with (folder / "messages").open("a") as file:
                file.write(json.dumps(line) + "\n")
            until = time.monotonic() + HOLD_SECONDS
            while (folder / "hold").exists() and time.monotonic() < until:
                time.sleep(0.02)
            try:
                self.send_response(204 if good else 401)
                self.end_headers()
            except OSError:
                pass

        def log_message(self, *of: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


@dataclass(slots=True)
class Receiver:
    """The process, for tests."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> Receiver:
        """Start it, on the port it had before if there was one."""
        self.folder.mkdir(exist_ok=True)
        for name in ("secrets", "messages"):
            (self.folder / name).touch()
        command = [
            sys.executable,
            "-m",
            "tests.integration.webhook_receiver",
            str(self.folder),
            str(self.port),
        ]
        root = Path(__file__).resolve().parents[2]
        self.process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=os.environ)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def stop(self) -> None:
        """End it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
            assert self.process.stdout is not None
            self.process.stdout.close()

    @property
    def url(self) -> str:
        """Where it listens, with a query that must not be logged."""
        return f"http://127.0.0.1:{self.port}/hook?token=not-for-logs"

    def know(self, *secrets: str) -> None:
        """Accept messages signed with any of these."""
        (self.folder / "secrets").write_text("\n".join(secrets))

    def hold(self, on: bool) -> None:
        """Take messages and do not answer, or answer again."""
        (self.folder / "hold").touch() if on else (self.folder / "hold").unlink()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Everything it was sent so far."""
        whole = (self.folder / "messages").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def wait(self, count: int, timeout: float = 40.0) -> list[dict[str, Any]]:
        """Wait until it was sent ``count`` messages and return all."""
        until = time.monotonic() + timeout
        while len(self.messages) < count:
            assert time.monotonic() < until, self.messages
            time.sleep(0.05)
        return self.messages


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
