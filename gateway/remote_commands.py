"""``tongyi keys`` and ``tongyi export``: what a person asks of a running gateway, over its own API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

from chain.errors import NotaryError
from gateway.data_folder import write_durably


class GatewayRefused(NotaryError):
    """The gateway said no; ``code`` is its stable code, ``status`` the HTTP status."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code


class Remote:
    """One gateway with one key."""

    def __init__(self, gateway: str, key_file: Path) -> None:
        key = key_file.read_text("ascii").strip()
        self._http = httpx2.Client(
            base_url=gateway,
            headers={"authorization": f"Bearer {key}"},
            timeout=30.0,
            follow_redirects=False,
        )

    def _ask(self, method: str, path: str, body: object = None, key: str | None = None) -> httpx2.Response:
        headers = {} if key is None else {"idempotency-key": f'"{key}"'}
        response = self._http.request(method, path, json=body, headers=headers)
        if response.status_code >= 400:
            problem = response.json()
            raise GatewayRefused(response.status_code, str(problem["code"]), str(problem["detail"]))
        return response

    def add_key(self, name: str, scopes: Sequence[str], chapter: str | None) -> dict[str, str]:
        """Make a key; the answer holds its secret, which is shown this once."""
        body: dict[str, object] = {"name": name, "scopes": list(scopes)}
        if chapter is not None:
            body["chapter"] = chapter
        made: dict[str, str] = self._ask("POST", "/v1/keys", body, secrets.token_hex(16)).json()
        return made

    def list_keys(self) -> list[dict[str, str | None]]:
        """Return what is kept of every key."""
        found: list[dict[str, str | None]] = self._ask("GET", "/v1/keys").json()["keys"]
        return found

    def revoke_key(self, key_id: str) -> None:
        """End a key."""
        self._ask("DELETE", f"/v1/keys/{key_id}")

    def export(self, entry_id: str, into: Path, disclose: str | None, patience: float) -> int:
        """Write an entry's proof file, waiting while it is pending; return its size in bytes.

        Raises:
            GatewayRefused: ``proof.pending`` after ``patience`` seconds, or any other refusal.
        """
        deadline = time.monotonic() + patience
        query = "" if disclose is None else f"?disclose={disclose}"
        while True:
            try:
                content = self._ask("GET", f"/v1/entries/{entry_id}/proof{query}").content
            except GatewayRefused as refused:
                if refused.code != "proof.pending" or time.monotonic() > deadline:
                    raise
                time.sleep(1.0)
                continue
            write_durably(into, content)
            return len(content)
